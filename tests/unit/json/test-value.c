/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "json/value.h"

#include <errno.h>

static int parse(const char *text, JsonValue **ret)
{
        return json_value_parse(BYTES(text, strlen(text)), 4096, ret);
}

static void members_have_their_kinds(void)
{
        cleanup_json JsonValue *doc = NULL;
        const JsonValue *v, *e;
        const char *text;
        uint8_t two[2];
        int64_t n;
        bool b;

        CHECK_OK(parse(" {\"t\": \"a\\u00e9:{\", \"n\": 42, \"b\": true, \"z\": null, \"l\": [\"01Ab\", {\"x\": "
                       "1.5}]} \n",
                       &doc));
        CHECK(json_value_kind(doc) == JSON_OBJECT && json_value_count(doc) == 5);
        CHECK_OK(json_value_member(doc, "t", &v));
        CHECK_OK(json_value_text(v, &text));
        CHECK_TEXT(text, "a\xc3\xa9:{");
        CHECK_RESULT(json_value_bool(v, &b), -EBADMSG);
        CHECK_OK(json_value_member(doc, "n", &v));
        CHECK_OK(json_value_int(v, 0, 42, &n));
        CHECK(n == 42);
        CHECK_RESULT(json_value_int(v, 0, 41, &n), -ERANGE);
        CHECK_OK(json_value_member(doc, "b", &v));
        CHECK_OK(json_value_bool(v, &b));
        CHECK(b);
        CHECK_OK(json_value_member(doc, "z", &v));
        CHECK(json_value_kind(v) == JSON_NULL && json_value_count(v) == 0);
        CHECK_OK(json_value_member(doc, "l", &v));
        CHECK(json_value_count(v) == 2);
        CHECK_OK(json_value_element(v, 0, &e));
        CHECK_OK(json_value_hex(e, two, 2));
        CHECK(two[0] == 1 && two[1] == 0xab);
        CHECK_RESULT(json_value_hex(e, two, 1), -EBADMSG);
        CHECK_RESULT(json_value_element(v, 2, &e), -ENOENT);
        CHECK_RESULT(json_value_member(doc, "missing", &v), -ENOENT);
        CHECK_RESULT(json_value_member(v, "x", &v), -EBADMSG);
}

static void what_is_not_strict_json_is_refused(void)
{
        static const char *const bad[] = {
                "",
                "{",
                "{\"a\": 1,}",
                "{'a': 1}",
                "{\"a\": 1} x",
                "{\"a\": 1}{}",
                "/* c */ {}",
                "{\"a\": \"\xff\"}",
                "{\"a\": 1, \"a\": 2}",
                "{\"o\": {\"a\": 1, \"a\": 1}}",
                "[{\"b\": 1, \"\\u0062\": 2}]",
                "[NaN]",
                "{\"a\" 1}",
                "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
                "[01]",
                "[\"a\nb\"]",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                JsonValue *doc = NULL;

                if (parse(bad[i], &doc) != -EBADMSG || doc) fprintf(stderr, "accepted: %s\n", bad[i]);
                CHECK(!doc);
        }
}

static void limits_hold(void)
{
        JsonValue *doc = NULL;

        CHECK_RESULT(json_value_parse(BYTES_LITERAL("[1, 2, 3]"), 8, &doc), -EFBIG);
        CHECK(!doc);
}

static int count(const char *key, const JsonValue *value, void *context)
{
        (void)value;
        *(int *)context += 1;
        return strcmp(key, "stop") == 0 ? 7 : 0;
}

static void visits_stop_when_told(void)
{
        cleanup_json JsonValue *doc = NULL;
        int n = 0;

        CHECK_OK(parse("{\"a\": 1, \"stop\": 2, \"c\": 3}", &doc));
        CHECK_RESULT(json_value_each(doc, count, &n), 7);
        CHECK(n == 2);
}

static void unknown_members_are_named(void)
{
        static const char *const keys[] = { "a", "b", NULL };
        cleanup_json JsonValue *doc = NULL, *more = NULL;

        CHECK_OK(parse("{\"a\": 1}", &doc));
        CHECK_OK(json_value_only_keys(doc, keys));
        CHECK_OK(parse("{\"a\": 1, \"c\": 1}", &more));
        CHECK_RESULT(json_value_only_keys(more, keys), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "'c'"));
}

static void a_text_with_a_nul_is_no_text(void)
{
        cleanup_json JsonValue *doc = NULL;
        const char *text = NULL;

        CHECK_OK(parse("[\"a\\u0000b\"]", &doc));
        {
                const JsonValue *v;

                CHECK_OK(json_value_element(doc, 0, &v));
                CHECK_RESULT(json_value_text(v, &text), -EBADMSG);
                CHECK(!text);
        }
}

int main(void)
{
        RUN(members_have_their_kinds);
        RUN(what_is_not_strict_json_is_refused);
        RUN(limits_hold);
        RUN(visits_stop_when_told);
        RUN(unknown_members_are_named);
        RUN(a_text_with_a_nul_is_no_text);
        return 0;
}
