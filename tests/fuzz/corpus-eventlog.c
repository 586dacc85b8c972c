/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes the event log fuzzer's corpus into a folder: made-up logs of every format and kind of event. */

#include "base/error.h"
#include "base/fd.h"
#include "synth.h"

#include <stdio.h>
#include <string.h>

static const HashAlg one[] = { HASH_SHA256 }, three[] = { HASH_SHA1, HASH_SHA256, HASH_SHA384 };

static int save(Synth *s, const char *folder, const char *name)
{
        cleanup_free char *path = NULL;
        int r;

        if (asprintf(&path, "%s/%s", folder, name) < 0) return -1;
        r = file_write_atomic(path, synth_bytes(s), 0644);
        if (r < 0) fprintf(stderr, "%s\n", error_detail(r));
        synth_deinit(s);
        return r;
}

static void put_devices(Synth *s)
{
        static const uint8_t nodes[] = {
                2,    1,    12,   0,    0xd0, 0x41, 8,   0x0a, 0, 0,  0, 0,                  /* PcieRoot */
                1,    1,    6,    0,    0,    2,                                             /* Pci */
                3,    5,    6,    0,    1,    0,                                             /* USB */
                3,    18,   10,   0,    1,    0,    2,   0,    3, 0,                         /* Sata */
                3,    23,   16,   0,    1,    0,    0,   0,    1, 2,  3, 4,   5, 6,   7,  8, /* NVMe */
                3,    24,   8,    0,    'h',  't',  't', 'p',                                /* Uri */
                1,    4,    22,   0,    0,    1,    2,   3,    4, 5,  6, 7,   8, 9,   10, 11, 12, 13, 14,
                15,   0xaa, 0xbb, 0x7f, 1,    4,    0,   4,    4, 10, 0, 'a', 0, 'b', 0,  0,  0, /* another
                                                                                                    instance */
                0x7f, 0xff, 4,    0,
        };
        cleanup_writer Writer w = WRITER_INIT(4096);
        Bytes data = { 0 };

        for (int i = 0; i < 3; i++) writer_le64(&w, 0x1000);
        writer_le64(&w, sizeof(nodes));
        writer_bytes(&w, BYTES_ARRAY(nodes));
        if (writer_finish(&w, &data) == 0) synth_data(s, 2, EV_EFI_BOOT_SERVICES_DRIVER, data);
}

static void put_boot_entry(Synth *s)
{
        static const uint8_t value[] = { 1, 0,  0, 0,    14, 0,   'd', 0, 'e', 0,    0,    0, 4,
                                         4, 10, 0, '\\', 0,  'x', 0,   0, 0,   0x7f, 0xff, 4, 0 };

        synth_variable(s, 1, EV_EFI_VARIABLE_BOOT, "Boot0001", BYTES_ARRAY(value));
        synth_variable(s, 7, EV_EFI_VARIABLE_AUTHORITY, "db", BYTES("certificate", 11));
}

static void put_odd_events(Synth *s)
{
        static const uint8_t gpt[116] = { 'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T', [56] = 1, [92] = 1 };

        synth_data(s, 5, EV_EFI_GPT_EVENT, BYTES_ARRAY(gpt));
        synth_data(s, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB, BYTES("\0\0\1\0\0\0\0\0\0\1\0\0\0\0\0\0", 16));
        synth_data(s, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB2, BYTES("\2ab\0\0\1\0\0\0\0\0\0\1\0\0\0\0\0\0", 19));
        synth_data(s, 1, EV_EFI_HANDOFF_TABLES2, BYTES("\2ab\1\0\0\0\0\0\0\0", 11));
        synth_text(s, 0, EV_POST_CODE, "POST CODE");
        synth_text(s, UINT32_MAX, EV_NO_ACTION, "trust point");
        synth_text(s, 0, EV_EFI_HCRTM_EVENT, "HCRTM");
        synth_text(s, 0, 0x40e, "unknown type");
        synth_data(s, 4, EV_SEPARATOR, BYTES("\1\0\0\0", 4));
        synth_data(s, 12, EV_IPL, BYTES("q\0u\0i\0e\0t\0\0", 12));
}

static int save_boot(const char *folder, const char *name, const HashAlg *banks, size_t n, bool grub)
{
        Synth s;

        synth_init(&s, banks, n);
        synth_boot(&s, grub, "/vmlinuz root=/dev/sda ro");
        return save(&s, folder, name);
}

static int save_padded(const char *folder, const char *name, uint8_t byte)
{
        Synth s;

        synth_init(&s, one, 1);
        synth_separators(&s);
        for (int i = 0; i < 50; i++) writer_u8(&s.log, byte);
        return save(&s, folder, name);
}

/* A CCEL differs in the index of its first record, and in what indices mean. */
static int save_ccel(const char *folder)
{
        Synth s;

        synth_init(&s, one, 1);
        s.log.data[0] = 1;
        synth_variable(&s, 1, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", BYTES("\1", 1));
        synth_image(&s, 2, "\\EFI\\BOOT\\BOOTX64.EFI");
        for (int i = 0; i < 50; i++) writer_u8(&s.log, 0xff);
        return save(&s, folder, "ccel");
}

static int save_events(const char *folder, const char *name, void (*put)(Synth *s))
{
        Synth s;

        synth_init(&s, one, 1);
        put(&s);
        return save(&s, folder, name);
}

int main(int argc, char **argv)
{
        const char *folder = argc == 2 ? argv[1] : ".";
        int r = 0;

        r |= save_boot(folder, "boot-sha1-format", NULL, 0, true);
        r |= save_boot(folder, "boot-kernel", one, 1, false);
        r |= save_boot(folder, "boot-grub", three, 3, true);
        r |= save_padded(folder, "padding-ff", 0xff);
        r |= save_padded(folder, "padding-zero", 0);
        r |= save_ccel(folder);
        r |= save_events(folder, "device-paths", put_devices);
        r |= save_events(folder, "boot-entries", put_boot_entry);
        r |= save_events(folder, "odd-events", put_odd_events);
        return r ? 1 : 0;
}
