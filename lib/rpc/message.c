/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages out of chunks and chunks out of messages. A message that lies whole in one chunk is handed on in
 * place, so keys are not copied more often than they must; everything copied is wiped. */

#include "rpc/message.h"

#include "base/secret.h"

#include <errno.h>
#include <string.h>

/* First room for a message that comes in pieces: a DATA frame's worth of a small one. */
enum { PARTIAL_MIN = 1024 };

/* What counts above of `used` bytes here. */
static size_t shared(const RpcMemory *m, size_t used)
{
        return used > m->own ? used - m->own : 0;
}

int rpc_memory_take(RpcMemory *m, size_t n)
{
        if (n > m->max - MIN(m->used, m->max)) return -ENOBUFS;
        if (m->above) {
                const size_t more = shared(m, m->used + n) - shared(m, m->used);
                const int r = more > 0 ? rpc_memory_take(m->above, more) : 0;

                if (r < 0) return r;
        }
        m->used += n;
        return 0;
}

void rpc_memory_give(RpcMemory *m, size_t n)
{
        if (m->above) rpc_memory_give(m->above, shared(m, m->used) - shared(m, m->used - n));
        m->used -= n;
}

void rpc_assembler_init(RpcAssembler *a, size_t max, RpcMemory *memory)
{
        *a = (RpcAssembler){ .max = max, .memory = memory };
}

static void drop_partial(RpcAssembler *a)
{
        rpc_memory_give(a->memory, a->partial.capacity);
        rpc_buffer_deinit(&a->partial);
}

void rpc_assembler_deinit(RpcAssembler *a)
{
        if (a->memory) drop_partial(a);
        *a = (RpcAssembler){ 0 };
}

bool rpc_assembler_is_empty(const RpcAssembler *a)
{
        return a->n_prefix == 0;
}

/* Takes what it can of the prefix; 0 with *ret_done telling whether it is complete. */
static int take_prefix(RpcAssembler *a, Reader *r, bool *ret_done)
{
        const size_t n = MIN(RPC_PREFIX_SIZE - a->n_prefix, reader_left(r));
        Reader prefix;
        uint32_t length;

        IGNORE_RESULT(reader_copy(r, a->prefix + a->n_prefix, n)); /* n is what is left or less */
        a->n_prefix += n;
        *ret_done = a->n_prefix == RPC_PREFIX_SIZE;
        if (!*ret_done) return 0;
        if (a->prefix[0] != 0) return RPC_ASSEMBLE_E_COMPRESSED;
        prefix = READER_INIT(BYTES(a->prefix + 1, 4));
        if (reader_be32(&prefix, &length) < 0 || length > a->max) return RPC_ASSEMBLE_E_TOO_BIG;
        a->length = length;
        return 0;
}

/* Doubling, but never beyond the message, and within the shared budget. */
static int make_room(RpcAssembler *a, size_t n)
{
        const size_t need = a->partial.size + n, had = a->partial.capacity;
        size_t capacity = had < PARTIAL_MIN ? PARTIAL_MIN : had;

        if (need <= had) return 0;
        while (capacity < need) capacity *= 2;
        capacity = MIN(capacity, a->length);
        if (rpc_memory_take(a->memory, capacity - had) < 0) return RPC_ASSEMBLE_E_MEMORY;
        if (rpc_buffer_reserve(&a->partial, capacity) == 0) return 0;
        rpc_memory_give(a->memory, capacity - had);
        return RPC_ASSEMBLE_E_MEMORY;
}

/* Takes what it can of the body; a complete message is in *ret_message, with ret_done. */
static int take_body(RpcAssembler *a, Reader *r, bool *ret_done, Bytes *ret_message)
{
        const size_t n = MIN(a->length - a->partial.size, reader_left(r));
        Bytes piece = { 0 };
        int x;

        IGNORE_RESULT(reader_bytes(r, n, &piece)); /* n is what is left or less */
        *ret_done = true;
        if (n == a->length) {
                *ret_message = piece;
                return 0;
        }
        x = make_room(a, n);
        if (x != 0) return x;
        if (rpc_buffer_append(&a->partial, piece) < 0) return RPC_ASSEMBLE_E_MEMORY;
        *ret_done = a->partial.size == a->length;
        *ret_message = rpc_buffer_bytes(&a->partial);
        return 0;
}

int rpc_assembler_feed(RpcAssembler *a, Bytes chunk, int (*message)(void *userdata, Bytes message), void *userdata)
{
        Reader r = READER_INIT(chunk);
        Bytes whole = { 0 };
        bool done;
        int x;

        /* A message of length 0 is complete with its prefix, so the body is looked at even when nothing is left.
         */
        while (reader_left(&r) > 0) {
                if (a->n_prefix < RPC_PREFIX_SIZE) {
                        x = take_prefix(a, &r, &done);
                        if (x != 0) return x;
                        if (!done) break;
                }
                x = take_body(a, &r, &done, &whole);
                if (x != 0) return x;
                if (!done) break;
                a->n_prefix = 0;
                x = message(userdata, whole);
                drop_partial(a);
                if (x != 0) return RPC_ASSEMBLE_E_STOP;
        }
        return 0;
}

struct RpcChunk {
        RpcChunk *next;
        size_t size;
        size_t at;
        uint8_t data[];
};

static void chunk_free(RpcChunk *c)
{
        secret_wipe(c->data, c->size);
        free(c);
}

void rpc_queue_deinit(RpcQueue *q)
{
        for (RpcChunk *c = q->first, *next; c; c = next) {
                next = c->next;
                chunk_free(c);
        }
        *q = (RpcQueue){ 0 };
}

int rpc_queue_push(RpcQueue *q, Bytes message)
{
        const size_t n = message.size;
        RpcChunk *c;

        if (n > UINT32_MAX) return -EMSGSIZE;
        if (q->size > q->max || n + RPC_PREFIX_SIZE > q->max - q->size) return -ENOBUFS;
        c = malloc(sizeof(*c) + RPC_PREFIX_SIZE + n);
        if (!c) return -ENOMEM;
        *c = (RpcChunk){ .size = RPC_PREFIX_SIZE + n };
        c->data[0] = 0;
        for (size_t i = 0; i < 4; i++) c->data[1 + i] = (uint8_t)(n >> (24 - 8 * i));
        if (n > 0) memcpy(c->data + RPC_PREFIX_SIZE, message.data, n);
        if (q->last) q->last->next = c;
        else q->first = c;
        q->last = c;
        q->size += c->size;
        return 0;
}

size_t rpc_queue_take(RpcQueue *q, uint8_t *dst, size_t n)
{
        size_t taken = 0;

        while (q->first && taken < n) {
                RpcChunk *c = q->first;
                const size_t piece = MIN(c->size - c->at, n - taken);

                memcpy(dst + taken, c->data + c->at, piece);
                c->at += piece;
                taken += piece;
                if (c->at < c->size) continue;
                q->first = c->next;
                if (!q->first) q->last = NULL;
                chunk_free(c);
        }
        q->size -= taken;
        return taken;
}
