/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "eventlog/summary.h"
#include "synth.h"

static const HashAlg banks[] = { HASH_SHA256 };

static EventlogSummary *summarize(Synth *s, EventLog **ret_log)
{
        EventlogSummary *summary = NULL;

        CHECK_OK(eventlog_parse(synth_bytes(s), ret_log));
        CHECK_OK(eventlog_summary(*ret_log, HASH_SHA256, &summary));
        return summary;
}

static const SummaryRow *row_of(const EventlogSummary *s, const char *key)
{
        for (size_t i = 0; i < s->n_rows; i++)
                if (strcmp(s->rows[i].key, key) == 0) return &s->rows[i];
        return NULL;
}

static void expect(const EventlogSummary *s, const char *key, SummaryCertainty certainty, const char *text)
{
        const SummaryRow *row = row_of(s, key);

        CHECK(row);
        CHECK_TEXT(row->text, text);
        CHECK(row->certainty == certainty);
}

static void a_boot_by_grub(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        cleanup_free EventlogSummary *summary = NULL;

        synth_init(&s, banks, 1);
        synth_boot(&s, true, "/vmlinuz root=/dev/sda ro");
        summary = summarize(&s, &log);
        expect(summary, "secure-boot", SUMMARY_PROVEN, "on");
        expect(summary, "firmware", SUMMARY_PROVEN, "version 1.");
        expect(summary, "kernel", SUMMARY_CLAIMED, "/vmlinuz, loaded by GRUB");
        expect(summary, "command-line", SUMMARY_PROVEN, "/vmlinuz root=/dev/sda ro");
        expect(summary, "image", SUMMARY_CLAIMED, "PciRoot(0x0)/Pci(0x1f,0x0)/\\EFI\\debian\\grubx64.efi");
}

static void what_to_be_wary_of(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        cleanup_free EventlogSummary *summary = NULL;

        synth_init(&s, banks, 1);
        synth_text(&s, 7, EV_EFI_ACTION, "UEFI Debug Mode");
        synth_variable(&s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", BYTES("\0", 1));
        synth_text(&s, 5, EV_EFI_ACTION, "Exit Boot Services Returned with Success");
        summary = summarize(&s, &log);
        expect(summary, "secure-boot", SUMMARY_PROVEN, "off");
        CHECK(row_of(summary, "secure-boot")->warning);
        expect(summary, "warning", SUMMARY_CLAIMED, "firmware ran in debug mode");
}

/* What looks like firmware's may have been extended at run time: in another PCR, or behind the separator. */
static void a_label_is_proven_by_its_place_alone(void)
{
        static const struct {
                uint32_t pcr_of_db, pcr_of_version;
                bool separators, late;
                SummaryCertainty db, version;
        } cases[] = {
                { 7, 0, true, false, SUMMARY_PROVEN, SUMMARY_PROVEN },
                { 16, 23, true, false, SUMMARY_CLAIMED, SUMMARY_CLAIMED },
                { 7, 0, true, true, SUMMARY_CLAIMED, SUMMARY_CLAIMED },
                { 7, 0, false, false, SUMMARY_CLAIMED, SUMMARY_CLAIMED },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_synth Synth s = { 0 };
                cleanup_writer Writer list = WRITER_INIT(256);
                cleanup_eventlog EventLog *log = NULL;
                cleanup_free EventlogSummary *summary = NULL;

                synth_signature_list(&list, synth_guid_sha256, BYTES_ARRAY(((const uint8_t[32]){ 1 })), 1);
                synth_init(&s, banks, 1);
                if (cases[i].separators && cases[i].late) synth_separators(&s);
                synth_data(&s, cases[i].pcr_of_version, EV_S_CRTM_VERSION, BYTES("1\0.\0\0\0", 6));
                synth_variable(&s, cases[i].pcr_of_db, EV_EFI_VARIABLE_DRIVER_CONFIG, "db",
                               BYTES(list.data, list.size));
                if (cases[i].separators) synth_separators(&s);
                summary = summarize(&s, &log);
                CHECK(row_of(summary, "database")->certainty == cases[i].db);
                CHECK(row_of(summary, "firmware")->certainty == cases[i].version);
        }
}

/* Shim's settings come before the image, who vouches for it behind. */
static void a_setting_of_shims_vouches_for_nothing(void)
{
        for (int with = 0; with < 2; with++) {
                cleanup_synth Synth s = { 0 };
                cleanup_eventlog EventLog *log = NULL;
                cleanup_free EventlogSummary *summary = NULL;

                synth_init(&s, banks, 1);
                synth_variable(&s, 7, EV_EFI_VARIABLE_AUTHORITY, "SbatLevel", BYTES_LITERAL("sbat,1,2021030218"));
                synth_image(&s, 4, "\\grubx64.efi");
                if (with)
                        synth_variable(&s, 7, EV_EFI_VARIABLE_AUTHORITY, "db",
                                       BYTES_ARRAY(((const uint8_t[20]){ 1 })));
                summary = summarize(&s, &log);
                expect(summary, "image", SUMMARY_CLAIMED,
                       with ? "PciRoot(0x0)/Pci(0x1f,0x0)/\\grubx64.efi, verified by db, 20 bytes"
                            : "PciRoot(0x0)/Pci(0x1f,0x0)/\\grubx64.efi");
        }
}

static void more_than_fits_is_said(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        cleanup_free EventlogSummary *summary = NULL;

        synth_init(&s, banks, 1);
        for (int i = 0; i < 2 * SUMMARY_ROWS_MAX; i++) synth_image(&s, 4, "\\a.efi");
        summary = summarize(&s, &log);
        CHECK(summary->n_rows == SUMMARY_ROWS_MAX);
        CHECK_TEXT(summary->rows[SUMMARY_ROWS_MAX - 1].key, "more");
}

int main(void)
{
        RUN(a_boot_by_grub);
        RUN(what_to_be_wary_of);
        RUN(a_label_is_proven_by_its_place_alone);
        RUN(a_setting_of_shims_vouches_for_nothing);
        RUN(more_than_fits_is_said);
        return 0;
}
