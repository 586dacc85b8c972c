/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writer: builds a byte string piece by piece, with one check at the end.
 *
 * The first failure sticks: later writes do nothing, and writer_finish tells. The buffer grows up to `max`,
 * which the caller names with its reason; a Writer over caller memory (WRITER_FIXED) never allocates. Not for
 * secrets: growing leaves copies behind. */

#include "base/macros.h"
#include "base/reader.h"

typedef struct Writer {
        uint8_t *data;
        size_t size;     /* bytes written */
        size_t capacity; /* bytes there is room for */
        size_t max;      /* never grows above this */
        int error;       /* 0, or the first failure: -ENOMEM, -EMSGSIZE */
        bool fixed;      /* data is the caller's */
} Writer;

#define WRITER_INIT(limit) ((Writer){ .max = (limit) })
#define WRITER_FIXED(array) \
        ((Writer){ .data = (array), .capacity = sizeof(array), .max = sizeof(array), .fixed = true })

void writer_deinit(Writer *w);
#define cleanup_writer _cleanup_(writer_deinit)

void writer_u8(Writer *w, uint8_t v);
void writer_be16(Writer *w, uint16_t v);
void writer_be32(Writer *w, uint32_t v);
void writer_be64(Writer *w, uint64_t v);
void writer_le16(Writer *w, uint16_t v);
void writer_le32(Writer *w, uint32_t v);
void writer_le64(Writer *w, uint64_t v);
void writer_bytes(Writer *w, Bytes b);
/* The text without its NUL. */
void writer_text(Writer *w, const char *text);
/* printf into the buffer, without a NUL. */
void writer_format(Writer *w, const char *fmt, ...) _printf_(2, 3);
/* A TPM2B: be16 size, then the bytes; -EMSGSIZE above 65535. */
void writer_tpm2b(Writer *w, Bytes b);
/* be32 size, then the bytes: the length-prefixed encoding of everything halfkey hashes. */
void writer_prefixed(Writer *w, Bytes b);

/* The first failure, or 0 and what was written, owned by the writer. */
_must_check_ int writer_finish(Writer *w, Bytes *ret);
/* The same, but the caller owns the memory (free) and the writer is empty. Not for WRITER_FIXED. */
_must_check_ int writer_steal(Writer *w, uint8_t **ret_data, size_t *ret_size);
/* Finishes text: adds a NUL and hands the string to the caller. Not for WRITER_FIXED. */
_must_check_ int writer_steal_text(Writer *w, char **ret);
