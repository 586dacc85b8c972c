/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A quote as the values to compare a log with. */

#include "cli/eventlog.h"

enum { QUOTE_E_NO = 1 }; /* another key, nonce or other values than asked for; the detail says which */

typedef struct QuoteFiles {
        const char *quote, *signature, *ak; /* paths */
        const char *nonce;                  /* 64 hex digits */
} QuoteFiles;

/* The quote is genuine and its digest is that of the file's values: *wanted becomes the quoted PCRs, where it is
 * 0, and only the quoted bank is left in *pcrs. QUOTE_E_NO; -EBADMSG for a quote that cannot be
 * read or values that lack a quoted PCR; -errno. */
_must_check_ int quote_check_values(const QuoteFiles *q, PcrFile *pcrs, uint32_t *wanted);
/* The same with the values that the log leads to: then they are what the TPM held, and become *ret. */
_must_check_ int quote_check_log(const QuoteFiles *q, const LogFile *f, PcrFile *ret, uint32_t *wanted);
