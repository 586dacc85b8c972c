/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which bytes of a log a comparison with PCR values says nothing about. After a successful one every digest that
 * was replayed is true; what else stands in the log is only as good as its digests make it. */

#include "eventlog/interpret.h"

typedef struct EventlogVerified {
        HashAlg bank;
        uint32_t pcrs; /* bit a PCR: its value was compared, and is the log's */
} EventlogVerified;

typedef enum UncoveredKind {
        UNCOVERED_LABEL,  /* an event's type, which is not measured; the PCR index where it extends none */
        UNCOVERED_DATA,   /* data that no verified digest is the hash of */
        UNCOVERED_DIGEST, /* a digest of a bank or PCR that was not compared */
        UNCOVERED_HEADER, /* the Spec ID event's content, which is not measured */
        UNCOVERED_REST,   /* behind the last event */
} UncoveredKind;

typedef struct UncoveredRange {
        UncoveredKind kind;
        size_t offset, size;
        const Event *event; /* NULL for UNCOVERED_REST */
} UncoveredRange;

/* Calls visit for each range, in the order of the log, until it returns something else than 0, and returns that.
 * For a log from JSON the ranges are whole records that hold an uncovered part. A failure of the hasher. */
_must_check_ int eventlog_uncovered(const EventLog *log, const EventlogVerified *verified, size_t n_verified,
                                    int (*visit)(const UncoveredRange *range, void *context), void *context);
/* "label", "data", "digest", "header", "rest". */
const char *uncovered_kind_name(UncoveredKind kind);
