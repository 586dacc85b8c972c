/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cluster.h"

#include "base/error.h"
#include "rpc/blocking.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CALL_MS = 30000 };

/* The order of the CLUSTER_OPT_ bits; the two that every verb has come last. */
static const struct option options[] = {
        { "out", required_argument, NULL, 0 },
        { "uses", required_argument, NULL, 0 },
        { "valid", required_argument, NULL, 0 },
        { "address", required_argument, NULL, 0 },
        { "ek", required_argument, NULL, 0 },
        { "unique-volume-key", no_argument, NULL, 0 },
        { "reason", required_argument, NULL, 0 },
        { "volume", required_argument, NULL, 0 },
        { "key", required_argument, NULL, 0 },
        { "cms", required_argument, NULL, 0 },
        { "state", required_argument, NULL, 0 },
        { "node", required_argument, NULL, 0 },
        { "after", required_argument, NULL, 0 },
        { "accept-refusals", required_argument, NULL, 0 },
        { "socket", required_argument, NULL, 0 },
        { "json", no_argument, NULL, 0 },
        { 0 },
};
enum { OPTION_SOCKET = 14, OPTION_JSON };

static int parse_number(const char *text, uint64_t max, uint64_t *ret)
{
        unsigned long long v;
        char *end;

        errno = 0;
        v = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end || errno || v > max) return -EINVAL;
        *ret = v;
        return 0;
}

/* "90", "90s", "30m", "24h", "7d" */
static int parse_duration(const char *text, uint32_t *ret)
{
        static const struct {
                char suffix;
                uint32_t seconds;
        } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
        uint32_t unit = 1;
        char digits[16];
        size_t n = strlen(text);
        uint64_t v;

        if (n == 0 || n >= sizeof(digits)) return -EINVAL;
        (void)snprintf(digits, sizeof(digits), "%s", text);
        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                if (digits[n - 1] != units[i].suffix) continue;
                unit = units[i].seconds;
                digits[n - 1] = '\0';
                break;
        }
        if (parse_number(digits, UINT32_MAX / unit, &v) < 0 || v == 0) return -EINVAL;
        *ret = (uint32_t)v * unit;
        return 0;
}

static int add(const char **list, size_t *n, const char *text)
{
        if (*n == CLUSTER_LIST_MAX) return -EINVAL;
        list[(*n)++] = text;
        return 0;
}

static int take(ClusterArgs *a, int option, const char *value)
{
        uint64_t v = 0;
        int r = 0;

        switch (option == OPTION_SOCKET || option == OPTION_JSON ? option : 1 << option) {
        case OPTION_SOCKET: a->socket = value; break;
        case OPTION_JSON: a->json = true; break;
        case CLUSTER_OPT_OUT: a->out = value; break;
        case CLUSTER_OPT_USES:
                r = parse_number(value, UINT32_MAX, &v);
                a->uses = (uint32_t)v;
                break;
        case CLUSTER_OPT_VALID: r = parse_duration(value, &a->valid_s); break;
        case CLUSTER_OPT_ADDRESS: r = add(a->addresses, &a->n_addresses, value); break;
        case CLUSTER_OPT_EK: r = add(a->eks, &a->n_eks, value); break;
        case CLUSTER_OPT_UNIQUE: a->unique_volume_key = true; break;
        case CLUSTER_OPT_REASON: a->reason = value; break;
        case CLUSTER_OPT_VOLUME: a->volume = value; break;
        case CLUSTER_OPT_KEY: a->key = value; break;
        case CLUSTER_OPT_CMS: a->cms = value; break;
        case CLUSTER_OPT_STATE: a->state = value; break;
        case CLUSTER_OPT_NODE: a->node = value; break;
        case CLUSTER_OPT_AFTER: r = parse_number(value, INT64_MAX, &a->after); break;
        case CLUSTER_OPT_ACCEPT:
                r = parse_number(value, UINT32_MAX, &v);
                a->accept_refusals = (uint32_t)v;
                break;
        }
        return r;
}

int cluster_parse(const Verb *verb, int argc, char **argv, unsigned allowed, const char *argument,
                  ClusterArgs *ret)
{
        ClusterArgs a = { .socket = CLUSTER_SOCKET_DEFAULT };
        int c, i = 0;

        opterr = 0;
        optind = 0;
        while ((c = getopt_long(argc, argv, "", options, &i)) != -1) {
                if (c != 0) return cli_usage(verb, "unknown option or missing value: %s", argv[optind - 1]);
                if (i < OPTION_SOCKET && !(allowed & 1U << i))
                        return cli_usage(verb, "--%s does not belong to 'halfkey %s'", options[i].name,
                                         verb->words);
                if (take(&a, i, optarg) < 0)
                        return cli_usage(verb, "--%s: '%s' makes no sense", options[i].name, optarg);
        }
        if (optind < argc && argument) a.argument = argv[optind++];
        if (allowed & CLUSTER_ARGS_MORE) {
                a.more = argv + optind;
                a.n_more = (size_t)(argc - optind);
        } else if (optind < argc) {
                return cli_usage(verb, "'%s' is one argument too many", argv[optind]);
        }
        if (argument && !a.argument) return cli_usage(verb, "which %s?", argument);
        *ret = a;
        return 0;
}

static int open_channel(const ClusterArgs *args, RpcChannel **ret)
{
        cleanup_free char *address = NULL;
        int r;

        if (asprintf(&address, "unix:%s", args->socket) < 0) return -ENOMEM;
        r = rpc_channel_open(&(RpcClientConfig){ .addresses = (const char *const[]){ address }, .n_addresses = 1 },
                             ret);
        if (r == 0) return 0;
        fprintf(stderr,
                "halfkey: no verifier answers on %s: %s\n"
                "Is it running here (systemctl status halfkey-verifier), is this root, is the path\n"
                "right (--socket PATH)? A new cluster: halfkey cluster init\n",
                args->socket, error_detail(r));
        return EXIT_CANNOT;
}

static int check_status(const RpcStatus *status)
{
        if (status->code == RPC_OK) return 0;
        fprintf(stderr, "halfkey: %s\n", status->message[0] ? status->message : rpc_code_name(status->code));
        return status->code == RPC_NOT_FOUND || status->code == RPC_FAILED_PRECONDITION ? EXIT_NO : EXIT_CANNOT;
}

int cluster_list(const ClusterArgs *args, const ClusterMethod *method, const void *request, void *reply,
                 ClusterEach each, void *userdata)
{
        cleanup_rpc_channel RpcChannel *channel = NULL;
        cleanup_rpc_stream RpcStream *stream = NULL;
        cleanup_free char *path = NULL;
        uint8_t *encoded = NULL;
        size_t size = 0;
        RpcStatus status;
        int r;

        r = open_channel(args, &channel);
        if (r != 0) return r < 0 ? cli_fail(r, args->socket) : r;
        if (asprintf(&path, "/halfkey.v1.ClusterManagement/%s", method->name) < 0)
                return cli_fail(-ENOMEM, method->name);
        r = proto_encode(method->request, request, &encoded, &size);
        if (r == 0) r = rpc_stream_start(channel, path, CALL_MS, 0, &stream);
        if (r == 0) r = rpc_stream_send(stream, BYTES(encoded, size), true);
        proto_free(encoded, size);
        while (r == 0) {
                cleanup_rpc_buffer RpcBuffer buffer = { 0 };

                r = rpc_stream_receive(stream, CALL_MS, &buffer);
                if (r == 0) r = proto_decode(method->reply, rpc_buffer_bytes(&buffer), reply);
                if (r == 0) each(reply, userdata);
        }
        if (r < 0) return cli_fail(r, args->socket);
        r = rpc_stream_finish(TAKE_PTR(stream), &status);
        return r < 0 ? cli_fail(r, args->socket) : check_status(&status);
}

static void count_reply(const void *reply, void *userdata)
{
        unsigned *n = userdata;

        (void)reply;
        ++*n;
}

int cluster_call(const ClusterArgs *args, const ClusterMethod *method, const void *request, void *reply)
{
        unsigned n = 0;
        const int r = cluster_list(args, method, request, reply, count_reply, &n);

        if (r == 0 && n != 1)
                return cli_fail(error_set(-EBADMSG, "%u answers where one was due", n), args->socket);
        return r;
}

void cluster_time(uint64_t at, char ret[static 32])
{
        const time_t t = (time_t)at;
        struct tm tm;

        if (at == 0 || !localtime_r(&t, &tm) || strftime(ret, 32, "%Y-%m-%d %H:%M", &tm) == 0)
                (void)snprintf(ret, 32, "never");
}

void table_add(Table *t, const char *const *cells, size_t n)
{
        if (t->columns == 0) t->columns = n;
        if (t->n_cells + n > t->capacity && t->capacity < TABLE_CELLS_MAX) {
                const size_t capacity = t->capacity ? 2 * t->capacity : 256;
                char **bigger = realloc(t->cells, capacity * sizeof(*bigger));

                if (bigger) {
                        t->cells = bigger;
                        t->capacity = capacity;
                }
        }
        for (size_t i = 0; i < n && !t->failed; i++) {
                char *copy = t->n_cells < t->capacity ? strdup(cells[i]) : NULL;

                if (!copy) t->failed = true;
                else t->cells[t->n_cells++] = copy;
        }
}

/* Columns on a terminal: characters, not bytes, of UTF-8. */
static size_t width(const char *text)
{
        size_t n = 0;

        for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
        return n;
}

void table_print(Table *t, Writer *out)
{
        size_t widths[TABLE_COLUMNS_MAX] = { 0 };

        if (t->failed && out->error == 0) out->error = -ENOMEM;
        for (size_t i = 0; i < t->n_cells; i++) {
                const size_t w = width(t->cells[i]);

                if (w > widths[i % t->columns]) widths[i % t->columns] = w;
        }
        for (size_t i = 0; i < t->n_cells; i++) {
                const size_t column = i % t->columns;

                writer_text(out, t->cells[i]);
                if (column + 1 == t->columns) writer_text(out, "\n");
                else
                        for (size_t n = width(t->cells[i]); n < widths[column] + 2; n++) writer_text(out, " ");
        }
}

void table_deinit(Table *t)
{
        for (size_t i = 0; i < t->n_cells; i++) free(t->cells[i]);
        free(t->cells);
        *t = (Table){ 0 };
}

int cluster_print(JsonWriter *json, Writer *out)
{
        if (json) {
                const int r = json_writer_finish(json);

                if (r < 0 && out->error == 0) out->error = r;
        }
        return cli_print((struct Writer *)out, EXIT_YES);
}
