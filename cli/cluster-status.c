/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey cluster status, halfkey cluster events */

#include "cli/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int run_status(int argc, char **argv);
const Verb verb_cluster_status = {
        .words = "cluster status",
        .arguments = "[OPTION...]",
        .summary = "Show the cluster's name, keys and number of nodes",
        .help = CLUSTER_OPTIONS_HELP,
        .run = run_status,
};

static void put_hash(Writer *out, const char *label, Bytes hash)
{
        writer_format(out, "%-14s", label);
        for (size_t i = 0; i < hash.size; i++) writer_format(out, "%02x", hash.data[i]);
        writer_text(out, "\n");
}

static void status_json(JsonWriter *w, const halfkey_v1_Cluster *c)
{
        json_writer_open_object(w, NULL);
        json_writer_text(w, "name", c->name);
        json_writer_text(w, "version", c->version);
        json_writer_int(w, "nodes", c->nodes);
        json_writer_hex(w, "verifier_pin", PROTO_BYTES(c->verifier_pin));
        json_writer_hex(w, "policy_key_sha256", PROTO_BYTES(c->policy_key_hash));
        json_writer_open_array(w, "recovery_sha256");
        for (size_t i = 0; i < c->recovery_hash_count; i++)
                json_writer_hex(w, NULL, PROTO_BYTES(c->recovery_hash[i]));
        json_writer_close(w);
        json_writer_close(w);
}

static int run_status(int argc, char **argv)
{
        halfkey_v1_GetClusterRequest request = halfkey_v1_GetClusterRequest_init_zero;
        cleanup_writer Writer out = WRITER_INIT(CLUSTER_PRINT_MAX);
        JsonWriter json = JSON_WRITER_INIT(&out);
        halfkey_v1_Cluster c;
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_status, argc, argv, 0, NULL, &args);
        if (r == 0)
                r = cluster_call(&args, CLUSTER_METHOD("GetCluster", GetClusterRequest, Cluster), &request, &c);
        if (r != 0) return r;
        if (args.json) {
                status_json(&json, &c);
        } else {
                writer_format(&out, "cluster       %s\nverifier      %s\nnodes         %" PRIu32 "\n", c.name,
                              c.version, c.nodes);
                put_hash(&out, "pin", PROTO_BYTES(c.verifier_pin));
                put_hash(&out, "policy key", PROTO_BYTES(c.policy_key_hash));
                for (size_t i = 0; i < c.recovery_hash_count; i++)
                        put_hash(&out, "recovery key", PROTO_BYTES(c.recovery_hash[i]));
        }
        return cluster_print(args.json ? &json : NULL, &out);
}

static int run_events(int argc, char **argv);
const Verb verb_cluster_events = {
        .words = "cluster events",
        .arguments = "[OPTION...]",
        .summary = "Show the audit: what happened to which node, and why",
        .help = "  --node NODE     of this node only\n"
                "  --after N       behind event number N\n" CLUSTER_OPTIONS_HELP,
        .run = run_events,
};

typedef struct EventPrinter {
        Writer *out;
        JsonWriter *json;
        uint64_t next; /* the page that follows begins behind this number; 0: there is none */
} EventPrinter;

static void put_event(const void *reply, void *userdata)
{
        EventPrinter *p = userdata;
        const halfkey_v1_Event *e = reply;
        char at[32];

        if (e->next > 0) {
                p->next = e->next;
                return;
        }
        if (p->json) {
                json_writer_open_object(p->json, NULL);
                json_writer_int(p->json, "sequence", (int64_t)e->sequence);
                json_writer_int(p->json, "at", (int64_t)e->at);
                json_writer_text(p->json, "kind", e->kind);
                json_writer_text(p->json, "node", e->node);
                json_writer_text(p->json, "text", e->text);
                json_writer_text(p->json, "id", e->id);
                json_writer_close(p->json);
                return;
        }
        cluster_time(e->at, at);
        writer_format(p->out, "%6" PRIu64 "  %s  %-22s %s%s%s", e->sequence, at, e->kind, e->node,
                      e->node[0] ? ": " : "", e->text);
        if (e->id[0]) writer_format(p->out, " (id %s)", e->id);
        writer_text(p->out, "\n");
}

static int run_events(int argc, char **argv)
{
        halfkey_v1_ListEventsRequest request = halfkey_v1_ListEventsRequest_init_zero;
        cleanup_writer Writer out = WRITER_INIT(CLUSTER_PRINT_MAX);
        JsonWriter json = JSON_WRITER_INIT(&out);
        EventPrinter printer = { .out = &out };
        halfkey_v1_Event reply;
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_events, argc, argv, CLUSTER_OPT_NODE | CLUSTER_OPT_AFTER, NULL, &args);
        if (r != 0) return r;
        if (args.node) PROTO_SET_TEXT(request.node, args.node);
        printer.next = args.after;
        if (args.json) {
                printer.json = &json;
                json_writer_open_array(&json, NULL);
        }
        do {
                request.after = printer.next;
                printer.next = 0;
                r = cluster_list(&args, CLUSTER_METHOD("ListEvents", ListEventsRequest, Event), &request, &reply,
                                 put_event, &printer);
        } while (r == 0 && printer.next > request.after);
        if (args.json) json_writer_close(&json);
        return r != 0 ? r : cluster_print(printer.json, &out);
}
