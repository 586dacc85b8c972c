/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/der.h"

#include <errno.h>

enum { LENGTH_OCTETS_MAX = 3 }; /* 16 MiB, above everything that is ever read here */

/* X.690, 8.1.3 and 10.1. */
static int read_length(Reader *r, size_t *ret)
{
        uint8_t first, octet;
        size_t length = 0;

        if (reader_u8(r, &first) < 0) return -EBADMSG;
        if (first < 0x80) {
                *ret = first;
                return 0;
        }
        if (first == 0x80 || first > 0x80 + LENGTH_OCTETS_MAX) return -EBADMSG;
        for (unsigned i = first & 0x7f; i > 0; i--) {
                if (reader_u8(r, &octet) < 0) return -EBADMSG;
                if (length == 0 && octet == 0) return -EBADMSG;
                length = length << 8 | octet;
        }
        if (length < 0x80) return -EBADMSG;
        *ret = length;
        return 0;
}

int der_next(Reader *r, uint8_t tag, Bytes *ret)
{
        Reader at = *r;
        uint8_t found;
        size_t length;

        if (reader_u8(&at, &found) < 0 || found != tag || read_length(&at, &length) < 0 ||
            reader_bytes(&at, length, ret) < 0)
                return -EBADMSG;
        *r = at;
        return 0;
}

int der_enter(Reader *r, uint8_t tag, Reader *ret)
{
        Bytes content;
        const int q = der_next(r, tag, &content);

        if (q == 0) *ret = READER_INIT(content);
        return q;
}

int der_whole(Reader *r, uint8_t tag, Bytes *ret)
{
        const Bytes rest = reader_rest(r);
        Bytes content;
        const int q = der_next(r, tag, &content);

        if (q == 0) *ret = BYTES(rest.data, (size_t)(content.data + content.size - rest.data));
        return q;
}

bool der_is(const Reader *r, uint8_t tag)
{
        return reader_left(r) > 0 && reader_rest(r).data[0] == tag;
}

int der_skip_optional(Reader *r, uint8_t tag)
{
        Bytes ignored;

        return der_is(r, tag) ? der_next(r, tag, &ignored) : 0;
}
