/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All that changed between two boots, in meaning. Like compare.h, which finds the first difference, it looks at
 * digests alone to see whether something changed; data and types only put it into words. */

#include "eventlog/compare.h"

enum {
        DIFF_TEXT_SIZE = 1280,
        /* Events of one PCR above which the two lists are no longer aligned but compared place by place. */
        DIFF_ALIGNED_MAX = 1024,
};

typedef struct EventlogChange {
        EventlogDifferenceKind kind;
        uint32_t pcr;
        const Event *a, *b;        /* NULL where that log has none */
        char text[DIFF_TEXT_SIZE]; /* one printable line: "dbx: 3 entries are new: ..." */
} EventlogChange;

/* Calls visit for each change, PCR by PCR, until it returns something else than 0, and returns that. The log b is
 * the later one. EVENTLOG_E_NO_BANK where one of them lacks the bank; EVENTLOG_E_NO_DIGEST after all changes,
 * where events of both have no digest of it, so that whether those differ cannot be told; -ENOMEM. */
_must_check_ int eventlog_diff(const EventLog *a, const EventLog *b, HashAlg bank,
                               int (*visit)(const EventlogChange *change, void *context), void *context);
/* "changed", "added", "missing", "start". */
const char *eventlog_difference_name(EventlogDifferenceKind kind);
