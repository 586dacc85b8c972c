/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/node-service.h"

#include "base/error.h"
#include "base/log.h"
#include "verifier/session.h"

#include <errno.h>
#include <stdlib.h>

enum {
        /* EnrolCommit carries eight recovery keys of up to 4 kB beside the evidence. */
        MESSAGE_MAX = 64 * 1024,
        /* The TPM of the node works while the call is open: an activation and a quote take seconds on slow ones.
         */
        CALL_MS = 120 * 1000,
};

static void fail(RpcServerCall *call, Session *s, int r)
{
        if (r == SESSION_E_MALFORMED) {
                if (!s || service_may_log(s->service))
                        log_notice("malformed call from %s: %s", s ? s->address : "?", error_detail(r));
                rpc_server_call_finish(call, RPC_INVALID_ARGUMENT, error_detail(r));
        } else if (r == -EAGAIN) {
                rpc_server_call_finish(call, RPC_ABORTED, "changed by another request, try again");
        } else {
                log_error("a call from %s failed: %s", s ? s->address : "?", error_detail(r));
                rpc_server_call_finish(call, RPC_INTERNAL, "the verifier failed, see its log");
        }
}

static int hold(void *userdata, size_t n)
{
        return rpc_server_call_hold(userdata, n);
}

/* Those of the call's connection; made with its first call. */
static TakenQuotes *quotes_of(RpcServerCall *call)
{
        TakenQuotes *q = rpc_server_call_connection_data(call);

        if (q) return q;
        q = calloc(1, sizeof(*q));
        if (q) rpc_server_call_set_connection_data(call, q, free);
        return q;
}

static void open_session(RpcServerCall *call, SessionKind kind, void *userdata)
{
        uint8_t exporter[RPC_EXPORTER_SIZE];
        SessionPeer peer = { .exporter = exporter,
                             .address = rpc_server_call_peer(call)->address,
                             .quotes = quotes_of(call),
                             .hold = hold,
                             .userdata = call };
        Session *s = NULL;
        int r;

        error_clear();
        r = peer.quotes ? rpc_server_call_exporter(call, exporter) : -ENOMEM;
        if (r == 0) r = session_new(userdata, kind, &peer, &s);
        if (r < 0) return fail(call, NULL, r);
        rpc_server_call_set_data(call, s);
}

static void open_register(RpcServerCall *call, void *userdata)
{
        open_session(call, SESSION_REGISTER, userdata);
}

static void open_commit(RpcServerCall *call, void *userdata)
{
        open_session(call, SESSION_COMMIT, userdata);
}

static void open_unlock(RpcServerCall *call, void *userdata)
{
        open_session(call, SESSION_UNLOCK, userdata);
}

static void open_reattest(RpcServerCall *call, void *userdata)
{
        open_session(call, SESSION_REATTEST, userdata);
}

static void on_message(RpcServerCall *call, Bytes message, void *userdata)
{
        _cleanup_(session_reply_deinit) SessionReply reply = { 0 };
        Session *s = rpc_server_call_data(call);
        int r;

        (void)userdata;
        if (!s) return;
        error_clear();
        r = session_message(s, message, &reply);
        if (r == 0 && reply.data) r = rpc_server_call_send(call, BYTES(reply.data, reply.size));
        if (r != 0) {
                s->answered = true;
                return fail(call, s, r);
        }
        if (reply.last) rpc_server_call_finish(call, RPC_OK, NULL);
}

static void on_half_closed(RpcServerCall *call, void *userdata)
{
        const Session *s = rpc_server_call_data(call);

        (void)userdata;
        if (s && !s->answered)
                rpc_server_call_finish(call, RPC_INVALID_ARGUMENT, "the call ended before its proof");
}

static void on_closed(RpcServerCall *call, void *userdata)
{
        (void)userdata;
        session_free(rpc_server_call_data(call));
        rpc_server_call_set_data(call, NULL);
}

#define METHOD(name, opener)                                                                                \
        {                                                                                                   \
                .path = "/halfkey.v1.NodeManagement/" name, .message_max = MESSAGE_MAX, .call_ms = CALL_MS, \
                .open = opener, .message = on_message, .half_closed = on_half_closed, .closed = on_closed   \
        }

static const RpcMethod methods[] = {
        METHOD("Register", open_register),
        METHOD("EnrolCommit", open_commit),
        METHOD("Unlock", open_unlock),
        METHOD("Reattest", open_reattest),
};

static const char *const health[] = { "halfkey.v1.NodeManagement" };

RpcService node_service(Service *service)
{
        return (RpcService){ .methods = methods,
                             .n_methods = ARRAY_SIZE(methods),
                             .health = health,
                             .n_health = ARRAY_SIZE(health),
                             .userdata = service };
}
