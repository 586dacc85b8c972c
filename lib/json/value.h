/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* JSON read: a parsed document and typed questions to it. RFC 8259, strictly: valid UTF-8, no comments, no
 * trailing text, no duplicate keys (a reader that took the other one of two would decide otherwise). */

#include "base/reader.h"

enum {
        /* Policies and PCR files are flat; json-c recurses, so this also bounds its stack. */
        JSON_DEPTH_MAX = 16,
};

/* One value; a view into its document, except the one json_value_parse gave. */
typedef struct JsonValue JsonValue;

typedef enum JsonKind {
        JSON_NULL,
        JSON_BOOL,
        JSON_INT,
        JSON_DOUBLE,
        JSON_TEXT,
        JSON_ARRAY,
        JSON_OBJECT,
} JsonKind;

/* Parses text of at most max bytes. -EBADMSG with the offset in the detail, -EFBIG, -ENOMEM. */
_must_check_ int json_value_parse(Bytes text, size_t max, JsonValue **ret);
void json_value_free(JsonValue *document);
DEFINE_CLEANUP(JsonValue, json_value_free)
#define cleanup_json _cleanup_(json_value_freep)

JsonKind json_value_kind(const JsonValue *v);
/* "null", "boolean", "integer", "number", "string", "array", "object". */
const char *json_kind_name(JsonKind kind);

/* Each of these: -EBADMSG and a detail that names the kind found where it is of another kind. */
_must_check_ int json_value_bool(const JsonValue *v, bool *ret);
_must_check_ int json_value_int(const JsonValue *v, int64_t min, int64_t max, int64_t *ret); /* -ERANGE */
/* A view that ends in a NUL; a text with a NUL inside is -EBADMSG. */
_must_check_ int json_value_text(const JsonValue *v, const char **ret);
/* Decoded hex of exactly n bytes. */
_must_check_ int json_value_hex(const JsonValue *v, uint8_t *ret, size_t n);

/* Members of an object, elements of an array; 0 for other kinds. */
size_t json_value_count(const JsonValue *v);
/* -ENOENT where the object has no such key; the value may be null. -EBADMSG if v is no object. */
_must_check_ int json_value_member(const JsonValue *v, const char *key, const JsonValue **ret);
/* The i-th element of an array. -ENOENT, -EBADMSG. */
_must_check_ int json_value_element(const JsonValue *v, size_t i, const JsonValue **ret);
/* Calls visit for each member, in the order of the text, until it returns something else than 0, and returns
 * that. -EBADMSG if v is no object. */
_must_check_ int json_value_each(const JsonValue *v,
                                 int (*visit)(const char *key, const JsonValue *value, void *context),
                                 void *context);
/* Refuses an object with a key that is not in the list (NULL-terminated): -EBADMSG, the detail names it. */
_must_check_ int json_value_only_keys(const JsonValue *v, const char *const *keys);
