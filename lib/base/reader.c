/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All bounds checks of the project's parsers come down to the one comparison in take(): it subtracts what is
 * known to be no larger, so no sum of attacker-chosen lengths is ever formed. */

#include "base/reader.h"

#include <errno.h>
#include <string.h>

bool bytes_equal(Bytes a, Bytes b)
{
        return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static int take(Reader *r, size_t n, const uint8_t **ret)
{
        if (n > r->size - r->at) return -EBADMSG;
        *ret = r->data ? r->data + r->at : NULL;
        r->at += n;
        return 0;
}

static int be(Reader *r, size_t n, uint64_t *ret)
{
        const uint8_t *p;
        uint64_t v = 0;

        if (take(r, n, &p) < 0) return -EBADMSG;
        for (size_t i = 0; i < n; i++) v = v << 8 | p[i];
        *ret = v;
        return 0;
}

static int le(Reader *r, size_t n, uint64_t *ret)
{
        const uint8_t *p;
        uint64_t v = 0;

        if (take(r, n, &p) < 0) return -EBADMSG;
        for (size_t i = n; i > 0; i--) v = v << 8 | p[i - 1];
        *ret = v;
        return 0;
}

#define DEFINE_INT(name, type, order)                                \
        int reader_##name(Reader *r, type *ret)                      \
        {                                                            \
                uint64_t v;                                          \
                                                                     \
                if (order(r, sizeof(type), &v) < 0) return -EBADMSG; \
                *ret = (type)v;                                      \
                return 0;                                            \
        }

DEFINE_INT(u8, uint8_t, be)
DEFINE_INT(be16, uint16_t, be)
DEFINE_INT(be32, uint32_t, be)
DEFINE_INT(be64, uint64_t, be)
DEFINE_INT(le16, uint16_t, le)
DEFINE_INT(le32, uint32_t, le)
DEFINE_INT(le64, uint64_t, le)

int reader_bytes(Reader *r, size_t n, Bytes *ret)
{
        const uint8_t *p;

        if (take(r, n, &p) < 0) return -EBADMSG;
        *ret = BYTES(p, n);
        return 0;
}

int reader_copy(Reader *r, void *dst, size_t n)
{
        const uint8_t *p;

        if (take(r, n, &p) < 0) return -EBADMSG;
        if (n > 0) memcpy(dst, p, n);
        return 0;
}

int reader_skip(Reader *r, size_t n)
{
        const uint8_t *p;

        return take(r, n, &p);
}

int reader_sub(Reader *r, size_t n, Reader *ret)
{
        const uint8_t *p;

        if (take(r, n, &p) < 0) return -EBADMSG;
        *ret = (Reader){ .data = p, .size = n };
        return 0;
}

int reader_tpm2b(Reader *r, Bytes *ret)
{
        const size_t start = r->at;
        uint16_t n;

        if (reader_be16(r, &n) < 0) return -EBADMSG;
        if (reader_bytes(r, n, ret) < 0) {
                r->at = start;
                return -EBADMSG;
        }
        return 0;
}

Bytes reader_rest(const Reader *r)
{
        return BYTES(r->data ? r->data + r->at : NULL, r->size - r->at);
}

int reader_finish(const Reader *r)
{
        return r->at == r->size ? 0 : -EBADMSG;
}
