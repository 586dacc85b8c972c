/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* halfkey.v1.ClusterManagement, for root on the unix socket. */

#include "proto/message.h"
#include "rpc/server.h"
#include "verifier/service.h"

RpcService admin_service(Service *service);

/* Shared by the files of the service. */

/* The caller is root (or whoever runs the daemon); else the call is finished with PERMISSION_DENIED. */
bool admin_allowed(RpcServerCall *call);
/* Decodes a request; on failure the call is finished. */
bool admin_decode(RpcServerCall *call, const pb_msgdesc_t *fields, Bytes request, void *message);
/* Sends one message of a stream. */
_must_check_ int admin_send(RpcServerCall *call, const pb_msgdesc_t *fields, const void *message);
/* One message and OK. */
void admin_reply(RpcServerCall *call, const pb_msgdesc_t *fields, const void *message);
/* Ends the call as r says: 0 is OK. Store and node outcomes become NOT_FOUND, FAILED_PRECONDITION and so on, with
 * the detail as text; -errno is logged. */
void admin_finish(RpcServerCall *call, int r);
/* "root" or the user's number, for the audit. */
void admin_who(const RpcServerCall *call, char ret[static 32]);

void admin_enrolment_new(RpcServerCall *call, Bytes request, void *userdata);
void admin_enrolment_list(RpcServerCall *call, Bytes request, void *userdata);
void admin_enrolment_remove(RpcServerCall *call, Bytes request, void *userdata);
