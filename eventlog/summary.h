/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A boot on one page: firmware, Secure Boot, what was loaded and who vouched for it, kernel and command line, and
 * whether it was a boot to be wary of. For people; a policy asks interpret.h. */

#include "eventlog/interpret.h"

enum {
        SUMMARY_ROWS_MAX = 48, /* more than that is said in a last row */
        SUMMARY_TEXT_SIZE = 2048,
};

typedef enum SummaryCertainty {
        SUMMARY_PROVEN,  /* digests and their place in a PCR prove it, if the replay gives the values of the TPM */
        SUMMARY_CLAIMED, /* the log says so; its digests neither prove nor contradict it */
        SUMMARY_CONTRADICTED, /* digests say otherwise */
} SummaryCertainty;

typedef struct SummaryRow {
        const char *key;   /* "firmware", "secure-boot", "image", "kernel", "command-line", "warning", ... */
        const char *label; /* "Firmware" */
        SummaryCertainty certainty;
        bool warning;                 /* a person should look */
        const Event *event;           /* what says so, or NULL */
        char text[SUMMARY_TEXT_SIZE]; /* printable, one line */
} SummaryRow;

typedef struct EventlogSummary {
        size_t n_rows;
        SummaryRow rows[SUMMARY_ROWS_MAX];
} EventlogSummary;

/* Proofs are of this bank. EVENTLOG_E_NO_BANK, -EOPNOTSUPP, -ENOMEM. The caller frees *ret. */
_must_check_ int eventlog_summary(const EventLog *log, HashAlg bank, EventlogSummary **ret);
/* "proven", "claimed", "contradicted". */
const char *summary_certainty_name(SummaryCertainty certainty);
