/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reader: the one cursor through which every foreign byte passes.
 *
 * A Reader never owns what it reads and never moves past its end. A read that does not fit returns -EBADMSG
 * and leaves the cursor where it was, so the caller can name the offset. A nested structure gets a Reader of
 * its own (reader_sub), and reader_finish refuses trailing bytes. */

#include "base/macros.h"

typedef struct Bytes {
        const uint8_t *data;
        size_t size;
} Bytes;

#define BYTES(p, n) ((Bytes){ .data = (const uint8_t *)(p), .size = (n) })
#define BYTES_ARRAY(a) BYTES((a), sizeof(a))
/* A string literal or array without its final NUL. */
#define BYTES_LITERAL(s) BYTES((s), sizeof(s) - 1)

/* Not for secrets: crypto_equal() is the comparison in constant time. */
bool bytes_equal(Bytes a, Bytes b);

typedef struct Reader {
        const uint8_t *data;
        size_t size;
        size_t at; /* offset of the next byte; at <= size always */
} Reader;

#define READER_INIT(bytes) ((Reader){ .data = (bytes).data, .size = (bytes).size, .at = 0 })

static inline size_t reader_left(const Reader *r)
{
        return r->size - r->at;
}

_must_check_ int reader_u8(Reader *r, uint8_t *ret);
_must_check_ int reader_be16(Reader *r, uint16_t *ret);
_must_check_ int reader_be32(Reader *r, uint32_t *ret);
_must_check_ int reader_be64(Reader *r, uint64_t *ret);
_must_check_ int reader_le16(Reader *r, uint16_t *ret);
_must_check_ int reader_le32(Reader *r, uint32_t *ret);
_must_check_ int reader_le64(Reader *r, uint64_t *ret);

/* n bytes in place; the view lives as long as the reader's memory. */
_must_check_ int reader_bytes(Reader *r, size_t n, Bytes *ret);
/* n bytes copied to dst, which has room for n. */
_must_check_ int reader_copy(Reader *r, void *dst, size_t n);
_must_check_ int reader_skip(Reader *r, size_t n);
/* A reader over the next n bytes; r moves behind them. */
_must_check_ int reader_sub(Reader *r, size_t n, Reader *ret);
/* A TPM2B: a be16 size, then so many bytes. */
_must_check_ int reader_tpm2b(Reader *r, Bytes *ret);
/* What is left, as a view; moves nothing. */
Bytes reader_rest(const Reader *r);
/* 0 if everything was read, -EBADMSG if bytes are left. */
_must_check_ int reader_finish(const Reader *r);
