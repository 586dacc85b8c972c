/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A connection at the server: who is at the other end, and nghttp2's events turned into calls. */

#include "rpc/server-internal.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <openssl/x509.h>
#include <string.h>

/* ---- nghttp2's callbacks: never the session's end, never a free of the connection in here --------------- */

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *userdata)
{
        RpcSession *s = userdata;
        RpcServerCall *call;

        if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
        if (rpc_server_call_new(s->owner, frame->hd.stream_id, &call) < 0)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        if (nghttp2_session_set_stream_user_data(h2, frame->hd.stream_id, call) != 0) {
                rpc_server_call_free(call);
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        return 0;
}

static Bytes text_of(nghttp2_rcbuf *b)
{
        const nghttp2_vec v = nghttp2_rcbuf_get_buf(b);

        return BYTES(v.base, v.len);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                     uint8_t flags, void *userdata)
{
        const RpcSession *s = userdata;
        const RpcConnection *c = s->owner;
        RpcServerCall *call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

        (void)flags;
        if (call)
                rpc_request_header(&call->headers, c->service, c->server->limits.header_max, text_of(name),
                                   text_of(value));
        return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *userdata)
{
        RpcServerCall *call = nghttp2_session_get_stream_user_data(h2, id);

        (void)flags, (void)userdata;
        if (call) rpc_server_call_take(call, BYTES(data, n));
        return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t error, void *userdata)
{
        RpcServerCall *call = nghttp2_session_get_stream_user_data(h2, id);

        if (!call) return 0;
        if (error == NGHTTP2_NO_ERROR) rpc_session_progress(userdata);
        rpc_server_call_free(call);
        return 0;
}

static void take_data(void *userdata, uint8_t *dst, size_t n)
{
        RpcServerCall *call = userdata;

        IGNORE_RESULT(rpc_queue_take(&call->out, dst, n)); /* on_read() said that n are there */
}

static int on_send_data(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *header, size_t n,
                        nghttp2_data_source *source, void *userdata)
{
        RpcServerCall *call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

        (void)source;
        if (!call) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        return rpc_session_put_data(userdata, header, n, take_data, call);
}

static void set_callbacks(nghttp2_session_callbacks *callbacks)
{
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
        nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
}

static void received(RpcSession *s, const nghttp2_frame *frame)
{
        RpcServerCall *call;

        if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return;
        call = nghttp2_session_get_stream_user_data(s->h2, frame->hd.stream_id);
        if (!call) return;
        if (frame->hd.type == NGHTTP2_HEADERS && !call->headers.complete) rpc_server_call_begin(call);
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) rpc_server_call_end_of_input(call);
}

static void sent(RpcSession *s, const nghttp2_frame *frame)
{
        const RpcServerCall *call;

        if (frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return;
        call = nghttp2_session_get_stream_user_data(s->h2, frame->hd.stream_id);
        /* The status is out and the client still talks: it may stop (RFC 9113 8.1). */
        if (call && !call->half_closed)
                IGNORE_RESULT(nghttp2_submit_rst_stream(s->h2, NGHTTP2_FLAG_NONE, call->id,
                                                        NGHTTP2_NO_ERROR)); /* else the call's timer ends it */
}

/* ---- life ----------------------------------------------------------------------------------------- */

static void take_certificate(RpcConnection *c)
{
        SSL *ssl = c->session->transport.ssl;
        X509 *leaf = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
        const int n = leaf ? i2d_X509(leaf, &c->certificate) : 0;

        if (n > 0) c->peer.certificate = BYTES(c->certificate, (size_t)n);
}

static void ready(RpcSession *s)
{
        RpcConnection *c = s->owner;

        c->session = s;
        c->ready = true;
        take_certificate(c);
}

static void closed(RpcSession *s, const char *reason)
{
        RpcConnection *c = s->owner;
        RpcServer *server = c->server;
        const bool local = c->local;

        (void)reason;
        server->stats.limits_hit += s->limit_hit;
        server->stats.handshakes_failed += !c->ready;
        rpc_connection_free(c);
        rpc_server_connection_gone(server, local);
}

static const RpcSessionOps ops = {
        .set_callbacks = set_callbacks,
        .sent = sent,
        .received = received,
        .ready = ready,
        .closed = closed,
};

static void network_of(const RpcSockaddr *from, uint8_t ret[static 16])
{
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

        memset(ret, 0, 16);
        if (from->sa.sa_family == AF_INET) {
                memcpy(ret, mapped, 12);
                memcpy(ret + 12, &from->in.sin_addr, 4);
        } else if (from->sa.sa_family == AF_INET6) {
                const bool v4 = IN6_IS_ADDR_V4MAPPED(&from->in6.sin6_addr);

                memcpy(ret, &from->in6.sin6_addr, v4 ? 16 : 8);
        }
}

static RpcNetwork *find_network(const RpcServer *server, const RpcSockaddr *from)
{
        uint8_t address[16];

        network_of(from, address);
        for (RpcNetwork *n = server->networks; n; n = n->next)
                if (bytes_equal(BYTES_ARRAY(n->address), BYTES_ARRAY(address))) return n;
        return NULL;
}

unsigned rpc_connection_count_alike(const RpcServer *server, const RpcSockaddr *from)
{
        const RpcNetwork *n = find_network(server, from);

        return n ? n->connections : 0;
}

/* -ENOMEM. */
static int join_network(RpcConnection *c, const RpcSockaddr *from)
{
        RpcServer *server = c->server;
        RpcNetwork *n = find_network(server, from);

        if (!n) {
                n = calloc(1, sizeof(*n));
                if (!n) return -ENOMEM;
                network_of(from, n->address);
                n->memory = (RpcMemory){ .max = server->limits.memory_per_address_max, .above = &server->memory };
                n->next = server->networks;
                server->networks = n;
        }
        n->connections++;
        c->network = n;
        c->memory = (RpcMemory){ .max = server->limits.memory_per_connection_max,
                                 .own = c->local ? 0 : server->own_memory,
                                 .above = c->local ? &server->local_memory : &n->memory };
        return 0;
}

static void leave_network(RpcConnection *c)
{
        RpcNetwork **at = &c->server->networks, *n = c->network;

        if (--n->connections > 0) return;
        while (*at != n) at = &(*at)->next;
        *at = n->next;
        free(n);
}

static void set_peer(RpcConnection *c, int fd, const RpcSockaddr *from)
{
        struct ucred credentials;
        socklen_t n = sizeof(credentials);

        rpc_sockaddr_format(from, c->address);
        c->peer = (RpcPeer){ .address = c->address, .uid = (uid_t)-1 };
        if (from->sa.sa_family != AF_UNIX) return;
        /* Where the kernel does not tell, uid stays at the one that nobody has. */
        c->peer.local = true;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &n) < 0) return;
        c->peer.uid = credentials.uid;
        c->peer.pid = credentials.pid;
}

static void add(RpcServer *server, RpcConnection *c)
{
        c->next = server->connections;
        if (c->next) c->next->previous = c;
        server->connections = c;
        server->stats.connections++;
        server->local_connections += c->local;
}

int rpc_connection_new(RpcServer *server, int fd, const RpcSockaddr *from, const RpcListener *listener,
                       const RpcService *service)
{
        const RpcServerLimits *l = &server->limits;
        const RpcSessionLimits limits = {
                .handshake_ms = l->handshake_ms,
                .preface_ms = l->preface_ms,
                .idle_ms = l->idle_ms,
                .stall_ms = l->stall_ms,
                .streams_max = l->streams_max,
                .frame_budget = l->frame_budget,
        };
        RpcConnection *c = calloc(1, sizeof(*c));
        const RpcSessionConfig session = {
                .event = server->event, .server = true, .limits = &limits, .ops = &ops, .owner = c
        };
        RpcTransport transport;
        int r;

        if (!c) {
                fd_close(fd);
                return -ENOMEM;
        }
        c->server = server;
        c->service = service;
        c->local = listener && listener->local;
        r = join_network(c, from);
        if (r < 0) {
                fd_close(fd);
                free(c);
                return r;
        }
        set_peer(c, fd, from);
        r = rpc_transport_init(&transport, fd, listener ? listener->tls : NULL);
        if (r == 0) r = rpc_session_new(&session, &transport, &c->session);
        if (r < 0) {
                leave_network(c);
                free(c);
                return r;
        }
        add(server, c);
        return 0;
}

void rpc_connection_free(RpcConnection *c)
{
        while (c->calls) rpc_server_call_free(c->calls);
        if (c->previous) c->previous->next = c->next;
        else c->server->connections = c->next;
        if (c->next) c->next->previous = c->previous;
        c->server->stats.connections--;
        c->server->local_connections -= c->local;
        if (c->release) c->release(c->data);
        leave_network(c);
        rpc_session_free(c->session);
        OPENSSL_free(c->certificate);
        free(c);
}
