/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey cluster policy ... */

#include "cli/cluster.h"

#include "base/fd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a document may have: the size of its field. */
typedef halfkey_v1_PutPolicyRequest PutRequest;
enum { DOCUMENT_MAX = sizeof(((PutRequest *)NULL)->document.bytes) };

/* 0, or the exit code after the failure was said. */
static int read_document(const char *path, uint8_t *dst, pb_size_t *ret_size)
{
        const char *from = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
        cleanup_free uint8_t *text = NULL;
        size_t size;
        int r;

        r = file_read(from, DOCUMENT_MAX, &text, &size);
        if (r < 0) return cli_fail(r, from);
        memcpy(dst, text, size);
        *ret_size = (pb_size_t)size;
        return 0;
}

static void put_labels(Writer *out, const halfkey_v1_Policy *p)
{
        if (p->label_count == 0) writer_text(out, "every node");
        for (size_t i = 0; i < p->label_count; i++)
                writer_format(out, "%s%s=%s", i ? " " : "", p->label[i].key, p->label[i].value);
}

static void put_json(JsonWriter *w, const halfkey_v1_Policy *p)
{
        json_writer_open_object(w, NULL);
        json_writer_text(w, "name", p->name);
        json_writer_int(w, "version", (int64_t)p->version);
        json_writer_int(w, "at", (int64_t)p->at);
        json_writer_open_object(w, "nodes");
        for (size_t i = 0; i < p->label_count; i++) json_writer_text(w, p->label[i].key, p->label[i].value);
        json_writer_close(w);
        json_writer_close(w);
}

static int run_put(int argc, char **argv);
const Verb verb_cluster_policy_put = {
        .words = "cluster policy put",
        .arguments = "[OPTION...] FILE",
        .summary = "Put a policy in force",
        .help = "FILE is JSON (docs/policy.schema.json); - is standard input. The policy of the same name is\n"
                "replaced. Not done where active nodes would be refused with the boot they were last\n"
                "accepted in, by this policy or for what the one before it no longer covers, unless as\n"
                "many are accepted.\n\n"
                "  --accept-refusals N  so many nodes may be refused\n" CLUSTER_OPTIONS_HELP,
        .run = run_put,
};

static int run_put(int argc, char **argv)
{
        halfkey_v1_PutPolicyRequest request = halfkey_v1_PutPolicyRequest_init_zero;
        cleanup_writer Writer out = WRITER_INIT(CLUSTER_PRINT_MAX);
        JsonWriter json = JSON_WRITER_INIT(&out);
        halfkey_v1_Policy reply;
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_policy_put, argc, argv, CLUSTER_OPT_ACCEPT, "FILE", &args);
        if (r == 0) r = read_document(args.argument, request.document.bytes, &request.document.size);
        if (r != 0) return r;
        request.accept_refusals = args.accept_refusals;
        r = cluster_call(&args, CLUSTER_METHOD("PutPolicy", PutPolicyRequest, Policy), &request, &reply);
        if (r != 0) return r;
        if (args.json) {
                put_json(&json, &reply);
                return cluster_print(&json, &out);
        }
        writer_format(&out, "%s@%" PRIu64 " is in force for ", reply.name, reply.version);
        put_labels(&out, &reply);
        writer_format(&out,
                      "; of %" PRIu32 " active nodes it refuses %" PRIu32 ", and cannot tell of %" PRIu32 "\n",
                      reply.nodes, reply.refused, reply.unknown);
        return cluster_print(NULL, &out);
}

static int run_get(int argc, char **argv);
const Verb verb_cluster_policy_get = {
        .words = "cluster policy get",
        .arguments = "[OPTION...] NAME",
        .summary = "Print a policy as it was put",
        .help = CLUSTER_OPTIONS_HELP,
        .run = run_get,
};

static int run_get(int argc, char **argv)
{
        halfkey_v1_PolicyRequest request = halfkey_v1_PolicyRequest_init_zero;
        halfkey_v1_Policy reply;
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_policy_get, argc, argv, 0, "NAME", &args);
        if (r != 0) return r;
        PROTO_SET_TEXT(request.name, args.argument);
        r = cluster_call(&args, CLUSTER_METHOD("GetPolicy", PolicyRequest, Policy), &request, &reply);
        if (r != 0) return r;
        r = fd_write_all(STDOUT_FILENO, PROTO_BYTES(reply.document));
        return r < 0 ? cli_fail(r, "standard output") : EXIT_YES;
}

typedef struct PolicyList {
        Table table;
        JsonWriter *json;
} PolicyList;

static void add_policy(const void *reply, void *userdata)
{
        cleanup_writer Writer labels = WRITER_INIT(4096);
        const halfkey_v1_Policy *p = reply;
        PolicyList *list = userdata;
        char version[24], at[32];

        if (list->json) return put_json(list->json, p);
        (void)snprintf(version, sizeof(version), "%" PRIu64, p->version);
        cluster_time(p->at, at);
        put_labels(&labels, p);
        writer_u8(&labels, 0);
        table_add(&list->table, (const char *const[]){ p->name, version, at, (const char *)labels.data }, 4);
}

static int run_list(int argc, char **argv);
const Verb verb_cluster_policy_list = {
        .words = "cluster policy list",
        .arguments = "[OPTION...]",
        .summary = "List the policies in force, and which nodes they are for",
        .help = CLUSTER_OPTIONS_HELP,
        .run = run_list,
};

static int run_list(int argc, char **argv)
{
        static const char *const head[] = { "NAME", "VERSION", "SINCE", "NODES" };
        halfkey_v1_ListPoliciesRequest request = halfkey_v1_ListPoliciesRequest_init_zero;
        cleanup_writer Writer out = WRITER_INIT(CLUSTER_PRINT_MAX);
        JsonWriter json = JSON_WRITER_INIT(&out);
        halfkey_v1_Policy reply;
        PolicyList list = { 0 };
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_policy_list, argc, argv, 0, NULL, &args);
        if (r != 0) return r;
        if (args.json) {
                list.json = &json;
                json_writer_open_array(&json, NULL);
        }
        table_add(&list.table, head, ARRAY_SIZE(head));
        r = cluster_list(&args, CLUSTER_METHOD("ListPolicies", ListPoliciesRequest, Policy), &request, &reply,
                         add_policy, &list);
        if (r == 0 && args.json) json_writer_close(&json);
        if (r == 0 && !args.json) table_print(&list.table, &out);
        table_deinit(&list.table);
        return r != 0 ? r : cluster_print(list.json, &out);
}

static int run_remove(int argc, char **argv);
const Verb verb_cluster_policy_remove = {
        .words = "cluster policy remove",
        .arguments = "[OPTION...] NAME",
        .summary = "Take a policy out of force",
        .help = "Its nodes are judged by the other policies that match them, and by their adopted\n"
                "boots. Not done where active nodes would be refused then with the boot they were last\n"
                "accepted in, unless as many are accepted.\n\n"
                "  --accept-refusals N  so many nodes may be refused\n" CLUSTER_OPTIONS_HELP,
        .run = run_remove,
};

static int run_remove(int argc, char **argv)
{
        halfkey_v1_PolicyRequest request = halfkey_v1_PolicyRequest_init_zero;
        halfkey_v1_Policy reply;
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_policy_remove, argc, argv, CLUSTER_OPT_ACCEPT, "NAME", &args);
        if (r != 0) return r;
        request.accept_refusals = args.accept_refusals;
        PROTO_SET_TEXT(request.name, args.argument);
        r = cluster_call(&args, CLUSTER_METHOD("RemovePolicy", PolicyRequest, Policy), &request, &reply);
        if (r != 0) return r;
        printf("%s@%" PRIu64 " is removed; of %" PRIu32 " active nodes %" PRIu32
               " are refused now, and of %" PRIu32 " it cannot be told\n",
               reply.name, reply.version, reply.nodes, reply.refused, reply.unknown);
        return fflush(stdout) == 0 ? EXIT_YES : EXIT_CANNOT;
}

typedef struct Verdicts {
        Writer *out;
        JsonWriter *json;
        unsigned nodes, refused, unknown;
        char next[sizeof(((halfkey_v1_PolicyVerdict *)NULL)->next)];
} Verdicts;

static const char *word_of(const halfkey_v1_PolicyVerdict *v)
{
        return v->refused ? "refused" : v->reason[0] ? "unknown" : "accepted";
}

static void add_verdict(const void *reply, void *userdata)
{
        const halfkey_v1_PolicyVerdict *v = reply;
        Verdicts *all = userdata;

        if (v->next[0]) {
                memcpy(all->next, v->next, sizeof(all->next));
                return;
        }
        all->nodes++;
        all->refused += v->refused;
        all->unknown += !v->refused && v->reason[0];
        if (all->json) {
                json_writer_open_object(all->json, NULL);
                json_writer_text(all->json, "node", v->node);
                json_writer_text(all->json, "verdict", word_of(v));
                json_writer_text(all->json, "boot", v->boot);
                json_writer_text(all->json, "reason", v->reason);
                json_writer_text(all->json, "sentence", v->sentence);
                json_writer_close(all->json);
        } else if (v->reason[0]) {
                writer_format(all->out, "%s: %s: %s\n", v->node, word_of(v), v->sentence);
        }
}

static int run_test(int argc, char **argv);
const Verb verb_cluster_policy_test = {
        .words = "cluster policy test",
        .arguments = "[OPTION...] FILE",
        .summary = "Say which nodes a policy would refuse, and why",
        .help = "Judges the boot that each active node it is for, or the policy of the same name was for,\n"
                "was last accepted in, as a release would then: with the adopted boot and all other\n"
                "policies. Changes nothing.\n"
                "Exit: 0 none is refused, 1 some are or would be, 2 cannot tell.\n\n" CLUSTER_OPTIONS_HELP,
        .run = run_test,
};

static int run_test(int argc, char **argv)
{
        halfkey_v1_TestPolicyRequest request = halfkey_v1_TestPolicyRequest_init_zero;
        cleanup_writer Writer out = WRITER_INIT(CLUSTER_PRINT_MAX);
        JsonWriter json = JSON_WRITER_INIT(&out);
        Verdicts all = { .out = &out };
        halfkey_v1_PolicyVerdict reply;
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_policy_test, argc, argv, 0, "FILE", &args);
        if (r == 0) r = read_document(args.argument, request.document.bytes, &request.document.size);
        if (r != 0) return r;
        if (args.json) {
                all.json = &json;
                json_writer_open_array(&json, NULL);
        }
        do {
                PROTO_SET_TEXT(request.after, all.next);
                all.next[0] = '\0';
                r = cluster_list(&args, CLUSTER_METHOD("TestPolicy", TestPolicyRequest, PolicyVerdict), &request,
                                 &reply, add_verdict, &all);
        } while (r == 0 && all.next[0]);
        if (r != 0) return r;
        if (args.json) json_writer_close(&json);
        else writer_format(&out, "%u nodes: %u refused, %u unknown\n", all.nodes, all.refused, all.unknown);
        r = cluster_print(all.json, &out);
        if (r != EXIT_YES) return r;
        return all.refused > 0 ? EXIT_NO : all.unknown > 0 ? EXIT_CANNOT : EXIT_YES;
}
