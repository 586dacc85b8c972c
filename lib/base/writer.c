/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/writer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void writer_deinit(Writer *w)
{
        if (!w->fixed) free(w->data);
        *w = (Writer){ 0 };
}

static int grow(Writer *w, size_t n)
{
        size_t capacity;
        uint8_t *data;

        if (w->size > w->max || n > w->max - w->size) return -EMSGSIZE;
        if (w->fixed) return -EMSGSIZE;
        capacity = w->capacity < 64 ? 64 : w->capacity;
        while (capacity - w->size < n) capacity = capacity > w->max / 2 ? w->max : capacity * 2;
        data = realloc(w->data, capacity);
        if (!data) return -ENOMEM;
        w->data = data;
        w->capacity = capacity;
        return 0;
}

static uint8_t *reserve(Writer *w, size_t n)
{
        uint8_t *p;

        if (w->error < 0 || n == 0) return NULL;
        if (w->capacity - w->size < n) w->error = grow(w, n);
        if (w->error < 0) return NULL;
        p = w->data + w->size;
        w->size += n;
        return p;
}

static void integer(Writer *w, uint64_t v, size_t n, bool big)
{
        uint8_t *p = reserve(w, n);

        if (!p) return;
        for (size_t i = 0; i < n; i++) p[big ? n - 1 - i : i] = (uint8_t)(v >> (8 * i));
}

void writer_u8(Writer *w, uint8_t v)
{
        integer(w, v, 1, true);
}

void writer_be16(Writer *w, uint16_t v)
{
        integer(w, v, 2, true);
}

void writer_be32(Writer *w, uint32_t v)
{
        integer(w, v, 4, true);
}

void writer_be64(Writer *w, uint64_t v)
{
        integer(w, v, 8, true);
}

void writer_le16(Writer *w, uint16_t v)
{
        integer(w, v, 2, false);
}

void writer_le32(Writer *w, uint32_t v)
{
        integer(w, v, 4, false);
}

void writer_le64(Writer *w, uint64_t v)
{
        integer(w, v, 8, false);
}

void writer_bytes(Writer *w, Bytes b)
{
        uint8_t *p = reserve(w, b.size);

        if (p && b.size > 0) memcpy(p, b.data, b.size);
}

void writer_text(Writer *w, const char *text)
{
        writer_bytes(w, BYTES(text, strlen(text)));
}

void writer_format(Writer *w, const char *fmt, ...)
{
        char *text = NULL;
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vasprintf(&text, fmt, ap);
        va_end(ap);
        if (n < 0) {
                if (w->error == 0) w->error = -ENOMEM;
                return;
        }
        writer_bytes(w, BYTES(text, (size_t)n));
        free(text);
}

void writer_tpm2b(Writer *w, Bytes b)
{
        if (b.size > UINT16_MAX) {
                if (w->error == 0) w->error = -EMSGSIZE;
                return;
        }
        writer_be16(w, (uint16_t)b.size);
        writer_bytes(w, b);
}

void writer_prefixed(Writer *w, Bytes b)
{
        if (b.size > UINT32_MAX) {
                if (w->error == 0) w->error = -EMSGSIZE;
                return;
        }
        writer_be32(w, (uint32_t)b.size);
        writer_bytes(w, b);
}

int writer_finish(Writer *w, Bytes *ret)
{
        if (w->error < 0) return w->error;
        *ret = BYTES(w->data, w->size);
        return 0;
}

int writer_steal(Writer *w, uint8_t **ret_data, size_t *ret_size)
{
        if (w->error < 0) return w->error;
        *ret_size = w->size;
        *ret_data = w->data;
        *w = (Writer){ .max = w->max };
        return 0;
}

int writer_steal_text(Writer *w, char **ret)
{
        uint8_t *data;
        size_t size;
        int r;

        writer_u8(w, 0);
        r = writer_steal(w, &data, &size);
        if (r < 0) return r;
        *ret = (char *)data;
        return 0;
}
