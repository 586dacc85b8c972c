/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "eventlog/coverage.h"

#include "eventlog/locality.h"

#include <errno.h>

enum { INDEX_SIZE = 4, TYPE_SIZE = 4 };

typedef struct Walk {
        const EventLog *log;
        const EventlogVerified *verified;
        size_t n_verified;
        Hasher *hashers[EVENTLOG_BANKS_MAX];
        int (*visit)(const UncoveredRange *range, void *context);
        void *context;
} Walk;

static int report(const Walk *w, UncoveredKind kind, const Event *event, size_t offset, size_t size)
{
        const UncoveredRange range = { .kind = kind, .offset = offset, .size = size, .event = event };

        return size > 0 ? w->visit(&range, w->context) : 0;
}

/* Whether the digest of this algorithm was compared; *ret is the bank's place in the list. */
static bool is_verified(const Walk *w, const Event *event, uint16_t alg, size_t *ret)
{
        for (size_t i = 0; i < w->n_verified; i++) {
                if ((uint16_t)w->verified[i].bank != alg) continue;
                if (!eventlog_event_extends(event) || !(w->verified[i].pcrs >> event->pcr & 1)) continue;
                *ret = i;
                return true;
        }
        return false;
}

/* The largest part of the data that a compared digest is the hash of. */
static int covered_by_any(const Walk *w, const Event *event, Bytes *ret)
{
        *ret = (Bytes){ .data = event->data.data };
        for (uint32_t i = 0; i < event->n_digests; i++) {
                uint16_t alg;
                Bytes digest, covered = { 0 };
                size_t bank;
                int r;

                if (eventlog_event_digest_at(w->log, event, i, &alg, &digest) != 0) continue;
                if (!is_verified(w, event, alg, &bank) || !w->hashers[bank]) continue;
                r = eventlog_event_covered(w->log, event, w->hashers[bank], w->verified[bank].bank, &covered);
                if (r < 0) return r;
                if (covered.size > ret->size) *ret = covered;
        }
        return 0;
}

static size_t offset_of(const Walk *w, const uint8_t *at)
{
        return (size_t)(at - w->log->bytes.data);
}

static int walk_digests(const Walk *w, const Event *event)
{
        for (uint32_t i = 0; i < event->n_digests; i++) {
                uint16_t alg;
                Bytes digest;
                size_t bank;
                int r;

                if (eventlog_event_digest_at(w->log, event, i, &alg, &digest) != 0) continue;
                if (is_verified(w, event, alg, &bank)) continue;
                r = report(w, UNCOVERED_DIGEST, event, offset_of(w, digest.data), digest.size);
                if (r != 0) return r;
        }
        return 0;
}

/* What is before and behind the covered part; an empty one covers nothing wherever it is. */
static int walk_data(const Walk *w, const Event *event, UncoveredKind kind)
{
        Bytes covered;
        size_t before;
        int r;

        r = covered_by_any(w, event, &covered);
        if (r < 0 || event->data.size == 0) return r;
        if (covered.size == 0) return report(w, kind, event, offset_of(w, event->data.data), event->data.size);
        before = (size_t)(covered.data - event->data.data);
        r = report(w, kind, event, offset_of(w, event->data.data), before);
        if (r != 0) return r;
        return report(w, kind, event, offset_of(w, covered.data + covered.size),
                      event->data.size - before - covered.size);
}

static int walk_event(const Walk *w, const Event *event)
{
        const bool extends = eventlog_event_extends(event);
        const size_t index = extends ? 0 : INDEX_SIZE;
        int r;

        r = report(w, UNCOVERED_LABEL, event, event->offset + INDEX_SIZE - index, index + TYPE_SIZE);
        if (r == 0) r = walk_digests(w, event);
        if (r != 0) return r;
        return walk_data(w, event, eventlog_is_spec_id(event) ? UNCOVERED_HEADER : UNCOVERED_DATA);
}

/* A record of JSON has no fixed places; one that is covered whole still has a type that is not measured. */
static int walk_record(const Walk *w, const Event *event)
{
        return report(w, UNCOVERED_DATA, event, event->offset, event->size);
}

static int make_hashers(Walk *w)
{
        for (size_t i = 0; i < w->n_verified; i++) {
                int r = hasher_new(w->verified[i].bank, &w->hashers[i]);

                if (r < 0 && r != -EOPNOTSUPP) return r;
        }
        return 0;
}

int eventlog_uncovered(const EventLog *log, const EventlogVerified *verified, size_t n_verified,
                       int (*visit)(const UncoveredRange *range, void *context), void *context)
{
        Walk w = {
                .log = log, .verified = verified, .n_verified = n_verified, .visit = visit, .context = context
        };
        int r;

        if (n_verified > EVENTLOG_BANKS_MAX) return -EINVAL;
        r = make_hashers(&w);
        for (size_t i = 0; i < log->n_events && r == 0; i++)
                r = log->json ? walk_record(&w, &log->events[i]) : walk_event(&w, &log->events[i]);
        if (r == 0) r = report(&w, UNCOVERED_REST, NULL, log->read, log->bytes.size - log->read);
        for (size_t i = 0; i < n_verified; i++) hasher_free(w.hashers[i]);
        return r;
}

const char *uncovered_kind_name(UncoveredKind kind)
{
        static const char *const names[] = { "label", "data", "digest", "header", "rest" };

        return names[kind];
}
