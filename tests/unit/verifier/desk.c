/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "desk.h"

#include "verifier/admin.h"

#include <sys/socket.h>

void desk_init(Desk *d)
{
        int fds[2];

        *d = (Desk){ 0 };
        soft_verifier_init(&d->v);
        CHECK(sd_event_new(&d->event) >= 0);
        CHECK_OK(rpc_server_new(d->event, NULL, &d->server));
        d->service = admin_service(&d->v.service);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        CHECK_OK(rpc_server_adopt_fd(d->server, fds[0], &d->service));
        CHECK_OK(rpc_client_new_fd(d->event, fds[1], &(RpcClientConfig){ 0 }, &d->client));
}

void desk_deinit(Desk *d)
{
        rpc_client_free(d->client);
        rpc_server_free(d->server);
        sd_event_unref(d->event);
        soft_verifier_deinit(&d->v);
}

typedef struct Asking {
        const pb_msgdesc_t *fields;
        void *reply;
        DeskEach each;
        void *userdata;
        bool done;
        RpcStatus status;
} Asking;

static void on_message(RpcCall *call, Bytes message, void *userdata)
{
        const Asking *a = userdata;

        (void)call;
        CHECK_OK(proto_decode(a->fields, message, a->reply));
        if (a->each) a->each(a->reply, a->userdata);
}

static void on_finished(RpcCall *call, const RpcStatus *status, void *userdata)
{
        Asking *a = userdata;

        (void)call;
        a->status = *status;
        a->done = true;
}

RpcStatus desk_ask(Desk *d, const char *method, const pb_msgdesc_t *request_fields, const void *request,
                   const pb_msgdesc_t *reply_fields, void *reply, DeskEach each, void *userdata)
{
        static const RpcCallHandler handler = { .message = on_message, .finished = on_finished };
        Asking a = { .fields = reply_fields, .reply = reply, .each = each, .userdata = userdata };
        uint8_t *data = NULL;
        size_t size = 0;
        RpcCall *call;
        char path[96];

        (void)snprintf(path, sizeof(path), "/halfkey.v1.ClusterManagement/%s", method);
        CHECK_OK(proto_encode(request_fields, request, &data, &size));
        CHECK_OK(rpc_call_start(d->client, path, 60000, &handler, &a, &call));
        CHECK_OK(rpc_call_send(call, BYTES(data, size), true));
        proto_free(data, size);
        while (!a.done) CHECK(sd_event_run(d->event, 10000000) > 0);
        return a.status;
}
