/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HALFKEY_EVENTLOG_H
#define HALFKEY_EVENTLOG_H

/* libhalfkey-eventlog: read, replay and explain event logs of measured boots. `pkg-config halfkey-eventlog`.
 *
 * Logs in the SHA-1 format of TPM 1.2, crypto-agile ones, those of confidential machines (CCEL), and the same as
 * JSON by the TCG's Canonical Event Log, systemd's log of userspace among them. No function reads a file, prints,
 * or ends the program. Nothing in a log is to be trusted before its replay gave the values of a TPM.
 *
 * This header is stable: what is here stays, with its meaning, within one soname. Functions that can fail return
 * 0, a positive outcome that is named here, or -errno; halfkey_eventlog_error() then says why. Different logs may
 * be used by different threads. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HALFKEY_EVENTLOG_MALFORMED 1 /* the log breaks its format; what was read before that can be looked at */
#define HALFKEY_EVENTLOG_ABSENT 2    /* there is no such digest, bank or value */

/* Hash algorithms are TCG identifiers: 0x04 SHA-1, 0x0b SHA-256, 0x0c SHA-384, 0x0d SHA-512, 0x12 SM3-256. */

typedef struct halfkey_eventlog halfkey_eventlog;

/* Copies the bytes. 0 or HALFKEY_EVENTLOG_MALFORMED: *ret is to be freed. -EBADMSG: not an event log; -EFBIG;
 * -ENOMEM. */
int halfkey_eventlog_parse(const void *data, size_t size, halfkey_eventlog **ret);
void halfkey_eventlog_free(halfkey_eventlog *log);
/* Why the last call of this thread failed; a sentence of printable text, valid until the next call. */
const char *halfkey_eventlog_error(void);

/* The banks of the log; the i-th algorithm, 0 behind the last. */
uint16_t halfkey_eventlog_bank(const halfkey_eventlog *log, size_t i);

struct halfkey_eventlog_event {
        uint32_t pcr;  /* at least 24 for an event that extended none */
        uint32_t type; /* EV_*, PFP 1.06 table 27 */
        size_t offset; /* of the record in the log */
        const uint8_t *data;
        size_t data_size;
};
size_t halfkey_eventlog_count(const halfkey_eventlog *log);
/* The i-th event; its data lives as long as the log. HALFKEY_EVENTLOG_ABSENT behind the last. */
int halfkey_eventlog_get(const halfkey_eventlog *log, size_t i, struct halfkey_eventlog_event *ret);
/* The event's digest in a bank, a view. HALFKEY_EVENTLOG_ABSENT. */
int halfkey_eventlog_digest(const halfkey_eventlog *log, size_t i, uint16_t alg, const uint8_t **ret,
                            size_t *ret_size);
/* The event in words: one printable line of UTF-8, cut to size with "...". -EINVAL for a size of 0. */
int halfkey_eventlog_describe(const halfkey_eventlog *log, size_t i, char *ret, size_t size);

/* What the digest in this bank proves of the event's data. */
enum halfkey_eventlog_proof {
        HALFKEY_EVENTLOG_PROVEN = 0,       /* it is the hash of the data */
        HALFKEY_EVENTLOG_PARTIAL = 1,      /* of a part of it */
        HALFKEY_EVENTLOG_UNKNOWABLE = 2,   /* of something that is not in the log */
        HALFKEY_EVENTLOG_CONTRADICTED = 3, /* it should be the hash of the data, and is not */
        HALFKEY_EVENTLOG_NONE = 4          /* the event extended nothing, or has no digest of this bank */
};
int halfkey_eventlog_prove(const halfkey_eventlog *log, size_t i, uint16_t alg, enum halfkey_eventlog_proof *ret);

/* The value that the log leads to; ret has room for 64 bytes. HALFKEY_EVENTLOG_ABSENT where the log does not
 * extend the PCR, or an event of it has no digest of this bank; -EOPNOTSUPP where the algorithm is missing. */
int halfkey_eventlog_replay(const halfkey_eventlog *log, uint16_t alg, unsigned pcr, uint8_t *ret,
                            size_t *ret_size);

#ifdef __cplusplus
}
#endif
#endif
