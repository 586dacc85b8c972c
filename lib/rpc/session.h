/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One HTTP/2 connection on an event loop: socket, TLS, nghttp2, timers and the limits that both sides share.
 * A client or a server connection owns it and adds what calls are. */

#include "rpc/buffer.h"
#include "rpc/transport.h"

#include <nghttp2/nghttp2.h>
#include <systemd/sd-event.h>

typedef struct RpcSession RpcSession;

/* Milliseconds; 0: no such limit. */
typedef struct RpcSessionLimits {
        unsigned handshake_ms;
        unsigned preface_ms;
        unsigned idle_ms;
        unsigned stall_ms;
        unsigned streams_max;
        unsigned frame_budget;
} RpcSessionLimits;

typedef struct RpcSessionOps {
        /* Adds the owner's callbacks; their userdata is the RpcSession. */
        void (*set_callbacks)(nghttp2_session_callbacks *callbacks);
        /* A frame went out whole (may be NULL), a frame arrived whole. */
        void (*sent)(RpcSession *s, const nghttp2_frame *frame);
        void (*received)(RpcSession *s, const nghttp2_frame *frame);
        /* TLS is complete. May be NULL. */
        void (*ready)(RpcSession *s);
        /* The socket has taken all there was to send. May be NULL. */
        void (*flushed)(RpcSession *s);
        /* The last callback, from the loop or from a function below: free the session here or later. */
        void (*closed)(RpcSession *s, const char *reason);
} RpcSessionOps;

typedef enum RpcSessionState {
        RPC_SESSION_HANDSHAKE,
        RPC_SESSION_PREFACE, /* the peer's SETTINGS have not come yet */
        RPC_SESSION_OPEN,
        RPC_SESSION_LINGER, /* all is sent; what the peer still sends is thrown away, so that it reads it all */
        RPC_SESSION_CLOSED,
} RpcSessionState;

/* Where in the stream of frames the input stands. */
typedef struct RpcFrameWalk {
        uint8_t header[9];
        size_t n_header;
        size_t skip; /* bytes of payload, or of the client's magic, still to come */
} RpcFrameWalk;

struct RpcSession {
        const RpcSessionOps *ops;
        void *owner;
        RpcTransport transport;
        RpcSessionState state;
        bool server;
        bool limit_hit; /* ended by a limit */
        bool timed_out; /* in the handshake */
        RpcSessionLimits limits;
        unsigned calls; /* the owner counts them with rpc_session_call_added() and _removed() */
        unsigned linger_reads;
        uint64_t since;     /* when the state, the idleness began (monotonic us) */
        uint64_t stalled;   /* when the output stopped; 0: it flows */
        int64_t budget;     /* see frames.c */
        uint64_t budget_at; /* when it was last refilled */
        RpcFrameWalk walk;
        unsigned busy; /* depth of dispatch: freed only at 0 */
        bool dead;     /* to be freed when busy is 0 */
        RpcBuffer out; /* what the socket has not taken */
        struct RpcGather *gather;
        char reason[256];
        nghttp2_session *h2;
        sd_event *event;
        sd_event_source *io, *timer, *flush;
        uint64_t timer_at;
};

typedef struct RpcSessionConfig {
        sd_event *event;
        bool server;
        bool tls_done; /* the handshake is behind it */
        const RpcSessionLimits *limits;
        const RpcSessionOps *ops;
        void *owner;
} RpcSessionConfig;

/* Takes the transport, also on failure. Without TLS, or with tls_done, `ready` is called from within, and *ret
 * is set by then. */
_must_check_ int rpc_session_new(const RpcSessionConfig *config, RpcTransport *transport, RpcSession **ret);
/* Frees at once, or at the end of the dispatch it is called from; no callback comes any more. */
void rpc_session_free(RpcSession *s);

/* Sends what is there at the next turn of the loop. */
void rpc_session_want_flush(RpcSession *s);
/* Sends now what socket and windows take. Not from an nghttp2 callback. */
void rpc_session_flush(RpcSession *s);
/* GOAWAY: no new streams; the session closes when the open ones have ended. */
void rpc_session_drain(RpcSession *s);
/* GOAWAY with this error, then the end. */
void rpc_session_terminate(RpcSession *s, uint32_t h2_error, const char *reason);
/* The end, now, from outside an nghttp2 callback. */
void rpc_session_close(RpcSession *s, const char *reason);

void rpc_session_call_added(RpcSession *s);
void rpc_session_call_removed(RpcSession *s);
/* A message, or a call in good order: frames so far were worth it. */
void rpc_session_progress(RpcSession *s);
/* Output bytes that nobody has taken yet. */
bool rpc_session_is_blocked(const RpcSession *s);

/* For data providers with NGHTTP2_DATA_FLAG_NO_COPY: frame header and n bytes, which `take` moves into dst. */
typedef void (*RpcTakeData)(void *userdata, uint8_t *dst, size_t n);
_must_check_ int rpc_session_put_data(RpcSession *s, const uint8_t *header, size_t n, RpcTakeData take,
                                      void *userdata);

/* The loop's monotonic clock. */
uint64_t rpc_now_us(sd_event *event);
