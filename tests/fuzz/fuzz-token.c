/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a token and as the mark of an enrolment: what is accepted prints as something that reads back
 * as the same. */

#include "fuzz.h"

#include "unlock/enrol-mark.h"
#include "unlock/token.h"

#include <string.h>

static void try_token(Bytes json)
{
        cleanup_token Token *t = NULL, *again = NULL;
        cleanup_free char *text = NULL;
        uint8_t a[SHA256_SIZE], b[SHA256_SIZE];

        if (token_parse(json, &t) < 0) return;
        /* Longer hex of the same bytes does not exist, so only the limit on the whole can forbid printing. */
        if (token_print(t, &text) < 0) return;
        if (token_parse(BYTES(text, strlen(text)), &again) < 0) abort();
        if (token_hash(t, a) < 0 || token_hash(again, b) < 0 || memcmp(a, b, sizeof(a)) != 0) abort();
        if (again->n_approvals != t->n_approvals) abort();
}

static void try_mark(Bytes json)
{
        cleanup_free char *text = NULL;
        EnrolMark mark, again;

        if (enrol_mark_parse(json, &mark) < 0) return;
        if (enrol_mark_print(&mark, &text) < 0) abort();
        if (enrol_mark_parse(BYTES(text, strlen(text)), &again) < 0) abort();
        if (mark.rekey != again.rekey || mark.leaving != again.leaving || mark.planned != again.planned) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        try_token(BYTES(data, size));
        try_mark(BYTES(data, size));
        return 0;
}
