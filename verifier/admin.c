/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/admin.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "config.h"
#include "proto/cluster.pb.h"
#include "proto/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool admin_allowed(RpcServerCall *call)
{
        const RpcPeer *peer = rpc_server_call_peer(call);

        if (peer->local && (peer->uid == 0 || peer->uid == geteuid())) return true;
        rpc_server_call_finish(call, RPC_PERMISSION_DENIED, "only root may administer the cluster");
        return false;
}

void admin_who(const RpcServerCall *call, char ret[static 32])
{
        const RpcPeer *peer = rpc_server_call_peer(call);

        if (peer->uid == 0) (void)snprintf(ret, 32, "root");
        else (void)snprintf(ret, 32, "user %u", peer->uid);
}

bool admin_decode(RpcServerCall *call, const pb_msgdesc_t *fields, Bytes request, void *message)
{
        int r;

        if (!admin_allowed(call)) return false;
        error_clear();
        r = proto_decode(fields, request, message);
        if (r < 0) rpc_server_call_finish(call, RPC_INVALID_ARGUMENT, error_detail(r));
        return r == 0;
}

int admin_send(RpcServerCall *call, const pb_msgdesc_t *fields, const void *message)
{
        uint8_t *data = NULL;
        size_t size = 0;
        int r;

        r = proto_encode(fields, message, &data, &size);
        if (r == 0) r = rpc_server_call_send(call, BYTES(data, size));
        proto_free(data, size);
        return r;
}

void admin_finish(RpcServerCall *call, int r)
{
        switch (r) {
        case 0: return rpc_server_call_finish(call, RPC_OK, NULL);
        case -ENOENT: return rpc_server_call_finish(call, RPC_NOT_FOUND, error_detail(r));
        case -EINVAL: return rpc_server_call_finish(call, RPC_INVALID_ARGUMENT, error_detail(r));
        case -ESTALE: return rpc_server_call_finish(call, RPC_FAILED_PRECONDITION, error_detail(r));
        case -EAGAIN: return rpc_server_call_finish(call, RPC_ABORTED, "changed by another request, try again");
        case -ENOBUFS: return rpc_server_call_finish(call, RPC_RESOURCE_EXHAUSTED, "the answer is too long");
        default:
                log_error("an administrator's call failed: %s", error_detail(r));
                return rpc_server_call_finish(call, RPC_INTERNAL, error_detail(r));
        }
}

void admin_reply(RpcServerCall *call, const pb_msgdesc_t *fields, const void *message)
{
        admin_finish(call, admin_send(call, fields, message));
}

static int find_node(Service *s, const char *text, NodeRecord *ret)
{
        int r;

        error_clear();
        r = store_node_find(s->store, text, ret);
        if (r == STORE_E_ABSENT) return error_set(-ENOENT, "no node '%s': see halfkey cluster node list", text);
        return r == STORE_E_AMBIGUOUS ? -EINVAL : r;
}

static void put_volume(const NodeVolume *v, halfkey_v1_NodeVolume *out)
{
        IGNORE_RESULT(PROTO_SET(out->volume_id, BYTES_ARRAY(v->id)));
        PROTO_SET_TEXT(out->role, v->role);
        out->epoch = v->epoch;
        out->volume_key_shared = v->key_shared;
        out->epoch_floor = v->floor;
        PROTO_SET_TEXT(out->order, node_order_name(v->order));
        out->order_epoch = v->order_epoch;
        out->opened = v->opened;
}

static int describe_node(Service *s, const NodeRecord *n, halfkey_v1_Node *out)
{
        const BootCounters boot = n->committed ? n->seen : n->registration.at;
        NodeLocal local;
        int r;

        *out = (halfkey_v1_Node)halfkey_v1_Node_init_zero;
        r = store_local_get(s->store, n->id, &local);
        if (r < 0) return r;
        IGNORE_RESULT(PROTO_SET(out->node_id, BYTES_ARRAY(n->id)));
        PROTO_SET_TEXT(out->name, n->name);
        PROTO_SET_TEXT(out->state, node_state_name(n->state));
        PROTO_SET_TEXT(out->serial, n->serial);
        PROTO_SET_TEXT(out->hostname, n->hostname);
        PROTO_SET_TEXT(out->last_refusal, local.refusal);
        PROTO_SET_TEXT(out->trusted, n->trusted);
        out->committed = n->committed;
        out->baseline = n->baseline.present;
        out->generation = n->generation;
        out->registered_at = n->registered_at;
        out->unlocked_at = local.last_at;
        out->attested_at = n->attested_at;
        out->reset_count = boot.reset;
        out->restart_count = boot.restart;
        out->reinstall = n->reinstall;
        admin_put_labels(&n->labels, out->label, &out->label_count);
        for (size_t i = 0; i < n->n_volumes; i++) put_volume(&n->volumes[i], &out->volume[out->volume_count++]);
        return 0;
}

static void get_cluster(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_GetClusterRequest in = halfkey_v1_GetClusterRequest_init_zero;
        halfkey_v1_Cluster out = halfkey_v1_Cluster_init_zero;
        Service *s = userdata;
        uint64_t nodes = 0;
        int r;

        if (!admin_decode(call, halfkey_v1_GetClusterRequest_fields, request, &in)) return;
        PROTO_SET_TEXT(out.name, s->settings->name);
        PROTO_SET_TEXT(out.version, HALFKEY_VERSION);
        IGNORE_RESULT(PROTO_SET(out.verifier_pin, BYTES_ARRAY(s->keys->verifier_pin)));
        IGNORE_RESULT(PROTO_SET(out.policy_key_hash, BYTES_ARRAY(s->keys->policy_hash)));
        for (size_t i = 0; i < s->keys->n_recovery; i++)
                IGNORE_RESULT(PROTO_SET(out.recovery_hash[i], BYTES_ARRAY(s->keys->recovery[i].hash)));
        out.recovery_hash_count = (pb_size_t)s->keys->n_recovery;
        r = store_node_count(s->store, &nodes);
        if (r != 0) return admin_finish(call, r > 0 ? -EIO : r);
        out.nodes = (uint32_t)nodes;
        admin_reply(call, halfkey_v1_Cluster_fields, &out);
}

/* How far a page goes: as many messages as were asked for, and no further than PAGE_SCAN_MAX things were looked
 * at, so that nobody's unlock waits for an administrator. A full page of nodes is 3 MiB, one of events too: less
 * than what a call may queue. */
enum {
        NODES_PAGE = 500,
        NODES_PAGE_MAX = 2000,
        EVENTS_PAGE = 1000,
        EVENTS_PAGE_MAX = 4000,
        PAGE_SCAN_MAX = 20000
};
enum { PAGE_E_FULL = 100 }; /* unlike a store's outcomes */

typedef struct Page {
        unsigned left, scan_left;
} Page;

static Page page_of(uint32_t asked, unsigned usual, unsigned max)
{
        const unsigned most = MIN(asked, max);

        return (Page){ .left = most > 0 ? most : usual, .scan_left = PAGE_SCAN_MAX };
}

/* May one more be looked at? */
static bool page_goes_on(Page *p)
{
        if (p->left == 0 || p->scan_left == 0) return false;
        p->scan_left--;
        return true;
}

typedef struct Listing {
        RpcServerCall *call;
        Service *service;
        const char *state;
        Page page;
        char last[NODE_TEXT_MAX + 1]; /* the name looked at last */
} Listing;

/* A walk holds the store's statement, so that what a visitor reads must be another one: it is (local). */
static int list_node(const NodeRecord *n, void *userdata)
{
        Listing *l = userdata;
        halfkey_v1_Node out;
        int r;

        if (!page_goes_on(&l->page)) return PAGE_E_FULL;
        memcpy(l->last, n->name, sizeof(l->last));
        if (l->state[0] && strcmp(l->state, node_state_name(n->state)) != 0) return 0;
        l->page.left--;
        r = describe_node(l->service, n, &out);
        return r < 0 ? r : admin_send(l->call, halfkey_v1_Node_fields, &out);
}

static void list_nodes(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_ListNodesRequest in = halfkey_v1_ListNodesRequest_init_zero;
        halfkey_v1_Node more = halfkey_v1_Node_init_zero;
        Service *s = userdata;
        Listing l;
        int r;

        if (!admin_decode(call, halfkey_v1_ListNodesRequest_fields, request, &in)) return;
        l = (Listing){ call, s, in.state, page_of(in.page_size, NODES_PAGE, NODES_PAGE_MAX), "" };
        r = store_node_each_after(s->store, in.after, list_node, &l);
        if (r == PAGE_E_FULL) {
                PROTO_SET_TEXT(more.next, l.last);
                r = admin_send(call, halfkey_v1_Node_fields, &more);
        }
        admin_finish(call, r);
}

static void reply_node(RpcServerCall *call, Service *s, const NodeRecord *n)
{
        halfkey_v1_Node out;
        const int r = describe_node(s, n, &out);

        if (r < 0) return admin_finish(call, r);
        admin_reply(call, halfkey_v1_Node_fields, &out);
}

static void get_node(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_NodeRequest in = halfkey_v1_NodeRequest_init_zero;
        NodeRecord n;
        int r;

        if (!admin_decode(call, halfkey_v1_NodeRequest_fields, request, &in)) return;
        r = find_node(userdata, in.node, &n);
        if (r != 0) return admin_finish(call, r);
        reply_node(call, userdata, &n);
}

static void audit_of(const RpcServerCall *call, Service *s, const NodeRecord *n, const char *kind, AuditEntry *ret)
{
        char digits[2 * NODE_ID_SIZE + 1], who[32];

        *ret = (AuditEntry){ .at = s->now() };
        hex_encode(BYTES_ARRAY(n->id), digits);
        admin_who(call, who);
        memcpy(ret->node_id, n->id, sizeof(ret->node_id));
        (void)snprintf(ret->kind, sizeof(ret->kind), "%s", kind);
        (void)snprintf(ret->node, sizeof(ret->node), "%s (%.*s)", n->name, NODE_NAME_DIGITS, digits);
        (void)snprintf(ret->text, sizeof(ret->text), "by %s", who);
}

typedef struct Verb {
        const char *kind; /* in the audit */
        int (*apply)(NodeRecord *n);
} Verb;

/* Looks the node up, applies the verb (NULL: removal), stores and audits it. */
static int change_node(RpcServerCall *call, Service *s, const halfkey_v1_NodeRequest *in, const Verb *verb,
                       NodeRecord *ret)
{
        AuditEntry e;
        size_t used;
        int r;

        r = find_node(s, in->node, ret);
        if (r == 0 && verb->apply) r = verb->apply(ret);
        if (r != 0) return r == NODE_E_STATE ? -ESTALE : r;
        audit_of(call, s, ret, verb->kind, &e);
        used = strlen(e.text);
        if (in->reason[0]) (void)snprintf(e.text + used, sizeof(e.text) - used, ": %s", in->reason);
        r = store_commit(s->store, &(StoreChange){ .node = verb->apply ? ret : NULL,
                                                   .remove_node = verb->apply ? NULL : ret->id,
                                                   .audit = &e });
        if (r != 0) return r == STORE_E_CONFLICT ? -EAGAIN : r > 0 ? -EIO : r;
        log_notice("%s: %s %s", verb->kind, e.node, e.text);
        return 0;
}

static void node_verb(RpcServerCall *call, Bytes request, Service *s, const Verb *verb)
{
        halfkey_v1_NodeRequest in = halfkey_v1_NodeRequest_init_zero;
        NodeRecord n;
        int r;

        if (!admin_decode(call, halfkey_v1_NodeRequest_fields, request, &in)) return;
        r = change_node(call, s, &in, verb, &n);
        if (r != 0) return admin_finish(call, r);
        reply_node(call, s, &n);
}

static void add_node(RpcServerCall *call, Bytes request, void *userdata)
{
        node_verb(call, request, userdata, &(Verb){ "node-approved", node_approve });
}

static void remove_node(RpcServerCall *call, Bytes request, void *userdata)
{
        node_verb(call, request, userdata, &(Verb){ "node-removed", NULL });
}

static void quarantine_node(RpcServerCall *call, Bytes request, void *userdata)
{
        node_verb(call, request, userdata, &(Verb){ "node-quarantined", node_quarantine });
}

static void activate_node(RpcServerCall *call, Bytes request, void *userdata)
{
        node_verb(call, request, userdata, &(Verb){ "node-activated", node_activate });
}

static void reinstall_node(RpcServerCall *call, Bytes request, void *userdata)
{
        node_verb(call, request, userdata, &(Verb){ "node-reinstall-allowed", node_mark_reinstall });
}

static void order_rekey(RpcServerCall *call, Bytes request, void *userdata)
{
        node_verb(call, request, userdata, &(Verb){ "rekey-ordered", node_order_rekey });
}

static void get_recovery_key(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_RecoveryKeyRequest in = halfkey_v1_RecoveryKeyRequest_init_zero;
        halfkey_v1_RecoveryKey out = halfkey_v1_RecoveryKey_init_zero;
        cleanup_free uint8_t *cms = NULL;
        char role[NODE_ROLE_MAX + 1];
        Service *s = userdata;
        AuditEntry e;
        NodeRecord n;
        size_t size;
        int r;

        if (!admin_decode(call, halfkey_v1_RecoveryKeyRequest_fields, request, &in)) return;
        r = find_node(s, in.node, &n);
        if (r != 0) return admin_finish(call, r);
        r = store_recovery_get(s->store, n.id, PROTO_BYTES(in.volume_id), &cms, &size, role);
        if (r == STORE_E_ABSENT) r = error_set(-ENOENT, "%s has no recovery key of that volume here", n.name);
        if (r == 0) r = PROTO_SET(out.cms, BYTES(cms, size));
        if (r != 0) return admin_finish(call, r);
        PROTO_SET_TEXT(out.role, role);
        audit_of(call, s, &n, "recovery-key-fetched", &e);
        (void)snprintf(e.text + strlen(e.text), sizeof(e.text) - strlen(e.text), ": volume of role '%s'", role);
        r = store_commit(s->store, &(StoreChange){ .audit = &e });
        if (r != 0) return admin_finish(call, r > 0 ? -EIO : r);
        log_notice("%s: %s %s", e.kind, e.node, e.text);
        admin_reply(call, halfkey_v1_RecoveryKey_fields, &out);
}

int admin_find_node(Service *s, const char *text, NodeRecord *ret)
{
        return find_node(s, text, ret);
}

void admin_reply_node(RpcServerCall *call, Service *s, const NodeRecord *n)
{
        reply_node(call, s, n);
}

void admin_audit_of(const RpcServerCall *call, Service *s, const NodeRecord *n, const char *kind, AuditEntry *ret)
{
        audit_of(call, s, n, kind, ret);
}

typedef struct EventListing {
        RpcServerCall *call;
        const uint8_t *node; /* NULL: all */
        Page page;
        uint64_t last; /* looked at */
} EventListing;

static int list_event(const AuditEntry *e, void *userdata)
{
        EventListing *l = userdata;
        halfkey_v1_Event out = halfkey_v1_Event_init_zero;

        if (!page_goes_on(&l->page)) return PAGE_E_FULL;
        l->last = e->sequence;
        if (l->node && !bytes_equal(BYTES_ARRAY(e->node_id), BYTES(l->node, NODE_ID_SIZE))) return 0;
        l->page.left--;
        out.sequence = e->sequence;
        out.at = e->at;
        PROTO_SET_TEXT(out.kind, e->kind);
        PROTO_SET_TEXT(out.node, e->node);
        PROTO_SET_TEXT(out.text, e->text);
        PROTO_SET_TEXT(out.id, e->id);
        return admin_send(l->call, halfkey_v1_Event_fields, &out);
}

static void list_events(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_ListEventsRequest in = halfkey_v1_ListEventsRequest_init_zero;
        halfkey_v1_Event more = halfkey_v1_Event_init_zero;
        Service *s = userdata;
        EventListing l;
        NodeRecord n;
        int r = 0;

        if (!admin_decode(call, halfkey_v1_ListEventsRequest_fields, request, &in)) return;
        if (in.node[0]) r = find_node(s, in.node, &n);
        l = (EventListing){ call, in.node[0] ? n.id : NULL, page_of(in.page_size, EVENTS_PAGE, EVENTS_PAGE_MAX),
                            0 };
        if (r == 0) r = store_audit_each(s->store, in.after, list_event, &l);
        if (r == PAGE_E_FULL) {
                more.next = l.last;
                r = admin_send(call, halfkey_v1_Event_fields, &more);
        }
        admin_finish(call, r);
}

#define METHOD(name, handler)                                                   \
        {                                                                       \
                .path = "/halfkey.v1.ClusterManagement/" name, .unary = handler \
        }

static const RpcMethod methods[] = {
        METHOD("GetCluster", get_cluster),
        METHOD("ListNodes", list_nodes),
        METHOD("GetNode", get_node),
        METHOD("AddNode", add_node),
        METHOD("RemoveNode", remove_node),
        METHOD("QuarantineNode", quarantine_node),
        METHOD("ActivateNode", activate_node),
        METHOD("ReinstallNode", reinstall_node),
        METHOD("OrderRekey", order_rekey),
        METHOD("NewEnrolmentConfig", admin_enrolment_new),
        METHOD("ListEnrolmentConfigs", admin_enrolment_list),
        METHOD("RemoveEnrolmentConfig", admin_enrolment_remove),
        METHOD("GetRecoveryKey", get_recovery_key),
        METHOD("LabelNode", admin_node_label),
        METHOD("PutPolicy", admin_policy_put),
        METHOD("GetPolicy", admin_policy_get),
        METHOD("ListPolicies", admin_policy_list),
        METHOD("RemovePolicy", admin_policy_remove),
        METHOD("TestPolicy", admin_policy_test),
        METHOD("ListEvents", list_events),
};

static const char *const health[] = { "halfkey.v1.ClusterManagement" };

RpcService admin_service(Service *service)
{
        return (RpcService){ .methods = methods,
                             .n_methods = ARRAY_SIZE(methods),
                             .health = health,
                             .n_health = ARRAY_SIZE(health),
                             .userdata = service };
}
