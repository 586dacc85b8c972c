/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What lib/rpc costs: bench-rpc prints rows {"name", "value", "unit"}. The server is a process of its own, so its
 * processor time can be told from the client's. */

#include "rig.h"

#include "rpc/blocking.h"
#include "rpc/tls-internal.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HANDSHAKES = 1000, CALLS = 5000, LOGS = 500, IDLE = 400 };

static char address[64];
static RpcPin pin;
static pid_t server;
static const char *comma = "";

static void start_server(void)
{
        static const RpcServerLimits limits = { .connections_per_address_max = 2000 };
        static Rig rig;
        int fds[2];

        CHECK(pipe(fds) == 0);
        server = fork();
        CHECK(server >= 0);
        if (server == 0) {
                rig_init(&rig, &limits);
                CHECK(write(fds[1], rig.address, sizeof(rig.address)) == sizeof(rig.address));
                CHECK(write(fds[1], &rig.pin, sizeof(rig.pin)) == sizeof(rig.pin));
                (void)sd_event_loop(rig.event);
                _exit(1);
        }
        CHECK(read(fds[0], address, sizeof(address)) == sizeof(address));
        CHECK(read(fds[0], &pin, sizeof(pin)) == sizeof(pin));
}

static double microseconds(clockid_t clock)
{
        struct timespec t;

        CHECK(clock_gettime(clock, &t) == 0);
        return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

typedef struct Stopwatch {
        double wall, server;
} Stopwatch;

static Stopwatch look(void)
{
        clockid_t clock;

        CHECK(clock_getcpuclockid(server, &clock) == 0);
        return (Stopwatch){ .wall = microseconds(CLOCK_MONOTONIC), .server = microseconds(clock) };
}

static void row(const char *name, const char *what, double value, const char *unit)
{
        printf("%s\n  {\"name\": \"%s%s\", \"value\": %.1f, \"unit\": \"%s\"}", comma, name, what, value, unit);
        comma = ",";
}

static void rows(const char *name, Stopwatch from, unsigned n)
{
        const Stopwatch to = look();

        row(name, ", elapsed", (to.wall - from.wall) / n, "us");
        row(name, ", server processor", (to.server - from.server) / n, "us");
}

static RpcChannel *open_channel(void)
{
        const char *const addresses[] = { address };
        RpcChannel *ch;

        CHECK_OK(rpc_channel_open(
                &(RpcClientConfig){ .addresses = addresses, .n_addresses = 1, .pins = &pin, .n_pins = 1 }, &ch));
        return ch;
}

static void echo(RpcChannel *ch, Bytes request)
{
        cleanup_rpc_buffer RpcBuffer reply = { 0 };
        RpcStatus status;

        CHECK_OK(rpc_channel_unary(ch, "/t.T/Echo", request, 5000, &status, &reply));
        CHECK(status.code == RPC_OK && reply.size == request.size);
}

static double server_kilobytes(void)
{
        char path[64], line[256];
        long kilobytes = 0;
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/%d/status", server);
        f = fopen(path, "re");
        CHECK(f);
        while (fgets(line, sizeof(line), f))
                if (sscanf(line, "VmRSS: %ld", &kilobytes) == 1) break;
        (void)fclose(f);
        return (double)kilobytes;
}

static void idle_connections(void)
{
        static RpcChannel *channels[IDLE];
        const double before = server_kilobytes();

        for (size_t i = 0; i < IDLE; i++) {
                channels[i] = open_channel();
                echo(channels[i], BYTES_LITERAL("x"));
        }
        row("idle connection", ", server memory", (server_kilobytes() - before) / IDLE, "kB");
        for (size_t i = 0; i < IDLE; i++) rpc_channel_close(channels[i]);
}

/* The server's half of TLS alone: the same settings and keys, no socket, no HTTP/2. */
static double bare_handshake(RpcTls *server_tls, RpcTls *client_tls)
{
        SSL *a, *b;
        BIO *one, *other;
        double spent = 0;

        CHECK_OK(rpc_tls_start(server_tls, 0, &a));
        CHECK_OK(rpc_tls_start(client_tls, 0, &b));
        CHECK(BIO_new_bio_pair(&one, 65536, &other, 65536) == 1);
        SSL_set_bio(a, one, one);
        SSL_set_bio(b, other, other);
        for (int i = 0; i < 3; i++) {
                double start;

                (void)SSL_do_handshake(b);
                start = microseconds(CLOCK_THREAD_CPUTIME_ID);
                (void)SSL_do_handshake(a);
                spent += microseconds(CLOCK_THREAD_CPUTIME_ID) - start;
        }
        CHECK(SSL_is_init_finished(a) && SSL_is_init_finished(b));
        SSL_free(b);
        spent -= microseconds(CLOCK_THREAD_CPUTIME_ID);
        SSL_free(a);
        return spent + microseconds(CLOCK_THREAD_CPUTIME_ID);
}

static void bare_handshakes(void)
{
        cleanup_rpc_identity RpcIdentity *i = NULL;
        cleanup_rpc_tls RpcTls *server_tls = NULL, *client_tls = NULL;
        double spent = 0;
        static Rig rig;

        rig_init(&rig, NULL);
        i = rig_identity(&rig.leaf, &rig.ca);
        CHECK_OK(rpc_tls_new_server(i, NULL, 0, &server_tls));
        CHECK_OK(rpc_tls_new_client(&rig.pin, 1, NULL, &client_tls));
        for (int n = 0; n < HANDSHAKES; n++) spent += bare_handshake(server_tls, client_tls);
        row("TLS handshake alone", ", server processor", spent / HANDSHAKES, "us");
        rig_deinit(&rig);
}

int main(void)
{
        static const uint8_t log[50000];
        RpcChannel *ch;
        Stopwatch from;

        start_server();
        for (int i = 0; i < 50; i++) rpc_channel_close(open_channel());
        printf("[");
        bare_handshakes();
        idle_connections();
        from = look();
        for (int i = 0; i < HANDSHAKES; i++) rpc_channel_close(open_channel());
        rows("handshake", from, HANDSHAKES);
        from = look();
        for (int i = 0; i < HANDSHAKES; i++) {
                ch = open_channel();
                echo(ch, BYTES_LITERAL("hello"));
                rpc_channel_close(ch);
        }
        rows("handshake and call", from, HANDSHAKES);
        ch = open_channel();
        from = look();
        for (int i = 0; i < CALLS; i++) echo(ch, BYTES_LITERAL("hello"));
        rows("call on a warm connection", from, CALLS);
        from = look();
        for (int i = 0; i < LOGS; i++) echo(ch, BYTES_ARRAY(log));
        rows("call with 50 kB there and back", from, LOGS);
        rpc_channel_close(ch);
        printf("\n]\n");
        CHECK(kill(server, SIGKILL) == 0 && waitpid(server, NULL, 0) == server);
        return 0;
}
