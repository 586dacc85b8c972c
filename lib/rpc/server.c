/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The server as a whole: limits, admission, the end.
 *
 * Unix listeners have connections, memory and descriptors of their own: whoever administers the verifier gets in
 * while the network is full.
 *
 * Admission: above connections_max nothing is accepted; clients wait in the kernel's queue, where they cost
 * little, and are served in order. Refusing them would make every node of a booting cluster come back at once. */

#include "rpc/listen.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

enum {
        RESUME_MS = 100,
        TIMER_ACCURACY_US = 5000,
        /* Descriptors that connections over TCP leave for all else: unix connections, listeners, timers, files. */
        DESCRIPTORS_LEFT = 128,
        LOCAL_MEMORY_MAX = 8 << 20,
        ADDRESS_SHARES = 8, /* one address has this part of what all share */
};

static void fill_in(RpcServerLimits *l)
{
        static const RpcServerLimits defaults = {
                .connections_max = 2000,
                .connections_per_address_max = 256,
                .local_connections_max = 32,
                .streams_max = 16,
                .handshake_ms = 5000,
                .preface_ms = 5000,
                .idle_ms = 60000,
                .stall_ms = 10000,
                .call_ms = 60000,
                .status_ms = 5000,
                .frame_budget = 1024,
                .header_max = 8192,
                .send_queue_max = (size_t)8 << 20,
                .memory_max = (size_t)256 << 20,
                .memory_per_connection_max = (size_t)4 << 20,
        };

#define FILL_IN(field) \
        if (l->field == 0) l->field = defaults.field
        FILL_IN(connections_max);
        FILL_IN(connections_per_address_max);
        FILL_IN(local_connections_max);
        FILL_IN(streams_max);
        FILL_IN(handshake_ms);
        FILL_IN(preface_ms);
        FILL_IN(idle_ms);
        FILL_IN(stall_ms);
        FILL_IN(call_ms);
        FILL_IN(status_ms);
        FILL_IN(frame_budget);
        FILL_IN(header_max);
        FILL_IN(send_queue_max);
        FILL_IN(memory_max);
        FILL_IN(memory_per_connection_max);
#undef FILL_IN
}

/* accept4() of a unix listener must not fail for the descriptors that nodes hold. */
static void leave_descriptors(RpcServerLimits *l)
{
        const rlim_t least = (rlim_t)2 * DESCRIPTORS_LEFT;
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY) return;
        if (files.rlim_cur < least) files.rlim_cur = least;
        if (l->connections_max > files.rlim_cur - DESCRIPTORS_LEFT)
                l->connections_max = (unsigned)(files.rlim_cur - DESCRIPTORS_LEFT);
}

static void divide_memory(RpcServer *server)
{
        RpcServerLimits *l = &server->limits;

        server->own_memory = l->memory_max / 2 / l->connections_max;
        server->memory.max = l->memory_max - server->own_memory * l->connections_max;
        server->local_memory.max = LOCAL_MEMORY_MAX;
        if (l->memory_per_address_max == 0) l->memory_per_address_max = server->memory.max / ADDRESS_SHARES;
}

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata);
static int on_drain(sd_event_source *source, uint64_t usec, void *userdata);

static int add_timer(RpcServer *server, sd_event_time_handler_t handler, sd_event_source **ret)
{
        int r;

        r = sd_event_add_time(server->event, ret, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_US, handler, server);
        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int rpc_server_new(sd_event *event, const RpcServerLimits *limits, RpcServer **ret)
{
        cleanup_rpc_server RpcServer *server = calloc(1, sizeof(*server));
        int r;

        if (!server) return -ENOMEM;
        server->event = sd_event_ref(event);
        if (limits) server->limits = *limits;
        fill_in(&server->limits);
        leave_descriptors(&server->limits);
        divide_memory(server);
        r = add_timer(server, on_resume, &server->resume);
        if (r < 0) return r;
        r = add_timer(server, on_drain, &server->drain);
        if (r < 0) return r;
        *ret = TAKE_PTR(server);
        return 0;
}

static void drop_listeners(RpcServer *server)
{
        for (RpcListener *l = server->listeners, *next; l; l = next) {
                next = l->next;
                rpc_listener_free(l);
        }
        server->listeners = NULL;
}

void rpc_server_free(RpcServer *server)
{
        if (!server) return;
        drop_listeners(server);
        while (server->connections) rpc_connection_free(server->connections);
        sd_event_source_disable_unref(server->resume);
        sd_event_source_disable_unref(server->drain);
        sd_event_unref(server->event);
        free(server);
}

int rpc_server_adopt_fd(RpcServer *server, int fd, const RpcService *service)
{
        const RpcSockaddr from = { .sa = { .sa_family = AF_UNIX }, .size = sizeof(from.sa) };

        server->stats.accepted++;
        return rpc_connection_new(server, fd, &from, NULL, service);
}

/* ---- admission ------------------------------------------------------------------------------------ */

static void set_accepting(RpcServer *server, bool local, bool on)
{
        if (local) server->local_paused = !on;
        else server->paused = !on;
        for (RpcListener *l = server->listeners; l; l = l->next)
                if (l->local == local)
                        IGNORE_RESULT(
                                sd_event_source_set_enabled(l->io, on ? SD_EVENT_ON : SD_EVENT_OFF)); /* cannot
                                                                                                       * fail */
}

static void set_timer(RpcServer *server, sd_event_source *timer, unsigned ms)
{
        uint64_t now = 0;

        IGNORE_RESULT(sd_event_now(server->event, CLOCK_MONOTONIC, &now)); /* 0 fires at once */
        IGNORE_RESULT(sd_event_source_set_time(timer, now + (uint64_t)ms * 1000));
        IGNORE_RESULT(sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT));
}

bool rpc_server_is_full(const RpcServer *server, bool local)
{
        if (local) return server->local_connections >= server->limits.local_connections_max;
        return server->stats.connections - server->local_connections >= server->limits.connections_max;
}

void rpc_server_pause(RpcServer *server, bool local, bool shortage)
{
        set_accepting(server, local, false);
        if (shortage) set_timer(server, server->resume, RESUME_MS);
}

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void)source, (void)usec;
        set_accepting(userdata, false, true);
        set_accepting(userdata, true, true);
        return 0;
}

void rpc_server_connection_gone(RpcServer *server, bool local)
{
        if ((local ? server->local_paused : server->paused) && !rpc_server_is_full(server, local))
                set_accepting(server, local, true);
        if (server->drained && !server->connections) set_timer(server, server->drain, 0);
}

/* ---- the end -------------------------------------------------------------------------------------- */

static int on_drain(sd_event_source *source, uint64_t usec, void *userdata)
{
        RpcServer *server = userdata;
        void (*done)(RpcServer *, void *) = server->drained;

        (void)source, (void)usec;
        server->drained = NULL;
        while (server->connections) rpc_connection_free(server->connections);
        if (done) done(server, server->drained_userdata); /* may free the server */
        return 0;
}

static void nothing(RpcServer *server, void *userdata)
{
        (void)server, (void)userdata;
}

int rpc_server_drain(RpcServer *server, unsigned timeout_ms, void (*done)(RpcServer *server, void *userdata),
                     void *userdata)
{
        if (server->drained) return error_set(-EALREADY, "the server is draining already");
        server->drained = done ? done : nothing;
        server->drained_userdata = userdata;
        drop_listeners(server);
        set_timer(server, server->drain, timeout_ms);
        for (RpcConnection *c = server->connections, *next; c; c = next) {
                next = c->next;
                rpc_session_drain(c->session);
        }
        if (!server->connections) set_timer(server, server->drain, 0);
        return 0;
}

/* ---- what a program may ask ----------------------------------------------------------------------- */

uint16_t rpc_server_port(const RpcServer *server)
{
        return server->port;
}

void rpc_server_set_serving(RpcServer *server, bool serving)
{
        server->not_serving = !serving;
}

void rpc_server_stats(const RpcServer *server, RpcServerStats *ret)
{
        *ret = server->stats;
        for (const RpcConnection *c = server->connections; c; c = c->next) ret->memory += c->memory.used;
}
