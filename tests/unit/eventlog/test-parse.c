/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "eventlog/eventlog.h"
#include "synth.h"

#include <errno.h>

static const HashAlg two[] = { HASH_SHA1, HASH_SHA256 };

static bool has_quirk(const EventLog *log, EventlogQuirk q)
{
        return log->quirks >> q & 1;
}

static void a_whole_boot_is_read_to_its_end(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        const Event *e;
        Bytes digest;

        synth_init(&s, two, 2);
        synth_boot(&s, false, "root=/dev/sda ro");
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK(log->format == EVENTLOG_FORMAT_AGILE && log->n_banks == 2 && !log->faulty);
        CHECK(log->quirks ==
              (UINT64_C(1) << EVENTLOG_QUIRK_STARTUP_LOCALITY | UINT64_C(1) << EVENTLOG_QUIRK_EVENT_TAG));
        CHECK(log->banks[0] == HASH_SHA1 && log->banks[1] == HASH_SHA256);
        CHECK(log->n_events == 19 && log->read == log->bytes.size);
        for (size_t i = 1; i < log->n_events; i++)
                CHECK(log->events[i].offset == log->events[i - 1].offset + log->events[i - 1].size);
        e = &log->events[2];
        CHECK(e->pcr == 0 && e->type == EV_S_CRTM_VERSION && e->data.size == 6 && e->index == 2);
        CHECK_OK(eventlog_event_digest(log, e, HASH_SHA256, &digest));
        CHECK(digest.size == 32);
        CHECK_RESULT(eventlog_event_digest(log, e, HASH_SHA384, &digest), EVENTLOG_E_NO_DIGEST);
}

static void the_sha1_format_is_read(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        Bytes digest;

        synth_init(&s, NULL, 0);
        synth_boot(&s, true, "/vmlinuz ro");
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK(log->format == EVENTLOG_FORMAT_SHA1 && log->n_banks == 1 && log->banks[0] == HASH_SHA1);
        CHECK_OK(eventlog_event_digest(log, &log->events[1], HASH_SHA1, &digest));
        CHECK_RESULT(eventlog_event_digest(log, &log->events[1], HASH_SHA256, &digest), EVENTLOG_E_NO_DIGEST);
}

/* Every prefix: all or some events and a named place, or no log at all; never more than was there. */
static void a_log_cut_anywhere_says_where(void)
{
        cleanup_synth Synth s = { 0 };
        size_t whole = 0;
        Bytes b;

        synth_init(&s, two, 2);
        synth_boot(&s, true, "/vmlinuz ro");
        b = synth_bytes(&s);
        for (size_t n = 0; n <= b.size; n++) {
                cleanup_eventlog EventLog *log = NULL;
                int r = eventlog_parse(BYTES(b.data, n), &log);

                CHECK(r == 0 || r == -EBADMSG || r == EVENTLOG_E_MALFORMED);
                CHECK((r == -EBADMSG) == !log);
                /* A cut in the zeros of PCR index 0 looks like padding, and cannot be told from it. */
                if (r == 0) CHECK(log->read == n || has_quirk(log, EVENTLOG_QUIRK_PADDING_ZERO));
                if (r == 0 && log->read == n) whole++;
                if (r == EVENTLOG_E_MALFORMED) {
                        CHECK(log->fault_offset < n && log->fault[0]);
                        CHECK(log->read <= n);
                }
        }
        CHECK(whole == 22); /* behind each of the events */
}

static void padding_is_named_and_no_event(void)
{
        static const struct {
                uint8_t byte;
                size_t n;
                EventlogQuirk quirk;
        } cases[] = {
                { 0xff, 1000, EVENTLOG_QUIRK_PADDING_FF },
                { 0xff, 3, EVENTLOG_QUIRK_PADDING_FF },
                { 0, 1000, EVENTLOG_QUIRK_PADDING_ZERO },
                { 0, 5, EVENTLOG_QUIRK_PADDING_ZERO },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_synth Synth s = { 0 };
                cleanup_eventlog EventLog *log = NULL;
                size_t end;

                synth_init(&s, two, 2);
                synth_separators(&s);
                end = s.log.size;
                for (size_t j = 0; j < cases[i].n; j++) writer_u8(&s.log, cases[i].byte);
                CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
                CHECK(log->n_events == 9 && log->read == end && has_quirk(log, cases[i].quirk));
        }
}

static void a_record_of_type_and_size_zero_ends_the_log(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;

        synth_init(&s, two, 2);
        synth_separators(&s);
        synth_data(&s, 0, 0, BYTES("", 0));
        synth_separators(&s);
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK(log->n_events == 9 && has_quirk(log, EVENTLOG_QUIRK_END_MARK));
}

static void an_index_out_of_range_is_refused(void)
{
        static const uint32_t bad[] = { 24, 255, 0x7fffffff, 0xfffffffe, UINT32_MAX };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                cleanup_synth Synth s = { 0 };
                cleanup_eventlog EventLog *log = NULL;

                synth_init(&s, two, 2);
                synth_text(&s, bad[i], EV_ACTION, "x");
                synth_separators(&s);
                CHECK_RESULT(eventlog_parse(synth_bytes(&s), &log), EVENTLOG_E_MALFORMED);
                CHECK(log->n_events == 10 && log->fault_offset == log->events[1].offset);
                CHECK(!eventlog_event_extends(&log->events[1]));
        }
}

static void windows_may_mark_its_records_with_ones(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;

        synth_init(&s, two, 2);
        synth_text(&s, UINT32_MAX, EV_NO_ACTION, "trust point");
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK(has_quirk(log, EVENTLOG_QUIRK_INDEX_ALL_ONES) && has_quirk(log, EVENTLOG_QUIRK_NO_ACTION_DIGEST));
        CHECK(!eventlog_event_extends(&log->events[1]));
}

/* A Spec ID of one bank behind a prefix whose event carries what the case says. */
static int parse_with_digest(uint16_t first, size_t first_size, uint16_t second, size_t second_size,
                             EventLog **ret)
{
        static const HashAlg one[] = { HASH_SHA256 };
        static Synth s; /* outlives the log that views it */
        static const uint8_t filler[256] = { 1 };

        synth_deinit(&s);
        synth_init(&s, one, 1);
        writer_le32(&s.log, 4);
        writer_le32(&s.log, EV_ACTION);
        writer_le32(&s.log, second ? 2 : 1);
        writer_le16(&s.log, first);
        writer_bytes(&s.log, BYTES(filler, first_size));
        if (second) writer_le16(&s.log, second);
        if (second) writer_bytes(&s.log, BYTES(filler, second_size));
        writer_le32(&s.log, 0);
        return eventlog_parse(synth_bytes(&s), ret);
}

static void odd_digests_are_named_or_refused(void)
{
        static const struct {
                uint16_t first, second;
                size_t first_size, second_size;
                int result;
                EventlogQuirk quirk;
        } cases[] = {
                { HASH_SHA384, 0, 48, 0, 0, EVENTLOG_QUIRK_DIGEST_FOREIGN },
                { HASH_SHA384, HASH_SHA256, 48, 32, 0, EVENTLOG_QUIRK_DIGEST_ORDER },
                { HASH_SHA256, HASH_SHA256, 32, 32, EVENTLOG_E_MALFORMED, 0 },
                { 0x27, 0, 32, 0, EVENTLOG_E_MALFORMED, 0 },
                { HASH_SHA256, 0, 31, 0, EVENTLOG_E_MALFORMED, 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_eventlog EventLog *log = NULL;

                CHECK_RESULT(parse_with_digest(cases[i].first, cases[i].first_size, cases[i].second,
                                               cases[i].second_size, &log),
                             cases[i].result);
                if (cases[i].result == 0) CHECK(has_quirk(log, cases[i].quirk));
        }
}

static void what_is_no_log_is_refused(void)
{
        EventLog *log = NULL;

        CHECK_RESULT(eventlog_parse(BYTES("", 0), &log), -EBADMSG);
        CHECK_RESULT(eventlog_parse(BYTES_LITERAL("bogus\ninvalid\nevent\nlog\nfile\nhere\n"), &log), -EBADMSG);
        CHECK_RESULT(eventlog_parse(BYTES("", EVENTLOG_SIZE_MAX + 1), &log), -EFBIG);
        CHECK(log == NULL);
}

static void every_quirk_and_type_has_words(void)
{
        for (EventlogQuirk q = 0; q < EVENTLOG_QUIRK_COUNT; q++)
                CHECK(eventlog_quirk_name(q)[0] && eventlog_quirk_text(q)[0]);
        CHECK_TEXT(eventlog_type_name(EV_SEPARATOR), "EV_SEPARATOR");
        CHECK(eventlog_type_name(0x40e) == NULL);
}

int main(void)
{
        RUN(a_whole_boot_is_read_to_its_end);
        RUN(the_sha1_format_is_read);
        RUN(a_log_cut_anywhere_says_where);
        RUN(padding_is_named_and_no_event);
        RUN(a_record_of_type_and_size_zero_ends_the_log);
        RUN(an_index_out_of_range_is_refused);
        RUN(windows_may_mark_its_records_with_ones);
        RUN(odd_digests_are_named_or_refused);
        RUN(what_is_no_log_is_refused);
        RUN(every_quirk_and_type_has_words);
        return 0;
}
