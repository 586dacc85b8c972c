/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "eventlog/compare.h"
#include "synth.h"

#include <errno.h>

static const HashAlg banks[] = { HASH_SHA1, HASH_SHA256 };
static const uint32_t all = 0xffffff;

/* A boot that ends with one event more where `extra` names a text. */
static void boot(Synth *s, const char *command_line, const char *extra, EventLog **ret)
{
        synth_init(s, banks, 2);
        synth_boot(s, false, command_line);
        if (extra) synth_text(s, 5, EV_EFI_ACTION, extra);
        CHECK_OK(eventlog_parse(synth_bytes(s), ret));
}

static void equal_boots_do_not_differ(void)
{
        cleanup_synth Synth x = { 0 }, y = { 0 };
        cleanup_eventlog EventLog *a = NULL, *b = NULL;
        EventlogDifference d = { .pcr = 77 };

        boot(&x, "ro", NULL, &a);
        boot(&y, "ro", NULL, &b);
        CHECK_OK(eventlog_compare(a, b, HASH_SHA256, all, &d));
        CHECK(d.pcr == 77);
        CHECK_RESULT(eventlog_compare(a, b, HASH_SHA384, all, &d), EVENTLOG_E_NO_BANK);
}

static void the_changed_event_is_named(void)
{
        cleanup_synth Synth x = { 0 }, y = { 0 };
        cleanup_eventlog EventLog *a = NULL, *b = NULL;
        EventlogDifference d;

        boot(&x, "ro", NULL, &a);
        boot(&y, "rw", "late", &b);
        CHECK_RESULT(eventlog_compare(a, b, HASH_SHA256, all, &d), EVENTLOG_E_DIFFERENT);
        CHECK(d.kind == EVENTLOG_DIFFERENCE_CHANGED && d.pcr == 9 && d.a && d.b);
        CHECK(strstr(d.text, "kernel command line"));
        CHECK_RESULT(eventlog_compare(a, b, HASH_SHA256, all & ~(1U << 9), &d), EVENTLOG_E_DIFFERENT);
        CHECK(d.kind == EVENTLOG_DIFFERENCE_ADDED && d.pcr == 5 && !d.a && strstr(d.text, "late"));
        CHECK_RESULT(eventlog_compare(b, a, HASH_SHA256, 1U << 5, &d), EVENTLOG_E_DIFFERENT);
        CHECK(d.kind == EVENTLOG_DIFFERENCE_MISSING && d.a && !d.b);
        CHECK_OK(eventlog_compare(a, b, HASH_SHA256, all & ~(1U << 9 | 1U << 5), &d));
}

static void another_start_is_a_difference(void)
{
        cleanup_synth Synth x = { 0 }, y = { 0 };
        cleanup_eventlog EventLog *a = NULL, *b = NULL;
        EventlogDifference d;

        synth_init(&x, banks, 2);
        synth_locality(&x, 3);
        synth_separators(&x);
        CHECK_OK(eventlog_parse(synth_bytes(&x), &a));
        synth_init(&y, banks, 2);
        synth_separators(&y);
        CHECK_OK(eventlog_parse(synth_bytes(&y), &b));
        CHECK_RESULT(eventlog_compare(a, b, HASH_SHA256, all, &d), EVENTLOG_E_DIFFERENT);
        CHECK(d.kind == EVENTLOG_DIFFERENCE_START && d.pcr == 0 && d.text[0]);
}

/* The log says events "one", "two", "three" in PCR 5; the TPM was given others. */
static void explain(const char *const *tpm, size_t n, EventlogMismatchKind kind, const char *event)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        PcrValues replayed, actual = { .bank = HASH_SHA256 };
        EventlogMismatch m;

        synth_init(&s, banks, 2);
        synth_text(&s, 5, EV_EFI_ACTION, "one");
        synth_text(&s, 5, EV_EFI_ACTION, "two");
        synth_event(&s, 5, EV_EFI_ACTION, BYTES_LITERAL("flipped"), BYTES_LITERAL("three"));
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK_OK(eventlog_replay(log, HASH_SHA256, &replayed));
        for (size_t i = 0; i < n; i++) {
                uint8_t digest[32];

                CHECK_OK(hash_sha256(BYTES(tpm[i], strlen(tpm[i])), digest));
                CHECK_OK(eventlog_replay_extend(&actual, 5, BYTES_ARRAY(digest)));
        }
        CHECK_RESULT(eventlog_explain(log, &replayed, &actual, 1U << 5, &m), EVENTLOG_E_DIFFERENT);
        CHECK(m.pcr == 5 && m.kind == kind);
        if (event) CHECK(m.event && strstr(m.text, event));
        else CHECK(!m.event);
}

static void the_event_that_explains_is_found(void)
{
        static const char *const behind[] = { "one", "two" }, *const omitted[] = { "one", "flipped" },
                                 *const doubled[] = { "one", "two", "two", "flipped" },
                                 *const data[] = { "one", "two", "three" },
                                 *const unknown[] = { "four", "two", "flipped" };

        explain(behind, 2, EVENTLOG_MISMATCH_BEHIND, "three");
        explain(behind, 0, EVENTLOG_MISMATCH_BEHIND, "one");
        explain(omitted, 2, EVENTLOG_MISMATCH_OMITTED, "two");
        explain(doubled, 4, EVENTLOG_MISMATCH_DOUBLED, "two");
        explain(data, 3, EVENTLOG_MISMATCH_DIGEST, "three");
        explain(unknown, 3, EVENTLOG_MISMATCH_UNKNOWN, NULL);
}

static void what_the_log_cannot_say_is_said(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        PcrValues replayed, actual;
        EventlogMismatch m;

        synth_init(&s, banks, 2);
        synth_locality(&s, 3);
        synth_separators(&s);
        s.n_banks = 1;
        synth_text(&s, 4, EV_ACTION, "no such digest");
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK_OK(eventlog_replay(log, HASH_SHA256, &replayed));
        actual = replayed;
        CHECK_OK(eventlog_explain(log, &replayed, &actual, 0xf, &m));
        CHECK_RESULT(eventlog_explain(log, &replayed, &actual, 0x1f, &m), EVENTLOG_E_DIFFERENT);
        CHECK(m.kind == EVENTLOG_MISMATCH_NO_DIGEST && m.pcr == 4);
        actual.value[10][0] = 1;
        CHECK_RESULT(eventlog_explain(log, &replayed, &actual, 1U << 10, &m), EVENTLOG_E_DIFFERENT);
        CHECK(m.kind == EVENTLOG_MISMATCH_NO_EVENTS && m.pcr == 10);
        actual.bank = HASH_SHA1;
        CHECK_RESULT(eventlog_explain(log, &replayed, &actual, 1, &m), -EINVAL);
}

int main(void)
{
        RUN(equal_boots_do_not_differ);
        RUN(the_changed_event_is_named);
        RUN(another_start_is_a_difference);
        RUN(the_event_that_explains_is_found);
        RUN(what_the_log_cannot_say_is_said);
        return 0;
}
