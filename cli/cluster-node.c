/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey cluster node ... */

#include "cli/cluster.h"

#include "base/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_labels_json(JsonWriter *w, const halfkey_v1_Node *n)
{
        json_writer_open_object(w, "labels");
        for (size_t i = 0; i < n->label_count; i++) json_writer_text(w, n->label[i].key, n->label[i].value);
        json_writer_close(w);
}

static void put_json(JsonWriter *w, const halfkey_v1_Node *n)
{
        json_writer_open_object(w, NULL);
        json_writer_text(w, "name", n->name);
        json_writer_hex(w, "node_id", PROTO_BYTES(n->node_id));
        json_writer_text(w, "state", n->state);
        json_writer_bool(w, "committed", n->committed);
        json_writer_bool(w, "baseline", n->baseline);
        json_writer_bool(w, "reinstall", n->reinstall);
        put_labels_json(w, n);
        json_writer_int(w, "generation", (int64_t)n->generation);
        json_writer_int(w, "registered_at", (int64_t)n->registered_at);
        json_writer_int(w, "unlocked_at", (int64_t)n->unlocked_at);
        json_writer_int(w, "attested_at", (int64_t)n->attested_at);
        json_writer_text(w, "last_refusal", n->last_refusal);
        json_writer_int(w, "reset_count", n->reset_count);
        json_writer_int(w, "restart_count", n->restart_count);
        json_writer_text(w, "hostname", n->hostname);
        json_writer_text(w, "serial", n->serial);
        json_writer_text(w, "trusted", n->trusted);
        json_writer_open_array(w, "volumes");
        for (size_t i = 0; i < n->volume_count; i++) {
                json_writer_open_object(w, NULL);
                json_writer_hex(w, "volume_id", PROTO_BYTES(n->volume[i].volume_id));
                json_writer_text(w, "role", n->volume[i].role);
                json_writer_int(w, "epoch", (int64_t)n->volume[i].epoch);
                json_writer_int(w, "epoch_floor", (int64_t)n->volume[i].epoch_floor);
                json_writer_text(w, "rekey", n->volume[i].order);
                json_writer_int(w, "rekey_to", (int64_t)n->volume[i].order_epoch);
                json_writer_bool(w, "opened", n->volume[i].opened);
                json_writer_bool(w, "volume_key_shared", n->volume[i].volume_key_shared);
                json_writer_close(w);
        }
        json_writer_close(w);
        json_writer_close(w);
}

static void put_volume(Writer *out, const halfkey_v1_NodeVolume *v)
{
        char id[sizeof(v->volume_id.bytes) * 2 + 1];

        hex_encode(PROTO_BYTES(v->volume_id), id);
        writer_format(out,
                      "volume       %s %s, epoch %" PRIu64 " (at least %" PRIu64
                      "), %s at the last attestation%s\n",
                      v->role, id, v->epoch, v->epoch_floor, v->opened ? "open" : "not open",
                      v->volume_key_shared ? ", volume key shared" : "");
        if (v->order[0])
                writer_format(out, "             rekey to epoch %" PRIu64 ": %s\n", v->order_epoch, v->order);
}

static void put_text(Writer *out, const halfkey_v1_Node *n)
{
        char id[sizeof(n->node_id.bytes) * 2 + 1], registered[32], unlocked[32], attested[32];

        hex_encode(PROTO_BYTES(n->node_id), id);
        cluster_time(n->registered_at, registered);
        cluster_time(n->unlocked_at, unlocked);
        cluster_time(n->attested_at, attested);
        writer_format(out, "name         %s\nid           %s\nstate        %s%s%s\n", n->name, id, n->state,
                      n->committed ? "" : ", enrolment not finished",
                      n->reinstall ? ", may be installed again" : "");
        writer_format(out, "host         %s, serial %s\n", n->hostname[0] ? n->hostname : "unknown",
                      n->serial[0] ? n->serial : "unknown");
        writer_format(out, "trusted      %s\n", n->trusted[0] ? n->trusted : "unknown");
        writer_format(out, "adopted boot %s\nregistered   %s\nunlocked     %s\nattested     %s\n",
                      n->baseline ? "yes" : "none yet", registered, unlocked, attested);
        writer_format(out, "boot         reset %" PRIu32 ", restart %" PRIu32 "; generation %" PRIu64 "\n",
                      n->reset_count, n->restart_count, n->generation);
        for (size_t i = 0; i < n->label_count; i++)
                writer_format(out, "%s%s=%s%s", i ? " " : "labels       ", n->label[i].key, n->label[i].value,
                              i + 1 == n->label_count ? "\n" : "");
        for (size_t i = 0; i < n->volume_count; i++) put_volume(out, &n->volume[i]);
        if (n->last_refusal[0]) writer_format(out, "last refusal %s\n", n->last_refusal);
}

typedef struct NodeList {
        Table table;
        JsonWriter *json;
        char next[sizeof(((halfkey_v1_Node *)NULL)->next)]; /* the page that follows begins behind this name */
} NodeList;

static void add_node(const void *reply, void *userdata)
{
        const halfkey_v1_Node *n = reply;
        char unlocked[32], attested[32];
        NodeList *list = userdata;

        if (n->next[0]) {
                memcpy(list->next, n->next, sizeof(list->next));
                return;
        }
        if (list->json) return put_json(list->json, n);
        cluster_time(n->unlocked_at, unlocked);
        cluster_time(n->attested_at, attested);
        table_add(&list->table,
                  (const char *const[]){ n->name, n->committed ? n->state : "enrolling",
                                         n->baseline ? "yes" : "no", unlocked, attested,
                                         n->hostname[0] ? n->hostname : "-", n->serial[0] ? n->serial : "-" },
                  7);
}

static int run_list(int argc, char **argv);
const Verb verb_cluster_node_list = {
        .words = "cluster node list",
        .arguments = "[OPTION...]",
        .summary = "List the nodes, their states and last boots",
        .help = "  --state STATE   only those: pending, active, quarantined\n" CLUSTER_OPTIONS_HELP,
        .run = run_list,
};

static int run_list(int argc, char **argv)
{
        static const char *const head[] = { "NAME", "STATE", "ADOPTED", "UNLOCKED", "ATTESTED", "HOST", "SERIAL" };
        halfkey_v1_ListNodesRequest request = halfkey_v1_ListNodesRequest_init_zero;
        cleanup_writer Writer out = WRITER_INIT(CLUSTER_PRINT_MAX);
        JsonWriter json = JSON_WRITER_INIT(&out);
        _cleanup_(table_deinit) Table table = { 0 };
        halfkey_v1_Node reply;
        ClusterArgs args;
        NodeList list;
        int r;

        r = cluster_parse(&verb_cluster_node_list, argc, argv, CLUSTER_OPT_STATE, NULL, &args);
        if (r != 0) return r;
        if (args.state) PROTO_SET_TEXT(request.state, args.state);
        table_add(&table, head, ARRAY_SIZE(head));
        list = (NodeList){ .table = table, .json = args.json ? &json : NULL };
        if (args.json) json_writer_open_array(&json, NULL);
        do {
                PROTO_SET_TEXT(request.after, list.next);
                list.next[0] = '\0';
                r = cluster_list(&args, CLUSTER_METHOD("ListNodes", ListNodesRequest, Node), &request, &reply,
                                 add_node, &list);
        } while (r == 0 && list.next[0]);
        table = list.table;
        if (r != 0) return r;
        if (args.json) json_writer_close(&json);
        else table_print(&table, &out);
        return cluster_print(list.json, &out);
}

static int print_node(const ClusterArgs *args, const halfkey_v1_Node *n)
{
        cleanup_writer Writer out = WRITER_INIT(CLUSTER_PRINT_MAX);
        JsonWriter json = JSON_WRITER_INIT(&out);

        if (args->json) put_json(&json, n);
        else put_text(&out, n);
        return cluster_print(args->json ? &json : NULL, &out);
}

/* One node, one method; `done` is said after a change ("node-1a2b3c4d is active: ..."). */
static int run_one(const Verb *verb, int argc, char **argv, const char *method, const char *done)
{
        halfkey_v1_NodeRequest request = halfkey_v1_NodeRequest_init_zero;
        halfkey_v1_Node reply;
        ClusterArgs args;
        int r;

        r = cluster_parse(verb, argc, argv, done ? CLUSTER_OPT_REASON : 0, "NODE", &args);
        if (r != 0) return r;
        PROTO_SET_TEXT(request.node, args.argument);
        if (args.reason) PROTO_SET_TEXT(request.reason, args.reason);
        r = cluster_call(&args, CLUSTER_METHOD(method, NodeRequest, Node), &request, &reply);
        if (r != 0) return r;
        if (!done || args.json) return print_node(&args, &reply);
        printf("%s %s\n", reply.name, done);
        return fflush(stdout) == 0 ? EXIT_YES : EXIT_CANNOT;
}

#define NODE_HELP "NODE is a name, an id, or at least the first 8 digits of an id.\n\n"
#define REASON_HELP "  --reason TEXT   for the audit\n"

#define NODE_VERB(symbol, verb, rpc, what, text, done)                              \
        static int run_##symbol(int argc, char **argv);                             \
        const Verb verb_cluster_node_##symbol = {                                   \
                .words = "cluster node " verb,                                      \
                .arguments = "[OPTION...] NODE",                                    \
                .summary = what,                                                    \
                .help = text NODE_HELP REASON_HELP CLUSTER_OPTIONS_HELP,            \
                .run = run_##symbol,                                                \
        };                                                                          \
        static int run_##symbol(int argc, char **argv)                              \
        {                                                                           \
                return run_one(&verb_cluster_node_##symbol, argc, argv, rpc, done); \
        }

NODE_VERB(approve, "approve", "AddNode", "Adopt a pending node, or the next boot of an active one",
          "A pending node is given its half from now on. For an active node the next boot may\n"
          "differ from the adopted one; once attested it is adopted in its place.\n\n",
          "is approved")
NODE_VERB(quarantine, "quarantine", "QuarantineNode", "Give a node no key until it is activated again", "",
          "is quarantined: it gets no key until 'halfkey cluster node activate'")
NODE_VERB(activate, "activate", "ActivateNode", "End a node's quarantine", "", "is active")
NODE_VERB(remove, "remove", "RemoveNode", "Forget a node and its half",
          "Its volumes then open with their recovery keys only, and the cluster's copies of\n"
          "those are forgotten too: fetch them first (halfkey cluster recovery get).\n\n",
          "is forgotten")
NODE_VERB(reinstall, "reinstall", "ReinstallNode", "Let a node enrol again",
          "Its next Register makes a new half; the old one is kept until the new enrolment is\n"
          "complete.\n\n",
          "may enrol again")

static int run_show(int argc, char **argv);
const Verb verb_cluster_node_show = {
        .words = "cluster node show",
        .arguments = "[OPTION...] NODE",
        .summary = "Show what the cluster knows of a node",
        .help = NODE_HELP CLUSTER_OPTIONS_HELP,
        .run = run_show,
};

static int run_show(int argc, char **argv)
{
        return run_one(&verb_cluster_node_show, argc, argv, "GetNode", NULL);
}

static int run_rekey(int argc, char **argv);
const Verb verb_cluster_order_rekey = {
        .words = "cluster order rekey",
        .arguments = "[OPTION...] NODE",
        .summary = "Have a node's volumes rekeyed at its next boot",
        .help = "Each volume gets a new keyslot and the next epoch in its initrd. A boot later, once the\n"
                "new keyslot has opened it and the node was re-attested, every header from before is\n"
                "refused and the old keyslot is removed. 'halfkey cluster node show' says how far it is:\n"
                "ordered, delivered, carried out, confirmed.\n\n" NODE_HELP REASON_HELP CLUSTER_OPTIONS_HELP,
        .run = run_rekey,
};

static int run_rekey(int argc, char **argv)
{
        return run_one(&verb_cluster_order_rekey, argc, argv, "OrderRekey",
                       "is told to rekey at its next boot; the floor rises a boot later");
}

static int run_label(int argc, char **argv);
const Verb verb_cluster_node_label = {
        .words = "cluster node label",
        .arguments = "[OPTION...] NODE KEY=VALUE...",
        .summary = "Give a node labels, by which policies choose their nodes",
        .help = NODE_HELP
        "KEY- takes a label away. Keys and values are of A-Z a-z 0-9 . _ / -\n"
        "Not done where an active node would be refused then with the boot it was last accepted in.\n\n"
        "  --accept-refusals 1  it may be refused\n" CLUSTER_OPTIONS_HELP,
        .run = run_label,
};

static int run_label(int argc, char **argv)
{
        halfkey_v1_LabelNodeRequest request = halfkey_v1_LabelNodeRequest_init_zero;
        halfkey_v1_Node reply;
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_node_label, argc, argv, CLUSTER_ARGS_MORE | CLUSTER_OPT_ACCEPT, "NODE",
                          &args);
        if (r != 0) return r;
        if (args.n_more == 0 || args.n_more > ARRAY_SIZE(request.change))
                return cli_usage(&verb_cluster_node_label, "which labels? One to %zu of KEY=VALUE or KEY-",
                                 ARRAY_SIZE(request.change));
        PROTO_SET_TEXT(request.node, args.argument);
        for (size_t i = 0; i < args.n_more; i++) {
                if (strlen(args.more[i]) >= sizeof(request.change[i]))
                        return cli_usage(&verb_cluster_node_label, "'%s' is too long", args.more[i]);
                PROTO_SET_TEXT(request.change[i], args.more[i]);
        }
        request.change_count = (pb_size_t)args.n_more;
        request.accept_refusals = args.accept_refusals;
        r = cluster_call(&args, CLUSTER_METHOD("LabelNode", LabelNodeRequest, Node), &request, &reply);
        return r != 0 ? r : print_node(&args, &reply);
}
