/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything that is asked of a log, asked of any bytes. Beyond not crashing: events lie within the log and in
 * order, descriptions are safe to print, and a log does not differ from itself. */

#include "fuzz.h"

#include "base/utf8.h"
#include "eventlog/compare.h"
#include "eventlog/describe.h"
#include "eventlog/interpret.h"

#include <stdlib.h>
#include <string.h>

static void must(bool condition)
{
        if (!condition) abort();
}

static void check_text(const char *text)
{
        Reader r = READER_INIT(BYTES(text, strlen(text)));

        while (reader_left(&r) > 0) {
                uint32_t c;

                must(utf8_decode(&r, &c) == 0 && utf8_printable(c));
        }
}

static void look_at_events(const EventLog *log)
{
        size_t end = 0;

        for (size_t i = 0; i < log->n_events; i++) {
                const Event *event = &log->events[i];
                char text[EVENTLOG_TEXT_SIZE];

                must(event->index == i && event->offset >= end && event->size <= log->bytes.size - event->offset);
                end = event->offset + event->size;
                eventlog_event_describe(log, event, text);
                check_text(text);
                eventlog_event_name(log, event, text);
                check_text(text);
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
                check_text(m.text);
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
        if (r == EVENTLOG_E_DIFFERENT) check_text(d.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_eventlog EventLog *log = NULL;
        int r;

        r = eventlog_parse(BYTES(data, size), &log);
        must((r < 0) == !log);
        if (r < 0) return 0;
        must(log->faulty == (r == EVENTLOG_E_MALFORMED));
        look_at_events(log);
        for (size_t i = 0; i < log->n_banks; i++) look_at_bank(log, log->banks[i]);
        compare_with_prefix(log);
        return 0;
}
