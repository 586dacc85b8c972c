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
        expect(summary, "warning", SUMMARY_PROVEN, "firmware ran in debug mode");
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
        RUN(more_than_fits_is_said);
        return 0;
}
