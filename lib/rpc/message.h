/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* gRPC's framing of messages in a stream of DATA: one byte "compressed", four bytes of length, the message
 * (PROTOCOL-HTTP2, "Length-Prefixed-Message"). One type takes a stream apart, one puts it together. */

#include "rpc/buffer.h"

enum { RPC_PREFIX_SIZE = 5 };

/* What is being assembled: on one connection, and above that what all connections of an address, and all of a
 * server share. The first `own` bytes of a connection are its alone, whatever others hold: they count in nothing
 * above. */
typedef struct RpcMemory {
        size_t used;
        size_t max;
        size_t own;
        struct RpcMemory *above; /* NULL: none */
} RpcMemory;

/* -ENOBUFS, and nothing is taken, where n more bytes do not fit here or above. */
_must_check_ int rpc_memory_take(RpcMemory *m, size_t n);
void rpc_memory_give(RpcMemory *m, size_t n);

typedef enum RpcAssembleResult {
        RPC_ASSEMBLE_E_TOO_BIG = 1,    /* longer than the cap */
        RPC_ASSEMBLE_E_COMPRESSED = 2, /* compressed flag set, or no flag at all */
        RPC_ASSEMBLE_E_MEMORY = 3,     /* an RpcMemory is used up, or the machine's */
        RPC_ASSEMBLE_E_STOP = 4,       /* the callback wants no more */
} RpcAssembleResult;

typedef struct RpcAssembler {
        uint8_t prefix[RPC_PREFIX_SIZE];
        size_t n_prefix;   /* bytes of the prefix seen */
        size_t length;     /* of the message whose prefix is complete */
        size_t max;        /* longest message */
        RpcBuffer partial; /* the message so far; grown as its bytes arrive, never by what the prefix says */
        RpcMemory *memory;
} RpcAssembler;

void rpc_assembler_init(RpcAssembler *a, size_t max, RpcMemory *memory);
void rpc_assembler_deinit(RpcAssembler *a);
/* Takes a chunk and calls `message` for each one that is complete; nonzero from there stops. 0 or an
 * RPC_ASSEMBLE_E_*, after which the assembler takes no more. */
_must_check_ int rpc_assembler_feed(RpcAssembler *a, Bytes chunk, int (*message)(void *userdata, Bytes message),
                                    void *userdata);
/* True between messages. */
bool rpc_assembler_is_empty(const RpcAssembler *a);

typedef struct RpcChunk RpcChunk;

/* Messages with their prefixes, waiting to be sent. */
typedef struct RpcQueue {
        RpcChunk *first, *last;
        size_t size; /* bytes left */
        size_t max;
} RpcQueue;

void rpc_queue_deinit(RpcQueue *q);
/* Copies a message. -ENOBUFS above max, -EMSGSIZE above what the prefix can say, -ENOMEM. */
_must_check_ int rpc_queue_push(RpcQueue *q, Bytes message);
/* Moves up to n bytes, as many as there are; returns how many. */
size_t rpc_queue_take(RpcQueue *q, uint8_t *dst, size_t n);
