/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The client: a race, then one connection. */

#include "rpc/client-internal.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>

enum {
        PREFACE_MS = 15000, /* a verifier under a boot storm is slow, not dead */
        STALL_MS = 30000,
        FRAME_BUDGET = 4096,
};

static const RpcSessionLimits session_limits = {
        .preface_ms = PREFACE_MS,
        .stall_ms = STALL_MS,
        .frame_budget = FRAME_BUDGET,
};

/* ---- life ----------------------------------------------------------------------------------------- */

void rpc_client_free(RpcClient *c)
{
        if (!c) return;
        c->dead = true;
        if (c->busy > 0) return;
        rpc_race_free(c->race);
        while (c->calls) rpc_call_free(c->calls);
        rpc_session_free(c->session);
        for (size_t i = 0; i < c->n_addresses; i++) free(c->addresses[i]);
        free(c->addresses);
        sd_event_unref(c->event);
        free(c);
}

void rpc_client_enter(RpcClient *c)
{
        c->busy++;
}

bool rpc_client_leave(RpcClient *c)
{
        c->busy--;
        if (c->busy > 0) return !c->dead;
        if (!c->dead) return true;
        rpc_client_free(c);
        return false;
}

static int copy_addresses(RpcClient *c, const RpcClientConfig *config)
{
        c->addresses = calloc(config->n_addresses + 1, sizeof(char *));
        if (!c->addresses) return -ENOMEM;
        for (; c->n_addresses < config->n_addresses; c->n_addresses++) {
                c->addresses[c->n_addresses] = strdup(config->addresses[c->n_addresses]);
                if (!c->addresses[c->n_addresses]) return -ENOMEM;
        }
        return 0;
}

static int client_new(sd_event *event, const RpcClientConfig *config, RpcClient **ret)
{
        RpcClient *c = calloc(1, sizeof(*c));
        int r;

        if (!c) return -ENOMEM;
        c->event = sd_event_ref(event);
        c->handlers = (RpcClientConfig){
                .connected = config->connected,
                .failed = config->failed,
                .closed = config->closed,
                .userdata = config->userdata,
        };
        r = copy_addresses(c, config);
        if (r < 0) {
                rpc_client_free(c);
                return r;
        }
        *ret = c;
        return 0;
}

static int begin_session(RpcClient *c, RpcTransport *transport)
{
        const RpcSessionConfig session = {
                .event = c->event,
                .tls_done = true,
                .limits = &session_limits,
                .ops = &rpc_client_session_ops,
                .owner = c,
        };

        return rpc_session_new(&session, transport, &c->session);
}

/* ---- the race ------------------------------------------------------------------------------------- */

static void tell_failed(RpcClient *c, const char *reasons)
{
        if (c->handlers.failed) c->handlers.failed(c, reasons, c->handlers.userdata);
}

static void won(void *userdata, RpcTransport *transport, size_t address)
{
        RpcClient *c = userdata;
        int r;

        rpc_race_free(c->race);
        c->race = NULL;
        c->address = c->addresses[address];
        r = begin_session(c, transport);
        rpc_client_enter(c);
        if (r < 0) tell_failed(c, error_detail(r));
        else if (c->handlers.connected) c->handlers.connected(c, address, c->handlers.userdata);
        IGNORE_RESULT(rpc_client_leave(c)); /* nothing follows */
}

static void lost(void *userdata, const char *reasons)
{
        RpcClient *c = userdata;

        rpc_client_enter(c);
        tell_failed(c, reasons);
        IGNORE_RESULT(rpc_client_leave(c)); /* nothing follows */
}

static const RpcRaceOps race_ops = { .won = won, .lost = lost };

int rpc_client_new(sd_event *event, const RpcClientConfig *config, RpcClient **ret)
{
        cleanup_rpc_tls RpcTls *tls = NULL;
        cleanup_rpc_client RpcClient *c = NULL;
        int r = 0;

        if (config->n_pins > 0) r = rpc_tls_new_client(config->pins, config->n_pins, config->identity, &tls);
        if (r < 0) return r;
        r = client_new(event, config, &c);
        if (r < 0) return r;
        r = rpc_race_new(event, config, tls, &race_ops, c, &c->race);
        if (r < 0) return r;
        *ret = TAKE_PTR(c);
        return 0;
}

int rpc_client_new_fd(sd_event *event, int fd, const RpcClientConfig *config, RpcClient **ret)
{
        const RpcClientConfig without_addresses = {
                .connected = config->connected,
                .closed = config->closed,
                .userdata = config->userdata,
        };
        cleanup_rpc_client RpcClient *c = NULL;
        RpcTransport transport;
        int r;

        r = rpc_transport_init(&transport, fd, NULL);
        if (r < 0) return r;
        r = client_new(event, &without_addresses, &c);
        if (r < 0) {
                rpc_transport_deinit(&transport);
                return r;
        }
        r = begin_session(c, &transport);
        if (r < 0) return r;
        c->address = "unix";
        *ret = TAKE_PTR(c);
        return 0;
}

/* ---- the connection ------------------------------------------------------------------------------- */

void rpc_client_session_closed(RpcSession *s, const char *reason)
{
        RpcClient *c = s->owner;

        rpc_client_enter(c);
        while (c->calls && !c->dead) rpc_call_lost(c->calls, reason);
        if (!c->dead && c->handlers.closed) c->handlers.closed(c, reason, c->handlers.userdata);
        /* `reason` lives in the session, so that goes last. */
        if (!c->dead) {
                rpc_session_free(c->session);
                c->session = NULL;
        }
        IGNORE_RESULT(rpc_client_leave(c)); /* nothing follows */
}

void rpc_client_flush(RpcClient *c)
{
        if (c->session) rpc_session_flush(c->session);
}

const char *rpc_client_address(const RpcClient *client)
{
        return client->address;
}

int rpc_client_exporter(const RpcClient *client, uint8_t ret[static RPC_EXPORTER_SIZE])
{
        if (!client->session) return error_set(-ENOTCONN, "not connected");
        if (!client->session->transport.ssl)
                return error_set(-EOPNOTSUPP, "no TLS on a unix socket, and so no exporter");
        return rpc_tls_exporter(client->session->transport.ssl, ret);
}
