/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Policies and the labels by which they choose their nodes. */

#include "verifier/admin.h"

#include "base/error.h"
#include "base/log.h"
#include "proto/cluster.pb.h"
#include "verifier/policies.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { TEST_PAGE = 500, TEST_PAGE_SCAN = 2000, TEST_E_FULL = 100 };

void admin_put_labels(const Labels *l, halfkey_v1_NodeLabel *ret, pb_size_t *ret_n)
{
        for (size_t i = 0; i < l->n; i++) {
                PROTO_SET_TEXT(ret[i].key, l->label[i].key);
                PROTO_SET_TEXT(ret[i].value, l->label[i].value);
        }
        *ret_n = (pb_size_t)l->n;
}

/* May a change be made that would refuse so many? */
static int check_counts(const TrialCounts *c, uint32_t accepted, const char *see)
{
        if (c->refused + c->unknown <= accepted) return 0;
        return error_set(
                -ESTALE,
                "of %u active nodes %u would be refused then, and of %u it cannot be told; the first is %s: "
                "%s\n%sDo it all the same with --accept-refusals %u",
                c->nodes, c->refused, c->unknown, c->first, c->why, see, c->refused + c->unknown);
}

static int change_labels(RpcServerCall *call, Service *s, const halfkey_v1_LabelNodeRequest *in, NodeRecord *ret)
{
        TrialCounts counts;
        AuditEntry e;
        Labels before;
        int r;

        r = admin_find_node(s, in->node, ret);
        if (r != 0) return r;
        before = ret->labels;
        admin_audit_of(call, s, ret, "node-labelled", &e);
        for (size_t i = 0; i < in->change_count && r == 0; i++) {
                r = labels_change(&ret->labels, in->change[i]);
                (void)snprintf(e.text + strlen(e.text), sizeof(e.text) - strlen(e.text), "%s %s", i ? "" : ":",
                               in->change[i]);
        }
        if (r < 0) return -EINVAL;
        r = policy_trial_labels(s, ret, &before, &counts);
        if (r == 0) r = check_counts(&counts, in->accept_refusals, "");
        if (r < 0) return r;
        if (counts.refused + counts.unknown > 0)
                (void)snprintf(e.text + strlen(e.text), sizeof(e.text) - strlen(e.text), "; its next boot %s",
                               counts.refused > 0 ? "would be refused" : "could not be judged");
        r = store_commit(s->store, &(StoreChange){ .node = ret, .audit = &e });
        if (r == 0) log_notice("%s: %s %s", e.kind, e.node, e.text);
        return r == STORE_E_CONFLICT ? -EAGAIN : r > 0 ? -EIO : r;
}

void admin_node_label(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_LabelNodeRequest in = halfkey_v1_LabelNodeRequest_init_zero;
        NodeRecord n;
        int r;

        if (!admin_decode(call, halfkey_v1_LabelNodeRequest_fields, request, &in)) return;
        r = change_labels(call, userdata, &in, &n);
        if (r != 0) return admin_finish(call, r);
        admin_reply_node(call, userdata, &n);
}

static void describe(const PolicyDocument *p, halfkey_v1_Policy *out)
{
        PROTO_SET_TEXT(out->name, p->name);
        out->version = p->version;
        admin_put_labels(&p->nodes, out->label, &out->label_count);
}

static void put_counts(const TrialCounts *c, halfkey_v1_Policy *out)
{
        out->nodes = c->nodes;
        out->refused = c->refused;
        out->unknown = c->unknown;
}

static int put(RpcServerCall *call, Service *s, const halfkey_v1_PutPolicyRequest *in, halfkey_v1_Policy *out)
{
        cleanup_policy_document PolicyDocument *p = NULL;
        TrialCounts counts;
        PolicyTrial trial;
        char who[32];
        int r;

        r = policy_document_parse(PROTO_BYTES(in->document), &p);
        if (r < 0) return r == -EBADMSG || r == -EFBIG ? -EINVAL : r;
        r = policy_trial_init(&trial, s, p, NULL);
        if (r == 0) r = policy_trial_all(&trial, &counts);
        if (r == 0) r = check_counts(&counts, in->accept_refusals, "See halfkey cluster policy test. ");
        if (r < 0) return r == -ENOSPC ? -EINVAL : r;
        admin_who(call, who);
        r = policies_put(s, p, PROTO_BYTES(in->document), who, &counts);
        if (r < 0) return r == -ENOSPC ? -EINVAL : r;
        describe(p, out);
        p = NULL; /* the service's now */
        put_counts(&counts, out);
        out->at = s->now();
        return 0;
}

void admin_policy_put(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_PutPolicyRequest in = halfkey_v1_PutPolicyRequest_init_zero;
        halfkey_v1_Policy out = halfkey_v1_Policy_init_zero;
        int r;

        if (!admin_decode(call, halfkey_v1_PutPolicyRequest_fields, request, &in)) return;
        r = put(call, userdata, &in, &out);
        if (r < 0) return admin_finish(call, r);
        admin_reply(call, halfkey_v1_Policy_fields, &out);
}

typedef struct Search {
        const char *name; /* NULL: each is sent */
        RpcServerCall *call;
        Service *service;
        bool found;
        halfkey_v1_Policy *out;
} Search;

static int look_at(const StorePolicy *stored, void *userdata)
{
        Search *s = userdata;
        const PolicyDocument *p = policy_set_find(&s->service->policies, stored->name);

        if (stored->document.size == 0 || !p || (s->name && strcmp(s->name, stored->name) != 0)) return 0;
        s->found = true;
        describe(p, s->out);
        s->out->at = stored->at;
        return s->name ? PROTO_SET(s->out->document, stored->document)
                       : admin_send(s->call, halfkey_v1_Policy_fields, s->out);
}

void admin_policy_get(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_PolicyRequest in = halfkey_v1_PolicyRequest_init_zero;
        halfkey_v1_Policy out = halfkey_v1_Policy_init_zero;
        Search search = { .name = in.name, .call = call, .service = userdata, .out = &out };
        Service *s = userdata;
        int r;

        if (!admin_decode(call, halfkey_v1_PolicyRequest_fields, request, &in)) return;
        r = store_policy_each(s->store, look_at, &search);
        if (r == 0 && !search.found)
                r = error_set(-ENOENT, "no policy '%s': see halfkey cluster policy list", in.name);
        if (r != 0) return admin_finish(call, r > 0 ? -EIO : r);
        admin_reply(call, halfkey_v1_Policy_fields, &out);
}

void admin_policy_list(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_ListPoliciesRequest in = halfkey_v1_ListPoliciesRequest_init_zero;
        halfkey_v1_Policy out = halfkey_v1_Policy_init_zero;
        Search search = { .call = call, .service = userdata, .out = &out };
        Service *s = userdata;

        if (!admin_decode(call, halfkey_v1_ListPoliciesRequest_fields, request, &in)) return;
        admin_finish(call, store_policy_each(s->store, look_at, &search));
}

void admin_policy_remove(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_PolicyRequest in = halfkey_v1_PolicyRequest_init_zero;
        halfkey_v1_Policy out = halfkey_v1_Policy_init_zero;
        const PolicyDocument *p;
        TrialCounts counts;
        Service *s = userdata;
        PolicyTrial trial;
        char who[32];
        int r;

        if (!admin_decode(call, halfkey_v1_PolicyRequest_fields, request, &in)) return;
        p = policy_set_find(&s->policies, in.name);
        if (p) describe(p, &out);
        admin_who(call, who);
        r = policy_trial_init(&trial, s, NULL, in.name);
        if (r == 0) r = policy_trial_all(&trial, &counts);
        if (r == 0) r = check_counts(&counts, in.accept_refusals, "");
        if (r == 0) r = policies_remove(s, in.name, who, &counts);
        if (r < 0) return admin_finish(call, r);
        put_counts(&counts, &out);
        admin_reply(call, halfkey_v1_Policy_fields, &out);
}

typedef struct Testing {
        RpcServerCall *call;
        PolicyTrial trial;
        unsigned left, scan_left;
        char last[NODE_TEXT_MAX + 1];
} Testing;

static int test_node(const NodeRecord *n, void *userdata)
{
        halfkey_v1_PolicyVerdict out = halfkey_v1_PolicyVerdict_init_zero;
        TrialResult result = TRIAL_ACCEPTED;
        halfkey_v1_Refusal refusal = { 0 };
        Testing *t = userdata;
        int r;

        if (t->left == 0 || t->scan_left == 0) return TEST_E_FULL;
        t->scan_left--;
        memcpy(t->last, n->name, sizeof(t->last));
        if (!policy_trial_concerns(&t->trial, n)) return 0;
        t->left--;
        r = policy_trial_node(&t->trial, n, &result, &refusal);
        if (r < 0) return r;
        PROTO_SET_TEXT(out.node, n->name);
        out.refused = result == TRIAL_REFUSED;
        if (result != TRIAL_ACCEPTED) {
                PROTO_SET_TEXT(out.reason, refusal.reason);
                PROTO_SET_TEXT(out.sentence, refusal.sentence);
        }
        PROTO_SET_TEXT(out.boot, n->last.present ? "last" : n->baseline.present ? "adopted" : "");
        return admin_send(t->call, halfkey_v1_PolicyVerdict_fields, &out);
}

void admin_policy_test(RpcServerCall *call, Bytes request, void *userdata)
{
        halfkey_v1_TestPolicyRequest in = halfkey_v1_TestPolicyRequest_init_zero;
        halfkey_v1_PolicyVerdict more = halfkey_v1_PolicyVerdict_init_zero;
        cleanup_policy_document PolicyDocument *p = NULL;
        Service *s = userdata;
        Testing t;
        int r;

        if (!admin_decode(call, halfkey_v1_TestPolicyRequest_fields, request, &in)) return;
        r = policy_document_parse(PROTO_BYTES(in.document), &p);
        t = (Testing){ .call = call, .left = TEST_PAGE, .scan_left = TEST_PAGE_SCAN };
        if (r == 0) r = policy_trial_init(&t.trial, s, p, NULL);
        if (r < 0) return admin_finish(call, r == -EBADMSG || r == -EFBIG || r == -ENOSPC ? -EINVAL : r);
        r = store_node_each_after(s->store, in.after, test_node, &t);
        if (r == TEST_E_FULL) {
                PROTO_SET_TEXT(more.next, t.last);
                r = admin_send(call, halfkey_v1_PolicyVerdict_fields, &more);
        }
        admin_finish(call, r);
}
