/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One call at the server, from its headers to its status.
 *
 * The stream and the call end together: nghttp2's stream-close callback frees the call, or the end of the
 * connection does. Whatever the handler does in between is only queued. The one timer of a call is first its
 * deadline and, once it is finished, the time the peer has to take the status. */

#include "rpc/server-internal.h"

#include "base/error.h"
#include "rpc/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
        MESSAGE_MAX_DEFAULT = 65536,
        TIMER_ACCURACY_US = 5000,
};

#define HEADER(n, v)   \
        ((nghttp2_nv){ \
                .name = (uint8_t *)(n), .namelen = strlen(n), .value = (uint8_t *)(v), .valuelen = strlen(v) })

static nghttp2_session *h2(const RpcServerCall *call)
{
        return call->connection->session->h2;
}

static void reset(RpcServerCall *call, uint32_t error)
{
        if (nghttp2_submit_rst_stream(h2(call), NGHTTP2_FLAG_NONE, call->id, error) != 0)
                rpc_session_terminate(call->connection->session, NGHTTP2_INTERNAL_ERROR, "out of memory");
        rpc_session_want_flush(call->connection->session);
}

/* ---- the timer ------------------------------------------------------------------------------------ */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        RpcServerCall *call = userdata;

        (void)source, (void)usec;
        if (!call->finished) {
                rpc_server_call_finish(call, RPC_DEADLINE_EXCEEDED, "the call took too long");
        } else {
                call->connection->server->stats.limits_hit++;
                reset(call, NGHTTP2_CANCEL);
        }
        return 0;
}

static int set_timer(RpcServerCall *call, unsigned ms)
{
        sd_event *event = call->connection->server->event;
        uint64_t now;
        int r;

        r = sd_event_now(event, CLOCK_MONOTONIC, &now);
        if (r < 0) return r;
        if (!call->timer)
                return sd_event_add_time(event, &call->timer, CLOCK_MONOTONIC, now + (uint64_t)ms * 1000,
                                         TIMER_ACCURACY_US, on_timer, call);
        r = sd_event_source_set_time(call->timer, now + (uint64_t)ms * 1000);
        return r < 0 ? r : sd_event_source_set_enabled(call->timer, SD_EVENT_ONESHOT);
}

/* ---- life ----------------------------------------------------------------------------------------- */

int rpc_server_call_new(RpcConnection *c, int32_t id, RpcServerCall **ret)
{
        RpcServerCall *call = calloc(1, sizeof(*call));

        if (!call) return -ENOMEM;
        call->connection = c;
        call->id = id;
        call->out.max = c->server->limits.send_queue_max;
        call->next = c->calls;
        if (c->calls) c->calls->previous = call;
        c->calls = call;
        rpc_session_call_added(c->session);
        *ret = call;
        return 0;
}

static void drop_request(RpcServerCall *call)
{
        rpc_memory_give(&call->connection->memory, call->request.capacity);
        rpc_buffer_deinit(&call->request);
}

void rpc_server_call_free(RpcServerCall *call)
{
        RpcConnection *c = call->connection;

        call->finished = true;
        if (call->opened && call->method->closed) call->method->closed(call, c->service->userdata);
        if (call->previous) call->previous->next = call->next;
        else c->calls = call->next;
        if (call->next) call->next->previous = call->previous;
        rpc_session_call_removed(c->session);
        sd_event_source_disable_unref(call->timer);
        drop_request(call);
        rpc_memory_give(&c->memory, call->held);
        rpc_assembler_deinit(&call->in);
        rpc_queue_deinit(&call->out);
        free(call->status);
        free(call);
}

/* ---- output --------------------------------------------------------------------------------------- */

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t size, uint32_t *flags,
                       nghttp2_data_source *source, void *userdata)
{
        RpcServerCall *call = nghttp2_session_get_stream_user_data(session, id);
        bool last;
        size_t n;

        (void)buffer, (void)source, (void)userdata;
        if (!call) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        n = rpc_server_call_ready(call, size, &last);
        if (n == 0 && !last) {
                call->deferred = true;
                return NGHTTP2_ERR_DEFERRED;
        }
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        if (last) {
                /* Here and nowhere else, or the client gets no grpc-status. */
                *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
                if (rpc_server_call_submit_trailers(call) != 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        return (ssize_t)n;
}

size_t rpc_server_call_ready(RpcServerCall *call, size_t max, bool *ret_last)
{
        const size_t n = MIN(call->out.size, max);

        *ret_last = call->finished && n == call->out.size;
        return n;
}

/* grpc-status and, where there is one, grpc-message. */
static size_t status_headers(const RpcServerCall *call, nghttp2_nv *ret, char code[static 12],
                             char text[static RPC_STATUS_WIRE_SIZE])
{
        const RpcStatus *s = call->status;
        size_t n;

        (void)snprintf(code, 12, "%d", s ? (int)s->code : RPC_INTERNAL);
        ret[0] = HEADER("grpc-status", code);
        n = s ? rpc_message_encode(s->message, text) : 0;
        if (n == 0) return 1;
        ret[1] = HEADER("grpc-message", "");
        ret[1].value = (uint8_t *)text;
        ret[1].valuelen = n;
        return 2;
}

int rpc_server_call_submit_trailers(RpcServerCall *call)
{
        char code[12], text[RPC_STATUS_WIRE_SIZE];
        nghttp2_nv headers[2];
        const size_t n = status_headers(call, headers, code, text);

        return nghttp2_submit_trailer(h2(call), call->id, headers, n);
}

static int respond(RpcServerCall *call)
{
        const nghttp2_nv headers[] = { HEADER(":status", "200"), HEADER("content-type", "application/grpc") };
        const nghttp2_data_provider provider = { .read_callback = on_read };

        call->responded = true;
        if (nghttp2_submit_response(h2(call), call->id, headers, ARRAY_SIZE(headers), &provider) != 0)
                return -ENOMEM;
        return 0;
}

/* An error before any reply: Trailers-Only. */
static int respond_status_only(RpcServerCall *call)
{
        char code[12], text[RPC_STATUS_WIRE_SIZE];
        nghttp2_nv headers[4] = { HEADER(":status", "200"), HEADER("content-type", "application/grpc") };
        const size_t n = 2 + status_headers(call, headers + 2, code, text);

        call->responded = true;
        return nghttp2_submit_response(h2(call), call->id, headers, n, NULL) == 0 ? 0 : -ENOMEM;
}

/* Something is there for a provider that may be waiting. */
static int wake(RpcServerCall *call)
{
        rpc_session_want_flush(call->connection->session);
        if (!call->responded) return respond(call);
        if (!call->deferred) return 0;
        call->deferred = false;
        return nghttp2_session_resume_data(h2(call), call->id) == 0 ? 0 : -ENOMEM;
}

int rpc_server_call_send(RpcServerCall *call, Bytes message)
{
        int r;

        if (call->finished) return -ESHUTDOWN;
        r = rpc_queue_push(&call->out, message);
        if (r == -ENOBUFS) call->connection->server->stats.limits_hit++;
        return r < 0 ? r : wake(call);
}

void rpc_server_call_finish(RpcServerCall *call, RpcCode code, const char *message)
{
        int r;

        if (call->finished) return;
        call->finished = true;
        call->status = malloc(sizeof(*call->status));
        if (call->status) rpc_status_set(call->status, code, "%s", message ? message : "");
        r = call->responded ? wake(call) : respond_status_only(call);
        if (r == 0) r = set_timer(call, call->connection->server->limits.status_ms);
        if (r < 0) reset(call, NGHTTP2_INTERNAL_ERROR);
        rpc_session_want_flush(call->connection->session);
}

void rpc_server_call_reply(RpcServerCall *call, Bytes message)
{
        const int r = rpc_server_call_send(call, message);

        if (r < 0) rpc_server_call_finish(call, RPC_INTERNAL, "the reply cannot be queued");
        else rpc_server_call_finish(call, RPC_OK, NULL);
}

/* ---- input ---------------------------------------------------------------------------------------- */

/* HTTP statuses for what is not a gRPC call at all (PROTOCOL-HTTP2). */
static void respond_http(RpcServerCall *call, const char *http_status)
{
        const nghttp2_nv headers[] = { HEADER(":status", http_status) };

        call->finished = call->responded = true;
        if (nghttp2_submit_response(h2(call), call->id, headers, 1, NULL) != 0 ||
            set_timer(call, call->connection->server->limits.status_ms) < 0)
                reset(call, NGHTTP2_INTERNAL_ERROR);
}

/* 0, or the request was answered. */
static int check_headers(RpcServerCall *call)
{
        const RpcRequestHeaders *h = &call->headers;

        if (h->too_big || h->malformed) {
                call->connection->server->stats.limits_hit += h->too_big;
                call->finished = true;
                reset(call, h->too_big ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
        } else if (!h->post) {
                respond_http(call, "405");
        } else if (!h->type_ok) {
                respond_http(call, "415");
        } else if (!h->method) {
                rpc_server_call_finish(call, RPC_UNIMPLEMENTED, "no such method here");
        } else if (h->compressed) {
                rpc_server_call_finish(call, RPC_UNIMPLEMENTED, "compression is not supported");
        } else if (h->seen_timeout && !h->timeout_ok) {
                rpc_server_call_finish(call, RPC_INVALID_ARGUMENT, "grpc-timeout does not parse");
        } else {
                return 0;
        }
        return -EBADMSG;
}

void rpc_server_call_begin(RpcServerCall *call)
{
        RpcServer *server = call->connection->server;
        const RpcRequestHeaders *h = &call->headers;
        unsigned ms;

        call->headers.complete = true;
        if (check_headers(call) < 0) return;
        call->method = h->method;
        server->stats.calls++;
        rpc_assembler_init(&call->in, h->method->message_max ? h->method->message_max : MESSAGE_MAX_DEFAULT,
                           &call->connection->memory);
        ms = h->method->call_ms ? h->method->call_ms : server->limits.call_ms;
        if (h->seen_timeout) ms = MIN(ms, h->timeout_ms);
        if (set_timer(call, ms) < 0) {
                rpc_server_call_finish(call, RPC_RESOURCE_EXHAUSTED, "no timer");
                return;
        }
        call->opened = true;
        if (h->method->open) h->method->open(call, call->connection->service->userdata);
}

/* A unary request waits for the half-close, so it is copied, and counted. */
static int keep_request(RpcServerCall *call, Bytes message)
{
        RpcMemory *memory = &call->connection->memory;

        if (call->has_request) {
                rpc_server_call_finish(call, RPC_INVALID_ARGUMENT, "more than one request message");
                return -EBADMSG;
        }
        if (rpc_memory_take(memory, message.size) < 0) {
                call->connection->server->stats.limits_hit++;
                rpc_server_call_finish(call, RPC_RESOURCE_EXHAUSTED, "no memory for requests is left");
                return -ENOMEM;
        }
        if (rpc_buffer_append(&call->request, message) < 0) {
                rpc_memory_give(memory, message.size);
                rpc_server_call_finish(call, RPC_RESOURCE_EXHAUSTED, "no memory for requests is left");
                return -ENOMEM;
        }
        call->has_request = true;
        return 0;
}

static int on_message(void *userdata, Bytes message)
{
        RpcServerCall *call = userdata;

        rpc_session_progress(call->connection->session);
        if (call->method->unary) return keep_request(call, message);
        if (call->method->message) call->method->message(call, message, call->connection->service->userdata);
        return call->finished ? -ESHUTDOWN : 0;
}

void rpc_server_call_take(RpcServerCall *call, Bytes chunk)
{
        char text[96];
        int x;

        if (call->finished || !call->opened) return;
        x = rpc_assembler_feed(&call->in, chunk, on_message, call);
        if (x == 0 || x == RPC_ASSEMBLE_E_STOP) return;
        if (x == RPC_ASSEMBLE_E_COMPRESSED) {
                rpc_server_call_finish(call, RPC_UNIMPLEMENTED, "compressed or malformed message");
                return;
        }
        call->connection->server->stats.limits_hit++;
        (void)snprintf(text, sizeof(text), "a message longer than the %zu bytes accepted here", call->in.max);
        rpc_server_call_finish(call, RPC_RESOURCE_EXHAUSTED,
                               x == RPC_ASSEMBLE_E_TOO_BIG ? text : "no memory for requests is left");
}

void rpc_server_call_end_of_input(RpcServerCall *call)
{
        void *userdata = call->connection->service->userdata;

        if (call->half_closed) return;
        call->half_closed = true;
        if (call->finished || !call->opened) return;
        if (!rpc_assembler_is_empty(&call->in)) {
                rpc_server_call_finish(call, RPC_INVALID_ARGUMENT, "the request ends within a message");
        } else if (!call->method->unary) {
                if (call->method->half_closed) call->method->half_closed(call, userdata);
        } else if (!call->has_request) {
                rpc_server_call_finish(call, RPC_INVALID_ARGUMENT, "no request message");
        } else {
                call->method->unary(call, rpc_buffer_bytes(&call->request), userdata);
                drop_request(call);
        }
}

/* ---- what a handler may ask ----------------------------------------------------------------------- */

void rpc_server_call_set_data(RpcServerCall *call, void *data)
{
        call->data = data;
}

void *rpc_server_call_data(const RpcServerCall *call)
{
        return call->data;
}

int rpc_server_call_hold(RpcServerCall *call, size_t n)
{
        const int r = rpc_memory_take(&call->connection->memory, n);

        if (r == 0) call->held += n;
        else call->connection->server->stats.limits_hit++;
        return r;
}

void rpc_server_call_set_connection_data(RpcServerCall *call, void *data, void (*release)(void *data))
{
        call->connection->data = data;
        call->connection->release = release;
}

void *rpc_server_call_connection_data(const RpcServerCall *call)
{
        return call->connection->data;
}

int rpc_server_call_exporter(const RpcServerCall *call, uint8_t ret[static RPC_EXPORTER_SIZE])
{
        SSL *ssl = call->connection->session->transport.ssl;

        if (!ssl) return error_set(-EOPNOTSUPP, "no TLS on a unix socket, and so no exporter");
        return rpc_tls_exporter(ssl, ret);
}

const RpcPeer *rpc_server_call_peer(const RpcServerCall *call)
{
        return &call->connection->peer;
}
