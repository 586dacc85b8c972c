/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A prediction is a list of slots, one for each event of today that extends, in the log's order. Changes put other
 * digests into slots, or put slots between them; the answer is a replay of the slots. Nothing here knows who
 * measures what: that is in the other predict-*.c. */

#include "eventlog/predict-internal.h"

#include "base/error.h"
#include "eventlog/locality.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int add_today(Prediction *p)
{
        const EventLog *log = p->log;

        p->capacity = log->n_events + 64;
        p->slots = calloc(p->capacity, sizeof(*p->slots));
        if (!p->slots) return -ENOMEM;
        for (size_t i = 0; i < log->n_events; i++) {
                const Event *event = &log->events[i];

                if (!eventlog_event_extends(event)) continue;
                p->slots[p->n++] = (Slot){ .kind = PREDICTED_SAME, .pcr = event->pcr, .today = event };
        }
        return 0;
}

static int add_provers(Prediction *p)
{
        int r, result = error_set(-EOPNOTSUPP, "no bank of the log can be computed");

        for (size_t i = 0; i < p->log->n_banks; i++) {
                p->prover[i] = (Prover){ .log = p->log, .bank = p->log->banks[i] };
                r = hasher_new(p->log->banks[i], &p->prover[i].hasher);
                if (r < 0 && r != -EOPNOTSUPP) return r;
                if (r == 0) result = 0;
        }
        return result;
}

int prediction_new(const EventLog *log, Prediction **ret)
{
        cleanup_prediction Prediction *p = NULL;
        int r;

        if (log->faulty) return error_set(-EINVAL, "a malformed log predicts nothing: %s", log->fault);
        if (log->format == EVENTLOG_FORMAT_CCEL)
                return error_set(-EOPNOTSUPP, "the registers of a CCEL are not PCRs: nothing is predicted");
        p = calloc(1, sizeof(*p));
        if (!p) return -ENOMEM;
        p->log = log;
        r = add_provers(p);
        if (r == 0) r = add_today(p);
        if (r < 0) return r;
        *ret = TAKE_PTR(p);
        return 0;
}

static void change_free(Change *c)
{
        if (!c) return;
        free(c->string);
        free(c);
}

void prediction_free(Prediction *p)
{
        if (!p) return;
        for (size_t i = 0; i < p->n; i++) change_free(p->slots[i].change);
        for (size_t i = 0; i < EVENTLOG_BANKS_MAX; i++) hasher_free(p->prover[i].hasher);
        for (size_t i = 0; i < p->n_owned; i++) free(p->owned[i]);
        free(p->slots);
        free(p);
}

int prediction_own(Prediction *p, void *memory)
{
        if (p->n_owned == ARRAY_SIZE(p->owned)) {
                free(memory);
                return error_set(-E2BIG, "too many changes");
        }
        p->owned[p->n_owned++] = memory;
        return 0;
}

/* ---- what can be measured ------------------------------------------------------------------------------- */

int measured_parts(const void *object, HashAlg alg, uint8_t *ret)
{
        const Parts *parts = object;

        return hash_parts(alg, parts->parts, parts->n, ret);
}

int measured_authenticode(const void *object, HashAlg alg, uint8_t *ret)
{
        return pe_authenticode(object, alg, ret);
}

int measured_section(const void *object, HashAlg alg, uint8_t *ret)
{
        return pe_section_hash(object, alg, ret);
}

/* ---- slots ---------------------------------------------------------------------------------------------- */

bool slot_is(const Slot *slot, uint32_t pcr, uint32_t type)
{
        return slot->pcr == pcr && slot->kind != PREDICTED_GONE && slot->today && slot->today->type == type;
}

bool slot_is_tagged(const Slot *slot, uint32_t pcr, uint32_t tag)
{
        Reader r;
        uint32_t id;

        if (!slot_is(slot, pcr, EV_EVENT_TAG)) return false;
        r = READER_INIT(slot->today->data);
        return reader_le32(&r, &id) == 0 && id == tag;
}

bool slot_was(Prediction *p, const Slot *slot, Measured m)
{
        bool any = false;

        if (!slot->today) return false;
        for (size_t i = 0; i < p->log->n_banks; i++) {
                uint8_t hash[HASH_SIZE_MAX];
                Bytes digest;

                if (!p->prover[i].hasher) continue;
                if (eventlog_event_digest(p->log, slot->today, p->log->banks[i], &digest) != 0) continue;
                if (m.digest(m.object, p->log->banks[i], hash) < 0) return false;
                if (!bytes_equal(digest, BYTES(hash, digest.size))) return false;
                any = true;
        }
        return any;
}

bool slot_was_parts(Prediction *p, const Slot *slot, const Bytes *parts, size_t n)
{
        const Parts object = { .parts = parts, .n = n };

        return slot_was(p, slot, (Measured){ measured_parts, &object });
}

bool slot_was_bytes(Prediction *p, const Slot *slot, Bytes b)
{
        return slot_was_parts(p, slot, &b, 1);
}

static int change_of(Prediction *p, Slot *slot, Change **ret)
{
        if (!slot->change) {
                if (p->n_changes == PREDICTION_CHANGES_MAX)
                        return error_set(-E2BIG, "more than %d events change", PREDICTION_CHANGES_MAX);
                slot->change = calloc(1, sizeof(*slot->change));
                if (!slot->change) return -ENOMEM;
                p->n_changes++;
        }
        *ret = slot->change;
        return 0;
}

static void drop_change(Prediction *p, Slot *slot)
{
        if (slot->change) p->n_changes--;
        change_free(TAKE_PTR(slot->change));
}

int slot_put(Prediction *p, size_t i, PredictedKind kind, Measured m, const char *text)
{
        Slot *slot = &p->slots[i];
        Change *c = NULL;
        int r;

        /* What comes out as it was is no change. */
        if (slot->today && slot_was(p, slot, m)) {
                drop_change(p, slot);
                slot->kind = PREDICTED_SAME;
                return 0;
        }
        r = change_of(p, slot, &c);
        for (size_t b = 0; b < p->log->n_banks && r == 0; b++)
                if (p->prover[b].hasher) r = m.digest(m.object, p->log->banks[b], c->digest[b]);
        if (r < 0) return r;
        (void)snprintf(c->text, sizeof(c->text), "%s", text);
        slot->kind = kind;
        return 0;
}

int slot_put_parts(Prediction *p, size_t i, const Bytes *parts, size_t n, const char *text)
{
        const Parts object = { .parts = parts, .n = n };
        const PredictedKind kind = p->slots[i].today ? PREDICTED_CHANGED : PREDICTED_ADDED;

        return slot_put(p, i, kind, (Measured){ measured_parts, &object }, text);
}

int slot_unknown(Prediction *p, size_t i, const char *fmt, ...)
{
        va_list ap;
        Change *c = NULL;
        int r;

        r = change_of(p, &p->slots[i], &c);
        if (r < 0) return r;
        p->slots[i].kind = PREDICTED_UNKNOWN;
        va_start(ap, fmt);
        (void)vsnprintf(c->text, sizeof(c->text), fmt, ap);
        va_end(ap);
        return 0;
}

int slot_gone(Prediction *p, size_t i, const char *text)
{
        Change *c = NULL;
        int r;

        r = change_of(p, &p->slots[i], &c);
        if (r < 0) return r;
        p->slots[i].kind = PREDICTED_GONE;
        (void)snprintf(c->text, sizeof(c->text), "%s", text);
        return 0;
}

int slot_insert(Prediction *p, size_t i, uint32_t pcr)
{
        Change *c = NULL;

        if (p->n == p->capacity) {
                Slot *bigger = reallocarray(p->slots, p->capacity + 64, sizeof(*bigger));

                if (!bigger) return -ENOMEM;
                p->slots = bigger;
                p->capacity += 64;
        }
        memmove(p->slots + i + 1, p->slots + i, (p->n - i) * sizeof(*p->slots));
        p->slots[i] = (Slot){ .kind = PREDICTED_ADDED, .pcr = pcr };
        p->n++;
        for (size_t k = 0; k < p->n_images; k++)
                if (p->images[k].slot >= i) p->images[k].slot++;
        return change_of(p, &p->slots[i], &c);
}

int pcr_unknown(Prediction *p, uint32_t pcr, const char *fmt, ...)
{
        char text[PREDICTION_TEXT_SIZE];
        va_list ap;
        int r;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        r = slot_insert(p, p->n, pcr);
        return r < 0 ? r : slot_unknown(p, p->n - 1, "%s", text);
}

/* ---- the answer ----------------------------------------------------------------------------------------- */

int prediction_word(Prediction *p, const char *word)
{
        const Bytes text = BYTES(word, strlen(word));
        int r;

        r = eventlog_word_check(EVENTLOG_WORD_PCR, text);
        if (r != 0) return r > 0 ? error_set(-EINVAL, "'%s' is no word of a boot phase", word) : r;
        r = slot_insert(p, p->n, EVENTLOG_WORD_PCR);
        return r < 0 ? r : slot_put_parts(p, p->n - 1, &text, 1, word);
}

int prediction_finish(Prediction *p)
{
        int r;

        r = settle_initrd(p);
        if (r == 0) r = settle_grub(p);
        if (r == 0) r = settle_authorities(p);
        for (size_t i = 0; i < p->log->n_banks && r == 0; i++) r = p->prover[i].error;
        return r;
}

bool prediction_event(const Prediction *p, size_t i, PredictedEvent *ret)
{
        const Slot *slot;

        if (i >= p->n) return false;
        slot = &p->slots[i];
        *ret = (PredictedEvent){ .kind = slot->kind,
                                 .pcr = slot->pcr,
                                 .today = slot->today,
                                 .text = slot->change ? slot->change->text : "" };
        return true;
}

static size_t bank_of(const EventLog *log, HashAlg bank)
{
        size_t i = 0;

        while (i < log->n_banks && log->banks[i] != bank) i++;
        return i;
}

int prediction_digest(const Prediction *p, size_t i, HashAlg bank, Bytes *ret)
{
        const size_t b = bank_of(p->log, bank);
        const Slot *slot = &p->slots[i];

        if (b == p->log->n_banks || !p->prover[b].hasher) return EVENTLOG_E_NO_DIGEST;
        if (slot->kind == PREDICTED_UNKNOWN || slot->kind == PREDICTED_GONE) return EVENTLOG_E_NO_DIGEST;
        if (slot->kind == PREDICTED_SAME) return eventlog_event_digest(p->log, slot->today, bank, ret);
        *ret = BYTES(slot->change->digest[b], hash_size((unsigned)bank));
        return 0;
}

static int replay_slot(const Prediction *p, size_t i, Hasher *hasher, PredictedPcrs *pcrs)
{
        const Slot *slot = &p->slots[i];
        const uint32_t bit = UINT32_C(1) << slot->pcr;
        PcrValues *values = &pcrs->values;
        Bytes digest;

        values->extended |= bit;
        if (slot->kind == PREDICTED_GONE || (pcrs->unknown & bit)) return 0;
        if (prediction_digest(p, i, values->bank, &digest) != 0) {
                pcrs->unknown |= bit;
                pcrs->why[slot->pcr] = i;
                return 0;
        }
        return hasher_digest(hasher, (const Bytes[]){ pcr_value(values, slot->pcr), digest }, 2,
                             values->value[slot->pcr]);
}

int prediction_pcrs(const Prediction *p, HashAlg bank, PredictedPcrs *ret)
{
        cleanup_hasher Hasher *hasher = NULL;
        PredictedPcrs pcrs = { .values = { .bank = bank } };
        PcrValues today;
        int r;

        r = eventlog_replay(p->log, bank, &today);
        if (r == 0) r = hasher_new(bank, &hasher);
        if (r != 0) return r;
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                eventlog_start_value(p->log, bank, pcr, pcrs.values.value[pcr]);
                pcrs.why[pcr] = SIZE_MAX;
        }
        for (size_t i = 0; i < p->n && r == 0; i++) r = replay_slot(p, i, hasher, &pcrs);
        if (r < 0) return r;
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                const uint32_t bit = UINT32_C(1) << pcr;

                if (!(pcrs.values.extended & bit) || (pcrs.unknown & bit)) continue;
                pcrs.known |= bit;
                if (!bytes_equal(pcr_value(&pcrs.values, pcr), pcr_value(&today, pcr))) pcrs.changed |= bit;
        }
        *ret = pcrs;
        return 0;
}
