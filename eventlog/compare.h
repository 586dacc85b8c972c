/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where two boots part, and which event explains a PCR that is not what the log says. */

#include "eventlog/replay.h"

typedef enum EventlogDifferenceKind {
        EVENTLOG_DIFFERENCE_CHANGED, /* at this place of the PCR both have an event, with unlike digests */
        EVENTLOG_DIFFERENCE_ADDED,   /* only b has an event there */
        EVENTLOG_DIFFERENCE_MISSING, /* only a has */
        EVENTLOG_DIFFERENCE_START,   /* the PCR starts at another value (StartupLocality, H-CRTM) */
} EventlogDifferenceKind;

typedef struct EventlogDifference {
        EventlogDifferenceKind kind;
        uint32_t pcr;
        const Event *a, *b;            /* NULL where that log has none */
        char text[EVENTLOG_TEXT_SIZE]; /* a sentence: PCR, event, what it is in both logs */
} EventlogDifference;

/* Compares the digests of this bank, event by event within each PCR of the mask (bit a PCR), and gives the
 * difference that comes first in b. 0: none. EVENTLOG_E_DIFFERENT: *ret is written; EVENTLOG_E_NO_BANK: one of
 * the logs lacks it. Data and types are not compared: they are not measured. */
_must_check_ int eventlog_compare(const EventLog *a, const EventLog *b, HashAlg bank, uint32_t pcr_mask,
                                  EventlogDifference *ret);

typedef enum EventlogMismatchKind {
        EVENTLOG_MISMATCH_UNKNOWN,   /* no single event explains it */
        EVENTLOG_MISMATCH_BEHIND,    /* the TPM holds what the events before `event` give */
        EVENTLOG_MISMATCH_OMITTED,   /* it holds what all but `event` give */
        EVENTLOG_MISMATCH_DOUBLED,   /* it holds what they give with `event` twice */
        EVENTLOG_MISMATCH_DIGEST,    /* it holds what they give with the hash of `event`'s data as its digest */
        EVENTLOG_MISMATCH_NO_EVENTS, /* the log has none for this PCR */
        EVENTLOG_MISMATCH_NO_DIGEST, /* `event` has no digest of this bank, so the log cannot say */
} EventlogMismatchKind;

typedef struct EventlogMismatch {
        EventlogMismatchKind kind;
        uint32_t pcr;
        const Event *event; /* NULL where the kind names none */
        char text[EVENTLOG_TEXT_SIZE];
} EventlogMismatch;

/* Compares what the log gives with what a TPM holds, for the PCRs of the mask. 0: equal.
 * EVENTLOG_E_DIFFERENT: *ret is the first PCR that differs and, where one event explains it, that event.
 * -EINVAL: the two are of different banks. */
_must_check_ int eventlog_explain(const EventLog *log, const PcrValues *replayed, const PcrValues *actual,
                                  uint32_t pcr_mask, EventlogMismatch *ret);
