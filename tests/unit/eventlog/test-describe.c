/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/hex.h"
#include "base/utf8.h"
#include "check.h"
#include "eventlog/describe.h"
#include "synth.h"

static const HashAlg banks[] = { HASH_SHA256 };

static void expect_last(Synth *s, const char *expected)
{
        cleanup_eventlog EventLog *log = NULL;
        char text[EVENTLOG_TEXT_SIZE];

        CHECK_OK(eventlog_parse(synth_bytes(s), &log));
        eventlog_event_describe(log, &log->events[log->n_events - 1], text);
        CHECK_TEXT(text, expected);
}

static void a_boot_reads_well(void)
{
        static const struct {
                size_t event;
                const char *text;
        } expected[] = {
                { 0, "Spec ID Event03: crypto-agile log" },
                { 1, "StartupLocality 3" },
                { 2, "version 1." },
                { 3, "SecureBoot = on" },
                { 4, "PK: (malformed at byte 0)" },
                { 5, "BootOrder = 0000 0001" },
                { 6, "Calling EFI Application from Boot Option" },
                { 7, "separator" },
                { 15, "PciRoot(0x0)/Pci(0x1f,0x0)/\\EFI\\BOOT\\BOOTX64.EFI" },
                { 16, "kernel command line (LoadOptions)" },
                { 17, "initrd loaded by the kernel" },
        };
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;

        synth_init(&s, banks, 1);
        synth_boot(&s, false, "ro");
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
                char text[EVENTLOG_TEXT_SIZE];

                eventlog_event_describe(log, &log->events[expected[i].event], text);
                CHECK_TEXT(text, expected[i].text);
        }
}

static void an_event_has_a_name(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        char text[EVENTLOG_TEXT_SIZE];

        synth_init(&s, banks, 1);
        synth_image(&s, 4, "\\a.efi");
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        eventlog_event_name(log, &log->events[1], text);
        CHECK_TEXT(text, "event 1 (PCR 4, EV_EFI_BOOT_SERVICES_APPLICATION: \\a.efi)");
}

static void hostile_text_is_escaped(void)
{
        cleanup_synth Synth s = { 0 };

        synth_init(&s, banks, 1);
        synth_text(&s, 8, EV_IPL, "grub_cmd: \xc3\xa9\nnext");
        expect_last(&s, "grub_cmd: \xc3\xa9\\x0anext");
        synth_variable(&s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "a\x1b[31m", BYTES("", 0));
        expect_last(&s, "a\\x1b[31m is empty");
        synth_text(&s, 8, EV_IPL, "bell \x07 escape");
        expect_last(&s, "0x62656c6c200720657363617065");
}

/* Device paths: the nodes in hex and their text. */
static void device_paths_are_formatted(void)
{
        static const struct {
                const char *hex, *text;
        } cases[] = {
                { "02010c00d041080a01000000"
                  "7fff0400",
                  "PcieRoot(0x1)" },
                { "02010c00d041010500000000", "Acpi(PNP0501,0x0)" },
                { "010106000203", "Pci(0x3,0x2)" },
                { "0305060001ff", "USB(0x1,0xff)" },
                { "03120a00010002000300", "Sata(0x1,0x2,0x3)" },
                { "031710000100000008070605040302 01", "NVMe(0x1,01-02-03-04-05-06-07-08)" },
                { "03180c00687474703a2f2f78", "Uri(http://x)" },
                { "030b2500010203040506000000000000000000000000000000000000000000000000000001",
                  "MAC(010203040506,0x1)" },
                { "010106000203"
                  "7f010400"
                  "010106000001",
                  "Pci(0x3,0x2),Pci(0x1,0x0)" },
                { "7777060001ff", "Path(119,119,01ff)" },
                /* one defect each */
                { "01010300", "(malformed)" },
                { "01010000", "(malformed)" },
                { "0101ffff0001", "(malformed)" },
                { "0101050001", "(malformed)" },
                { "01010700010203", "Pci(0x2,0x1)(longer than it should be)" },
                { "040104", "(malformed)" },
                { "04010400", "(malformed)" },
                { "", "" },
                { "7fff0400", "an image without a path" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_synth Synth s = { 0 };
                cleanup_writer Writer w = WRITER_INIT(4096);
                uint8_t path[128];
                char hex[256] = "";
                size_t n = 0;
                Bytes data = { 0 };

                for (const char *p = cases[i].hex; *p; p++)
                        if (*p != ' ') hex[n++] = *p;
                n /= 2;
                hex[2 * n] = '\0';
                CHECK_OK(hex_decode(hex, path, n));
                for (int j = 0; j < 3; j++) writer_le64(&w, 0);
                writer_le64(&w, n);
                writer_bytes(&w, BYTES(path, n));
                CHECK_OK(writer_finish(&w, &data));
                synth_init(&s, banks, 1);
                synth_data(&s, 4, EV_EFI_BOOT_SERVICES_DRIVER, data);
                expect_last(&s, n == 0 ? "an image without a path" : cases[i].text);
        }
}

/* What shim measures of its settings, and what only has names for people who know the numbers. */
static void settings_and_tags_are_not_taken_for_more(void)
{
        static const struct {
                uint32_t tag;
                const char *text;
        } tags[] = { { 0x49dffe0f, "systemd-stub: initrd add-on" }, { 0x13aed6db, "systemd-stub: UKI profile" } };
        cleanup_synth Synth setting = { 0 }, voucher = { 0 };

        synth_init(&setting, banks, 1);
        synth_variable(&setting, 7, EV_EFI_VARIABLE_AUTHORITY, "SbatLevel", BYTES_LITERAL("sbat,1,2021030218"));
        expect_last(&setting, "shim's setting SbatLevel = sbat,1,2021030218");
        synth_init(&voucher, banks, 1);
        synth_variable(&voucher, 7, EV_EFI_VARIABLE_AUTHORITY, "db", BYTES_ARRAY(((const uint8_t[48]){ 1 })));
        expect_last(&voucher,
                    "verified by db: the hash 0000000000000000000000000000000000000000000000000000000000000000");
        for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
                cleanup_synth Synth s = { 0 };
                cleanup_writer Writer w = WRITER_INIT(64);

                writer_le32(&w, tags[i].tag);
                writer_le32(&w, 0);
                synth_init(&s, banks, 1);
                synth_event(&s, 12, EV_EVENT_TAG, BYTES_LITERAL("x"), BYTES(w.data, w.size));
                expect_last(&s, tags[i].text);
        }
}

static void partitions_without_a_name_are_counted(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_writer Writer w = WRITER_INIT(1024);

        writer_bytes(&w, BYTES_LITERAL("EFI PART"));
        for (int i = 0; i < 76; i++) writer_u8(&w, 0);
        writer_le32(&w, 128);
        writer_le32(&w, 0);
        writer_le64(&w, 2);
        for (int i = 0; i < 256; i++) writer_u8(&w, i == 128 + 56 ? 'a' : 0);
        synth_init(&s, banks, 1);
        synth_data(&s, 5, EV_EFI_GPT_EVENT, BYTES(w.data, w.size));
        expect_last(&s, "disk 00000000-0000-0000-0000-000000000000, 2 partitions: (no name), a");
}

/* Whatever the bytes: one line, valid UTF-8, nothing a terminal acts on. */
static void random_events_come_out_as_safe_lines(void)
{
        static const uint32_t types[] = { EV_NO_ACTION,
                                          EV_SEPARATOR,
                                          EV_POST_CODE,
                                          EV_S_CRTM_VERSION,
                                          EV_EVENT_TAG,
                                          EV_IPL,
                                          EV_EFI_VARIABLE_BOOT,
                                          EV_EFI_VARIABLE_AUTHORITY,
                                          EV_EFI_BOOT_SERVICES_APPLICATION,
                                          EV_EFI_GPT_EVENT,
                                          EV_EFI_PLATFORM_FIRMWARE_BLOB2,
                                          EV_EFI_HANDOFF_TABLES2,
                                          EV_EFI_SPDM_FIRMWARE_BLOB,
                                          EV_EFI_HCRTM_EVENT,
                                          0x1234 };
        uint32_t seed = 1;

        for (int round = 0; round < 20000; round++) {
                uint8_t data[200];
                Event event = { .pcr = 1 };
                EventLog log = { .format = EVENTLOG_FORMAT_AGILE };
                char text[EVENTLOG_TEXT_SIZE];
                Reader r;

                for (size_t i = 0; i < sizeof(data); i++) {
                        seed = seed * 1664525 + 1013904223;
                        data[i] = (uint8_t)(seed >> 24);
                        if (seed & 0x30000) data[i] &= 7; /* small lengths get further */
                }
                event.type = types[(size_t)round % ARRAY_SIZE(types)];
                event.data = BYTES(data, seed % sizeof(data));
                eventlog_event_describe(&log, &event, text);
                r = READER_INIT(BYTES(text, strlen(text)));
                while (reader_left(&r) > 0) {
                        uint32_t c;

                        CHECK_OK(utf8_decode(&r, &c));
                        CHECK(utf8_printable(c));
                }
        }
}

static void long_text_is_cut(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        char text[EVENTLOG_TEXT_SIZE], data[2000];

        memset(data, 'a', sizeof(data));
        synth_init(&s, banks, 1);
        synth_data(&s, 8, EV_IPL, BYTES_ARRAY(data));
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        eventlog_event_describe(log, &log->events[1], text);
        CHECK(strlen(text) == EVENTLOG_TEXT_SIZE - 1);
        CHECK_TEXT(text + EVENTLOG_TEXT_SIZE - 4, "...");
}

int main(void)
{
        RUN(a_boot_reads_well);
        RUN(an_event_has_a_name);
        RUN(hostile_text_is_escaped);
        RUN(device_paths_are_formatted);
        RUN(settings_and_tags_are_not_taken_for_more);
        RUN(partitions_without_a_name_are_counted);
        RUN(random_events_come_out_as_safe_lines);
        RUN(long_text_is_cut);
        return 0;
}
