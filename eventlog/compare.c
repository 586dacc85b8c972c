/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two boots, compared PCR by PCR: firmwares do not keep the order of events of different PCRs, and the TPM
 * does not see it. */

#include "eventlog/compare.h"

#include "base/error.h"
#include "eventlog/describe.h"
#include "eventlog/locality.h"
#include "eventlog/text.h"

#include <inttypes.h>
#include <string.h>

/* The next event from *at on that extended the PCR. */
static const Event *next_event(const EventLog *log, uint32_t pcr, size_t *at)
{
        while (*at < log->n_events) {
                const Event *event = &log->events[(*at)++];

                if (event->pcr == pcr && eventlog_event_extends(event)) return event;
        }
        return NULL;
}

static bool same_digest(const EventLog *a, const Event *x, const EventLog *b, const Event *y, HashAlg bank)
{
        Bytes left, right;

        return eventlog_event_digest(a, x, bank, &left) == 0 && eventlog_event_digest(b, y, bank, &right) == 0 &&
               bytes_equal(left, right);
}

/* The first pair of events of a PCR that differs; false if there is none. */
static bool first_difference(const EventLog *a, const EventLog *b, HashAlg bank, uint32_t pcr,
                             EventlogDifference *ret)
{
        size_t at_a = 0, at_b = 0;

        for (;;) {
                const Event *x = next_event(a, pcr, &at_a), *y = next_event(b, pcr, &at_b);

                if (!x && !y) return false;
                if (x && y && same_digest(a, x, b, y, bank)) continue;
                ret->pcr = pcr;
                ret->a = x;
                ret->b = y;
                ret->kind = !x   ? EVENTLOG_DIFFERENCE_ADDED
                            : !y ? EVENTLOG_DIFFERENCE_MISSING
                                 : EVENTLOG_DIFFERENCE_CHANGED;
                return true;
        }
}

static void put_name(Text *t, const char *name, size_t max)
{
        text_within(t, BYTES(name, strlen(name)), max);
}

static void say(const EventLog *a, const EventLog *b, EventlogDifference *d)
{
        enum { ONE = sizeof(d->text) - 64, EACH = sizeof(d->text) / 2 - 16 };
        char was[EVENTLOG_TEXT_SIZE] = "", is[EVENTLOG_TEXT_SIZE] = "";
        Text t;

        text_init(&t, d->text, sizeof(d->text));
        if (d->a) eventlog_event_name(a, d->a, was);
        if (d->b) eventlog_event_name(b, d->b, is);
        if (d->kind == EVENTLOG_DIFFERENCE_START) {
                text_format(&t, "PCR %" PRIu32 " starts at another value", d->pcr);
        } else if (d->kind == EVENTLOG_DIFFERENCE_ADDED || d->kind == EVENTLOG_DIFFERENCE_MISSING) {
                put_name(&t, d->b ? is : was, ONE);
                text_put(&t, d->b ? " is new" : " is missing");
        } else if (strcmp(is, was) == 0) {
                put_name(&t, is, ONE);
                text_put(&t, " has another content");
        } else {
                put_name(&t, is, EACH);
                text_put(&t, " is not what it was: ");
                put_name(&t, was, EACH);
        }
}

static size_t place_in_b(const EventlogDifference *d)
{
        if (d->kind == EVENTLOG_DIFFERENCE_START) return 0;
        return d->b ? d->b->index : SIZE_MAX;
}

static bool same_start(const EventLog *a, const EventLog *b, HashAlg bank, uint32_t pcr)
{
        uint8_t left[HASH_SIZE_MAX], right[HASH_SIZE_MAX];

        eventlog_start_value(a, bank, pcr, left);
        eventlog_start_value(b, bank, pcr, right);
        return bytes_equal(BYTES_ARRAY(left), BYTES_ARRAY(right));
}

static bool has_bank(const EventLog *log, HashAlg bank)
{
        for (size_t i = 0; i < log->n_banks; i++)
                if (log->banks[i] == bank) return true;
        return false;
}

/* The start before the events: it is what came first. */
static bool compare_pcr(const EventLog *a, const EventLog *b, HashAlg bank, uint32_t pcr, EventlogDifference *ret)
{
        if (same_start(a, b, bank, pcr)) return first_difference(a, b, bank, pcr, ret);
        *ret = (EventlogDifference){ .kind = EVENTLOG_DIFFERENCE_START, .pcr = pcr };
        return true;
}

int eventlog_compare(const EventLog *a, const EventLog *b, HashAlg bank, uint32_t pcr_mask,
                     EventlogDifference *ret)
{
        EventlogDifference best = { 0 };
        bool found = false;

        if (!has_bank(a, bank) || !has_bank(b, bank))
                return error_set(EVENTLOG_E_NO_BANK, "not both logs have digests of the bank compared");
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                EventlogDifference d = { 0 };

                if (!(pcr_mask >> pcr & 1) || !compare_pcr(a, b, bank, pcr, &d)) continue;
                if (found && place_in_b(&d) >= place_in_b(&best)) continue;
                best = d;
                found = true;
        }
        if (!found) return 0;
        say(a, b, &best);
        *ret = best;
        return error_set(EVENTLOG_E_DIFFERENT, "%s", best.text);
}
