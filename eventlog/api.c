/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The stable C interface over the library of the same folder, whose own headers change as the project does. */

#include "eventlog/halfkey-eventlog.h"

#include "base/error.h"
#include "eventlog/describe.h"
#include "eventlog/interpret.h"
#include "eventlog/replay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define _public_ __attribute__((visibility("default")))

struct halfkey_eventlog {
        uint8_t *data;
        EventLog *log;
};

static _Thread_local int last_result;

static int done(int r)
{
        last_result = r;
        return r;
}

static int absent(const char *what)
{
        return done(error_set(HALFKEY_EVENTLOG_ABSENT, "there is no such %s", what));
}

_public_ int halfkey_eventlog_parse(const void *data, size_t size, halfkey_eventlog **ret)
{
        halfkey_eventlog *log = calloc(1, sizeof(*log));
        int r;

        if (log) log->data = malloc(size ? size : 1);
        if (!log || !log->data) {
                free(log);
                return done(-ENOMEM);
        }
        if (size > 0) memcpy(log->data, data, size);
        r = eventlog_parse_any(BYTES(log->data, size), &log->log);
        if (r < 0) {
                halfkey_eventlog_free(log);
                return done(r);
        }
        *ret = log;
        return done(r == EVENTLOG_E_MALFORMED ? HALFKEY_EVENTLOG_MALFORMED : r);
}

_public_ void halfkey_eventlog_free(halfkey_eventlog *log)
{
        if (!log) return;
        eventlog_free(log->log);
        free(log->data);
        free(log);
}

_public_ const char *halfkey_eventlog_error(void)
{
        return error_detail(last_result);
}

_public_ uint16_t halfkey_eventlog_bank(const halfkey_eventlog *log, size_t i)
{
        return i < log->log->n_banks ? (uint16_t)log->log->banks[i] : 0;
}

_public_ size_t halfkey_eventlog_count(const halfkey_eventlog *log)
{
        return log->log->n_events;
}

_public_ int halfkey_eventlog_get(const halfkey_eventlog *log, size_t i, struct halfkey_eventlog_event *ret)
{
        const Event *event;

        if (i >= log->log->n_events) return absent("event");
        event = &log->log->events[i];
        *ret = (struct halfkey_eventlog_event){ .pcr = event->pcr,
                                                .type = event->type,
                                                .offset = event->offset,
                                                .data = event->data.data,
                                                .data_size = event->data.size };
        return done(0);
}

_public_ int halfkey_eventlog_digest(const halfkey_eventlog *log, size_t i, uint16_t alg, const uint8_t **ret,
                                     size_t *ret_size)
{
        Bytes digest;

        if (i >= log->log->n_events ||
            eventlog_event_digest(log->log, &log->log->events[i], (HashAlg)alg, &digest) != 0)
                return absent("digest");
        *ret = digest.data;
        *ret_size = digest.size;
        return done(0);
}

_public_ int halfkey_eventlog_describe(const halfkey_eventlog *log, size_t i, char *ret, size_t size)
{
        char text[EVENTLOG_TEXT_SIZE];
        size_t n;

        if (i >= log->log->n_events) return absent("event");
        if (size == 0) return done(error_set(-EINVAL, "no room for a text"));
        eventlog_event_describe(log->log, &log->log->events[i], text);
        n = strlen(text);
        if (n >= size) {
                n = size - 1;
                while (n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80) n--; /* not inside a character */
        }
        memcpy(ret, text, n);
        ret[n] = '\0';
        return done(0);
}

_public_ int halfkey_eventlog_prove(const halfkey_eventlog *log, size_t i, uint16_t alg,
                                    enum halfkey_eventlog_proof *ret)
{
        cleanup_hasher Hasher *hasher = NULL;
        EventlogProof proof;
        int r;

        if (i >= log->log->n_events) return absent("event");
        r = hasher_new((HashAlg)alg, &hasher);
        if (r == 0) r = eventlog_event_proof(log->log, &log->log->events[i], hasher, (HashAlg)alg, &proof);
        if (r == 0) *ret = (enum halfkey_eventlog_proof)proof;
        return done(r);
}
_Static_assert((int)HALFKEY_EVENTLOG_NONE == (int)EVENTLOG_PROOF_NONE &&
                       (int)HALFKEY_EVENTLOG_CONTRADICTED == (int)EVENTLOG_PROOF_CONTRADICTED,
               "proofs have the same numbers outside");

_public_ int halfkey_eventlog_replay(const halfkey_eventlog *log, uint16_t alg, unsigned pcr, uint8_t *ret,
                                     size_t *ret_size)
{
        PcrValues values;
        Bytes value;
        int r;

        r = eventlog_replay(log->log, (HashAlg)alg, &values);
        if (r == EVENTLOG_E_NO_BANK) return absent("bank");
        if (r != 0) return done(r);
        if (pcr >= EVENTLOG_PCRS || !(values.extended & ~values.incomplete & UINT32_C(1) << pcr))
                return absent("value");
        value = pcr_value(&values, pcr);
        memcpy(ret, value.data, value.size);
        *ret_size = value.size;
        return done(0);
}
