/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An administrator at the service of admin.h: a server and a client on one loop, over a socket pair, around the
 * verifier of softnode.h. */

#include "softnode.h"

#include "rpc/client.h"
#include "rpc/server.h"

typedef struct Desk {
        SoftVerifier v;
        sd_event *event;
        RpcService service;
        RpcServer *server;
        RpcClient *client;
} Desk;

void desk_init(Desk *d);
void desk_deinit(Desk *d);
#define cleanup_desk _cleanup_(desk_deinit)

typedef void (*DeskEach)(const void *reply, void *userdata);
/* One request; every reply is decoded into `reply` and `each` is called (NULL: the last one stays in it). */
RpcStatus desk_ask(Desk *d, const char *method, const pb_msgdesc_t *request_fields, const void *request,
                   const pb_msgdesc_t *reply_fields, void *reply, DeskEach each, void *userdata);
#define DESK_ASK(desk, method, request_type, request, reply_type, reply, each, userdata)                      \
        desk_ask(desk, method, halfkey_v1_##request_type##_fields, request, halfkey_v1_##reply_type##_fields, \
                 reply, each, userdata)
