/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From events to PCR values: the same code in the node, the verifier and the command.
 *
 * PFP 1.06 section 10.4.5.3 (StartupLocality), PTP section 4.6.2 (reset values), TPM 2.0 Part 1 section 17. */

#include "eventlog/eventlog.h"

typedef struct PcrValues {
        HashAlg bank;
        uint32_t extended;   /* bit a PCR: at least one event or stated word extended it, or the caller set it */
        uint32_t incomplete; /* bit a PCR: an event of it has no digest of this bank, so its value means nothing */
        uint8_t value[EVENTLOG_PCRS][HASH_SIZE_MAX]; /* the first hash_size(bank) bytes of each */
} PcrValues;

static inline Bytes pcr_value(const PcrValues *v, uint32_t pcr)
{
        return BYTES(v->value[pcr], hash_size((uint16_t)v->bank));
}

/* The values that the log's events give, all 24 of them: PCRs without events hold their start value (17 to 22
 * ones, the others zero). EVENTLOG_E_NO_BANK; -EOPNOTSUPP where the crypto library lacks the bank. It replays
 * a malformed log as far as that was read; the caller has had its EVENTLOG_E_MALFORMED. */
_must_check_ int eventlog_replay(const EventLog *log, HashAlg bank, PcrValues *ret);
/* The same with a hasher of that bank which the caller reuses. */
_must_check_ int eventlog_replay_with(const EventLog *log, HashAlg bank, Hasher *hasher, PcrValues *ret);

/* Goes on from values with the events of another log: userspace's, behind firmware's. An event without a digest of
 * the bank makes its PCR incomplete. */
_must_check_ int eventlog_replay_onto(const EventLog *log, PcrValues *values);

/* Extends that no log records, stated by the node as (PCR, word): systemd 252's boot phases, which extend
 * PCR 11 of every bank with H(word) (systemd-pcrphase.service(8)). */
enum { EVENTLOG_WORD_PCR = 11, EVENTLOG_WORDS_MAX = 16 };
/* 0 if (pcr, word) is on the fixed list "enter-initrd", "leave-initrd", "sysinit", "ready", "shutdown",
 * "final" for PCR 11; else EVENTLOG_E_WORD. */
_must_check_ int eventlog_word_check(uint32_t pcr, Bytes word);
/* Extends with H(word), after eventlog_word_check(), whose outcome it has. */
_must_check_ int eventlog_replay_extend_word(PcrValues *values, uint32_t pcr, Bytes word);
/* Extends with a digest of the bank's size, such as the cap of PCR 15. -EINVAL for another size or PCR. */
_must_check_ int eventlog_replay_extend(PcrValues *values, uint32_t pcr, Bytes digest);
