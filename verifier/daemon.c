/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/daemon.h"

#include "base/error.h"
#include "base/log.h"
#include "verifier/admin.h"
#include "verifier/node-service.h"
#include "verifier/policies.h"
#include "verifier/verdict.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>

enum { DRAIN_MS = 10000, SWEEP_S = 60 };

typedef struct Daemon {
        Settings settings;
        Keys *keys;
        Trust trust;
        Store *store;
        Service service;
        RpcService node_service, admin_service;
        sd_event *event;
        RpcTls *tls;
        RpcServer *server;
        bool draining;
} Daemon;

static void daemon_deinit(Daemon *d)
{
        rpc_server_free(d->server);
        rpc_tls_unref(d->tls);
        (void)sd_event_unref(d->event);
        pace_free(d->service.pace);
        policy_set_deinit(&d->service.policies);
        store_free(d->store);
        trust_deinit(&d->trust);
        keys_free(d->keys);
}

static uint64_t wall_clock(void)
{
        return (uint64_t)time(NULL);
}

static void drained(RpcServer *server, void *userdata)
{
        Daemon *d = userdata;

        (void)server;
        (void)sd_event_exit(d->event, 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        Daemon *d = userdata;

        (void)source;
        if (d->draining) return sd_event_exit(d->event, 0);
        d->draining = true;
        log_info("signal %u: finishing open calls", info->ssi_signo);
        (void)sd_notify(0, "STOPPING=1");
        if (rpc_server_drain(d->server, DRAIN_MS, drained, d) < 0) return sd_event_exit(d->event, 0);
        return 0;
}

/* Counts of refusals become audit entries, also of nodes that do not come again. */
static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
        Daemon *d = userdata;

        (void)usec;
        verdict_audit_counts(&d->service, d->service.now());
        (void)sd_event_source_set_time_relative(source, (uint64_t)SWEEP_S * 1000000);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int open_store(Daemon *d, const char *dir)
{
        cleanup_free char *path = settings_path(dir, "verifier.db");

        if (!path) return -ENOMEM;
        return store_open_sqlite(path, false, &d->store);
}

static int make_tls(Daemon *d)
{
        cleanup_rpc_identity RpcIdentity *identity = NULL;
        int r;

        r = rpc_identity_new(BYTES(d->keys->identity_chain, d->keys->identity_chain_size), d->keys->identity_key,
                             &identity);
        if (r < 0) return error_prefix(r, "verifier.crt and verifier.key");
        return rpc_tls_new_server(identity, NULL, 0, &d->tls);
}

static int load(Daemon *d, const DaemonOptions *o)
{
        int r;

        r = settings_check_dir(o->dir);
        if (r == 0) r = settings_read(o->dir, &d->settings);
        if (r == 0) r = keys_read(o->dir, &d->keys);
        if (r == 0) r = trust_read(o->dir, &d->settings, &d->trust);
        if (r == 0) r = open_store(d, o->dir);
        if (r == 0) r = make_tls(d);
        if (r < 0) return r;
        if (o->listen.n > 0) d->settings.listen = o->listen;
        if (o->admin_socket)
                (void)snprintf(d->settings.admin_socket, sizeof(d->settings.admin_socket), "%s", o->admin_socket);
        d->service = (Service){
                .store = d->store, .settings = &d->settings, .keys = d->keys, .trust = &d->trust, .now = wall_clock
        };
        d->service.pace = pace_new();
        return d->service.pace ? policies_load(&d->service) : -ENOMEM;
}

/* The socket's folder, where nobody made it (systemd's RuntimeDirectory= does). */
static int make_socket_dir(const char *path)
{
        cleanup_free char *dir = strdup(path);
        char *slash;

        if (!dir) return -ENOMEM;
        slash = strrchr(dir, '/');
        if (!slash || slash == dir) return 0;
        *slash = '\0';
        if (mkdir(dir, 0700) < 0 && errno != EEXIST) return error_set(-errno, "%s: %m", dir);
        return 0;
}

static int listen_all(Daemon *d)
{
        const char *path = d->settings.admin_socket;
        int r;

        r = rpc_server_new(d->event, NULL, &d->server);
        if (r < 0) return r;
        for (size_t i = 0; i < d->settings.listen.n; i++) {
                r = rpc_server_listen_tls(d->server, d->settings.listen.text[i], d->tls, &d->node_service);
                if (r < 0) return error_prefix(r, "cannot listen on %s", d->settings.listen.text[i]);
                log_info("nodes are served on %s (port %u)", d->settings.listen.text[i],
                         rpc_server_port(d->server));
        }
        r = make_socket_dir(path);
        if (r == 0) r = rpc_server_listen_unix(d->server, path, &d->admin_service);
        return r < 0 ? error_prefix(r, "cannot listen on %s", path) : 0;
}

static int prepare_loop(Daemon *d)
{
        sigset_t mask;
        int r;

        (void)signal(SIGPIPE, SIG_IGN);
        (void)sigemptyset(&mask);
        (void)sigaddset(&mask, SIGTERM);
        (void)sigaddset(&mask, SIGINT);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0) return -errno;
        r = sd_event_new(&d->event);
        if (r >= 0) r = sd_event_add_signal(d->event, NULL, SIGTERM, on_signal, d);
        if (r >= 0) r = sd_event_add_signal(d->event, NULL, SIGINT, on_signal, d);
        if (r >= 0)
                r = sd_event_add_time_relative(d->event, NULL, CLOCK_MONOTONIC, (uint64_t)SWEEP_S * 1000000, 0,
                                               on_sweep, d);
        if (r >= 0) r = sd_event_set_watchdog(d->event, true);
        return r < 0 ? error_set(r, "the event loop: %s", strerror(-r)) : 0;
}

/* A site that asks nothing of a TPM shall know it. */
static void say_trust(const Trust *t)
{
        static const char *const modes[] = {
                [EK_TRUST_NONE] = "by its enrolment secret alone (ek_trust is none)",
                [EK_TRUST_EITHER] = "by ek-list or by its maker's certificate",
                [EK_TRUST_BOTH] = "by ek-list and by its maker's certificate",
        };

        log_info("a TPM that enrols is trusted %s%s; %zu roots in ek-ca", modes[t->mode],
                 t->platform_required ? ", with a platform certificate" : "",
                 t->ek_ca ? certificate_set_roots(t->ek_ca) : 0);
}

int daemon_run(const DaemonOptions *o)
{
        _cleanup_(daemon_deinit) Daemon d = { 0 };
        int r;

        r = prepare_loop(&d);
        if (r == 0) r = load(&d, o);
        if (r < 0) return r;
        d.node_service = node_service(&d.service);
        d.admin_service = admin_service(&d.service);
        r = listen_all(&d);
        if (r < 0) return r;
        (void)sd_notify(0, "READY=1");
        say_trust(&d.trust);
        log_info("cluster '%s' is served; administrators at %s", d.settings.name, d.settings.admin_socket);
        r = sd_event_loop(d.event);
        verdict_audit_counts(&d.service, UINT64_MAX);
        return r < 0 ? error_set(r, "the event loop: %s", strerror(-r)) : 0;
}
