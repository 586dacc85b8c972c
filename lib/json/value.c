/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* json-c does the parsing; its types stay in this file. A JsonValue is a json_object by another name. JSON's
 * null is a NULL pointer in json-c, so it gets an object of its own here to have an address.
 *
 * json-c keeps the last of two equal keys without a word. Duplicates are found by counting: the text is
 * scanned for the members it has, and the tree must have as many. */

#include "json/value.h"

#include "base/error.h"
#include "base/hex.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

static const JsonValue *const null_value = (const JsonValue *)"null";

static const JsonValue *wrap(struct json_object *o)
{
        return o ? (const JsonValue *)o : null_value;
}

static struct json_object *unwrap(const JsonValue *v)
{
        return v == null_value ? NULL : (struct json_object *)(uintptr_t)v;
}

/* Members of all objects in well-formed text, that is the colons outside of strings; and the place of the first
 * character outside of them that JSON has no use for: json-c takes single quotes around keys, NaN, Infinity
 * and control characters in strings even when told to be strict. */
static size_t members_in_text(Bytes text, size_t *ret_foreign)
{
        static const char json[] = "{}[]:,\"+-.0123456789eE \t\r\ntruefalsn";
        bool in_string = false;
        size_t n = 0;

        *ret_foreign = SIZE_MAX;
        for (size_t i = 0; i < text.size; i++) {
                const uint8_t c = text.data[i];
                const bool fits = in_string ? c >= 0x20 : memchr(json, c, sizeof(json) - 1) != NULL;

                if (!fits && *ret_foreign == SIZE_MAX) *ret_foreign = i;
                if (in_string && c == '\\') i++;
                else if (c == '"') in_string = !in_string;
                else if (!in_string && c == ':') n++;
        }
        return n;
}

static size_t members_in_tree(struct json_object *o)
{
        size_t n = 0;

        if (json_object_is_type(o, json_type_object)) {
                json_object_object_foreach(o, key, value)
                {
                        (void)key;
                        n += 1 + members_in_tree(value);
                }
        } else if (json_object_is_type(o, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        n += members_in_tree(json_object_array_get_idx(o, i));
        }
        return n;
}

static int check_parsed(struct json_tokener *t, Bytes text, struct json_object *o)
{
        const enum json_tokener_error e = json_tokener_get_error(t);
        const size_t end = json_tokener_get_parse_end(t);
        size_t members, foreign;

        if (e == json_tokener_continue)
                return error_set(-EBADMSG, "offset %zu: the JSON ends too early", text.size);
        if (e != json_tokener_success)
                return error_set(-EBADMSG, "offset %zu: not JSON: %s", end, json_tokener_error_desc(e));
        for (size_t i = end; i < text.size; i++)
                if (!strchr(" \t\r\n", text.data[i]) || text.data[i] == 0)
                        return error_set(-EBADMSG, "offset %zu: text after the JSON", i);
        members = members_in_text(text, &foreign);
        if (foreign != SIZE_MAX) return error_set(-EBADMSG, "offset %zu: not JSON", foreign);
        if (members != members_in_tree(o)) return error_set(-EBADMSG, "an object has a key twice");
        return 0;
}

int json_value_parse(Bytes text, size_t max, JsonValue **ret)
{
        struct json_tokener *t;
        struct json_object *o;
        int r;

        if (text.size > max || text.size > INT32_MAX)
                return error_set(-EFBIG, "%zu bytes of JSON, at most %zu are accepted", text.size, max);
        t = json_tokener_new_ex(JSON_DEPTH_MAX);
        if (!t) return -ENOMEM;
        json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
                                          JSON_TOKENER_ALLOW_TRAILING_CHARS);
        o = json_tokener_parse_ex(t, (const char *)text.data, (int)text.size);
        r = check_parsed(t, text, o);
        json_tokener_free(t);
        if (r < 0) {
                (void)json_object_put(o);
                return r;
        }
        *ret = (JsonValue *)(uintptr_t)wrap(o);
        return 0;
}

void json_value_free(JsonValue *document)
{
        (void)json_object_put(unwrap(document));
}

JsonKind json_value_kind(const JsonValue *v)
{
        switch (json_object_get_type(unwrap(v))) {
        case json_type_boolean: return JSON_BOOL;
        case json_type_int: return JSON_INT;
        case json_type_double: return JSON_DOUBLE;
        case json_type_string: return JSON_TEXT;
        case json_type_array: return JSON_ARRAY;
        case json_type_object: return JSON_OBJECT;
        case json_type_null:
        default: return JSON_NULL;
        }
}

const char *json_kind_name(JsonKind kind)
{
        static const char *const names[] = { "null", "boolean", "integer", "number", "string", "array", "object" };

        return kind < ARRAY_SIZE(names) ? names[kind] : "value";
}

static int expect(const JsonValue *v, JsonKind kind)
{
        if (json_value_kind(v) == kind) return 0;
        return error_set(-EBADMSG, "%s where %s is expected", json_kind_name(json_value_kind(v)),
                         json_kind_name(kind));
}

int json_value_bool(const JsonValue *v, bool *ret)
{
        if (expect(v, JSON_BOOL) < 0) return -EBADMSG;
        *ret = json_object_get_boolean(unwrap(v));
        return 0;
}

int json_value_int(const JsonValue *v, int64_t min, int64_t max, int64_t *ret)
{
        int64_t n;

        if (expect(v, JSON_INT) < 0) return -EBADMSG;
        n = json_object_get_int64(unwrap(v));
        if (n < min || n > max)
                return error_set(-ERANGE, "%lld where %lld to %lld is expected", (long long)n, (long long)min,
                                 (long long)max);
        *ret = n;
        return 0;
}

int json_value_text(const JsonValue *v, const char **ret)
{
        const char *text;

        if (expect(v, JSON_TEXT) < 0) return -EBADMSG;
        text = json_object_get_string(unwrap(v));
        if (strlen(text) != (size_t)json_object_get_string_len(unwrap(v)))
                return error_set(-EBADMSG, "a string with a NUL in it");
        *ret = text;
        return 0;
}

int json_value_hex(const JsonValue *v, uint8_t *ret, size_t n)
{
        const char *text;

        if (json_value_text(v, &text) < 0) return -EBADMSG;
        if (hex_decode(text, ret, n) < 0) return error_set(-EBADMSG, "not %zu bytes in hex digits", n);
        return 0;
}

size_t json_value_count(const JsonValue *v)
{
        if (json_value_kind(v) == JSON_OBJECT) return (size_t)json_object_object_length(unwrap(v));
        if (json_value_kind(v) == JSON_ARRAY) return json_object_array_length(unwrap(v));
        return 0;
}

int json_value_member(const JsonValue *v, const char *key, const JsonValue **ret)
{
        struct json_object *member;

        if (expect(v, JSON_OBJECT) < 0) return -EBADMSG;
        if (!json_object_object_get_ex(unwrap(v), key, &member)) return error_set(-ENOENT, "no member '%s'", key);
        *ret = wrap(member);
        return 0;
}

int json_value_element(const JsonValue *v, size_t i, const JsonValue **ret)
{
        if (expect(v, JSON_ARRAY) < 0) return -EBADMSG;
        if (i >= json_object_array_length(unwrap(v))) return error_set(-ENOENT, "no element %zu", i);
        *ret = wrap(json_object_array_get_idx(unwrap(v), i));
        return 0;
}

int json_value_each(const JsonValue *v, int (*visit)(const char *key, const JsonValue *value, void *context),
                    void *context)
{
        if (expect(v, JSON_OBJECT) < 0) return -EBADMSG;
        json_object_object_foreach(unwrap(v), key, value)
        {
                int r = visit(key, wrap(value), context);

                if (r != 0) return r;
        }
        return 0;
}

static int check_key(const char *key, const JsonValue *value, void *context)
{
        (void)value;
        for (const char *const *k = context; *k; k++)
                if (strcmp(*k, key) == 0) return 0;
        return error_set(-EBADMSG, "unknown member '%s'", key);
}

int json_value_only_keys(const JsonValue *v, const char *const *keys)
{
        return json_value_each(v, check_key, (void *)(uintptr_t)keys);
}
