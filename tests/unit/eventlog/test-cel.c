/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "eventlog/describe.h"
#include "eventlog/replay.h"
#include "synth.h"

#include <errno.h>

/* Any digest will do: none of these events proves itself. */
#define DIGEST "9a6bdc05a0a0bb0bd1c2a1e4e2b8a3dd5a9c3a3f0ff0fd0cf6c3f1a6e1f5a001"
#define RECORD(pcr, digest)                                                                               \
        "{\"pcr\":" pcr ",\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"" digest                      \
        "\"}],\"content_type\":\"systemd\",\"content\":{\"string\":\"enter-initrd\",\"bootId\":\"0123\"," \
        "\"timestamp\":12345,\"eventType\":\"phase\"}}"

static int parse(const char *text, EventLog **ret)
{
        return eventlog_parse_any(BYTES(text, strlen(text)), ret);
}

static void systemds_log_is_read(void)
{
        static const char text[] = "\x1e" RECORD("11", DIGEST) "\n\x1e" RECORD(
                "15",
                DIGEST) "\n"
                        "\x1e{\"nv_index\":27265026,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"" DIGEST
                        "\"}],\"content_type\":\"systemd\",\"content\":{}}\n";
        cleanup_eventlog EventLog *log = NULL;
        char meaning[EVENTLOG_TEXT_SIZE];
        PcrValues values;

        CHECK_OK(parse(text, &log));
        CHECK(log->format == EVENTLOG_FORMAT_CEL && log->n_events == 3 && log->n_banks == 1);
        CHECK(log->banks[0] == HASH_SHA256 && log->events[0].pcr == 11);
        CHECK(log->events[0].offset == 1 && log->events[0].size == sizeof(RECORD("11", DIGEST)) - 1);
        eventlog_event_describe(log, &log->events[0], meaning);
        CHECK_TEXT(meaning, "enter-initrd");
        CHECK(!eventlog_event_extends(&log->events[2])); /* an NV index is no PCR */
        CHECK(log->events[2].data.data && log->events[2].data.size == 0);
        CHECK_OK(eventlog_replay(log, HASH_SHA256, &values));
        CHECK(values.extended == (1U << 11 | 1U << 15));
}

static void an_array_and_lines_are_the_same(void)
{
        static const char *const frames[] = { "[" RECORD("11", DIGEST) " , \n" RECORD("12", DIGEST) "]\n",
                                              RECORD("11", DIGEST) "\n" RECORD("12", DIGEST),
                                              "{\"format\":\"x\",\"n\":[1,{\"events\":2}],\"events\":[" RECORD(
                                                      "11", DIGEST) "," RECORD("12", DIGEST) "],\"more\":{}}" };

        for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
                cleanup_eventlog EventLog *log = NULL;

                CHECK_OK(parse(frames[i], &log));
                CHECK(log->n_events == 2 && log->events[1].pcr == 12);
        }
}

static void one_defect_is_named_with_its_place(void)
{
#define FIRMWARE(members, content) \
        "[" RECORD("11", DIGEST) ",{" members "\"content_type\":\"pcclient_std\",\"content\":{" content "}}]"
        static const char *const defects[] = {
                "[" RECORD("11", DIGEST),
                "[" RECORD("11", DIGEST) ",]",
                "[" RECORD("11", DIGEST) "] x",
                "[" RECORD("11", DIGEST) " " RECORD("11", DIGEST) "]",
                "[" RECORD("11", DIGEST) ",1]",
                "[" RECORD("24", DIGEST) "]",
                "[" RECORD("-1", DIGEST) "]",
                "[" RECORD("11", "00") "]",
                "[" RECORD("11", "zz") "]",
                "[" RECORD("\"11\"", DIGEST) "]",
                FIRMWARE("\"digests\":[],", "\"event_type\":4,\"event_data\":\"\""),
                FIRMWARE("\"pcr\":1,", "\"event_type\":4,\"event_data\":\"\""),
                FIRMWARE("\"pcr\":1,\"digests\":{},", "\"event_type\":\"EV_NONE\",\"event_data\":\"\""),
                FIRMWARE("\"pcr\":1,\"digests\":[],", "\"event_type\":4"),
                FIRMWARE("\"pcr\":1,\"digests\":[],", "\"event_type\":4,\"event_data\":\"0\""),
                FIRMWARE("\"pcr\":1,\"digests\":[],", "\"event_type\":4294967296,\"event_data\":\"\""),
                FIRMWARE("\"pcr\":1,\"recnum\":-1,\"digests\":[],", "\"event_type\":4,\"event_data\":\"\""),
                FIRMWARE("\"pcr\":1,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"00\"}],",
                         "\"event_type\":4,\"event_data\":\"\""),
        };

        for (size_t i = 0; i < ARRAY_SIZE(defects); i++) {
                cleanup_eventlog EventLog *log = NULL;
                const int r = parse(defects[i], &log);

                if (r == 0) {
                        fprintf(stderr, "accepted: %s\n", defects[i]);
                        exit(1);
                }
                CHECK(strstr(error_detail(r), "offset "));
        }
}

/* A tree of a record is not built before its size is known. */
static void a_record_of_many_values_is_refused(void)
{
        cleanup_writer Writer w = WRITER_INIT(1 << 20);
        cleanup_eventlog EventLog *log = NULL;

        writer_text(&w, "[{\"x\":[0");
        for (int i = 0; i < 100000; i++) writer_text(&w, ",0");
        writer_text(&w, "]}]");
        CHECK_RESULT(eventlog_parse_any(BYTES(w.data, w.size), &log), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "more in it"));
}

static void any_cut_or_changed_byte_is_survived(void)
{
        static const char text[] = "[" RECORD("11", DIGEST) ",\n" RECORD("12", DIGEST) "]";

        for (size_t i = 0; i < sizeof(text); i++) {
                cleanup_eventlog EventLog *cut = NULL, *changed = NULL;
                cleanup_free char *copy = strdup(text);

                CHECK(copy);
                CHECK(eventlog_parse_any(BYTES(copy, i), &cut) != 0 || i == sizeof(text) - 1);
                if (i < sizeof(text) - 1) copy[i] ^= 1;
                IGNORE_RESULT(eventlog_parse_any(BYTES(copy, sizeof(text) - 1), &changed));
        }
}

/* What a machine sends about itself is appraised by the other function. */
static void it_is_read_only_where_it_is_asked_for(void)
{
        static const char text[] = "[" RECORD("11", DIGEST) "]";
        cleanup_eventlog EventLog *log = NULL;

        CHECK_RESULT(eventlog_parse(BYTES(text, sizeof(text) - 1), &log), -EBADMSG);
        CHECK_OK(eventlog_parse_any(BYTES(text, sizeof(text) - 1), &log));
}

int main(void)
{
        RUN(it_is_read_only_where_it_is_asked_for);
        RUN(systemds_log_is_read);
        RUN(an_array_and_lines_are_the_same);
        RUN(one_defect_is_named_with_its_place);
        RUN(a_record_of_many_values_is_refused);
        RUN(any_cut_or_changed_byte_is_survived);
        return 0;
}
