/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The loop's side of a connection: bytes from the socket into nghttp2, bytes from nghttp2 to the socket.
 *
 * Order of things, and why:
 * - Nothing is read while output is blocked, so a peer that asks and does not listen costs a bounded amount.
 * - Frames are gathered into one buffer, so that a reply (headers, message, trailers) is one TLS record. The
 *   buffer is on the stack; only what a socket does not take is kept, so an idle connection holds none.
 * - Buffers that messages passed through are wiped. */

#include "rpc/session.h"

#include "base/error.h"
#include "base/secret.h"
#include "rpc/frames.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

enum {
        READ_SIZE = 16384,  /* one TLS record */
        READS_PER_TURN = 4, /* then other connections have their turn */
        WRITES_PER_TURN = 32,
        LINGER_MS = 1000,
        LINGER_READS = 16,
        TIMER_ACCURACY_US = 20000,
};

uint64_t rpc_now_us(sd_event *event)
{
        uint64_t now = 0;

        if (sd_event_now(event, CLOCK_MONOTONIC, &now) < 0) now = 0;
        return now;
}

static void set_reason(RpcSession *s, const char *reason)
{
        if (!s->reason[0]) (void)snprintf(s->reason, sizeof(s->reason), "%s", reason);
}

/* ---- output --------------------------------------------------------------------------------------- */

bool rpc_session_is_blocked(const RpcSession *s)
{
        return s->out.size > 0;
}

/* The socket has failed or closed: nothing can be said any more. */
static void fail(RpcSession *s, const char *reason)
{
        set_reason(s, reason);
        s->state = RPC_SESSION_CLOSED;
}

/* Writes all it can; what is left stays the caller's. */
static int write_some(RpcSession *s, Bytes *b)
{
        while (b->size > 0) {
                size_t n = 0;
                const int r = rpc_transport_write(&s->transport, *b, &n);

                if (r == -EAGAIN && !s->stalled) s->stalled = rpc_now_us(s->event);
                if (r < 0) return r;
                s->stalled = 0;
                *b = BYTES(b->data + n, b->size - n);
        }
        return 0;
}

/* 0: nothing is left over. */
static int write_leftover(RpcSession *s)
{
        Bytes b = rpc_buffer_bytes(&s->out);
        int r;

        if (b.size == 0) return 0;
        r = write_some(s, &b);
        rpc_buffer_consume(&s->out, s->out.size - b.size);
        if (r == 0) rpc_buffer_deinit(&s->out);
        return r;
}

/* Frames up to at least one record's worth, or all there are. */
static int gather(RpcSession *s, struct RpcGather *g)
{
        g->fill = 0;
        while (g->fill < RPC_FRAME_SIZE_MAX) {
                const uint8_t *data;
                const ssize_t n = nghttp2_session_mem_send(s->h2, &data);

                if (n < 0) return error_set(-EPROTO, "HTTP/2: %s", nghttp2_strerror((int)n));
                if (n == 0) break;
                if ((size_t)n > sizeof(g->data) - g->fill) return error_set(-EPROTO, "HTTP/2: a frame too long");
                memcpy(g->data + g->fill, data, (size_t)n);
                g->fill += (size_t)n;
        }
        return 0;
}

static int write_gathered(RpcSession *s, struct RpcGather *g)
{
        Bytes b = BYTES(g->data, g->fill);
        int r;

        r = write_some(s, &b);
        if (r == -EAGAIN && rpc_buffer_append(&s->out, b) < 0) r = -ENOMEM;
        secret_wipe(g->data, g->fill);
        return r;
}

/* 0: all is out. -EAGAIN: the socket is full, or others should have their turn. */
static int send_all(RpcSession *s)
{
        struct RpcGather g;
        int r;

        r = write_leftover(s);
        for (unsigned i = 0; r == 0; i++) {
                if (i == WRITES_PER_TURN) return -EAGAIN;
                s->gather = &g;
                r = gather(s, &g);
                s->gather = NULL;
                if (r < 0) {
                        secret_wipe(g.data, g.fill);
                        break;
                }
                if (g.fill == 0) return 0;
                r = write_gathered(s, &g);
        }
        return r;
}

/* All is said: wait for the peer to have read it before the socket closes under it. */
static void begin_linger(RpcSession *s)
{
        s->state = RPC_SESSION_LINGER;
        s->since = rpc_now_us(s->event);
        set_reason(s, "closed");
        rpc_transport_end(&s->transport);
}

static void output(RpcSession *s)
{
        int r;

        if (s->state != RPC_SESSION_OPEN && s->state != RPC_SESSION_PREFACE) return;
        r = send_all(s);
        if (r < 0 && r != -EAGAIN) {
                fail(s, error_detail(r));
                return;
        }
        if (r < 0) return;
        if (s->ops->flushed) s->ops->flushed(s);
        if (s->dead || nghttp2_session_want_read(s->h2) || nghttp2_session_want_write(s->h2)) return;
        begin_linger(s);
}

/* ---- input ---------------------------------------------------------------------------------------- */

static void take_input(RpcSession *s, Bytes b)
{
        ssize_t n;

        rpc_frames_charge(s, b);
        n = nghttp2_session_mem_recv(s->h2, b.data, b.size);
        if (n == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
                fail(s, "the peer does not speak HTTP/2");
        } else if (n < 0) {
                s->limit_hit |= n == NGHTTP2_ERR_FLOODED;
                fail(s, nghttp2_strerror((int)n));
        } else {
                rpc_frames_check(s);
        }
}

static void input(RpcSession *s)
{
        uint8_t data[READ_SIZE];

        for (unsigned i = 0; i < READS_PER_TURN; i++) {
                size_t n = 0;
                int r;

                if (s->state != RPC_SESSION_OPEN && s->state != RPC_SESSION_PREFACE) return;
                if (rpc_session_is_blocked(s)) return;
                r = rpc_transport_read(&s->transport, data, sizeof(data), &n);
                if (r == -EAGAIN) return;
                if (r < 0 || n == 0) {
                        fail(s, r < 0 ? error_detail(r) : "closed by the peer");
                        return;
                }
                take_input(s, BYTES(data, n));
                secret_wipe(data, n);
                if (s->dead) return;
                output(s);
        }
}

static void linger(RpcSession *s)
{
        uint8_t data[READ_SIZE];
        size_t n = 0;
        int r = -EAGAIN;

        if (++s->linger_reads <= LINGER_READS) {
                r = rpc_transport_read(&s->transport, data, sizeof(data), &n);
                secret_wipe(data, n);
        }
        if ((r < 0 && r != -EAGAIN) || (r == 0 && n == 0) || s->linger_reads > LINGER_READS)
                s->state = RPC_SESSION_CLOSED;
}

static int begin_h2(RpcSession *s)
{
        int r;

        s->state = RPC_SESSION_PREFACE;
        s->since = rpc_now_us(s->event);
        r = rpc_frames_open(s);
        if (r == 0 && s->ops->ready) s->ops->ready(s);
        return r;
}

static void handshake(RpcSession *s)
{
        int r = rpc_transport_handshake(&s->transport);

        if (r == 0) r = begin_h2(s);
        if (r < 0 && r != -EAGAIN) fail(s, error_detail(r));
        if (r == 0) output(s);
}

/* ---- the loop ------------------------------------------------------------------------------------- */

/* When something has to happen even if nothing arrives; UINT64_MAX: never. */
static uint64_t next_deadline(const RpcSession *s)
{
        unsigned ms = 0;
        uint64_t from = s->since;

        if (s->state == RPC_SESSION_HANDSHAKE) ms = s->limits.handshake_ms;
        if (s->state == RPC_SESSION_PREFACE) ms = s->limits.preface_ms;
        if (s->state == RPC_SESSION_LINGER) ms = LINGER_MS;
        if (s->state == RPC_SESSION_OPEN && s->calls == 0) ms = s->limits.idle_ms;
        if (s->stalled && s->state == RPC_SESSION_OPEN) {
                ms = s->limits.stall_ms;
                from = s->stalled;
        }
        return ms ? from + (uint64_t)ms * 1000 : UINT64_MAX;
}

static void expire(RpcSession *s)
{
        switch (s->state) {
        case RPC_SESSION_HANDSHAKE:
                s->timed_out = s->limit_hit = true;
                fail(s, "no TLS handshake in time");
                break;
        case RPC_SESSION_PREFACE:
                s->limit_hit = true;
                fail(s, "no HTTP/2 preface in time");
                break;
        case RPC_SESSION_OPEN:
                if (s->stalled) {
                        s->limit_hit = true;
                        fail(s, "the peer takes no data");
                } else {
                        /* Once more than idle_ms from now, should the peer not take the GOAWAY. */
                        s->since = rpc_now_us(s->event);
                        rpc_session_terminate(s, NGHTTP2_NO_ERROR, "idle");
                        output(s);
                }
                break;
        case RPC_SESSION_LINGER: s->state = RPC_SESSION_CLOSED; break;
        case RPC_SESSION_CLOSED: break;
        }
}

/* Tells the loop what to wait for. The timer is only ever brought forward: firing early costs less than moving
 * it on every packet. */
static int update(RpcSession *s)
{
        const uint64_t deadline = next_deadline(s);
        uint32_t events = EPOLLIN;
        int r;

        if (s->state == RPC_SESSION_HANDSHAKE) {
                events = s->transport.wants_write ? EPOLLOUT : EPOLLIN;
        } else if (s->state != RPC_SESSION_LINGER) {
                if (rpc_session_is_blocked(s)) events = s->transport.wants_write ? EPOLLOUT : EPOLLIN | EPOLLOUT;
                else if (nghttp2_session_want_write(s->h2)) events = EPOLLIN | EPOLLOUT;
        }
        r = sd_event_source_set_io_events(s->io, events);
        if (r < 0 || deadline >= s->timer_at) return r;
        s->timer_at = deadline;
        r = sd_event_source_set_time(s->timer, deadline);
        return r < 0 ? r : sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

/* The end of every dispatch: the only place where a session goes away. */
static void leave(RpcSession *s)
{
        int r;

        s->busy--;
        if (s->busy > 0) return;
        if (s->dead) {
                rpc_session_free(s);
                return;
        }
        if (s->state != RPC_SESSION_CLOSED) {
                r = update(s);
                if (r < 0) fail(s, strerror(-r));
        }
        if (s->state != RPC_SESSION_CLOSED) return;
        s->io = sd_event_source_disable_unref(s->io);
        s->timer = sd_event_source_disable_unref(s->timer);
        s->flush = sd_event_source_disable_unref(s->flush);
        s->ops->closed(s, s->reason[0] ? s->reason : "closed");
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        RpcSession *s = userdata;

        (void)source, (void)usec;
        s->timer_at = UINT64_MAX;
        s->busy++;
        if (rpc_now_us(s->event) >= next_deadline(s)) expire(s);
        leave(s);
        return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        RpcSession *s = userdata;

        (void)source, (void)fd;
        s->busy++;
        if (s->state == RPC_SESSION_HANDSHAKE) {
                handshake(s);
        } else if (s->state == RPC_SESSION_LINGER) {
                linger(s);
        } else {
                if (events & EPOLLOUT) output(s);
                if (!s->dead) input(s);
        }
        leave(s);
        return 0;
}

static int on_flush(sd_event_source *source, void *userdata)
{
        (void)source;
        rpc_session_flush(userdata);
        return 0;
}

static int add_sources(RpcSession *s)
{
        int r;

        r = sd_event_add_io(s->event, &s->io, s->transport.fd, EPOLLIN, on_io, s);
        if (r < 0) return r;
        r = sd_event_add_time(s->event, &s->timer, CLOCK_MONOTONIC, UINT64_MAX, TIMER_ACCURACY_US, on_timer, s);
        if (r < 0) return r;
        r = sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
        if (r < 0) return r;
        r = sd_event_add_defer(s->event, &s->flush, on_flush, s);
        if (r < 0) return r;
        return sd_event_source_set_enabled(s->flush, SD_EVENT_OFF);
}

int rpc_session_new(const RpcSessionConfig *config, RpcTransport *transport, RpcSession **ret)
{
        RpcSession *s = calloc(1, sizeof(*s));
        int r;

        if (!s) {
                rpc_transport_deinit(transport);
                return -ENOMEM;
        }
        *s = (RpcSession){
                .ops = config->ops,
                .owner = config->owner,
                .server = config->server,
                .limits = *config->limits,
                .transport = *transport,
                .event = sd_event_ref(config->event),
                .since = rpc_now_us(config->event),
                .timer_at = UINT64_MAX,
        };
        *transport = (RpcTransport){ .fd = -1 };
        *ret = s;
        r = add_sources(s);
        if (r >= 0 && (config->tls_done || !s->transport.ssl)) r = begin_h2(s);
        if (r >= 0) r = update(s);
        if (r < 0) {
                rpc_session_free(s);
                *ret = NULL;
                return r;
        }
        if (s->h2) rpc_session_want_flush(s);
        return 0;
}

void rpc_session_free(RpcSession *s)
{
        if (!s) return;
        s->dead = true;
        if (s->busy > 0) return;
        sd_event_source_disable_unref(s->io);
        sd_event_source_disable_unref(s->timer);
        sd_event_source_disable_unref(s->flush);
        sd_event_unref(s->event);
        nghttp2_session_del(s->h2);
        rpc_buffer_deinit(&s->out);
        rpc_transport_deinit(&s->transport);
        free(s);
}

void rpc_session_want_flush(RpcSession *s)
{
        if (s->flush) IGNORE_RESULT(sd_event_source_set_enabled(s->flush, SD_EVENT_ONESHOT)); /* cannot fail */
}

void rpc_session_flush(RpcSession *s)
{
        if (s->busy > 0 || !s->h2 || s->state == RPC_SESSION_CLOSED) return;
        s->busy++;
        output(s);
        leave(s);
}

void rpc_session_drain(RpcSession *s)
{
        if (!s->h2) {
                rpc_session_close(s, "closing");
                return;
        }
        IGNORE_RESULT(nghttp2_submit_goaway(s->h2, NGHTTP2_FLAG_NONE,
                                            nghttp2_session_get_last_proc_stream_id(s->h2), NGHTTP2_NO_ERROR, NULL,
                                            0)); /* without memory the peer learns it from the closed socket */
        rpc_session_want_flush(s);
}

void rpc_session_terminate(RpcSession *s, uint32_t h2_error, const char *reason)
{
        set_reason(s, reason);
        if (nghttp2_session_terminate_session(s->h2, h2_error) != 0) s->state = RPC_SESSION_CLOSED;
        rpc_session_want_flush(s);
}

void rpc_session_close(RpcSession *s, const char *reason)
{
        s->busy++;
        if (s->state != RPC_SESSION_CLOSED) fail(s, reason);
        leave(s);
}

void rpc_session_call_added(RpcSession *s)
{
        s->calls++;
}

void rpc_session_call_removed(RpcSession *s)
{
        s->calls--;
        if (s->calls == 0) s->since = rpc_now_us(s->event);
}
