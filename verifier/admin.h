/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* halfkey.v1.ClusterManagement, for root on the unix socket. */

#include "proto/cluster.pb.h"
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

/* As find_node and the like of admin.c: -ENOENT, -EINVAL. */
_must_check_ int admin_find_node(Service *s, const char *text, NodeRecord *ret);
/* Sends the node and OK. */
void admin_reply_node(RpcServerCall *call, Service *s, const NodeRecord *n);
/* An audit entry about the node, with who did it. */
void admin_audit_of(const RpcServerCall *call, Service *s, const NodeRecord *n, const char *kind, AuditEntry *ret);

/* ret has room for LABELS_MAX. */
void admin_put_labels(const Labels *l, halfkey_v1_NodeLabel *ret, pb_size_t *ret_n);
void admin_node_label(RpcServerCall *call, Bytes request, void *userdata);
void admin_policy_put(RpcServerCall *call, Bytes request, void *userdata);
void admin_policy_get(RpcServerCall *call, Bytes request, void *userdata);
void admin_policy_list(RpcServerCall *call, Bytes request, void *userdata);
void admin_policy_remove(RpcServerCall *call, Bytes request, void *userdata);
void admin_policy_test(RpcServerCall *call, Bytes request, void *userdata);
