/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The three things a server is made of: itself with its listeners (server.c, listen.c), its connections
 * (connection.c) and their calls (server-call.c). */

#include "rpc/address.h"
#include "rpc/message.h"
#include "rpc/server.h"
#include "rpc/session.h"

typedef struct RpcListener RpcListener;
typedef struct RpcConnection RpcConnection;

struct RpcListener {
        RpcServer *server;
        RpcListener *next;
        sd_event_source *io;
        int fd;
        char *path; /* a socket file to remove; or NULL */
        RpcTls *tls;
        const RpcService *service;
        bool local; /* AF_UNIX */
};

/* Where connections come from: an IPv4 address (mapped), or the /64 that an IPv6 host can choose from freely. Unix
 * sockets have all the same. */
typedef struct RpcNetwork {
        struct RpcNetwork *next;
        uint8_t address[16];
        unsigned connections;
        RpcMemory memory;
} RpcNetwork;

struct RpcServer {
        sd_event *event;
        RpcServerLimits limits; /* no zeros: defaults are filled in */
        RpcServerStats stats;
        RpcMemory memory;       /* what connections over TCP share */
        RpcMemory local_memory; /* the same for connections of unix listeners */
        size_t own_memory;      /* of each connection */
        RpcListener *listeners;
        RpcConnection *connections;
        RpcNetwork *networks;
        unsigned local_connections;
        bool paused, local_paused; /* TCP or unix listeners wait for a connection to end */
        bool not_serving;
        sd_event_source *resume; /* after the machine ran out of descriptors */
        sd_event_source *drain;
        void (*drained)(RpcServer *server, void *userdata);
        void *drained_userdata;
        uint16_t port;
};

struct RpcConnection {
        RpcServer *server;
        const RpcService *service;
        RpcSession *session;
        RpcConnection *previous, *next;
        RpcServerCall *calls;
        bool ready; /* TLS is complete */
        bool local; /* from a unix listener */
        RpcNetwork *network;
        RpcMemory memory;
        void *data; /* the service's */
        void (*release)(void *data);
        char address[RPC_ADDRESS_TEXT_SIZE];
        RpcPeer peer;
        uint8_t *certificate; /* behind peer.certificate */
};

typedef struct RpcRequestHeaders {
        size_t bytes;
        bool complete;
        bool malformed;
        bool too_big;
        bool seen_method, seen_path, seen_type, seen_timeout, seen_encoding;
        bool post, type_ok, timeout_ok, compressed;
        unsigned timeout_ms; /* the client's; 0: none */
        const RpcMethod *method;
} RpcRequestHeaders;

struct RpcServerCall {
        RpcConnection *connection;
        RpcServerCall *previous, *next;
        int32_t id;
        const RpcMethod *method;
        void *data;
        RpcRequestHeaders headers;
        RpcAssembler in;
        RpcQueue out;
        RpcBuffer request; /* unary: kept until the client half-closes */
        size_t held;       /* bytes that the service keeps */
        bool has_request;
        bool opened, half_closed;
        bool responded; /* response headers are submitted */
        bool deferred;  /* the data provider waits for rpc_server_call_send() */
        bool finished;
        RpcStatus *status;
        sd_event_source *timer;
};

/* connection.c; takes fd, also on failure. listener NULL: an adopted socket, counted like one over TCP. */
_must_check_ int rpc_connection_new(RpcServer *server, int fd, const RpcSockaddr *from,
                                    const RpcListener *listener, const RpcService *service);
void rpc_connection_free(RpcConnection *c);
/* Counts connections of the same network. */
unsigned rpc_connection_count_alike(const RpcServer *server, const RpcSockaddr *from);

/* server.c */
void rpc_server_connection_gone(RpcServer *server, bool local);

/* server-call.c */
_must_check_ int rpc_server_call_new(RpcConnection *c, int32_t id, RpcServerCall **ret);
void rpc_server_call_free(RpcServerCall *call);
/* The request's headers are complete. */
void rpc_server_call_begin(RpcServerCall *call);
void rpc_server_call_take(RpcServerCall *call, Bytes chunk);
void rpc_server_call_end_of_input(RpcServerCall *call);
/* For the data provider: what can be sent now, and whether that is all. */
size_t rpc_server_call_ready(RpcServerCall *call, size_t max, bool *ret_last);
int rpc_server_call_submit_trailers(RpcServerCall *call);

/* request.c: one header of a request; pure but for the look-up of the method. */
void rpc_request_header(RpcRequestHeaders *h, const RpcService *service, size_t max, Bytes name, Bytes value);

/* health.c */
extern const RpcMethod rpc_health_check;
