/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unlock/fields.h"

#include "base/error.h"
#include "base/hex.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

Field field_root(const JsonValue *document)
{
        return (Field){ .value = document };
}

int field_refuse(const Field *f, const char *fmt, ...)
{
        char words[256];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(words, sizeof(words), fmt, ap);
        va_end(ap);
        return error_set(-EBADMSG, "%s: %s", f->path[0] ? f->path : "metadata", words);
}

/* lib/json's detail, with the path in front. */
static int refuse_as_json_says(const Field *f)
{
        return error_prefix(-EBADMSG, "%s", f->path[0] ? f->path : "metadata");
}

/* The path is for people: one that is too long is cut. */
static Field below(const Field *f, const char *key, const JsonValue *value)
{
        Field child = { .value = value };

        (void)snprintf(child.path, sizeof(child.path), "%.60s%s%.32s", f->path, f->path[0] ? "." : "", key);
        return child;
}

static bool is_listed(const char *key, const char *const *keys)
{
        for (; keys && *keys; keys++)
                if (strcmp(key, *keys) == 0) return true;
        return false;
}

typedef struct Keys {
        const Field *object;
        const char *const *required, *const *optional;
} Keys;

static int check_key(const char *key, const JsonValue *value, void *context)
{
        const Keys *k = context;
        Field f;

        if (is_listed(key, k->required) || is_listed(key, k->optional)) return 0;
        f = below(k->object, key, value);
        return field_refuse(&f, "unknown member");
}

int field_object(const Field *f, const char *const *required, const char *const *optional)
{
        Keys k = { .object = f, .required = required, .optional = optional };
        Field member;
        int r;

        if (json_value_kind(f->value) != JSON_OBJECT)
                return field_refuse(f, "%s where an object is expected",
                                    json_kind_name(json_value_kind(f->value)));
        r = json_value_each(f->value, check_key, &k);
        if (r < 0) return r;
        for (; *required; required++) {
                r = field_member(f, *required, &member);
                if (r < 0) return r;
        }
        return 0;
}

int field_member(const Field *f, const char *key, Field *ret)
{
        const JsonValue *v = NULL;
        int r;

        r = json_value_member(f->value, key, &v);
        if (r == -ENOENT) {
                const Field missing = below(f, key, NULL);

                return field_refuse(&missing, "missing");
        }
        if (r < 0) return refuse_as_json_says(f);
        *ret = below(f, key, v);
        return 0;
}

int field_optional(const Field *f, const char *key, Field *ret, bool *ret_there)
{
        const JsonValue *v = NULL;
        int r;

        r = json_value_member(f->value, key, &v);
        if (r < 0 && r != -ENOENT) return refuse_as_json_says(f);
        if (r == 0) *ret = below(f, key, v);
        *ret_there = r == 0;
        return 0;
}

int field_array(const Field *f, size_t max, size_t *ret_n)
{
        const size_t n = json_value_count(f->value);

        if (json_value_kind(f->value) != JSON_ARRAY)
                return field_refuse(f, "%s where an array is expected", json_kind_name(json_value_kind(f->value)));
        if (n > max) return field_refuse(f, "%zu elements, above %zu", n, max);
        *ret_n = n;
        return 0;
}

int field_element(const Field *f, size_t i, Field *ret)
{
        const JsonValue *v = NULL;
        char index[24];

        if (json_value_element(f->value, i, &v) < 0) return refuse_as_json_says(f);
        (void)snprintf(index, sizeof(index), "%zu", i);
        *ret = below(f, index, v);
        return 0;
}

int field_number(const char *text, int max)
{
        const size_t digits = strspn(text, "0123456789");
        int n = 0;

        if (digits == 0 || digits > 4 || text[digits] != '\0' || (text[0] == '0' && digits > 1)) return -1;
        for (const char *c = text; *c; c++) n = 10 * n + (*c - '0');
        return n < max ? n : -1;
}

typedef struct Numbered {
        const Field *object;
        int max;
        int (*visit)(const Field *f, int number, void *context);
        void *context;
} Numbered;

static int visit_numbered(const char *key, const JsonValue *value, void *context)
{
        const Numbered *n = context;
        const Field f = below(n->object, key, value);
        const int number = field_number(key, n->max);

        if (number < 0) return field_refuse(&f, "the name is not a number below %d", n->max);
        return n->visit(&f, number, n->context);
}

int field_each_numbered(const Field *f, int max, int (*visit)(const Field *f, int number, void *context),
                        void *context)
{
        Numbered n = { .object = f, .max = max, .visit = visit, .context = context };

        if (json_value_kind(f->value) != JSON_OBJECT)
                return field_refuse(f, "%s where an object is expected",
                                    json_kind_name(json_value_kind(f->value)));
        return json_value_each(f->value, visit_numbered, &n);
}

int field_text(const Field *f, const char *key, const char **ret)
{
        Field member;
        int r;

        r = field_member(f, key, &member);
        if (r < 0) return r;
        return json_value_text(member.value, ret) < 0 ? refuse_as_json_says(&member) : 0;
}

int field_int(const Field *f, const char *key, int64_t min, int64_t max, int64_t *ret)
{
        Field member;
        int r;

        r = field_member(f, key, &member);
        if (r < 0) return r;
        return json_value_int(member.value, min, max, ret) < 0 ? refuse_as_json_says(&member) : 0;
}

int field_u64(const Field *f, const char *key, uint64_t *ret)
{
        const char *text = NULL;
        uint64_t n = 0;
        Field member;
        int r;

        r = field_text(f, key, &text);
        if (r < 0) return r;
        member = below(f, key, NULL);
        if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
                return field_refuse(&member, "'%.32s' is not a decimal number", text);
        for (const char *c = text; *c; c++) {
                if (*c < '0' || *c > '9' || __builtin_mul_overflow(n, 10U, &n) ||
                    __builtin_add_overflow(n, (uint64_t)(*c - '0'), &n))
                        return field_refuse(&member, "'%.32s' is not a decimal number of 64 bits", text);
        }
        *ret = n;
        return 0;
}

int field_word(const Field *f, const char *key, const char *const *words, char *ret, size_t size)
{
        const char *text = NULL;
        Field member;
        int r;

        r = field_text(f, key, &text);
        if (r < 0) return r;
        member = below(f, key, NULL);
        if (!is_listed(text, words) || strlen(text) >= size)
                return field_refuse(&member, "'%.48s' is not allowed", text);
        memcpy(ret, text, strlen(text) + 1);
        return 0;
}

int field_hex_new(const Field *f, const char *key, size_t min, size_t max, uint8_t **ret, size_t *ret_size)
{
        cleanup_free uint8_t *data = NULL;
        const char *text = NULL;
        Field member;
        size_t n;
        int r;

        r = field_text(f, key, &text);
        if (r < 0) return r;
        member = below(f, key, NULL);
        n = strlen(text) / 2;
        if (text[strspn(text, "0123456789abcdef")] != '\0' || strlen(text) % 2 != 0)
                return field_refuse(&member, "not bytes in lower-case hex");
        if (n < min || n > max) return field_refuse(&member, "%zu bytes, not %zu to %zu", n, min, max);
        data = malloc(n + 1);
        if (!data) return -ENOMEM;
        r = hex_decode(text, data, n);
        if (r < 0) return field_refuse(&member, "not bytes in lower-case hex");
        *ret = TAKE_PTR(data);
        *ret_size = n;
        return 0;
}

int field_hex(const Field *f, const char *key, uint8_t *ret, size_t n)
{
        cleanup_free uint8_t *data = NULL;
        size_t size = 0;
        int r;

        r = field_hex_new(f, key, n, n, &data, &size);
        if (r < 0) return r;
        memcpy(ret, data, n);
        return 0;
}

static int base64_value(char c)
{
        if (c >= 'A' && c <= 'Z') return c - 'A';
        if (c >= 'a' && c <= 'z') return c - 'a' + 26;
        if (c >= '0' && c <= '9') return c - '0' + 52;
        if (c == '+') return 62;
        return c == '/' ? 63 : -1;
}

/* Strict: whole quanta, padding only at the end, unused bits zero. The number of bytes, or -1. */
static ssize_t base64_decode(const char *text, size_t max, uint8_t *ret)
{
        const size_t length = strlen(text);
        const size_t pad = length >= 4 ? (size_t)(text[length - 1] == '=') + (text[length - 2] == '=') : 0;
        uint32_t bits = 0;
        size_t n = 0;

        if (length % 4 != 0 || length / 4 * 3 - pad > max) return -1;
        for (size_t i = 0; i < length; i++) {
                const int v = i >= length - pad ? 0 : base64_value(text[i]);

                if (v < 0) return -1;
                bits = bits << 6 | (uint32_t)v;
                if (i % 4 != 3) continue;
                for (int k = 2; k >= 0; k--)
                        if (n < length / 4 * 3 - pad) ret[n++] = (uint8_t)(bits >> (8 * k));
                        else if ((uint8_t)(bits >> (8 * k)) != 0) return -1;
        }
        return (ssize_t)n;
}

int field_base64(const Field *f, const char *key, size_t min, size_t max, uint8_t *ret, size_t *ret_size)
{
        const char *text = NULL;
        Field member;
        ssize_t n;
        int r;

        r = field_text(f, key, &text);
        if (r < 0) return r;
        member = below(f, key, NULL);
        n = base64_decode(text, max, ret);
        if (n < 0 || (size_t)n < min) return field_refuse(&member, "not %zu to %zu bytes in base64", min, max);
        *ret_size = (size_t)n;
        return 0;
}

int field_number_set(const Field *f, const char *key, uint32_t *ret)
{
        uint32_t set = 0;
        Field array, element;
        size_t n = 0;
        int r;

        r = field_member(f, key, &array);
        if (r == 0) r = field_array(&array, 32, &n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                const char *text = NULL;
                int number;

                r = field_element(&array, i, &element);
                if (r < 0) break;
                if (json_value_text(element.value, &text) < 0) return refuse_as_json_says(&element);
                number = field_number(text, 32);
                if (number < 0) return field_refuse(&element, "'%.16s' is not a number below 32", text);
                if (set & (1U << number)) return field_refuse(&element, "%d is listed twice", number);
                set |= 1U << number;
        }
        if (r == 0) *ret = set;
        return r;
}
