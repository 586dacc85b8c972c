/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* gRPC client on an sd-event loop. Everything here belongs to the loop's thread.
 *
 * rpc_client_new() starts a race: every address gets a handshake, the first at once, each next one `stagger_ms`
 * later or as soon as an earlier one failed. The first to complete the pinned handshake wins, the others are
 * closed, and `connected` is called. Names are resolved in helper threads, all from the start. One client is
 * one race and one connection: retries and backoff are the caller's, with a new client. */

#include "rpc/status.h"
#include "rpc/tls.h"

#include <systemd/sd-event.h>

typedef struct RpcClient RpcClient;
typedef struct RpcCall RpcCall;

enum {
        RPC_ADDRESSES_MAX = 64,
        RPC_STAGGER_MS = 250, /* RFC 8305's connection attempt delay */
        RPC_CONNECT_MS = 10000,
        RPC_CALL_MS = 60000,          /* where a call names no deadline */
        RPC_MESSAGE_MAX = 4 << 20,    /* gRPC's usual cap for one message */
        RPC_SEND_QUEUE_MAX = 8 << 20, /* bytes one call may have waiting for window and socket */
};

typedef struct RpcClientConfig {
        /* "host:port", "192.0.2.1:port", "[2001:db8::1]:port" or "unix:/path"; copied. */
        const char *const *addresses;
        size_t n_addresses;
        /* Needed unless every address is a unix socket; copied. A unix socket is not encrypted. */
        const RpcPin *pins;
        size_t n_pins;
        const RpcIdentity *identity; /* client certificate or NULL */
        unsigned stagger_ms;         /* 0: RPC_STAGGER_MS */
        unsigned connect_ms;         /* for the race as a whole; 0: RPC_CONNECT_MS */

        /* Exactly one of connected and failed is called, from the loop, once. `closed` is called once when an
         * established connection ends other than by rpc_client_free(), after the `finished` of its calls.
         * Any may be NULL; rpc_client_free() is allowed in each. */
        void (*connected)(RpcClient *client, size_t address, void *userdata);
        /* `reasons` has one line an address, in their order, without a final newline:
         * "10.0.2.2:7443: connection refused". */
        void (*failed)(RpcClient *client, const char *reasons, void *userdata);
        void (*closed)(RpcClient *client, const char *reason, void *userdata);
        void *userdata;
} RpcClientConfig;

/* -EINVAL with a detail for an address or a setting that makes no sense. */
_must_check_ int rpc_client_new(sd_event *event, const RpcClientConfig *config, RpcClient **ret);
/* A client on a connected stream socket without TLS, which it owns from then on (also on failure). No
 * `connected` is called: it is. */
_must_check_ int rpc_client_new_fd(sd_event *event, int fd, const RpcClientConfig *config, RpcClient **ret);
/* Closes; calls are dropped without `finished`. */
void rpc_client_free(RpcClient *client);
DEFINE_CLEANUP(RpcClient, rpc_client_free)
#define cleanup_rpc_client _cleanup_(rpc_client_freep)

/* The text of the address that won; NULL before. */
const char *rpc_client_address(const RpcClient *client);
/* -ENOTCONN before `connected`, -EOPNOTSUPP on a socket without TLS. */
_must_check_ int rpc_client_exporter(const RpcClient *client, uint8_t ret[static RPC_EXPORTER_SIZE]);

typedef struct RpcCallHandler {
        size_t message_max; /* largest reply message; 0: RPC_MESSAGE_MAX */
        /* One reply message; the bytes are gone (wiped) when it returns. */
        void (*message)(RpcCall *call, Bytes message, void *userdata);
        /* Called exactly once, unless the call was cancelled or the client freed; `call` is dead afterwards. */
        void (*finished)(RpcCall *call, const RpcStatus *status, void *userdata);
        /* Everything sent so far was handed to the socket. May be NULL. */
        void (*drained)(RpcCall *call, void *userdata);
} RpcCallHandler;

/* path is "/package.Service/Method". The handler and userdata stay the caller's and must outlive the call.
 * deadline_ms (0: RPC_CALL_MS) is told to the server and kept here. -ENOTCONN if there is no connection, or it
 * takes no more calls. */
_must_check_ int rpc_call_start(RpcClient *client, const char *path, unsigned deadline_ms,
                                const RpcCallHandler *handler, void *userdata, RpcCall **ret);
/* Queues one message (copied); `last` half-closes. -ENOBUFS above RPC_SEND_QUEUE_MAX, -ESHUTDOWN after last.
 * The bytes leave at the next turn of the loop. */
_must_check_ int rpc_call_send(RpcCall *call, Bytes message, bool last);
/* Half-closes without a message. */
_must_check_ int rpc_call_send_end(RpcCall *call);
/* Bytes that wait for window or socket. */
size_t rpc_call_unsent(const RpcCall *call);
/* Resets the stream; `finished` is not called and the call is dead. */
void rpc_call_cancel(RpcCall *call);
