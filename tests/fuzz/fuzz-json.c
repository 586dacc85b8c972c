/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as JSON: what is accepted is written again, and that is accepted too. */

#include "fuzz.h"

#include "json/value.h"
#include "json/writer.h"

#include <stdlib.h>

enum { TEXT_MAX = 1 << 20 };

static int copy(const char *key, const JsonValue *v, void *context);

static void copy_elements(const JsonValue *v, JsonWriter *w)
{
        for (size_t i = 0; i < json_value_count(v); i++) {
                const JsonValue *element;

                if (json_value_element(v, i, &element) != 0 || copy(NULL, element, w) != 0) abort();
        }
}

/* A number that is no integer comes out as 0: what counts is the shape. */
static int copy(const char *key, const JsonValue *v, void *context)
{
        JsonWriter *w = context;
        const char *text = NULL;
        int64_t n = 0;
        bool b = false;

        switch (json_value_kind(v)) {
        case JSON_OBJECT:
                json_writer_open_object(w, key);
                if (json_value_each(v, copy, w) != 0) abort();
                json_writer_close(w);
                break;
        case JSON_ARRAY:
                json_writer_open_array(w, key);
                copy_elements(v, w);
                json_writer_close(w);
                break;
        case JSON_BOOL:
                IGNORE_RESULT(json_value_bool(v, &b));
                json_writer_bool(w, key, b);
                break;
        case JSON_TEXT:
                IGNORE_RESULT(json_value_text(v, &text));
                json_writer_text(w, key, text);
                break;
        case JSON_NULL: json_writer_text(w, key, NULL); break;
        case JSON_INT:
        case JSON_DOUBLE:
        default:
                IGNORE_RESULT(json_value_int(v, INT64_MIN, INT64_MAX, &n));
                json_writer_int(w, key, n);
                break;
        }
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_json JsonValue *document = NULL, *again = NULL;
        cleanup_writer Writer out = WRITER_INIT(16 * TEXT_MAX);
        JsonWriter w = JSON_WRITER_INIT(&out);
        Bytes text;

        if (json_value_parse(BYTES(data, size), TEXT_MAX, &document) < 0) return 0;
        if (copy(NULL, document, &w) != 0 || json_writer_finish(&w) < 0 || writer_finish(&out, &text) < 0) abort();
        /* A lone number or word is no document to json-c's reader of a whole text. */
        if (text.data[0] != '{' && text.data[0] != '[') return 0;
        if (json_value_parse(text, 16 * TEXT_MAX, &again) < 0) abort();
        return 0;
}
