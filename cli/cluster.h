/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the cluster verbs share: options, the call to the verifier's unix socket, tables. The verifier is spoken to
 * through lib/rpc and proto alone. */

#include "cli/verb.h"
#include "json/writer.h"
#include "proto/cluster.pb.h"
#include "proto/message.h"

/* halfkey-verifier(8): the default of cluster.json's admin_socket. */
#define CLUSTER_SOCKET_DEFAULT "/run/halfkey-verifier/admin.sock"
#define CLUSTER_OPTIONS_HELP                                     \
        "  --socket PATH   where the verifier is administered\n" \
        "                  (" CLUSTER_SOCKET_DEFAULT ")\n"       \
        "  --json          JSON instead of text\n"

enum { CLUSTER_LIST_MAX = 64 };

/* Which options a verb takes, beside --socket and --json. */
enum {
        CLUSTER_OPT_OUT = 1 << 0,
        CLUSTER_OPT_USES = 1 << 1,
        CLUSTER_OPT_VALID = 1 << 2,
        CLUSTER_OPT_ADDRESS = 1 << 3,
        CLUSTER_OPT_EK = 1 << 4,
        CLUSTER_OPT_UNIQUE = 1 << 5,
        CLUSTER_OPT_REASON = 1 << 6,
        CLUSTER_OPT_VOLUME = 1 << 7,
        CLUSTER_OPT_KEY = 1 << 8,
        CLUSTER_OPT_CMS = 1 << 9,
        CLUSTER_OPT_STATE = 1 << 10,
        CLUSTER_OPT_NODE = 1 << 11,
        CLUSTER_OPT_AFTER = 1 << 12,
        CLUSTER_OPT_ACCEPT = 1 << 13,
        CLUSTER_ARGS_MORE = 1 << 30, /* positional arguments behind the first */
};

typedef struct ClusterArgs {
        const char *socket;
        bool json;
        const char *out, *reason, *volume, *key, *cms, *state, *node;
        uint32_t uses, valid_s, accept_refusals;
        uint64_t after;
        bool unique_volume_key;
        size_t n_addresses, n_eks;
        const char *addresses[CLUSTER_LIST_MAX], *eks[CLUSTER_LIST_MAX];
        const char *argument; /* the one positional argument */
        char *const *more;    /* those behind it */
        size_t n_more;
} ClusterArgs;

/* allowed: CLUSTER_OPT_*; argument: what the positional one is called, or NULL for none. 0, or the exit code after
 * the mistake was said. */
_must_check_ int cluster_parse(const Verb *verb, int argc, char **argv, unsigned allowed, const char *argument,
                               ClusterArgs *ret);

/* A method of halfkey.v1.ClusterManagement with its messages. */
typedef struct ClusterMethod {
        const char *name;
        const pb_msgdesc_t *request, *reply;
} ClusterMethod;
#define CLUSTER_METHOD(method, request_type, reply_type) \
        (&(ClusterMethod){ method, halfkey_v1_##request_type##_fields, halfkey_v1_##reply_type##_fields })

/* One request, one reply. 0, or the exit code after the failure was said. */
_must_check_ int cluster_call(const ClusterArgs *args, const ClusterMethod *method, const void *request,
                              void *reply);
typedef void (*ClusterEach)(const void *reply, void *userdata);
/* One request, any number of replies: each is decoded into `reply` and `each` is called. */
_must_check_ int cluster_list(const ClusterArgs *args, const ClusterMethod *method, const void *request,
                              void *reply, ClusterEach each, void *userdata);

/* "2026-11-21 23:14" in local time, "never" for 0. */
void cluster_time(uint64_t at, char ret[static 32]);

/* Rows of text cells, printed with columns as wide as their longest cell. */
enum { TABLE_COLUMNS_MAX = 8, TABLE_CELLS_MAX = 1 << 20 };
typedef struct Table {
        size_t columns, n_cells, capacity;
        char **cells;
        bool failed; /* out of memory */
} Table;
/* One row; the texts are copied. */
void table_add(Table *t, const char *const *cells, size_t n);
/* Appends the table to out. */
void table_print(Table *t, Writer *out);
void table_deinit(Table *t);
#define cleanup_table _cleanup_(table_deinit)

/* The largest answer printed: a million nodes. */
enum { CLUSTER_PRINT_MAX = 1 << 30 };
/* Closes the JSON (if any was begun) and prints; the exit code. */
int cluster_print(JsonWriter *json, Writer *out);
