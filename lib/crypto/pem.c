/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/pem.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_MAX = 32, LINE = 64 };

static char base64_digit(unsigned v)
{
        if (v < 26) return (char)('A' + v);
        if (v < 52) return (char)('a' + v - 26);
        if (v < 62) return (char)('0' + v - 52);
        return v == 62 ? '+' : '/';
}

static int base64_value(uint8_t c)
{
        if (c >= 'A' && c <= 'Z') return c - 'A';
        if (c >= 'a' && c <= 'z') return c - 'a' + 26;
        if (c >= '0' && c <= '9') return c - '0' + 52;
        if (c == '+') return 62;
        return c == '/' ? 63 : -1;
}

/* Bytes of the text between the two marker lines. */
static size_t body_size(size_t content)
{
        const size_t digits = (content + 2) / 3 * 4;

        return digits + (digits + LINE - 1) / LINE;
}

static void put_body(char *dst, Bytes b)
{
        size_t column = 0;

        for (size_t i = 0; i < b.size; i += 3) {
                const size_t left = b.size - i;
                const unsigned v = (unsigned)b.data[i] << 16 | (left > 1 ? (unsigned)b.data[i + 1] << 8 : 0) |
                                   (left > 2 ? (unsigned)b.data[i + 2] : 0);

                *dst++ = base64_digit(v >> 18);
                *dst++ = base64_digit(v >> 12 & 63);
                *dst++ = left > 1 ? base64_digit(v >> 6 & 63) : '=';
                *dst++ = left > 2 ? base64_digit(v & 63) : '=';
                column += 4;
                if (column == LINE || left <= 3) {
                        *dst++ = '\n';
                        column = 0;
                }
        }
}

int pem_encode_secret(const char *label, Bytes content, Secret **ret)
{
        const size_t markers = strlen("-----BEGIN -----\n-----END -----\n") + 2 * strlen(label);
        cleanup_secret Secret *s = NULL;
        size_t head;
        int r;

        if (content.size > PEM_SIZE_MAX - 1024 || strlen(label) > LABEL_MAX) return -EMSGSIZE;
        if (content.size == 0) return -EINVAL;
        /* one more for snprintf's NUL, cut off again */
        r = secret_new(markers + body_size(content.size) + 1, &s);
        if (r < 0) return r;
        head = (size_t)snprintf((char *)s->data, s->size, "-----BEGIN %s-----\n", label);
        put_body((char *)s->data + head, content);
        head += body_size(content.size);
        (void)snprintf((char *)s->data + head, s->size - head, "-----END %s-----\n", label);
        secret_truncate(s, s->size - 1);
        *ret = TAKE_PTR(s);
        return 0;
}

void pem_encode(Writer *w, const char *label, Bytes content)
{
        cleanup_secret Secret *s = NULL;
        const int r = pem_encode_secret(label, content, &s);

        if (r < 0) {
                if (w->error == 0) w->error = r;
                return;
        }
        writer_bytes(w, secret_bytes(s));
}

/* Finds `mark` in the text at or behind `from`, at the start of a line; the text's size where it is not there. */
static size_t find_line(Bytes text, size_t from, const char *mark)
{
        const size_t n = strlen(mark);

        for (size_t i = from; i + n <= text.size; i++)
                if ((i == 0 || text.data[i - 1] == '\n') && bytes_equal(BYTES(text.data + i, n), BYTES(mark, n)))
                        return i;
        return text.size;
}

static int find_block(Bytes text, const char *label, size_t index, Bytes *ret_body)
{
        char begin[LABEL_MAX + 32], end[LABEL_MAX + 32];
        size_t at = 0;

        if (strlen(label) > LABEL_MAX) return -EINVAL;
        (void)snprintf(begin, sizeof(begin), "-----BEGIN %s-----", label);
        (void)snprintf(end, sizeof(end), "-----END %s-----", label);
        for (;; index--) {
                size_t start = find_line(text, at, begin), stop;

                if (start == text.size) return PEM_E_END;
                start += strlen(begin);
                stop = find_line(text, start, end);
                if (stop == text.size) return error_set(-EBADMSG, "a PEM block %s without its end", label);
                if (index == 0) {
                        *ret_body = BYTES(text.data + start, stop - start);
                        return 0;
                }
                at = stop + strlen(end);
        }
}

/* Decodes into dst, which has room for three bytes every four characters of the body. */
static int decode_body(Bytes body, uint8_t *dst, size_t *ret_size)
{
        size_t n = 0, digits = 0, padding = 0;
        uint32_t v = 0;

        for (size_t i = 0; i < body.size; i++) {
                const uint8_t c = body.data[i];
                const int value = base64_value(c);

                if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
                if ((c != '=' && value < 0) || (c != '=' && padding > 0)) return -EBADMSG;
                padding += c == '=';
                v = v << 6 | (c == '=' ? 0U : (uint32_t)value);
                if (++digits % 4 != 0) continue;
                dst[n++] = (uint8_t)(v >> 16);
                dst[n++] = (uint8_t)(v >> 8);
                dst[n++] = (uint8_t)v;
        }
        if (digits == 0 || digits % 4 != 0 || padding > 2) return -EBADMSG;
        *ret_size = n - padding;
        return 0;
}

int pem_decode_base64(Bytes text, uint8_t *ret, size_t room, size_t *ret_size)
{
        /* decode_body() writes whole groups of three */
        if (text.size / 4 * 3 > room + 2) return error_set(-EMSGSIZE, "more than %zu bytes", room);
        cleanup_free uint8_t *all = malloc(text.size / 4 * 3 + 3);
        size_t n;

        if (!all) return -ENOMEM;
        if (decode_body(text, all, &n) < 0) return error_set(-EBADMSG, "not base64");
        if (n > room) return error_set(-EMSGSIZE, "more than %zu bytes", room);
        memcpy(ret, all, n);
        *ret_size = n;
        return 0;
}

static int decode(Bytes text, const char *label, size_t index, Secret **ret)
{
        cleanup_secret Secret *s = NULL;
        Bytes body;
        size_t n;
        int r;

        r = find_block(text, label, index, &body);
        if (r != 0) return r;
        r = secret_new(body.size / 4 * 3 + 3, &s);
        if (r < 0) return r;
        r = decode_body(body, s->data, &n);
        if (r < 0) return error_set(r, "a PEM block %s that is not base64", label);
        secret_truncate(s, n);
        *ret = TAKE_PTR(s);
        return 0;
}

int pem_decode_secret(Bytes text, const char *label, Secret **ret)
{
        const int r = decode(text, label, 0, ret);

        return r == PEM_E_END ? error_set(-EBADMSG, "no PEM block %s in it", label) : r;
}

int pem_decode(Bytes text, const char *label, size_t index, uint8_t **ret, size_t *ret_size)
{
        cleanup_secret Secret *s = NULL;
        uint8_t *copy;
        int r;

        r = decode(text, label, index, &s);
        if (r != 0) return r;
        copy = malloc(s->size);
        if (!copy) return -ENOMEM;
        memcpy(copy, s->data, s->size);
        *ret = copy;
        *ret_size = s->size;
        return 0;
}
