/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The waiting client, against a server in a process of its own. */

#include "rig.h"

#include "rpc/blocking.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char address[64];
static RpcPin pin;

static pid_t start_server(void)
{
        static Rig rig;
        int fds[2];
        pid_t pid;

        CHECK(pipe(fds) == 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                rig_init(&rig, NULL);
                CHECK(write(fds[1], rig.address, sizeof(rig.address)) == sizeof(rig.address));
                CHECK(write(fds[1], &rig.pin, sizeof(rig.pin)) == sizeof(rig.pin));
                (void)sd_event_loop(rig.event);
                _exit(1);
        }
        CHECK(read(fds[0], address, sizeof(address)) == sizeof(address));
        CHECK(read(fds[0], &pin, sizeof(pin)) == sizeof(pin));
        (void)close(fds[0]);
        (void)close(fds[1]);
        return pid;
}

static RpcChannel *open_channel(void)
{
        const char *addresses[] = { "127.0.0.1:1", address };
        RpcChannel *ch = NULL;

        CHECK_OK(rpc_channel_open(
                &(RpcClientConfig){ .addresses = addresses, .n_addresses = 2, .pins = &pin, .n_pins = 1 }, &ch));
        CHECK_TEXT(rpc_channel_address(ch), address);
        return ch;
}

static void a_unary_call(void)
{
        cleanup_rpc_channel RpcChannel *ch = open_channel();
        cleanup_rpc_buffer RpcBuffer reply = { 0 };
        uint8_t ours[RPC_EXPORTER_SIZE];
        RpcStatus status;

        CHECK_OK(rpc_channel_unary(ch, "/t.T/Exporter", BYTES("", 0), 1000, &status, &reply));
        CHECK_OK(rpc_channel_exporter(ch, ours));
        CHECK(status.code == RPC_OK);
        CHECK_BYTES(rpc_buffer_bytes(&reply), BYTES_ARRAY(ours));
        rpc_buffer_deinit(&reply);
        CHECK_OK(rpc_channel_unary(ch, "/t.T/Refuse", BYTES("", 0), 1000, &status, &reply));
        CHECK(status.code == RPC_FAILED_PRECONDITION && !reply.data);
        CHECK_OK(rpc_channel_unary(ch, "/t.T/Silent", BYTES("", 0), 50, &status, &reply));
        CHECK(status.code == RPC_DEADLINE_EXCEEDED);
        CHECK_OK(rpc_channel_unary(ch, "/t.T/Each", BYTES_LITERAL("x"), 1000, &status, &reply));
        CHECK(status.code == RPC_OK && reply.size == 1);
        CHECK_RESULT(rpc_channel_unary(ch, "nonsense", BYTES("", 0), 50, &status, &reply), -EINVAL);
}

static void a_stream(void)
{
        cleanup_rpc_channel RpcChannel *ch = open_channel();
        cleanup_rpc_buffer RpcBuffer m = { 0 };
        RpcStream *s;
        RpcStatus status;

        CHECK_OK(rpc_stream_start(ch, "/t.T/Each", 5000, 0, &s));
        CHECK_RESULT(rpc_stream_receive(s, 20, &m), -ETIMEDOUT);
        for (uint8_t i = 0; i < 5; i++) {
                CHECK_OK(rpc_stream_send(s, BYTES(&i, 1), false));
                CHECK_OK(rpc_stream_receive(s, 1000, &m));
                CHECK(m.size == 1 && m.data[0] == i);
                rpc_buffer_deinit(&m);
        }
        CHECK_OK(rpc_stream_send(s, BYTES_LITERAL("last"), true));
        CHECK_RESULT(rpc_stream_send(s, BYTES_LITERAL("later"), true), -ESHUTDOWN);
        CHECK_OK(rpc_stream_receive(s, 1000, &m));
        CHECK_RESULT(rpc_stream_receive(s, 1000, &m), RPC_E_END);
        CHECK_OK(rpc_stream_finish(s, &status));
        CHECK(status.code == RPC_OK);
        /* Cancelled, finished unread, and finished without a send. */
        CHECK_OK(rpc_stream_start(ch, "/t.T/Each", 5000, 0, &s));
        rpc_stream_cancel(s);
        CHECK_OK(rpc_stream_start(ch, "/t.T/Each", 5000, 0, &s));
        CHECK_OK(rpc_stream_send(s, BYTES_LITERAL("x"), false));
        CHECK_OK(rpc_stream_finish(s, &status));
        CHECK(status.code == RPC_OK);
}

static void sending_does_not_wait(void)
{
        static const uint8_t log[300000];
        cleanup_rpc_channel RpcChannel *ch = open_channel();
        cleanup_rpc_buffer RpcBuffer m = { 0 };
        RpcStream *s;
        RpcStatus status;

        /* More than socket and window take at once; the rest leaves while the caller polls. */
        CHECK_OK(rpc_stream_start(ch, "/t.T/Sink", 5000, 0, &s));
        for (int i = 0; i < 10; i++) CHECK_OK(rpc_stream_send(s, BYTES_ARRAY(log), false));
        for (int i = 0; i < 50; i++) {
                struct pollfd p = { .fd = rpc_channel_fd(ch), .events = POLLIN };

                CHECK(p.fd >= 0);
                if (poll(&p, 1, 10) > 0) CHECK_OK(rpc_channel_pump(ch));
        }
        CHECK_OK(rpc_stream_send(s, BYTES("", 0), true));
        CHECK_OK(rpc_stream_receive(s, 3000, &m));
        CHECK_BYTES(rpc_buffer_bytes(&m), BYTES_LITERAL("3000000"));
        CHECK_OK(rpc_stream_finish(s, &status));
        CHECK(status.code == RPC_OK);
}

static void nothing_reachable_is_an_error(void)
{
        const char *addresses[] = { "127.0.0.1:1", "unix:/nonexistent" };
        RpcChannel *ch = NULL;

        CHECK_RESULT(
                rpc_channel_open(
                        &(RpcClientConfig){ .addresses = addresses, .n_addresses = 2, .pins = &pin, .n_pins = 1 },
                        &ch),
                -EHOSTUNREACH);
        CHECK_TEXT(error_detail(0),
                   "127.0.0.1:1: Connection refused\nunix:/nonexistent: No such file or directory");
        CHECK(!ch);
}

static void a_server_that_dies_is_a_status(void)
{
        cleanup_rpc_channel RpcChannel *ch = NULL;
        cleanup_rpc_buffer RpcBuffer m = { 0 };
        RpcStream *s;
        RpcStatus status;
        const pid_t pid = start_server();

        ch = open_channel();
        CHECK_OK(rpc_stream_start(ch, "/t.T/Each", 5000, 0, &s));
        CHECK_OK(rpc_stream_send(s, BYTES_LITERAL("x"), false));
        CHECK_OK(rpc_stream_receive(s, 1000, &m));
        CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
        rpc_buffer_deinit(&m);
        CHECK_RESULT(rpc_stream_receive(s, 1000, &m), RPC_E_END);
        CHECK_OK(rpc_stream_finish(s, &status));
        CHECK(status.code == RPC_UNAVAILABLE && rpc_channel_fd(ch) == -1);
        CHECK_RESULT(rpc_stream_start(ch, "/t.T/Each", 5000, 0, &s), -ENOTCONN);
}

int main(void)
{
        const pid_t pid = start_server();

        RUN(a_unary_call);
        RUN(a_stream);
        RUN(sending_does_not_wait);
        RUN(nothing_reachable_is_an_error);
        CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
        RUN(a_server_that_dies_is_a_status);
        return 0;
}
