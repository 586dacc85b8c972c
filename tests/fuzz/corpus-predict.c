/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes the prediction fuzzer's corpus into a folder: for each kind of change a log and a file that fits it. */

#include "base/error.h"
#include "base/fd.h"
#include "synth.h"

#include <stdio.h>
#include <string.h>

static void put_log(Synth *s)
{
        static const HashAlg banks[] = { HASH_SHA256 };
        static const uint8_t hash[32] = { 1 };
        cleanup_writer Writer list = WRITER_INIT(4096), text = WRITER_INIT(4096);

        synth_init(s, banks, 1);
        synth_signature_list(&list, synth_guid_sha256, BYTES_ARRAY(hash), 1);
        synth_variable(s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", BYTES("\0", 1));
        synth_variable(s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "dbx", BYTES(list.data, list.size));
        synth_image(s, 4, "\\EFI\\Linux\\a.efi");
        synth_grub(s, "kernel_cmdline", "/vmlinuz ro");
        synth_data(s, 11, EV_IPL, BYTES(".\0l\0i\0n\0u\0x\0\0\0", 14));
        synth_utf16(&text, "ro", true);
        synth_data(s, 12, EV_IPL, BYTES(text.data, text.size));
        text.size = 0;
        synth_utf16(&text, "Configuration extension initrd", true);
        synth_event(s, 12, EV_IPL, BYTES_ARRAY(hash), BYTES(text.data, text.size));
        synth_data(s, 12, EV_EVENT_TAG, BYTES("\xdb\xd6\xae\x13\0\0\0\0", 8));
        synth_load_options(s, "ro", true);
}

static void put_file(unsigned which, Writer *w)
{
        static const SynthSection uki[] = { { ".sdmagic",
                                              { (const uint8_t *)"LoaderInfo: systemd-stub 252", 28 } },
                                            { ".cmdline", { (const uint8_t *)"ro", 2 } },
                                            { ".linux", { (const uint8_t *)"MZ", 2 } } };
        static const SynthSection newer[] = { { ".sdmagic",
                                                { (const uint8_t *)"LoaderInfo: systemd-stub 257", 28 } },
                                              { ".osrel", { (const uint8_t *)"ID=a", 4 } },
                                              { ".uname", { (const uint8_t *)"6.1", 3 } },
                                              { ".profile", { (const uint8_t *)"ID=b", 4 } },
                                              { ".dtbauto", { (const uint8_t *)"\xd0\r\xfe\xed", 4 } } };
        static const uint8_t hash[32] = { 2 };

        if (which / 6 % 8 < 2 && which % 2) synth_pe(w, newer, ARRAY_SIZE(newer), (Bytes){ 0 });
        else if (which / 6 % 8 < 2) synth_pe(w, uki, ARRAY_SIZE(uki), (Bytes){ 0 });
        else if (which / 6 % 8 == 2) synth_signature_list(w, synth_guid_sha256, BYTES_ARRAY(hash), 2);
        else writer_text(w, "ro");
}

int main(int argc, char **argv)
{
        const char *folder = argc == 2 ? argv[1] : ".";

        for (unsigned which = 0; which < 48; which += 3) {
                cleanup_writer Writer w = WRITER_INIT(1 << 20), file = WRITER_INIT(1 << 16);
                cleanup_synth Synth s = { 0 };
                char path[4096];
                Bytes log;

                put_log(&s);
                put_file(which, &file);
                log = synth_bytes(&s);
                writer_le16(&w, (uint16_t)log.size);
                writer_u8(&w, (uint8_t)which);
                writer_bytes(&w, log);
                writer_bytes(&w, BYTES(file.data, file.size));
                (void)snprintf(path, sizeof(path), "%s/change-%u", folder, which);
                if (file_write_atomic(path, BYTES(w.data, w.size), 0644) < 0) return 1;
        }
        return 0;
}
