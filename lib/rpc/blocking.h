/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The client for code that waits: its own private event loop, turned only inside these functions. One thread
 * at a time. Each function leaves a detail when it fails. */

#include "rpc/buffer.h"
#include "rpc/client.h"

typedef struct RpcChannel RpcChannel;
typedef struct RpcStream RpcStream;

enum {
        /* rpc_stream_receive(): no more messages, rpc_stream_finish() has the status. */
        RPC_E_END = 1,
        /* Received and not yet fetched, on one stream; above it the call ends RESOURCE_EXHAUSTED. */
        RPC_RECEIVED_MAX = 16 << 20,
};

/* Runs the race of `config` to its end; its callbacks and userdata are not used. -EHOSTUNREACH with the
 * per-address reasons as detail, -EINVAL. */
_must_check_ int rpc_channel_open(const RpcClientConfig *config, RpcChannel **ret);
/* Closes; streams must be gone. */
void rpc_channel_close(RpcChannel *channel);
DEFINE_CLEANUP(RpcChannel, rpc_channel_close)
#define cleanup_rpc_channel _cleanup_(rpc_channel_closep)

const char *rpc_channel_address(const RpcChannel *channel);
_must_check_ int rpc_channel_exporter(const RpcChannel *channel, uint8_t ret[static RPC_EXPORTER_SIZE]);

/* One request, one reply. 0: the call ended, look at ret_status; ret_reply is set where that is RPC_OK (and is
 * empty else), the caller deinits it. An OK without exactly one reply is turned into RPC_INTERNAL. A lost
 * connection or a missed deadline is a status too (UNAVAILABLE, DEADLINE_EXCEEDED). <0: the call could not be
 * made. message_max 0: RPC_MESSAGE_MAX. */
_must_check_ int rpc_channel_unary(RpcChannel *channel, const char *path, Bytes request, unsigned deadline_ms,
                                   RpcStatus *ret_status, RpcBuffer *ret_reply);

_must_check_ int rpc_stream_start(RpcChannel *channel, const char *path, unsigned deadline_ms, size_t message_max,
                                  RpcStream **ret);
/* Queues and flushes as far as socket and window allow at once; never waits for the peer. The rest leaves
 * during later calls on the channel. */
_must_check_ int rpc_stream_send(RpcStream *stream, Bytes message, bool last);
/* Lets the loop turn without waiting: for a caller that is busy elsewhere while bytes are in flight. */
_must_check_ int rpc_channel_pump(RpcChannel *channel);
/* The connection's descriptor, for poll(); call rpc_channel_pump() when it is readable. */
int rpc_channel_fd(const RpcChannel *channel);
/* Waits up to timeout_ms for one message, which the caller deinits. RPC_E_END, -ETIMEDOUT. */
_must_check_ int rpc_stream_receive(RpcStream *stream, unsigned timeout_ms, RpcBuffer *ret);
/* Half-closes where that was not done, waits for the status (the call's deadline bounds it), frees the stream.
 * Messages not fetched are dropped. */
_must_check_ int rpc_stream_finish(RpcStream *stream, RpcStatus *ret);
/* Cancels and frees. */
void rpc_stream_cancel(RpcStream *stream);
DEFINE_CLEANUP(RpcStream, rpc_stream_cancel)
#define cleanup_rpc_stream _cleanup_(rpc_stream_cancelp)
