/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* gRPC server on an sd-event loop. Everything here belongs to the loop's thread.
 *
 * A listener serves one RpcService: nodes' methods on the TLS port, administrators' on the unix socket, and so
 * on; other paths are UNIMPLEMENTED. grpc.health.v1.Health/Check is answered by the server itself. */

#include "rpc/status.h"
#include "rpc/tls.h"

#include <sys/types.h>
#include <systemd/sd-event.h>

typedef struct RpcServer RpcServer;
typedef struct RpcServerCall RpcServerCall;

/* One method. Either `unary` alone, or the streaming callbacks; those not wanted are NULL.
 *
 * Streaming: open (once the headers are accepted), message and half_closed in the order of arrival, closed
 * exactly once for each open, whatever happened; the call pointer is valid until closed returns. Unary: called
 * with the one request once the client half-closed; `closed` too is called if set. Answers may be given in a
 * callback or later, until closed. */
typedef struct RpcMethod {
        const char *path;   /* "/package.Service/Method" */
        size_t message_max; /* largest request message; 0: 64 KiB */
        unsigned call_ms;   /* longest a call may take, whatever the client says; 0: the server's call_ms */
        void (*unary)(RpcServerCall *call, Bytes request, void *userdata);
        void (*open)(RpcServerCall *call, void *userdata);
        void (*message)(RpcServerCall *call, Bytes message, void *userdata); /* bytes wiped on return */
        void (*half_closed)(RpcServerCall *call, void *userdata);
        void (*closed)(RpcServerCall *call, void *userdata);
} RpcMethod;

typedef struct RpcService {
        const RpcMethod *methods;
        size_t n_methods;
        const char *const *health; /* service names for which Check says SERVING; "" always does */
        size_t n_health;
        void *userdata; /* for every callback */
} RpcService;

/* 0 takes the default in the comment. A unix listener is apart: nothing that comes over TCP can take its
 * connections, its memory or the descriptors for them, so that an operator always gets in. */
typedef struct RpcServerLimits {
        unsigned connections_max;             /* 2000: at 40 kB each, and as descriptors allow (RLIMIT_NOFILE); the
                                               * rest wait in the accept queue */
        unsigned connections_per_address_max; /* 256 from one IPv4 address or IPv6 /64 */
        unsigned local_connections_max;       /* 32 at unix listeners */
        unsigned streams_max;                 /* 16 at once on a connection */
        unsigned handshake_ms;                /* 5000 for TLS */
        unsigned preface_ms;                  /* 5000 from there to the client's SETTINGS */
        unsigned idle_ms;                     /* 60000 without a call */
        unsigned stall_ms;                    /* 10000 with output that the peer does not take */
        unsigned call_ms;                     /* 60000 for a call */
        unsigned status_ms;                   /* 5000 for the peer to take what ends a call */
        unsigned frame_budget;                /* 1024 frames that make no progress */
        size_t header_max;                    /* 8192 bytes of header names and values a request */
        size_t send_queue_max;                /* 8 MiB of replies that wait on a call */
        size_t memory_max; /* 256 MiB of requests being assembled or held (rpc_server_call_hold), over all
                            * connections: half of it is divided among connections_max, so that each has some
                            * whatever others do, and half is shared */
        size_t memory_per_address_max;    /* an eighth of the shared half */
        size_t memory_per_connection_max; /* 4 MiB */
} RpcServerLimits;

_must_check_ int rpc_server_new(sd_event *event, const RpcServerLimits *limits, RpcServer **ret);
/* Closes everything at once; every open call gets its `closed`. Not from within a callback. */
void rpc_server_free(RpcServer *server);
DEFINE_CLEANUP(RpcServer, rpc_server_free)
#define cleanup_rpc_server _cleanup_(rpc_server_freep)

/* address: "host:port" (numeric host), "[v6]:port"; port 0 picks one, see rpc_server_port(). `service` and
 * what it points to must outlive the server. */
_must_check_ int rpc_server_listen_tls(RpcServer *server, const char *address, RpcTls *tls,
                                       const RpcService *service);
/* A listening socket, owned by the server from then on (also on failure). tls NULL: an AF_UNIX one. */
_must_check_ int rpc_server_listen_fd(RpcServer *server, int fd, RpcTls *tls, const RpcService *service);
/* A unix socket of mode 0600; a stale one at that path is replaced, a live one is -EADDRINUSE. */
_must_check_ int rpc_server_listen_unix(RpcServer *server, const char *path, const RpcService *service);
/* A connected stream socket without TLS, owned by the server from then on (also on failure). */
_must_check_ int rpc_server_adopt_fd(RpcServer *server, int fd, const RpcService *service);
/* The port of the last TCP listener; 0 if there is none. */
uint16_t rpc_server_port(const RpcServer *server);

/* What Check answers: SERVING (the start) or NOT_SERVING. */
void rpc_server_set_serving(RpcServer *server, bool serving);

/* Accepts nothing more, tells every client (GOAWAY), lets open calls end for up to timeout_ms, then closes
 * what is left and calls done. */
_must_check_ int rpc_server_drain(RpcServer *server, unsigned timeout_ms,
                                  void (*done)(RpcServer *server, void *userdata), void *userdata);

typedef struct RpcServerStats {
        uint64_t accepted;          /* connections taken from a listener */
        uint64_t refused;           /* closed at once, for the cap of their address */
        uint64_t handshakes_failed; /* TLS not completed in time or at all */
        uint64_t calls;             /* calls whose headers were accepted */
        uint64_t limits_hit;        /* connections or calls ended by a limit above */
        unsigned connections;       /* open now */
        size_t memory;              /* bytes of requests being assembled now */
} RpcServerStats;
void rpc_server_stats(const RpcServer *server, RpcServerStats *ret);

/* For the caller's own state of a call. */
void rpc_server_call_set_data(RpcServerCall *call, void *data);
void *rpc_server_call_data(const RpcServerCall *call);

/* Counts n more bytes, which the caller keeps for this call, against the memory limits; given back when the call
 * has closed. -ENOBUFS where they do not fit: keep nothing. */
_must_check_ int rpc_server_call_hold(RpcServerCall *call, size_t n);

/* The caller's own state of the call's connection: NULL until it was set, freed by `release` when the connection
 * ends, after the `closed` of its calls. Setting it twice is a misuse. */
void rpc_server_call_set_connection_data(RpcServerCall *call, void *data, void (*release)(void *data));
void *rpc_server_call_connection_data(const RpcServerCall *call);

/* Queues one message (copied). -ENOBUFS above send_queue_max, -ESHUTDOWN once finished or gone. */
_must_check_ int rpc_server_call_send(RpcServerCall *call, Bytes message);
/* Ends the call after what was sent; message may be NULL. More calls of it do nothing. */
void rpc_server_call_finish(RpcServerCall *call, RpcCode code, const char *message);
/* One message and OK, or INTERNAL where it cannot be queued. */
void rpc_server_call_reply(RpcServerCall *call, Bytes message);

/* -EOPNOTSUPP on a socket without TLS. */
_must_check_ int rpc_server_call_exporter(const RpcServerCall *call, uint8_t ret[static RPC_EXPORTER_SIZE]);

typedef struct RpcPeer {
        const char *address; /* "192.0.2.1:40000", "[2001:db8::1]:40000", "unix" */
        bool local;          /* a unix socket: uid and pid are those of SO_PEERCRED */
        uid_t uid;
        pid_t pid;
        Bytes certificate; /* the client's leaf, DER, allowed by the listener's client pins; or empty */
} RpcPeer;
/* Valid as long as the call. */
const RpcPeer *rpc_server_call_peer(const RpcServerCall *call);
