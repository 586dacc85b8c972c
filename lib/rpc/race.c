/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Handshakes race, not calls: a call may change something, a handshake changes nothing.
 *
 * A runner is one socket address; an address that is a name becomes as many runners as it resolves to. They
 * start in the order of the addresses, one each stagger_ms, or at once when one that ran has failed and nobody
 * is on the way for it. A runner ends in a sentence; when all have ended, the sentences are the result. */

#include "rpc/race.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/writer.h"
#include "rpc/resolve.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
        RUNNERS_MAX = 4 * RPC_ADDRESSES_MAX,
        TIMER_ACCURACY_US = 2000,
        REASON_SIZE = 256,
        REASONS_MAX = RPC_ADDRESSES_MAX * (RPC_ADDRESS_TEXT_SIZE + REASON_SIZE + 4),
};

typedef enum RunnerState {
        RUNNER_WAITING,
        RUNNER_CONNECTING,
        RUNNER_HANDSHAKE,
        RUNNER_FAILED,
} RunnerState;

typedef struct Runner {
        RpcRace *race;
        size_t entrant;
        RpcSockaddr to;
        RunnerState state;
        RpcTransport transport;
        sd_event_source *io;
} Runner;

/* One address of the configuration. */
typedef struct Entrant {
        char *text;
        RpcAddress address;
        RpcResolve *resolve;
        bool resolving;
        char reason[REASON_SIZE]; /* the last one of its runners, or of its resolution */
} Entrant;

struct RpcRace {
        sd_event *event;
        RpcTls *tls;
        const RpcRaceOps *ops;
        void *userdata;
        unsigned stagger_ms, connect_ms;
        Entrant entrants[RPC_ADDRESSES_MAX];
        size_t n_entrants;
        Runner *runners[RUNNERS_MAX];
        size_t n_runners;
        sd_event_source *next, *deadline; /* the next start, the end of it all */
        bool over;
};

/* ---- the end -------------------------------------------------------------------------------------- */

static void runner_stop(Runner *r)
{
        r->io = sd_event_source_disable_unref(r->io);
        rpc_transport_deinit(&r->transport);
}

/* Everything stops; what is freed later is only memory. */
static void stop(RpcRace *race)
{
        race->over = true;
        race->next = sd_event_source_disable_unref(race->next);
        race->deadline = sd_event_source_disable_unref(race->deadline);
        for (size_t i = 0; i < race->n_runners; i++) runner_stop(race->runners[i]);
        for (size_t i = 0; i < race->n_entrants; i++) {
                rpc_resolve_free(race->entrants[i].resolve);
                race->entrants[i].resolve = NULL;
        }
}

static void lose(RpcRace *race)
{
        cleanup_writer Writer w = WRITER_INIT(REASONS_MAX);
        cleanup_free char *text = NULL;

        for (size_t i = 0; i < race->n_entrants; i++) {
                const Entrant *e = &race->entrants[i];

                writer_format(&w, "%s%s: %s", i ? "\n" : "", e->text, e->reason[0] ? e->reason : "not tried");
        }
        if (writer_steal_text(&w, &text) < 0) text = NULL;
        stop(race);
        race->ops->lost(race->userdata, text ? text : "out of memory");
}

static void win(Runner *r)
{
        RpcRace *race = r->race;
        RpcTransport transport = r->transport;

        r->transport = (RpcTransport){ .fd = -1 };
        r->io = sd_event_source_disable_unref(r->io);
        stop(race);
        race->ops->won(race->userdata, &transport, r->entrant);
}

/* ---- runners -------------------------------------------------------------------------------------- */

static void start_next(RpcRace *race);

static bool all_failed(const RpcRace *race)
{
        for (size_t i = 0; i < race->n_runners; i++)
                if (race->runners[i]->state != RUNNER_FAILED) return false;
        for (size_t i = 0; i < race->n_entrants; i++)
                if (race->entrants[i].resolving) return false;
        return true;
}

static void set_reason(RpcRace *race, size_t entrant, const char *reason)
{
        (void)snprintf(race->entrants[entrant].reason, REASON_SIZE, "%s", reason);
}

static void runner_failed(Runner *r, const char *reason)
{
        RpcRace *race = r->race;

        set_reason(race, r->entrant, reason);
        r->state = RUNNER_FAILED;
        runner_stop(r);
        if (all_failed(race)) lose(race);
        else start_next(race);
}

static void go_on(Runner *r)
{
        int x;

        x = rpc_transport_handshake(&r->transport);
        if (x == -EAGAIN) x = sd_event_source_set_io_events(r->io, r->transport.wants_write ? EPOLLOUT : EPOLLIN);
        else if (x == 0) {
                win(r);
                return;
        }
        if (x < 0) runner_failed(r, error_detail(x));
}

static void connected(Runner *r)
{
        socklen_t n = sizeof(int);
        int error = 0;

        if (getsockopt(r->transport.fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0) error = errno;
        if (error) {
                runner_failed(r, strerror(error));
                return;
        }
        r->state = RUNNER_HANDSHAKE;
        go_on(r);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Runner *r = userdata;

        (void)source, (void)fd, (void)events;
        error_clear();
        if (r->state == RUNNER_CONNECTING) connected(r);
        else go_on(r);
        return 0;
}

static int open_socket(Runner *r)
{
        RpcTls *tls = r->to.sa.sa_family == AF_UNIX ? NULL : r->race->tls;
        const int on = 1;
        int fd, x;

        fd = socket(r->to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) return -errno;
        if (tls) (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without, not wrong */
        x = rpc_transport_init(&r->transport, fd, tls);
        if (x < 0) return x;
        if (connect(fd, &r->to.sa, r->to.size) < 0 && errno != EINPROGRESS) return -errno;
        return sd_event_add_io(r->race->event, &r->io, fd, EPOLLOUT, on_io, r);
}

static void start(Runner *r)
{
        int x;

        r->state = RUNNER_CONNECTING;
        x = open_socket(r);
        if (x < 0) runner_failed(r, strerror(-x));
}

static void arm(RpcRace *race)
{
        uint64_t now = 0;

        IGNORE_RESULT(sd_event_now(race->event, CLOCK_MONOTONIC, &now)); /* 0 fires at once */
        IGNORE_RESULT(sd_event_source_set_time(race->next, now + (uint64_t)race->stagger_ms * 1000));
        IGNORE_RESULT(sd_event_source_set_enabled(race->next, SD_EVENT_ONESHOT));
}

/* The waiting runner of the earliest address. */
static void start_next(RpcRace *race)
{
        Runner *first = NULL;

        for (size_t i = 0; i < race->n_runners; i++) {
                Runner *r = race->runners[i];

                if (r->state == RUNNER_WAITING && (!first || r->entrant < first->entrant)) first = r;
        }
        if (!first) return;
        arm(race);
        start(first);
}

static int add_runner(RpcRace *race, size_t entrant, const RpcSockaddr *to)
{
        Runner *r;

        if (race->n_runners == RUNNERS_MAX) return -E2BIG;
        r = calloc(1, sizeof(*r));
        if (!r) return -ENOMEM;
        *r = (Runner){ .race = race, .entrant = entrant, .to = *to, .transport = { .fd = -1 } };
        race->runners[race->n_runners++] = r;
        return 0;
}

/* ---- names, timers -------------------------------------------------------------------------------- */

static bool anyone_runs(const RpcRace *race)
{
        for (size_t i = 0; i < race->n_runners; i++) {
                const RunnerState s = race->runners[i]->state;

                if (s == RUNNER_CONNECTING || s == RUNNER_HANDSHAKE) return true;
        }
        return false;
}

static void on_resolved(void *userdata, size_t tag, const RpcSockaddr *found, size_t n, const char *error)
{
        RpcRace *race = userdata;
        Entrant *e = &race->entrants[tag];

        e->resolving = false;
        if (n == 0) (void)snprintf(e->reason, sizeof(e->reason), "cannot resolve the name: %s", error);
        for (size_t i = 0; i < n; i++)
                if (add_runner(race, tag, &found[i]) < 0) set_reason(race, tag, "too many addresses");
        if (all_failed(race)) {
                lose(race);
                return;
        }
        /* Nobody on the way: no reason to wait for the next turn. Else that turn finds it, if there is one. */
        if (!anyone_runs(race)) start_next(race);
        else if (n > 0) arm(race);
}

static int on_next(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void)source, (void)usec;
        start_next(userdata);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        RpcRace *race = userdata;

        (void)source, (void)usec;
        for (size_t i = 0; i < race->n_runners; i++) {
                const Runner *r = race->runners[i];
                Entrant *e = &race->entrants[r->entrant];

                if (r->state == RUNNER_CONNECTING || r->state == RUNNER_HANDSHAKE)
                        (void)snprintf(e->reason, sizeof(e->reason), "no %s within %u ms",
                                       r->state == RUNNER_CONNECTING ? "connection" : "TLS handshake",
                                       race->connect_ms);
        }
        for (size_t i = 0; i < race->n_entrants; i++)
                if (race->entrants[i].resolving) set_reason(race, i, "the name was not resolved in time");
        lose(race);
        return 0;
}

/* ---- life ----------------------------------------------------------------------------------------- */

static int add_timer(RpcRace *race, unsigned ms, sd_event_time_handler_t handler, sd_event_source **ret)
{
        return sd_event_add_time_relative(race->event, ret, CLOCK_MONOTONIC, (uint64_t)ms * 1000,
                                          TIMER_ACCURACY_US, handler, race);
}

static int add_entrant(RpcRace *race, const char *text)
{
        Entrant *e = &race->entrants[race->n_entrants];
        int r;

        r = rpc_address_parse(text, &e->address);
        if (r < 0) return r;
        if (!e->address.numeric && !e->address.host[0]) return error_set(-EINVAL, "'%s': no host", text);
        if (!race->tls && e->address.sockaddr.sa.sa_family != AF_UNIX)
                return error_set(-EINVAL, "%s: pins are needed for TLS", text);
        e->text = strdup(text);
        if (!e->text) return -ENOMEM;
        race->n_entrants++;
        if (e->address.numeric) return add_runner(race, race->n_entrants - 1, &e->address.sockaddr);
        e->resolving = true;
        return rpc_resolve_new(race->event, &e->address, on_resolved, race, race->n_entrants - 1, &e->resolve);
}

static int race_init(RpcRace *race, const RpcClientConfig *config)
{
        int r;

        r = add_timer(race, race->connect_ms, on_deadline, &race->deadline);
        /* The first start too comes from the loop, so that no callback comes from within rpc_race_new(). */
        if (r >= 0) r = add_timer(race, 0, on_next, &race->next);
        for (size_t i = 0; r >= 0 && i < config->n_addresses; i++) r = add_entrant(race, config->addresses[i]);
        return r < 0 ? r : 0;
}

int rpc_race_new(sd_event *event, const RpcClientConfig *config, RpcTls *tls, const RpcRaceOps *ops,
                 void *userdata, RpcRace **ret)
{
        RpcRace *race;
        int r;

        if (config->n_addresses == 0 || config->n_addresses > RPC_ADDRESSES_MAX)
                return error_set(-EINVAL, "%zu addresses; 1 to %d make sense", config->n_addresses,
                                 RPC_ADDRESSES_MAX);
        race = calloc(1, sizeof(*race));
        if (!race) return -ENOMEM;
        race->event = sd_event_ref(event);
        race->tls = rpc_tls_ref(tls);
        race->ops = ops;
        race->userdata = userdata;
        race->stagger_ms = config->stagger_ms ? config->stagger_ms : RPC_STAGGER_MS;
        race->connect_ms = config->connect_ms ? config->connect_ms : RPC_CONNECT_MS;
        r = race_init(race, config);
        if (r < 0) {
                rpc_race_free(race);
                return r;
        }
        *ret = race;
        return 0;
}

void rpc_race_free(RpcRace *race)
{
        if (!race) return;
        stop(race);
        for (size_t i = 0; i < race->n_runners; i++) free(race->runners[i]);
        for (size_t i = 0; i < race->n_entrants; i++) free(race->entrants[i].text);
        rpc_tls_unref(race->tls);
        sd_event_unref(race->event);
        free(race);
}
