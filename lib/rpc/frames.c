/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* nghttp2 as both sides use it: its options, our settings, and the budget.
 *
 * The budget: nghttp2 limits resets, settings, acknowledgements and continuations, but not floods of empty DATA,
 * PRIORITY, WINDOW_UPDATE or unknown frames, and tells of some of them to nobody. So the frame headers are walked
 * here too: every frame costs, and so does every byte that is not DATA; messages, output and time give back. A
 * peer that only makes work runs out after `frame_budget` empty frames and is told to calm down. */

#include "rpc/frames.h"

#include <errno.h>
#include <string.h>

enum {
        WINDOW_STREAM = 256 * 1024, /* a log of 50 kB, or one four times that, never waits for a WINDOW_UPDATE */
        WINDOW_CONNECTION = 1024 * 1024,
        HEADER_LIST_MAX = 8192,
        PEER_STREAMS = 4,

        EMPTY_FRAME_COST = 32,
        DATA_BYTES_PER_UNIT = 64, /* so DATA frames of 2 KiB and more pay for themselves */
        MESSAGE_WORTH = 256,
        OUTPUT_FRAME_WORTH = 128,
        SECOND_WORTH = 16 * EMPTY_FRAME_COST,
};

/* ---- the budget ----------------------------------------------------------------------------------- */

static void budget_give(RpcSession *s, int64_t n)
{
        const int64_t max = (int64_t)s->limits.frame_budget * EMPTY_FRAME_COST;

        s->budget = MIN(s->budget + n, max);
}

static void refill(RpcSession *s)
{
        const uint64_t now = rpc_now_us(s->event), passed = now - s->budget_at;

        budget_give(s, (int64_t)(MIN(passed, UINT64_C(60000000)) * SECOND_WORTH / 1000000));
        s->budget_at = now;
}

static void pay(RpcSession *s, Bytes header)
{
        Reader r = READER_INIT(header);
        uint32_t length_and_type = 0;

        IGNORE_RESULT(reader_be32(&r, &length_and_type)); /* nine bytes are there */
        s->walk.skip = length_and_type >> 8;
        s->budget -= EMPTY_FRAME_COST;
        if ((length_and_type & 0xff) == NGHTTP2_DATA) budget_give(s, (int64_t)s->walk.skip / DATA_BYTES_PER_UNIT);
        else s->budget -= (int64_t)s->walk.skip;
}

void rpc_frames_charge(RpcSession *s, Bytes b)
{
        RpcFrameWalk *w = &s->walk;
        Reader r = READER_INIT(b);

        refill(s);
        while (reader_left(&r) > 0) {
                size_t n = MIN(w->skip, reader_left(&r));

                IGNORE_RESULT(reader_skip(&r, n)); /* n and the next are what is left or less */
                w->skip -= n;
                n = MIN(sizeof(w->header) - w->n_header, reader_left(&r));
                IGNORE_RESULT(reader_copy(&r, w->header + w->n_header, n));
                w->n_header += n;
                if (w->n_header < sizeof(w->header)) continue;
                w->n_header = 0;
                pay(s, BYTES_ARRAY(w->header));
        }
}

void rpc_frames_check(RpcSession *s)
{
        if (s->budget >= 0) return;
        s->limit_hit = true;
        rpc_session_terminate(s, NGHTTP2_ENHANCE_YOUR_CALM, "too many frames that make no progress");
}

void rpc_session_progress(RpcSession *s)
{
        budget_give(s, MESSAGE_WORTH);
}

/* ---- nghttp2's callbacks -------------------------------------------------------------------------- */

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *userdata)
{
        RpcSession *s = userdata;

        (void)h2;
        if (s->state == RPC_SESSION_PREFACE && frame->hd.type == NGHTTP2_SETTINGS) {
                s->state = RPC_SESSION_OPEN;
                s->since = rpc_now_us(s->event);
        }
        s->ops->received(s, frame);
        return 0;
}

static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *frame, void *userdata)
{
        RpcSession *s = userdata;

        (void)h2;
        if (frame->hd.type == NGHTTP2_DATA) budget_give(s, OUTPUT_FRAME_WORTH);
        if (s->ops->sent) s->ops->sent(s, frame);
        return 0;
}

int rpc_session_put_data(RpcSession *s, const uint8_t *header, size_t n, RpcTakeData take, void *userdata)
{
        struct RpcGather *g = s->gather;

        if (sizeof(g->data) - g->fill < n + 9) return NGHTTP2_ERR_WOULDBLOCK;
        memcpy(g->data + g->fill, header, 9);
        take(userdata, g->data + g->fill + 9, n);
        g->fill += n + 9;
        return 0;
}

static int set_options(nghttp2_option *o, bool server, bool plain)
{
        nghttp2_option_set_max_settings(o, 16);
        nghttp2_option_set_max_outbound_ack(o, 64);
        nghttp2_option_set_max_continuations(o, 2);
        nghttp2_option_set_stream_reset_rate_limit(o, 64, 16);
        nghttp2_option_set_max_deflate_dynamic_table_size(o, 4096);
        nghttp2_option_set_no_closed_streams(o, 1);
        nghttp2_option_set_max_reserved_remote_streams(o, 0);
        /* What a client assumes before the server's SETTINGS have come; more would be refused, not queued. */
        nghttp2_option_set_peer_max_concurrent_streams(o, PEER_STREAMS);
        /* Clients that dial a unix socket may send its path as :authority, which nghttp2 refuses (Kubernetes
         * KMS v2 does); the server checks the headers itself. */
        if (server && plain) nghttp2_option_set_no_http_messaging(o, 1);
        return 0;
}

static int h2_new(RpcSession *s)
{
        nghttp2_session_callbacks *callbacks = NULL;
        nghttp2_option *options = NULL;
        int r = -ENOMEM;

        if (nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&options) == 0) {
                nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
                nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
                s->ops->set_callbacks(callbacks);
                r = set_options(options, s->server, !s->transport.ssl);
        }
        if (r == 0) {
                r = s->server ? nghttp2_session_server_new2(&s->h2, callbacks, s, options)
                              : nghttp2_session_client_new2(&s->h2, callbacks, s, options);
                if (r != 0) r = -ENOMEM;
        }
        nghttp2_option_del(options);
        nghttp2_session_callbacks_del(callbacks);
        return r;
}

static int submit_settings(RpcSession *s)
{
        const nghttp2_settings_entry entries[] = {
                { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, s->server ? s->limits.streams_max : 0 },
                { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_STREAM },
                { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_MAX },
                { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 }, /* the client's alone */
        };
        const size_t n = ARRAY_SIZE(entries) - (s->server ? 1 : 0);

        if (nghttp2_submit_settings(s->h2, NGHTTP2_FLAG_NONE, entries, n) != 0) return -ENOMEM;
        if (nghttp2_session_set_local_window_size(s->h2, NGHTTP2_FLAG_NONE, 0, WINDOW_CONNECTION) != 0)
                return -ENOMEM;
        return 0;
}

int rpc_frames_open(RpcSession *s)
{
        int r;

        s->budget_at = rpc_now_us(s->event);
        s->budget = (int64_t)s->limits.frame_budget * EMPTY_FRAME_COST;
        s->walk.skip = s->server ? NGHTTP2_CLIENT_MAGIC_LEN : 0;
        r = h2_new(s);
        return r < 0 ? r : submit_settings(s);
}
