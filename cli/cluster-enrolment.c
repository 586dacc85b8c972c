/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey cluster enrolment ... */

#include "cli/cluster.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int run_new(int argc, char **argv);
const Verb verb_cluster_enrolment_new = {
        .words = "cluster enrolment new",
        .arguments = "[OPTION...] --out FILE",
        .summary = "Make an enrolment configuration with a new secret",
        .help = "The file (mode 0600) goes to 'halfkey enroll', or into an image. Who has it may enrol\n"
                "a machine; the cluster keeps a hash of its secret only.\n\n"
                "  --out FILE            where it goes; must not exist\n"
                "  --uses N              how many TPMs may use it (1)\n"
                "  --valid TIME          for how long: 30m, 24h, 7d (24h)\n"
                "  --ek SHA256           only this TPM; repeat\n"
                "  --address HOST:PORT   of the verifiers; repeat (cluster.json)\n"
                "  --unique-volume-key   the volume key is the machine's own: no "
                "re-encryption\n" CLUSTER_OPTIONS_HELP,
        .run = run_new,
};

static int fill_request(const ClusterArgs *args, halfkey_v1_NewEnrolmentConfigRequest *request)
{
        request->uses = args->uses;
        request->valid_s = args->valid_s;
        request->unique_volume_key = args->unique_volume_key;
        if (args->n_addresses > ARRAY_SIZE(request->address))
                return cli_usage(&verb_cluster_enrolment_new, "more than %zu addresses",
                                 ARRAY_SIZE(request->address));
        for (size_t i = 0; i < args->n_addresses; i++) PROTO_SET_TEXT(request->address[i], args->addresses[i]);
        for (size_t i = 0; i < args->n_eks; i++) PROTO_SET_TEXT(request->ek_hash[i], args->eks[i]);
        request->address_count = (pb_size_t)args->n_addresses;
        request->ek_hash_count = (pb_size_t)args->n_eks;
        return 0;
}

static int say_made(const ClusterArgs *args, const halfkey_v1_NewEnrolmentConfigResponse *reply)
{
        cleanup_writer Writer out = WRITER_INIT(CLUSTER_PRINT_MAX);
        JsonWriter json = JSON_WRITER_INIT(&out);
        char until[32];

        cluster_time(reply->expires_at, until);
        if (args->json) {
                json_writer_open_object(&json, NULL);
                json_writer_text(&json, "id", reply->id);
                json_writer_text(&json, "file", args->out);
                json_writer_int(&json, "expires_at", (int64_t)reply->expires_at);
                json_writer_close(&json);
        } else {
                writer_format(
                        &out,
                        "%s: enrolment secret %s, good until %s. Whoever has the file can enrol a machine.\n",
                        args->out, reply->id, until);
        }
        return cluster_print(args->json ? &json : NULL, &out);
}

static int make_new(const ClusterArgs *args, halfkey_v1_NewEnrolmentConfigResponse *reply)
{
        halfkey_v1_NewEnrolmentConfigRequest request = halfkey_v1_NewEnrolmentConfigRequest_init_zero;
        size_t n;
        int r;

        r = fill_request(args, &request);
        if (r == 0)
                r = cluster_call(args,
                                 CLUSTER_METHOD("NewEnrolmentConfig", NewEnrolmentConfigRequest,
                                                NewEnrolmentConfigResponse),
                                 &request, reply);
        if (r != 0) return r;
        n = strnlen(reply->config, sizeof(reply->config) - 1);
        reply->config[n++] = '\n'; /* in the place of its NUL: a text file */
        r = file_write_atomic(args->out, BYTES(reply->config, n), 0600);
        return r < 0 ? cli_fail(r, "the enrolment configuration") : say_made(args, reply);
}

static int run_new(int argc, char **argv)
{
        halfkey_v1_NewEnrolmentConfigResponse reply = halfkey_v1_NewEnrolmentConfigResponse_init_zero;
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_enrolment_new, argc, argv,
                          CLUSTER_OPT_OUT | CLUSTER_OPT_USES | CLUSTER_OPT_VALID | CLUSTER_OPT_EK |
                                  CLUSTER_OPT_ADDRESS | CLUSTER_OPT_UNIQUE,
                          NULL, &args);
        if (r != 0) return r;
        if (!args.out) return cli_usage(&verb_cluster_enrolment_new, "--out FILE: where shall it go?");
        if (access(args.out, F_OK) == 0) return cli_fail(error_set(-EEXIST, "exists already"), args.out);
        r = make_new(&args, &reply);
        secret_wipe(&reply, sizeof(reply));
        return r;
}

typedef struct EnrolmentList {
        Table table;
        JsonWriter *json;
} EnrolmentList;

static void add_enrolment(const void *reply, void *userdata)
{
        const halfkey_v1_EnrolmentConfigInfo *e = reply;
        EnrolmentList *list = userdata;
        char left[16], used[16], until[32];

        if (list->json) {
                json_writer_open_object(list->json, NULL);
                json_writer_text(list->json, "id", e->id);
                json_writer_int(list->json, "uses_left", e->uses_left);
                json_writer_int(list->json, "used", e->used);
                json_writer_int(list->json, "expires_at", (int64_t)e->expires_at);
                json_writer_close(list->json);
                return;
        }
        (void)snprintf(left, sizeof(left), "%" PRIu32, e->uses_left);
        (void)snprintf(used, sizeof(used), "%" PRIu32, e->used);
        cluster_time(e->expires_at, until);
        table_add(&list->table, (const char *const[]){ e->id, used, left, until }, 4);
}

static int run_list(int argc, char **argv);
const Verb verb_cluster_enrolment_list = {
        .words = "cluster enrolment list",
        .arguments = "[OPTION...]",
        .summary = "List the enrolment secrets, by id",
        .help = CLUSTER_OPTIONS_HELP,
        .run = run_list,
};

static int run_list(int argc, char **argv)
{
        static const char *const head[] = { "ID", "USED", "LEFT", "EXPIRES" };
        halfkey_v1_ListEnrolmentConfigsRequest request = halfkey_v1_ListEnrolmentConfigsRequest_init_zero;
        cleanup_writer Writer out = WRITER_INIT(CLUSTER_PRINT_MAX);
        JsonWriter json = JSON_WRITER_INIT(&out);
        halfkey_v1_EnrolmentConfigInfo reply;
        EnrolmentList list = { 0 };
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_enrolment_list, argc, argv, 0, NULL, &args);
        if (r != 0) return r;
        if (args.json) {
                list.json = &json;
                json_writer_open_array(&json, NULL);
        } else {
                table_add(&list.table, head, ARRAY_SIZE(head));
        }
        r = cluster_list(&args,
                         CLUSTER_METHOD("ListEnrolmentConfigs", ListEnrolmentConfigsRequest, EnrolmentConfigInfo),
                         &request, &reply, add_enrolment, &list);
        if (args.json) json_writer_close(&json);
        else table_print(&list.table, &out);
        table_deinit(&list.table);
        return r != 0 ? r : cluster_print(list.json, &out);
}

static int run_remove(int argc, char **argv);
const Verb verb_cluster_enrolment_remove = {
        .words = "cluster enrolment remove",
        .arguments = "[OPTION...] ID",
        .summary = "Make an enrolment secret worthless",
        .help = "Nodes that enrolled with it stay.\n\n" CLUSTER_OPTIONS_HELP,
        .run = run_remove,
};

static int run_remove(int argc, char **argv)
{
        halfkey_v1_RemoveEnrolmentConfigRequest request = halfkey_v1_RemoveEnrolmentConfigRequest_init_zero;
        halfkey_v1_EnrolmentConfigInfo reply;
        ClusterArgs args;
        int r;

        r = cluster_parse(&verb_cluster_enrolment_remove, argc, argv, 0, "ID", &args);
        if (r != 0) return r;
        PROTO_SET_TEXT(request.id, args.argument);
        r = cluster_call(
                &args, CLUSTER_METHOD("RemoveEnrolmentConfig", RemoveEnrolmentConfigRequest, EnrolmentConfigInfo),
                &request, &reply);
        if (r != 0) return r;
        printf("%s is removed; it was used %" PRIu32 " times\n", reply.id, reply.used);
        return fflush(stdout) == 0 ? EXIT_YES : EXIT_CANNOT;
}
