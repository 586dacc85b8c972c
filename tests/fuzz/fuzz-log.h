/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Everything that is asked of a log, asked of any bytes: the same for binary logs and for those in JSON. Beyond
 * not crashing: events lie within the log and in order, descriptions are safe to print, and a log does not differ
 * from itself. */

#include "eventlog/compare.h"
#include "eventlog/coverage.h"
#include "eventlog/describe.h"
#include "eventlog/diff.h"
#include "eventlog/interpret.h"
#include "eventlog/summary.h"
#include "fuzz-text.h"

static void look_at_events(const EventLog *log)
{
        size_t end = 0;

        for (size_t i = 0; i < log->n_events; i++) {
                const Event *event = &log->events[i];
                char text[EVENTLOG_TEXT_SIZE];

                must(event->index == i && event->offset >= end && event->size <= log->bytes.size - event->offset);
                end = event->offset + event->size;
                eventlog_event_describe(log, event, text);
                must_be_printable(text);
                eventlog_event_name(log, event, text);
                must_be_printable(text);
                for (size_t j = 0; j <= event->n_digests; j++) {
                        uint16_t alg;
                        Bytes digest;

                        must((eventlog_event_digest_at(log, event, j, &alg, &digest) == 0) ==
                             (j < event->n_digests));
                }
        }
        must(log->read >= end && log->read <= log->bytes.size);
}

static void look_at_proofs(const EventLog *log, HashAlg bank, Hasher *hasher)
{
        for (size_t i = 0; i < log->n_events; i++) {
                EventlogProof proof;

                must(eventlog_event_proof(log, &log->events[i], hasher, bank, &proof) == 0);
                must(eventlog_proof_name(proof)[0]);
        }
}

static void look_at_bank(const EventLog *log, HashAlg bank)
{
        cleanup_hasher Hasher *hasher = NULL;
        PcrValues values, other;
        EventlogMismatch m;
        bool on;

        if (hasher_new(bank, &hasher) < 0) return;
        must(eventlog_replay_with(log, bank, hasher, &values) == 0);
        must((values.extended | values.incomplete) < 1U << EVENTLOG_PCRS);
        look_at_proofs(log, bank, hasher);
        IGNORE_RESULT(eventlog_secure_boot(log, bank, &on));
        IGNORE_RESULT(eventlog_command_line_check(log, bank, "/vmlinuz root=/dev/sda ro", NULL));
        other = values;
        other.value[4][0] ^= 1;
        if (log->n_events < 40) { /* its cost grows with the square */
                must(eventlog_explain(log, &values, &other, 0xffffff, &m) == EVENTLOG_E_DIFFERENT);
                must_be_printable(m.text);
        }
}

/* The first half of the log against the whole. */
static void compare_with_prefix(const EventLog *log)
{
        cleanup_eventlog EventLog *half = NULL;
        EventlogDifference d;
        int r;

        r = eventlog_parse(BYTES(log->bytes.data, log->bytes.size / 2), &half);
        if (r < 0 || half->n_banks == 0) return;
        r = eventlog_compare(half, log, half->banks[0], 0xffffff, &d);
        must(r == 0 || r == EVENTLOG_E_DIFFERENT || r == EVENTLOG_E_NO_BANK);
        if (r == EVENTLOG_E_DIFFERENT) must_be_printable(d.text);
}

static int count_change(const EventlogChange *change, void *context)
{
        must_be_printable(change->text);
        ++*(size_t *)context;
        return 0;
}

static int check_range(const UncoveredRange *range, void *context)
{
        const EventLog *log = context;

        must(range->size > 0 && range->offset <= log->bytes.size &&
             range->size <= log->bytes.size - range->offset);
        return 0;
}

static void look_at_whole(EventLog *log)
{
        cleanup_free EventlogSummary *summary = NULL;
        EventlogVerified all[EVENTLOG_BANKS_MAX];
        size_t changes = 0;

        for (size_t i = 0; i < log->n_banks; i++)
                all[i] = (EventlogVerified){ .bank = log->banks[i], .pcrs = 0xffffff };
        must(eventlog_uncovered(log, all, log->n_banks, check_range, log) == 0);
        if (log->n_banks == 0 || eventlog_content_quirks(log, log->banks[0]) < 0) return;
        must(log->quirks >> EVENTLOG_QUIRK_COUNT == 0);
        if (log->n_events < 200) {
                const int r = eventlog_diff(log, log, log->banks[0], count_change, &changes);

                must(r == 0 || r == EVENTLOG_E_NO_DIGEST); /* an event may lack one of this bank */
        }
        if (eventlog_summary(log, log->banks[0], &summary) != 0) return;
        for (size_t i = 0; i < summary->n_rows; i++) must_be_printable(summary->rows[i].text);
}

/* Everything that is asked of a log, asked of any bytes. */
static inline void look_at_log(Bytes bytes)
{
        cleanup_eventlog EventLog *log = NULL;
        int r;

        r = eventlog_parse_any(bytes, &log);
        must((r < 0) == !log);
        if (r < 0) return;
        must(log->faulty == (r == EVENTLOG_E_MALFORMED));
        look_at_events(log);
        for (size_t i = 0; i < log->n_banks; i++) look_at_bank(log, log->banks[i]);
        look_at_whole(log);
        if (!log->json) compare_with_prefix(log);
}
