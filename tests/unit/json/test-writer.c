/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "json/writer.h"

#include <errno.h>

static void nested_values_are_well_formed(void)
{
        cleanup_writer Writer out = WRITER_INIT(1000);
        JsonWriter w = JSON_WRITER_INIT(&out);
        cleanup_free char *text = NULL;

        w.compact = true;
        json_writer_open_object(&w, NULL);
        json_writer_int(&w, "n", -5);
        json_writer_open_array(&w, "list");
        json_writer_bool(&w, NULL, true);
        json_writer_text(&w, NULL, NULL);
        json_writer_hex(&w, NULL, BYTES("\x01\xab", 2));
        json_writer_open_object(&w, NULL);
        json_writer_close(&w);
        json_writer_close(&w);
        json_writer_close(&w);
        CHECK_OK(json_writer_finish(&w));
        CHECK_OK(writer_steal_text(&out, &text));
        CHECK_TEXT(text, "{\"n\":-5,\"list\":[true,null,\"01ab\",{}]}");
}

static void hostile_text_is_escaped(void)
{
        cleanup_writer Writer out = WRITER_INIT(1000);
        JsonWriter w = JSON_WRITER_INIT(&out);
        cleanup_free char *text = NULL;

        w.compact = true;
        json_writer_bytes_text(&w, NULL, BYTES("a\"\\\n\0\x1b\x7f\xc2\x9b\xff\xc3\xa9", 12));
        CHECK_OK(json_writer_finish(&w));
        CHECK_OK(writer_steal_text(&out, &text));
        CHECK_TEXT(text, "\"a\\\"\\\\\\n\\u0000\\u001b\\u007f\\u009b\xef\xbf\xbd\xc3\xa9\"");
}

static void lines_are_indented(void)
{
        cleanup_writer Writer out = WRITER_INIT(1000);
        JsonWriter w = JSON_WRITER_INIT(&out);
        cleanup_free char *text = NULL;

        json_writer_open_object(&w, NULL);
        json_writer_text(&w, "a", "b");
        json_writer_close(&w);
        CHECK_OK(json_writer_finish(&w));
        CHECK_OK(writer_steal_text(&out, &text));
        CHECK_TEXT(text, "{\n  \"a\": \"b\"\n}\n");
}

static void misuse_never_gives_a_document(void)
{
        cleanup_writer Writer out = WRITER_INIT(1000);
        JsonWriter open = JSON_WRITER_INIT(&out), empty = JSON_WRITER_INIT(&out), two = JSON_WRITER_INIT(&out),
                   key = JSON_WRITER_INIT(&out), deep = JSON_WRITER_INIT(&out);

        json_writer_open_array(&open, NULL);
        CHECK_RESULT(json_writer_finish(&open), -EINVAL);
        CHECK_RESULT(json_writer_finish(&empty), -EINVAL);
        json_writer_int(&two, NULL, 1);
        json_writer_int(&two, NULL, 2);
        CHECK_RESULT(json_writer_finish(&two), -EINVAL);
        json_writer_open_object(&key, NULL);
        json_writer_int(&key, NULL, 1);
        json_writer_close(&key);
        CHECK_RESULT(json_writer_finish(&key), -EINVAL);
        for (int i = 0; i < 1000; i++) json_writer_open_array(&deep, NULL);
        for (int i = 0; i < 1000; i++) json_writer_close(&deep);
        CHECK_RESULT(json_writer_finish(&deep), -EINVAL);
}

int main(void)
{
        RUN(nested_values_are_well_formed);
        RUN(hostile_text_is_escaped);
        RUN(lines_are_indented);
        RUN(misuse_never_gives_a_document);
        return 0;
}
