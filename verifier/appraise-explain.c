/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Why a log does not give the quoted digest. The quote holds one digest over all PCRs and no values, so causes are
 * tried one by one: a cap that is not the expected one, phase words stated wrongly, then, PCR by PCR, events that
 * the log has too many at its end or one that was never measured. What explains the digest is the cause (a chance
 * match has odds of 2^-256); more than one wrong PCR is beyond this, and the node's own `halfkey eventlog verify`,
 * which reads the PCRs, says more. */

#include "verifier/verdict.h"

#include "attest/cap.h"
#include "base/writer.h"
#include "eventlog/describe.h"
#include "verifier/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
        /* The work grows with the square of the events: real logs have 30 to 250, and 512 take a quarter of a
         * second, which is about a microsecond for each pair. */
        EXPLAIN_EVENTS_MAX = 512,
        EXPLAIN_CAP_US = 5,     /* one cap tried */
        EXPLAIN_CHEAP_US = 700, /* no more than the connection and the quote of this attempt did cost */
};

/* 0: the values are the quoted ones. */
static int try_cap(const Appraisal *a, const char *outcome, const AttestVolume *volumes, size_t n)
{
        PcrValues values = a->pcrs;
        Digest event, cap;
        int r;

        r = attest_cap_event(values.bank, outcome, volumes, n, &event);
        if (r == 0) r = attest_cap_pcr(&event, &cap);
        if (r < 0) return r;
        memcpy(values.value[ATTEST_CAP_PCR], cap.bytes, cap.size);
        return appraise_try(a, &values);
}

/* Every outcome over every set of the node's volumes: at most 4 * 256. */
static int find_cap(const Appraisal *a, const char **ret_outcome)
{
        static const char *const outcomes[] = { ATTEST_CAP_ATTESTED, ATTEST_CAP_RECOVERY, ATTEST_CAP_ENROLLED,
                                                ATTEST_CAP_FALLBACK };
        AttestVolume set[NODE_VOLUMES_MAX];

        for (size_t o = 0; o < ARRAY_SIZE(outcomes); o++) {
                for (unsigned mask = 0; mask < 1U << a->node.n_volumes; mask++) {
                        size_t n = 0;
                        int r;

                        for (size_t i = 0; i < a->node.n_volumes; i++) {
                                const NodeVolume *v = &a->node.volumes[i];

                                if (!(mask & 1U << i)) continue;
                                set[n] = (AttestVolume){ 0 };
                                memcpy(set[n].id, v->id, sizeof(v->id));
                                memcpy(set[n].tag, v->tag, sizeof(v->tag));
                                (void)snprintf(set[n].role, sizeof(set[n].role), "%s", v->role);
                                n++;
                        }
                        r = try_cap(a, outcomes[o], set, n);
                        if (r < 0) return r;
                        if (r == 0) {
                                *ret_outcome = outcomes[o];
                                return 0;
                        }
                }
        }
        return ATTEST_E_PCR_DIGEST;
}

/* PCR 11 with fewer of the stated words, or with the next ones of the list: a word too many or too few. */
static int find_words(const Appraisal *a, unsigned *ret_words)
{
        static const char *const all[] = { "enter-initrd", "leave-initrd", "sysinit", "ready" };
        PcrValues plain, values;
        int r;

        r = eventlog_replay(a->events, a->pcrs.bank, &plain);
        if (r != 0) return r < 0 ? r : ATTEST_E_PCR_DIGEST;
        values = a->pcrs;
        memcpy(values.value[EVENTLOG_WORD_PCR], plain.value[EVENTLOG_WORD_PCR], HASH_SIZE_MAX);
        for (unsigned n = 0; n <= ARRAY_SIZE(all); n++) {
                r = appraise_try(a, &values);
                if (r <= 0) {
                        *ret_words = n;
                        return r;
                }
                if (n == ARRAY_SIZE(all)) break;
                r = eventlog_replay_extend_word(&values, EVENTLOG_WORD_PCR, BYTES(all[n], strlen(all[n])));
                if (r < 0) return r;
        }
        return ATTEST_E_PCR_DIGEST;
}

/* One log without one event, or without all events of a PCR from one on. */
typedef struct Hypothesis {
        const Event *event;
        bool rest; /* and those behind it */
} Hypothesis;

static int try_event(const Appraisal *a, const Hypothesis *h)
{
        cleanup_free Event *kept = calloc(a->events->n_events, sizeof(*kept));
        EventLog log = *a->events;
        PcrValues replayed, values = a->pcrs;
        const uint32_t pcr = h->event->pcr;
        int r;

        if (!kept) return -ENOMEM;
        log.events = kept;
        log.n_events = 0;
        for (size_t i = 0; i < a->events->n_events; i++) {
                const Event *e = &a->events->events[i];
                const bool gone = e->pcr == pcr && (e == h->event || (h->rest && e->index > h->event->index));

                /* Only this PCR, and what sets its start, matters. */
                if (!gone && (e->pcr == pcr || !eventlog_event_extends(e))) kept[log.n_events++] = *e;
        }
        r = eventlog_replay(&log, a->pcrs.bank, &replayed);
        if (r != 0) return r < 0 ? r : ATTEST_E_PCR_DIGEST;
        memcpy(values.value[pcr], replayed.value[pcr], HASH_SIZE_MAX);
        return appraise_try(a, &values);
}

static int find_event(const Appraisal *a, Hypothesis *ret)
{
        if (a->events->n_events > EXPLAIN_EVENTS_MAX) return ATTEST_E_PCR_DIGEST;
        for (size_t i = 0; i < a->events->n_events; i++) {
                const Event *e = &a->events->events[i];

                if (!eventlog_event_extends(e) || e->pcr >= EVENTLOG_PCRS ||
                    !(ATTEST_PCRS & ATTEST_PCR_BIT(e->pcr)))
                        continue;
                for (int rest = 0; rest < 2; rest++) {
                        const Hypothesis h = { .event = e, .rest = rest };
                        const int r = try_event(a, &h);

                        if (r < 0) return r;
                        if (r == 0) {
                                *ret = h;
                                return 0;
                        }
                }
        }
        return ATTEST_E_PCR_DIGEST;
}

static int explain_cap(Appraisal *a, bool cap_expected)
{
        const char *outcome = NULL;
        PcrValues zero = a->pcrs;
        int r;

        r = find_cap(a, &outcome);
        if (r < 0) return r;
        if (r == 0 && !cap_expected)
                return refuse(&a->refusal, REFUSAL_CAP_NOT_ZERO,
                              "this boot was capped already (%s): reboot through firmware", outcome);
        if (r == 0)
                return refuse(&a->refusal, REFUSAL_CAP_MISMATCH,
                              "this boot was capped as '%s' or with other volumes than the node says: reboot it",
                              outcome);
        if (!cap_expected) return ATTEST_E_PCR_DIGEST;
        memset(zero.value[ATTEST_CAP_PCR], 0, HASH_SIZE_MAX);
        r = appraise_try(a, &zero);
        if (r == 0)
                return refuse(&a->refusal, REFUSAL_CAP_MISMATCH,
                              "this boot was never capped: is halfkey-cap.service in the initrd? Reboot it");
        return r;
}

static int explain_event(Appraisal *a)
{
        char name[EVENTLOG_TEXT_SIZE];
        Hypothesis h = { 0 };
        int r;

        r = find_event(a, &h);
        if (r != 0) return r;
        eventlog_event_name(a->events, h.event, name);
        return refuse(&a->refusal, REFUSAL_LOG_DOES_NOT_REPLAY,
                      h.rest ? "the event log does not give the quoted PCR %u: %.200s and what follows was never "
                               "measured"
                             : "the event log does not give the quoted PCR %u: %.200s was never measured",
                      h.event->pcr, name);
}

/* What the search depends on. */
static int key_of(const Appraisal *a, bool cap_expected, uint8_t ret[static SHA256_SIZE])
{
        uint8_t room[256];
        Writer w = WRITER_FIXED(room);
        Bytes key;
        int r;

        writer_prefixed(&w, BYTES_ARRAY(a->log_hash));
        writer_prefixed(&w, digest_bytes(&a->quote.pcr_digest));
        writer_be64(&w, a->node.revision);
        writer_be32(&w, (uint32_t)a->evidence->phase_words_count);
        writer_u8(&w, cap_expected);
        r = writer_finish(&w, &key);
        return r < 0 ? r : hash_sha256(key, ret);
}

static int search(Appraisal *a, bool cap_expected, bool deep)
{
        const uint64_t cap_us = (UINT64_C(4) << a->node.n_volumes) * EXPLAIN_CAP_US;
        unsigned words = 0;
        int r = ATTEST_E_PCR_DIGEST;

        if (deep || cap_us <= EXPLAIN_CHEAP_US) r = explain_cap(a, cap_expected);
        if (r != ATTEST_E_PCR_DIGEST) return r;
        r = find_words(a, &words);
        if (r == 0)
                return refuse(&a->refusal, REFUSAL_LOG_DOES_NOT_REPLAY,
                              "the quoted PCR 11 has %u boot phases in it, the node states %u: try again", words,
                              (unsigned)a->evidence->phase_words_count);
        if (r == ATTEST_E_PCR_DIGEST && deep) r = explain_event(a);
        if (r != ATTEST_E_PCR_DIGEST) return r;
        return refuse(
                &a->refusal, REFUSAL_LOG_DOES_NOT_REPLAY,
                "the event log does not give the quoted PCR values; `halfkey eventlog verify` on the node names "
                "the PCR and the event");
}

static uint64_t expected_work(const Appraisal *a)
{
        const uint64_t n = MIN(a->events->n_events, (size_t)EXPLAIN_EVENTS_MAX);

        return n * n + (UINT64_C(4) << a->node.n_volumes) * EXPLAIN_CAP_US;
}

int appraise_explain(Appraisal *a, bool cap_expected)
{
        PaceNode *pace = verdict_pace(a);
        uint8_t key[SHA256_SIZE];
        bool deep;
        int r;

        r = key_of(a, cap_expected, key);
        if (r < 0) return r;
        if (pace->cause.reason[0] && bytes_equal(BYTES_ARRAY(pace->cause_key), BYTES_ARRAY(key))) {
                a->refusal = pace->cause;
                r = refusal_id(a->refusal.id);
                return r < 0 ? r : VERIFIER_E_REFUSED;
        }
        deep = pace_search(a->service->pace, pace, a->service->now(), expected_work(a));
        r = search(a, cap_expected, deep);
        if (r != VERIFIER_E_REFUSED || !deep) return r;
        memcpy(pace->cause_key, key, sizeof(key));
        pace->cause = a->refusal;
        return r;
}
