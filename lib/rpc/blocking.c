/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting, built on the client that does not wait: each function turns a private loop until what it waits for
 * is there. */

#include "rpc/blocking.h"

#include "base/error.h"
#include "rpc/client-internal.h"

#include <errno.h>
#include <string.h>

struct RpcChannel {
        sd_event *event;
        RpcClient *client;
        bool connected, failed;
        char *reasons;
};

typedef struct Received {
        struct Received *next;
        RpcBuffer message;
} Received;

struct RpcStream {
        RpcChannel *channel;
        RpcCallHandler handler;
        RpcCall *call; /* NULL once it ended */
        Received *first, **last;
        size_t received; /* bytes waiting to be fetched */
        bool overrun;
        RpcStatus status;
};

/* ---- the channel ---------------------------------------------------------------------------------- */

static void on_connected(RpcClient *client, size_t address, void *userdata)
{
        RpcChannel *ch = userdata;

        (void)client, (void)address;
        ch->connected = true;
}

static void on_failed(RpcClient *client, const char *reasons, void *userdata)
{
        RpcChannel *ch = userdata;

        (void)client;
        ch->failed = true;
        ch->reasons = strdup(reasons);
}

static int turn(RpcChannel *ch, uint64_t timeout_us)
{
        const int r = sd_event_run(ch->event, timeout_us);

        return r < 0 ? error_set(r, "event loop: %s", strerror(-r)) : 0;
}

static int connect_channel(RpcChannel *ch, const RpcClientConfig *config)
{
        RpcClientConfig own = *config;
        int r;

        own.connected = on_connected;
        own.failed = on_failed;
        own.closed = NULL;
        own.userdata = ch;
        r = rpc_client_new(ch->event, &own, &ch->client);
        while (r == 0 && !ch->connected && !ch->failed) r = turn(ch, UINT64_MAX);
        if (r < 0) return r;
        if (ch->failed) return error_set(-EHOSTUNREACH, "%s", ch->reasons ? ch->reasons : "out of memory");
        return 0;
}

int rpc_channel_open(const RpcClientConfig *config, RpcChannel **ret)
{
        cleanup_rpc_channel RpcChannel *ch = calloc(1, sizeof(*ch));
        int r;

        if (!ch) return -ENOMEM;
        r = sd_event_new(&ch->event);
        if (r < 0) return r;
        r = connect_channel(ch, config);
        if (r < 0) return r;
        *ret = TAKE_PTR(ch);
        return 0;
}

void rpc_channel_close(RpcChannel *channel)
{
        if (!channel) return;
        rpc_client_free(channel->client);
        sd_event_unref(channel->event);
        free(channel->reasons);
        free(channel);
}

const char *rpc_channel_address(const RpcChannel *channel)
{
        return rpc_client_address(channel->client);
}

int rpc_channel_exporter(const RpcChannel *channel, uint8_t ret[static RPC_EXPORTER_SIZE])
{
        return rpc_client_exporter(channel->client, ret);
}

int rpc_channel_pump(RpcChannel *channel)
{
        int r;

        do {
                r = sd_event_run(channel->event, 0);
        } while (r > 0);
        return r < 0 ? error_set(r, "event loop: %s", strerror(-r)) : 0;
}

int rpc_channel_fd(const RpcChannel *channel)
{
        const RpcSession *s = channel->client->session;

        return s ? s->transport.fd : -1;
}

/* ---- streams -------------------------------------------------------------------------------------- */

static void drop_received(RpcStream *s)
{
        for (Received *m = s->first, *next; m; m = next) {
                next = m->next;
                rpc_buffer_deinit(&m->message);
                free(m);
        }
        s->first = NULL;
        s->last = &s->first;
        s->received = 0;
}

static void overrun(RpcStream *s, RpcCall *call)
{
        s->overrun = true;
        s->call = NULL;
        rpc_status_set(&s->status, RPC_RESOURCE_EXHAUSTED, "more messages than were fetched");
        rpc_call_cancel(call);
}

static void on_message(RpcCall *call, Bytes message, void *userdata)
{
        RpcStream *s = userdata;
        Received *m;

        /* Small ones have a cost too. */
        if (message.size + sizeof(*m) > RPC_RECEIVED_MAX - s->received) {
                overrun(s, call);
                return;
        }
        m = calloc(1, sizeof(*m));
        if (!m || rpc_buffer_append(&m->message, message) < 0) {
                free(m);
                overrun(s, call);
                return;
        }
        s->received += message.size + sizeof(*m);
        *s->last = m;
        s->last = &m->next;
}

static void on_finished(RpcCall *call, const RpcStatus *status, void *userdata)
{
        RpcStream *s = userdata;

        (void)call;
        s->status = *status;
        s->call = NULL;
}

int rpc_stream_start(RpcChannel *channel, const char *path, unsigned deadline_ms, size_t message_max,
                     RpcStream **ret)
{
        RpcStream *s = calloc(1, sizeof(*s));
        int r;

        if (!s) return -ENOMEM;
        s->channel = channel;
        s->last = &s->first;
        s->handler = (RpcCallHandler){ .message_max = message_max,
                                       .message = on_message,
                                       .finished = on_finished };
        r = rpc_call_start(channel->client, path, deadline_ms, &s->handler, s, &s->call);
        if (r < 0) {
                free(s);
                return r;
        }
        *ret = s;
        return 0;
}

int rpc_stream_send(RpcStream *stream, Bytes message, bool last)
{
        int r;

        if (!stream->call) return error_set(-ESHUTDOWN, "the call has ended");
        r = rpc_call_send(stream->call, message, last);
        if (r < 0) return r;
        rpc_client_flush(stream->channel->client);
        return 0;
}

static bool take_first(RpcStream *s, RpcBuffer *ret)
{
        Received *m = s->first;

        if (!m) return false;
        *ret = m->message;
        s->received -= m->message.size + sizeof(*m);
        s->first = m->next;
        if (!s->first) s->last = &s->first;
        free(m);
        return true;
}

int rpc_stream_receive(RpcStream *stream, unsigned timeout_ms, RpcBuffer *ret)
{
        sd_event *event = stream->channel->event;
        uint64_t now, end = 0;
        int r;

        for (;;) {
                if (take_first(stream, ret)) return 0;
                if (!stream->call) return RPC_E_END;
                r = sd_event_now(event, CLOCK_MONOTONIC, &now);
                if (r < 0) return r;
                if (end == 0) end = now + (uint64_t)timeout_ms * 1000;
                if (now >= end) return error_set(-ETIMEDOUT, "no message within %u ms", timeout_ms);
                r = turn(stream->channel, end - now);
                if (r < 0) return r;
        }
}

int rpc_stream_finish(RpcStream *stream, RpcStatus *ret)
{
        cleanup_rpc_stream RpcStream *s = stream;
        int r;

        if (s->call) {
                r = rpc_call_send_end(s->call);
                if (r < 0 && r != -ESHUTDOWN) return r;
        }
        while (s->call) {
                drop_received(s);
                r = turn(s->channel, UINT64_MAX);
                if (r < 0) return r;
        }
        *ret = s->status;
        return 0;
}

void rpc_stream_cancel(RpcStream *stream)
{
        if (!stream) return;
        if (stream->call) {
                rpc_call_cancel(stream->call);
                rpc_client_flush(stream->channel->client);
        }
        drop_received(stream);
        free(stream);
}

int rpc_channel_unary(RpcChannel *channel, const char *path, Bytes request, unsigned deadline_ms,
                      RpcStatus *ret_status, RpcBuffer *ret_reply)
{
        cleanup_rpc_stream RpcStream *s = NULL;
        cleanup_rpc_buffer RpcBuffer reply = { 0 }, second = { 0 };
        int r;

        r = rpc_stream_start(channel, path, deadline_ms, 0, &s);
        if (r < 0) return r;
        r = rpc_stream_send(s, request, true);
        while (r == 0 && s->call) r = turn(channel, UINT64_MAX);
        if (r < 0) return r;
        if (s->status.code == RPC_OK && (!take_first(s, &reply) || take_first(s, &second)))
                rpc_status_set(&s->status, RPC_INTERNAL, "an OK that does not come with one reply");
        *ret_status = s->status;
        *ret_reply = (RpcBuffer){ 0 };
        if (s->status.code == RPC_OK) *ret_reply = TAKE(reply, (RpcBuffer){ 0 });
        return 0;
}
