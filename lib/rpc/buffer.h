/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* RpcBuffer: bytes that may be part of a key. Growing copies to new memory and wipes the old; freeing wipes. */

#include "base/reader.h"

typedef struct RpcBuffer {
        uint8_t *data;
        size_t size; /* bytes held */
        size_t capacity;
} RpcBuffer;

static inline Bytes rpc_buffer_bytes(const RpcBuffer *b)
{
        return BYTES(b->data, b->size);
}

/* Room for `capacity` bytes in all; never shrinks. -ENOMEM. */
_must_check_ int rpc_buffer_reserve(RpcBuffer *b, size_t capacity);
/* Appends; the caller bounds the size. -ENOMEM. */
_must_check_ int rpc_buffer_append(RpcBuffer *b, Bytes bytes);
/* Drops n bytes from the front. */
void rpc_buffer_consume(RpcBuffer *b, size_t n);
/* Wipes, frees; empty afterwards. */
void rpc_buffer_deinit(RpcBuffer *b);
#define cleanup_rpc_buffer _cleanup_(rpc_buffer_deinit)
