/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Why a PCR is not what the log says. A hash chain tells nothing about where it broke, so each single change
 * that firmwares are known for is tried: the log ends later than the TPM, an event is in the log only, is
 * doubled in the TPM only, or has a digest that is not that of its data. Each trial is one replay of the PCR,
 * so the number of events tried is bounded. */

#include "eventlog/compare.h"

#include "base/error.h"
#include "eventlog/describe.h"
#include "eventlog/locality.h"
#include "eventlog/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
        /* Events of one PCR above which no trials are made: they cost 2 * n * n extends, here 60 ms, and whoever
         * sends logs to a verifier chooses n. The longest PCR of a real log we saw has 84. */
        TRIED_EVENTS_MAX = 300,
};

/* One change to one event of the PCR. */
typedef enum Change { CHANGE_NONE, CHANGE_STOP, CHANGE_OMIT, CHANGE_DOUBLE, CHANGE_DIGEST } Change;

typedef struct Chain {
        const EventLog *log;
        Hasher *hasher;
        HashAlg bank;
        size_t size;
        uint8_t start[HASH_SIZE_MAX];
        const Event **events;
        size_t n;
        Bytes wanted;
} Chain;

static int extend(const Chain *c, uint8_t *value, Bytes digest)
{
        const Bytes parts[] = { BYTES(value, c->size), digest };

        return hasher_digest(c->hasher, parts, ARRAY_SIZE(parts), value);
}

static int apply(const Chain *c, uint8_t *value, const Event *event, Change change)
{
        uint8_t hash[HASH_SIZE_MAX];
        Bytes digest;
        int r;

        if (eventlog_event_digest(c->log, event, c->bank, &digest) != 0) return 0; /* asked about before */
        if (change == CHANGE_OMIT) return 0;
        if (change == CHANGE_DIGEST) {
                r = hasher_digest(c->hasher, &event->data, 1, hash);
                if (r < 0) return r;
                digest = BYTES(hash, c->size);
        }
        r = extend(c, value, digest);
        if (r == 0 && change == CHANGE_DOUBLE) r = extend(c, value, digest);
        return r;
}

/* Whether the chain with this change to event i ends at the wanted value; `before` is its value before i. */
static int try_change(const Chain *c, const uint8_t *before, size_t i, Change change, bool *ret)
{
        uint8_t value[HASH_SIZE_MAX];
        int r = 0;

        memcpy(value, before, sizeof(value));
        if (change != CHANGE_STOP) r = apply(c, value, c->events[i], change);
        for (size_t j = i + 1; j < c->n && r == 0 && change != CHANGE_STOP; j++)
                r = apply(c, value, c->events[j], CHANGE_NONE);
        if (r < 0) return r;
        *ret = bytes_equal(BYTES(value, c->size), c->wanted);
        return 0;
}

static int search(const Chain *c, EventlogMismatch *m)
{
        static const struct {
                Change change;
                EventlogMismatchKind kind;
        } changes[] = {
                { CHANGE_STOP, EVENTLOG_MISMATCH_BEHIND },
                { CHANGE_OMIT, EVENTLOG_MISMATCH_OMITTED },
                { CHANGE_DOUBLE, EVENTLOG_MISMATCH_DOUBLED },
                { CHANGE_DIGEST, EVENTLOG_MISMATCH_DIGEST },
        };
        uint8_t before[HASH_SIZE_MAX];

        memcpy(before, c->start, sizeof(before));
        for (size_t i = 0; i < c->n; i++) {
                int r;

                for (size_t k = 0; k < ARRAY_SIZE(changes); k++) {
                        bool found;

                        r = try_change(c, before, i, changes[k].change, &found);
                        if (r < 0) return r;
                        if (!found) continue;
                        m->kind = changes[k].kind;
                        m->event = c->events[i];
                        return 0;
                }
                r = apply(c, before, c->events[i], CHANGE_NONE);
                if (r < 0) return r;
        }
        return 0;
}

/* The events that extended the PCR; -ENOMEM. */
static int collect(const EventLog *log, uint32_t pcr, const Event ***ret, size_t *ret_n)
{
        const Event **events;
        size_t n = 0;

        events = calloc(log->n_events + 1, sizeof(const Event *));
        if (!events) return -ENOMEM;
        for (size_t i = 0; i < log->n_events; i++)
                if (log->events[i].pcr == pcr && eventlog_event_extends(&log->events[i]))
                        events[n++] = &log->events[i];
        *ret = events;
        *ret_n = n;
        return 0;
}

static const Event *without_digest(const EventLog *log, const Event **events, size_t n, HashAlg bank)
{
        Bytes digest;

        for (size_t i = 0; i < n; i++)
                if (eventlog_event_digest(log, events[i], bank, &digest) != 0) return events[i];
        return NULL;
}

static int find_cause(const EventLog *log, const PcrValues *actual, EventlogMismatch *m)
{
        cleanup_hasher Hasher *hasher = NULL;
        cleanup_free const Event **events = NULL;
        Chain c = { .log = log, .bank = actual->bank, .size = hash_size((uint16_t)actual->bank) };
        int r;

        r = collect(log, m->pcr, &events, &c.n);
        if (r < 0) return r;
        if (c.n == 0) {
                m->kind = EVENTLOG_MISMATCH_NO_EVENTS;
                return 0;
        }
        m->event = without_digest(log, events, c.n, actual->bank);
        if (m->event) {
                m->kind = EVENTLOG_MISMATCH_NO_DIGEST;
                return 0;
        }
        if (c.n > TRIED_EVENTS_MAX) return 0;
        r = hasher_new(actual->bank, &hasher);
        if (r < 0) return r;
        eventlog_start_value(log, actual->bank, m->pcr, c.start);
        c.events = events;
        c.hasher = hasher;
        c.wanted = pcr_value(actual, m->pcr);
        return search(&c, m);
}

static const char *const sentences[] = {
        [EVENTLOG_MISMATCH_UNKNOWN] = "no single event explains it",
        [EVENTLOG_MISMATCH_BEHIND] = "the TPM holds the value from before %s",
        [EVENTLOG_MISMATCH_OMITTED] = "the TPM holds the value without %s",
        [EVENTLOG_MISMATCH_DOUBLED] = "the TPM holds the value with %s twice",
        [EVENTLOG_MISMATCH_DIGEST] = "the TPM holds the value with the true digest of the data of %s",
        [EVENTLOG_MISMATCH_NO_EVENTS] = "the log has no event for it",
        [EVENTLOG_MISMATCH_NO_DIGEST] = "the log cannot say, for %s has no digest of this bank",
};

static void say(const EventLog *log, EventlogMismatch *m)
{
        char event[EVENTLOG_TEXT_SIZE] = "";
        const char *sentence = sentences[m->kind], *gap = strstr(sentence, "%s");
        Text t;

        if (m->event) eventlog_event_name(log, m->event, event);
        text_init(&t, m->text, sizeof(m->text));
        text_format(&t, "PCR %" PRIu32 " is not what the log says: %.*s", m->pcr,
                    gap ? (int)(gap - sentence) : (int)strlen(sentence), sentence);
        text_within(&t, BYTES(event, strlen(event)), sizeof(m->text) - 160);
        if (gap) text_put(&t, gap + 2);
}

int eventlog_explain(const EventLog *log, const PcrValues *replayed, const PcrValues *actual, uint32_t pcr_mask,
                     EventlogMismatch *ret)
{
        EventlogMismatch m = { 0 };
        int r;

        if (replayed->bank != actual->bank) return error_set(-EINVAL, "PCR values of two banks");
        while (m.pcr < EVENTLOG_PCRS) {
                const bool differs = !bytes_equal(pcr_value(replayed, m.pcr), pcr_value(actual, m.pcr));

                if ((pcr_mask >> m.pcr & 1) && (differs || (replayed->incomplete >> m.pcr & 1))) break;
                m.pcr++;
        }
        if (m.pcr == EVENTLOG_PCRS) return 0;
        r = find_cause(log, actual, &m);
        if (r != 0) return r;
        say(log, &m);
        *ret = m;
        return error_set(EVENTLOG_E_DIFFERENT, "%s", m.text);
}
