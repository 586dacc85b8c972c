/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One call at the client, from its headers to its status.
 *
 * A call is found through its stream's user data. Ending one takes that away first, so frames of a stream that
 * nobody wants any more find nobody, and neither does its data provider. */

#include "rpc/client-internal.h"

#include "base/error.h"
#include "rpc/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
        PATH_MAX_SIZE = 256,
        REPLY_HEADERS_MAX = 16384, /* headers and trailers together; a status text alone may be 3 KiB */
        HEADER_OVERHEAD = 32,
        TIMER_ACCURACY_US = 2000,
};

#define HEADER(n, v)   \
        ((nghttp2_nv){ \
                .name = (uint8_t *)(n), .namelen = strlen(n), .value = (uint8_t *)(v), .valuelen = strlen(v) })

static RpcCall *find(nghttp2_session *h2, int32_t id)
{
        return nghttp2_session_get_stream_user_data(h2, id);
}

/* ---- the end of a call ---------------------------------------------------------------------------- */

static void unlink_call(RpcCall *call)
{
        if (call->previous) call->previous->next = call->next;
        else if (call->client->calls == call) call->client->calls = call->next;
        if (call->next) call->next->previous = call->previous;
        call->previous = call->next = NULL;
}

/* The memory goes when nobody up the stack works with it. */
static void release(RpcCall *call)
{
        call->dead = true;
        if (call->busy > 0) return;
        rpc_assembler_deinit(&call->in);
        rpc_queue_deinit(&call->out);
        free(call);
}

/* Off its stream, its timer and its client; only the memory is left. */
static void detach(RpcCall *call)
{
        RpcSession *s = call->client->session;

        if (call->finished) return;
        call->finished = true;
        call->timer = sd_event_source_disable_unref(call->timer);
        if (s && s->h2)
                IGNORE_RESULT(nghttp2_session_set_stream_user_data(s->h2, call->id, NULL)); /* gone is fine */
        unlink_call(call);
        if (s) rpc_session_call_removed(s);
}

void rpc_call_free(RpcCall *call)
{
        detach(call);
        release(call);
}

static void reset(RpcCall *call)
{
        RpcSession *s = call->client->session;

        if (nghttp2_submit_rst_stream(s->h2, NGHTTP2_FLAG_NONE, call->id, NGHTTP2_CANCEL) != 0)
                rpc_session_terminate(s, NGHTTP2_INTERNAL_ERROR, "out of memory");
        rpc_session_want_flush(s);
}

/* Tells the caller, who may free the client in answer. */
static void finish(RpcCall *call)
{
        RpcClient *c = call->client;

        detach(call);
        rpc_client_enter(c);
        call->handler->finished(call, &call->status, call->userdata);
        release(call);
        IGNORE_RESULT(rpc_client_leave(c)); /* callers look at session->dead */
}

static void fail(RpcCall *call, RpcCode code, const char *reason)
{
        rpc_status_set(&call->status, code, "%s", reason);
        reset(call);
        finish(call);
}

void rpc_call_lost(RpcCall *call, const char *reason)
{
        rpc_status_set(&call->status, RPC_UNAVAILABLE, "connection lost: %s", reason);
        finish(call);
}

void rpc_call_cancel(RpcCall *call)
{
        if (call->finished) return;
        reset(call);
        rpc_call_free(call);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void)source, (void)usec;
        fail(userdata, RPC_DEADLINE_EXCEEDED, "no status from the server in time");
        return 0;
}

/* ---- the reply ------------------------------------------------------------------------------------ */

static void take_status(RpcCall *call, Bytes value)
{
        RpcCode code;

        if (rpc_code_decode(value, &code) < 0) code = RPC_UNKNOWN;
        call->status.code = code;
        call->has_status = true;
}

static void take_http_status(RpcCall *call, Bytes value)
{
        call->http_status = 0;
        /* nghttp2 has checked that these are three digits. */
        for (size_t i = 0; i < value.size && i < 3; i++)
                call->http_status = call->http_status * 10 + (unsigned)(value.data[i] - '0');
}

static void take_header(RpcCall *call, Bytes name, Bytes value)
{
        call->header_bytes += name.size + value.size + HEADER_OVERHEAD;
        if (call->header_bytes > REPLY_HEADERS_MAX)
                fail(call, RPC_RESOURCE_EXHAUSTED, "the reply's headers are too long");
        else if (rpc_text_is(name, ":status")) take_http_status(call, value);
        else if (rpc_text_is(name, "content-type")) call->type_ok = rpc_content_type_ok(value);
        else if (rpc_text_is(name, "grpc-status")) take_status(call, value);
        else if (rpc_text_is(name, "grpc-message")) rpc_message_decode(value, call->status.message);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                     uint8_t flags, void *userdata)
{
        const nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);
        const RpcSession *s = userdata;
        RpcCall *call;

        (void)flags;
        if (s->dead) return NGHTTP2_ERR_CALLBACK_FAILURE;
        call = find(h2, frame->hd.stream_id);
        if (call) take_header(call, BYTES(n.base, n.len), BYTES(v.base, v.len));
        return s->dead ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void headers_complete(RpcCall *call)
{
        char text[64];

        /* 1xx announces the real ones. */
        if (call->has_status || call->http_status < 200 || (call->http_status == 200 && call->type_ok)) return;
        (void)snprintf(text, sizeof(text), "HTTP status %u, not a gRPC reply", call->http_status);
        fail(call, rpc_code_from_http(call->http_status), text);
}

static int on_message(void *userdata, Bytes message)
{
        RpcCall *call = userdata;
        RpcClient *c = call->client;

        rpc_session_progress(c->session);
        if (!call->handler->message) return 0;
        rpc_client_enter(c);
        call->handler->message(call, message, call->userdata);
        return !rpc_client_leave(c) || call->finished ? -ESHUTDOWN : 0;
}

static void assembling_failed(RpcCall *call, int x)
{
        char text[96];

        if (x == RPC_ASSEMBLE_E_STOP || call->finished) return;
        if (x == RPC_ASSEMBLE_E_COMPRESSED) {
                fail(call, RPC_INTERNAL, "compressed or malformed message in the reply");
        } else {
                (void)snprintf(text, sizeof(text), "a message longer than the %zu bytes accepted", call->in.max);
                fail(call, RPC_RESOURCE_EXHAUSTED, x == RPC_ASSEMBLE_E_TOO_BIG ? text : "out of memory");
        }
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *userdata)
{
        const RpcSession *s = userdata;
        RpcCall *call;
        int x;

        (void)flags;
        if (s->dead) return NGHTTP2_ERR_CALLBACK_FAILURE;
        call = find(h2, id);
        if (!call) return 0;
        call->busy++;
        x = rpc_assembler_feed(&call->in, BYTES(data, n), on_message, call);
        if (x != 0) assembling_failed(call, x);
        call->busy--;
        if (call->dead) release(call);
        return s->dead ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* What the caller is told if the reply did not say it itself. */
static void conclude(RpcCall *call, uint32_t error)
{
        RpcStatus *s = &call->status;

        if (call->has_status) {
                if (s->code == RPC_OK && !rpc_assembler_is_empty(&call->in))
                        rpc_status_set(s, RPC_INTERNAL, "the reply ends within a message");
        } else if (error == NGHTTP2_NO_ERROR) {
                rpc_status_set(s, RPC_UNKNOWN, "the reply ends without a status");
        } else {
                rpc_status_set(s, rpc_code_from_h2(error), "stream reset by HTTP/2: %s",
                               nghttp2_http2_strerror(error));
        }
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t error, void *userdata)
{
        const RpcSession *s = userdata;
        RpcCall *call;

        if (s->dead) return NGHTTP2_ERR_CALLBACK_FAILURE;
        call = find(h2, id);
        if (!call) return 0;
        conclude(call, error);
        finish(call);
        return s->dead ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void received(RpcSession *s, const nghttp2_frame *frame)
{
        RpcCall *call;

        if (s->dead || frame->hd.type != NGHTTP2_HEADERS) return;
        call = find(s->h2, frame->hd.stream_id);
        if (call) headers_complete(call);
}

/* ---- the request ---------------------------------------------------------------------------------- */

static ssize_t on_read(nghttp2_session *h2, int32_t id, uint8_t *buffer, size_t size, uint32_t *flags,
                       nghttp2_data_source *source, void *userdata)
{
        RpcCall *call = find(h2, id);
        size_t n;

        (void)buffer, (void)source, (void)userdata;
        if (!call) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        n = MIN(call->out.size, size);
        if (n == 0 && !call->last) {
                call->deferred = true;
                return NGHTTP2_ERR_DEFERRED;
        }
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        if (call->last && n == call->out.size) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)n;
}

static void take_data(void *userdata, uint8_t *dst, size_t n)
{
        RpcCall *call = userdata;

        IGNORE_RESULT(rpc_queue_take(&call->out, dst, n)); /* on_read() said that n are there */
        call->emptied |= call->out.size == 0;
}

static int on_send_data(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *header, size_t n,
                        nghttp2_data_source *source, void *userdata)
{
        RpcCall *call = find(h2, frame->hd.stream_id);

        (void)source;
        if (!call) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        return rpc_session_put_data(userdata, header, n, take_data, call);
}

static RpcCall *next_emptied(RpcClient *c)
{
        for (RpcCall *call = c->calls; call; call = call->next)
                if (call->emptied) return call;
        return NULL;
}

/* Callbacks may end any call, so the search begins anew after each. */
static void flushed(RpcSession *s)
{
        RpcClient *c = s->owner;
        RpcCall *call;

        while ((call = next_emptied(c))) {
                call->emptied = false;
                if (!call->handler->drained) continue;
                rpc_client_enter(c);
                call->handler->drained(call, call->userdata);
                if (!rpc_client_leave(c)) return;
        }
}

static void set_callbacks(nghttp2_session_callbacks *callbacks)
{
        nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
        nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
}

const RpcSessionOps rpc_client_session_ops = {
        .set_callbacks = set_callbacks,
        .received = received,
        .flushed = flushed,
        .closed = rpc_client_session_closed,
};

static int check_path(const char *path)
{
        const size_t n = strlen(path);

        for (const char *p = path; *p; p++)
                if (*p <= ' ' || *p > '~') return error_set(-EINVAL, "a method name with odd characters");
        if (path[0] != '/' || n >= PATH_MAX_SIZE) return error_set(-EINVAL, "'%.80s' is no method name", path);
        return 0;
}

static int submit(RpcCall *call, const char *path, unsigned deadline_ms)
{
        const RpcClient *c = call->client;
        const bool tls = c->session->transport.ssl != NULL;
        const nghttp2_data_provider provider = { .read_callback = on_read };
        char timeout[RPC_TIMEOUT_TEXT_SIZE];
        nghttp2_nv headers[] = {
                HEADER(":method", "POST"),  HEADER(":scheme", tls ? "https" : "http"),
                HEADER(":path", path),      HEADER(":authority", tls ? c->address : "localhost"),
                HEADER("te", "trailers"),   HEADER("content-type", "application/grpc"),
                HEADER("grpc-timeout", ""),
        };

        rpc_timeout_encode(deadline_ms, timeout);
        headers[ARRAY_SIZE(headers) - 1] = HEADER("grpc-timeout", timeout);
        call->id = nghttp2_submit_request(c->session->h2, NULL, headers, ARRAY_SIZE(headers), &provider, call);
        if (call->id < 0) return error_set(-ENOTCONN, "the connection takes no more calls");
        return 0;
}

static void link_call(RpcCall *call)
{
        RpcClient *c = call->client;

        call->next = c->calls;
        if (c->calls) c->calls->previous = call;
        c->calls = call;
        rpc_session_call_added(c->session);
        rpc_session_want_flush(c->session);
}

static int check_usable(const RpcClient *c)
{
        const RpcSession *s = c->session;

        if (!s || (s->state != RPC_SESSION_OPEN && s->state != RPC_SESSION_PREFACE))
                return error_set(-ENOTCONN, "not connected");
        if (!nghttp2_session_check_request_allowed(s->h2))
                return error_set(-ENOTCONN, "the server takes no more calls on this connection");
        return 0;
}

int rpc_call_start(RpcClient *client, const char *path, unsigned deadline_ms, const RpcCallHandler *handler,
                   void *userdata, RpcCall **ret)
{
        const size_t message_max = handler->message_max ? handler->message_max : RPC_MESSAGE_MAX;
        RpcCall *call;
        int r;

        r = check_usable(client);
        if (r == 0) r = check_path(path);
        if (r < 0) return r;
        call = calloc(1, sizeof(*call));
        if (!call) return -ENOMEM;
        *call = (RpcCall){ .client = client, .handler = handler, .userdata = userdata };
        call->memory.max = message_max;
        call->out.max = RPC_SEND_QUEUE_MAX;
        rpc_assembler_init(&call->in, message_max, &call->memory);
        deadline_ms = deadline_ms ? MIN(deadline_ms, (unsigned)RPC_TIMEOUT_MAX_MS) : RPC_CALL_MS;
        r = sd_event_add_time_relative(client->event, &call->timer, CLOCK_MONOTONIC, (uint64_t)deadline_ms * 1000,
                                       TIMER_ACCURACY_US, on_deadline, call);
        if (r >= 0) r = submit(call, path, deadline_ms);
        if (r < 0) {
                sd_event_source_disable_unref(call->timer);
                release(call);
                return r;
        }
        link_call(call);
        *ret = call;
        return 0;
}

static int wake(RpcCall *call)
{
        RpcSession *s = call->client->session;

        rpc_session_want_flush(s);
        if (!call->deferred) return 0;
        call->deferred = false;
        return nghttp2_session_resume_data(s->h2, call->id) == 0 ? 0 : -ENOMEM;
}

int rpc_call_send(RpcCall *call, Bytes message, bool last)
{
        int r;

        if (call->last || call->finished) return -ESHUTDOWN;
        r = rpc_queue_push(&call->out, message);
        if (r < 0) return r;
        call->last = last;
        return wake(call);
}

int rpc_call_send_end(RpcCall *call)
{
        if (call->last || call->finished) return -ESHUTDOWN;
        call->last = true;
        return wake(call);
}

size_t rpc_call_unsent(const RpcCall *call)
{
        return call->out.size;
}
