/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* LUKS2 metadata field by field: each value knows its path, so that a refusal can name it
 * ("keyslots.1.kdf.iterations: 1000001, above 100000"). Everything here returns -EBADMSG with such a detail
 * for a value that is missing or not as asked for; only -ENOMEM besides. */

#include "base/macros.h"
#include "base/reader.h"
#include "json/value.h"

enum { FIELD_PATH_MAX = 96 };

typedef struct Field {
        const JsonValue *value;
        char path[FIELD_PATH_MAX];
} Field;

/* The document itself; its path is empty. */
Field field_root(const JsonValue *document);
/* A refusal of f: "PATH: " and the words. */
_must_check_ int field_refuse(const Field *f, const char *fmt, ...) _printf_(2, 3);

/* An object with all the keys of `required` and none but these and `optional` (both NULL-terminated; optional
 * may be NULL). */
_must_check_ int field_object(const Field *f, const char *const *required, const char *const *optional);
/* A member that must be there. */
_must_check_ int field_member(const Field *f, const char *key, Field *ret);
/* A member that may be missing: *ret_there tells, and *ret is written only then. */
_must_check_ int field_optional(const Field *f, const char *key, Field *ret, bool *ret_there);
/* The i-th element of an array of 0..max elements: the number of elements first. */
_must_check_ int field_array(const Field *f, size_t max, size_t *ret_n);
_must_check_ int field_element(const Field *f, size_t i, Field *ret);
/* Calls visit for each member of an object whose keys are all decimal numbers 0..max-1 without leading zeros. */
_must_check_ int field_each_numbered(const Field *f, int max,
                                     int (*visit)(const Field *f, int number, void *context), void *context);

/* These take the parent and the key, since that is what a caller has. */
_must_check_ int field_text(const Field *f, const char *key, const char **ret);
_must_check_ int field_int(const Field *f, const char *key, int64_t min, int64_t max, int64_t *ret);
/* A 64-bit number as LUKS2 writes it: a string of decimal digits, no sign, no leading zeros. */
_must_check_ int field_u64(const Field *f, const char *key, uint64_t *ret);
/* One of the words (NULL-terminated); which one is copied to ret, which has room for size. */
_must_check_ int field_word(const Field *f, const char *key, const char *const *words, char *ret, size_t size);
/* Lower-case hex of exactly n bytes. */
_must_check_ int field_hex(const Field *f, const char *key, uint8_t *ret, size_t n);
/* Lower-case hex of min..max bytes, the caller's to free. */
_must_check_ int field_hex_new(const Field *f, const char *key, size_t min, size_t max, uint8_t **ret,
                               size_t *ret_size);
/* Base64 (RFC 4648 section 4, with padding) of min..max bytes into ret, which has room for max. */
_must_check_ int field_base64(const Field *f, const char *key, size_t min, size_t max, uint8_t *ret,
                              size_t *ret_size);
/* The numbers 0..31 that an array of decimal strings holds, each once, as bits. */
_must_check_ int field_number_set(const Field *f, const char *key, uint32_t *ret);
/* A decimal number below max without leading zeros; -1 for anything else. */
int field_number(const char *text, int max);
