/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A growing buffer that leaves nothing behind: realloc() is avoided because it frees the old copy unwiped. */

#include "rpc/buffer.h"

#include "base/secret.h"

#include <errno.h>
#include <string.h>

int rpc_buffer_reserve(RpcBuffer *b, size_t capacity)
{
        uint8_t *data;

        if (capacity <= b->capacity) return 0;
        data = malloc(capacity);
        if (!data) return -ENOMEM;
        if (b->size > 0) memcpy(data, b->data, b->size);
        if (b->data) secret_wipe(b->data, b->capacity);
        free(b->data);
        b->data = data;
        b->capacity = capacity;
        return 0;
}

int rpc_buffer_append(RpcBuffer *b, Bytes bytes)
{
        int r;

        if (bytes.size == 0) return 0;
        if (bytes.size > SIZE_MAX / 2 - b->size) return -ENOMEM;
        if (b->capacity - b->size < bytes.size) {
                r = rpc_buffer_reserve(b, b->size + bytes.size);
                if (r < 0) return r;
        }
        memcpy(b->data + b->size, bytes.data, bytes.size);
        b->size += bytes.size;
        return 0;
}

void rpc_buffer_consume(RpcBuffer *b, size_t n)
{
        const size_t rest = b->size - n;

        if (rest > 0) memmove(b->data, b->data + n, rest);
        if (n > 0) secret_wipe(b->data + rest, n);
        b->size = rest;
}

void rpc_buffer_deinit(RpcBuffer *b)
{
        if (b->data) secret_wipe(b->data, b->capacity);
        free(b->data);
        *b = (RpcBuffer){ 0 };
}
