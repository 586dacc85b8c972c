/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static Rig rig;
static RigClient client;

static void begin(void)
{
        const char *address;

        rig_init(&rig, NULL);
        address = rig.address;
        rig_connect(&client, &rig, &address, 1, &rig.pin);
        CHECK(client.connected);
        CHECK_TEXT(rpc_client_address(client.client), address);
}

static void end(void)
{
        rpc_client_free(client.client);
        rig_turns(rig.event, 20);
        rig_deinit(&rig);
}

static void a_unary_call_over_tls(void)
{
        RigCall call;

        begin();
        rig_unary(&rig, client.client, "/t.T/Echo", BYTES_LITERAL("hello"), &call);
        CHECK(call.status.code == RPC_OK && call.messages == 1 && call.drained);
        CHECK_BYTES(BYTES(call.last, call.last_size), BYTES_LITERAL("hello"));
        rig_unary(&rig, client.client, "/t.T/Echo", BYTES("", 0), &call);
        CHECK(call.status.code == RPC_OK && call.messages == 1 && call.bytes == 0);
        end();
}

static void both_ends_export_the_same(void)
{
        uint8_t ours[RPC_EXPORTER_SIZE] = { 0 };
        RigCall call;

        begin();
        CHECK_OK(rpc_client_exporter(client.client, ours));
        rig_unary(&rig, client.client, "/t.T/Exporter", BYTES("", 0), &call);
        CHECK_BYTES(BYTES(call.last, call.last_size), BYTES_ARRAY(ours));
        end();
}

static void large_messages_cross_both_ways(void)
{
        static uint8_t data[1 << 20];
        RigCall call;

        begin();
        for (size_t i = 0; i < sizeof(data); i++) data[i] = (uint8_t)(i * 7);
        rig_unary(&rig, client.client, "/t.T/Echo", BYTES_ARRAY(data), &call);
        CHECK(call.status.code == RPC_OK && call.bytes == sizeof(data));
        CHECK_BYTES(BYTES(call.last, call.last_size), BYTES(data, sizeof(call.last)));
        rig_unary(&rig, client.client, "/t.T/Big", BYTES_LITERAL("3000000"), &call);
        CHECK(call.status.code == RPC_OK && call.bytes == 3000000);
        end();
}

static void a_client_stream_above_the_window(void)
{
        static const uint8_t data[100000];
        RigCall call;

        begin();
        rig_call(&call, client.client, "/t.T/Sink", 0);
        for (int i = 0; i < 20; i++) CHECK_OK(rpc_call_send(call.call, BYTES_ARRAY(data), false));
        CHECK(rpc_call_unsent(call.call) == 20 * (sizeof(data) + 5));
        CHECK_OK(rpc_call_send_end(call.call));
        CHECK_RESULT(rpc_call_send_end(call.call), -ESHUTDOWN);
        CHECK(rig_until(rig.event, &call.done, 5000));
        CHECK(call.status.code == RPC_OK);
        CHECK_BYTES(BYTES(call.last, call.last_size), BYTES_LITERAL("2000000"));
        end();
}

static void the_send_queue_has_an_end(void)
{
        static const uint8_t data[1 << 20];
        RigCall call;
        int r = 0, i;

        begin();
        rig_call(&call, client.client, "/t.T/Silent", 0);
        for (i = 0; i < 20 && r == 0; i++) r = rpc_call_send(call.call, BYTES_ARRAY(data), false);
        CHECK(r == -ENOBUFS && i == 8);
        rpc_call_cancel(call.call);
        end();
}

static void a_bidirectional_stream(void)
{
        RigCall call;

        begin();
        rig_call(&call, client.client, "/t.T/Each", 0);
        for (unsigned i = 0; i < 50; i++) {
                CHECK_OK(rpc_call_send(call.call, BYTES(&i, sizeof(i)), false));
                while (call.messages <= i) CHECK(sd_event_run(rig.event, 1000000) > 0);
        }
        CHECK(!call.done);
        CHECK_OK(rpc_call_send_end(call.call));
        CHECK(rig_until(rig.event, &call.done, 1000));
        CHECK(call.status.code == RPC_OK && call.messages == 50);
        end();
}

static void many_calls_at_once_wait_for_their_turn(void)
{
        static RigCall calls[200];

        begin();
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
                rig_call(&calls[i], client.client, "/t.T/Echo", 5000);
                CHECK_OK(rpc_call_send(calls[i].call, BYTES(&i, sizeof(i)), true));
        }
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
                CHECK(rig_until(rig.event, &calls[i].done, 5000));
                CHECK(calls[i].status.code == RPC_OK);
                CHECK_BYTES(BYTES(calls[i].last, calls[i].last_size), BYTES(&i, sizeof(i)));
        }
        end();
}

static void a_status_before_any_reply(void)
{
        RigCall call;

        begin();
        rig_call(&call, client.client, "/t.T/Refuse", 0);
        CHECK(rig_until(rig.event, &call.done, 1000));
        CHECK(call.status.code == RPC_FAILED_PRECONDITION);
        CHECK_TEXT(call.status.message, "no, 100 % no?(?)");
        end();
}

static void a_status_before_the_half_close(void)
{
        static const uint8_t data[1000000];
        RigCall call;

        begin();
        rig_call(&call, client.client, "/t.T/Hasty", 0);
        CHECK_OK(rpc_call_send(call.call, BYTES_LITERAL("one"), false));
        CHECK_OK(rpc_call_send(call.call, BYTES_ARRAY(data), false));
        CHECK(rig_until(rig.event, &call.done, 1000));
        CHECK(call.status.code == RPC_OK && call.messages == 1 && call.last_size == 3);
        rig_unary(&rig, client.client, "/t.T/Echo", BYTES_LITERAL("still alive"), &call);
        CHECK(call.status.code == RPC_OK);
        end();
}

static void an_unknown_method_is_unimplemented(void)
{
        RigCall call;

        begin();
        rig_unary(&rig, client.client, "/t.T/None", BYTES_LITERAL("x"), &call);
        CHECK(call.status.code == RPC_UNIMPLEMENTED);
        CHECK_RESULT(rpc_call_start(client.client, "no slash", 0, &rig_handler, &call, &call.call), -EINVAL);
        CHECK_RESULT(rpc_call_start(client.client, "/line\nbreak", 0, &rig_handler, &call, &call.call), -EINVAL);
        end();
}

static void health_is_answered(void)
{
        static const uint8_t known[] = { 0x0a, 3, 't', '.', 'T' }, other[] = { 0x0a, 1, 'x' },
                             bad[] = { 0x0a, 9, 'x' };
        static const char path[] = "/grpc.health.v1.Health/Check";
        RigCall call;

        begin();
        rig_unary(&rig, client.client, path, BYTES_ARRAY(known), &call);
        CHECK_BYTES(BYTES(call.last, call.last_size), BYTES_LITERAL("\x08\x01"));
        rig_unary(&rig, client.client, path, BYTES("", 0), &call);
        CHECK_BYTES(BYTES(call.last, call.last_size), BYTES_LITERAL("\x08\x01"));
        rig_unary(&rig, client.client, path, BYTES_ARRAY(other), &call);
        CHECK(call.status.code == RPC_NOT_FOUND);
        rig_unary(&rig, client.client, path, BYTES_ARRAY(bad), &call);
        CHECK(call.status.code == RPC_INVALID_ARGUMENT);
        rpc_server_set_serving(rig.server, false);
        rig_unary(&rig, client.client, path, BYTES_ARRAY(known), &call);
        CHECK_BYTES(BYTES(call.last, call.last_size), BYTES_LITERAL("\x08\x02"));
        end();
}

static void a_deadline_ends_the_call(void)
{
        RigCall call;

        begin();
        rig_call(&call, client.client, "/t.T/Silent", 50);
        CHECK(rig_until(rig.event, &call.done, 1000));
        CHECK(call.status.code == RPC_DEADLINE_EXCEEDED);
        /* The method's own maximum. */
        rig_call(&call, client.client, "/t.T/Short", 10000);
        CHECK(rig_until(rig.event, &call.done, 1000));
        CHECK(call.status.code == RPC_DEADLINE_EXCEEDED);
        end();
}

static void a_cancelled_call_says_nothing(void)
{
        RigCall call, other;

        begin();
        rig_call(&call, client.client, "/t.T/Silent", 0);
        rig_turns(rig.event, 20);
        CHECK(rig.opened == 1 && rig.closed == 0);
        rpc_call_cancel(call.call);
        rig_turns(rig.event, 20);
        CHECK(rig.closed == 1 && !call.done);
        /* Before its headers were sent. */
        rig_call(&call, client.client, "/t.T/Silent", 0);
        CHECK_OK(rpc_call_send(call.call, BYTES_LITERAL("x"), false));
        rpc_call_cancel(call.call);
        rig_unary(&rig, client.client, "/t.T/Echo", BYTES_LITERAL("x"), &other);
        CHECK(other.status.code == RPC_OK && !call.done);
        end();
}

static void free_in_finished(RpcCall *call, const RpcStatus *status, void *userdata)
{
        bool *done = userdata;

        (void)call, (void)status;
        *done = true;
        rpc_client_free(TAKE_PTR(client.client));
}

static void free_in_message(RpcCall *call, Bytes message, void *userdata)
{
        (void)message;
        free_in_finished(call, NULL, userdata);
}

static void a_client_may_be_freed_by_its_callbacks(void)
{
        static const RpcCallHandler finished = { .finished = free_in_finished };
        static const RpcCallHandler message = { .message = free_in_message, .finished = free_in_finished };
        const RpcCallHandler *handlers[] = { &finished, &message };

        for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
                bool done = false;
                RpcCall *call, *other;

                begin();
                CHECK_OK(rpc_call_start(client.client, "/t.T/Silent", 0, handlers[i], &done, &other));
                CHECK_OK(rpc_call_start(client.client, "/t.T/Echo", 0, handlers[i], &done, &call));
                CHECK_OK(rpc_call_send(call, BYTES_LITERAL("x"), true));
                CHECK(rig_until(rig.event, &done, 1000));
                end();
        }
}

static void a_lost_connection_ends_its_calls(void)
{
        RigCall call;

        begin();
        rig_call(&call, client.client, "/t.T/Silent", 0);
        rig_turns(rig.event, 20);
        rpc_server_free(rig.server);
        CHECK_OK(rpc_server_new(rig.event, NULL, &rig.server));
        CHECK(rig_until(rig.event, &client.closed, 1000));
        CHECK(call.done && call.status.code == RPC_UNAVAILABLE);
        CHECK_RESULT(rpc_call_start(client.client, "/t.T/Echo", 0, &rig_handler, &call, &call.call), -ENOTCONN);
        end();
}

static void unix_sockets_carry_credentials(void)
{
        char path[] = "/tmp/halfkey-test-rpc-XXXXXX", address[64], expected[64];
        const char *addresses[] = { address };
        uint8_t value[RPC_EXPORTER_SIZE];
        struct stat st;
        RigCall call;

        CHECK(mkdtemp(path));
        (void)snprintf(address, sizeof(address), "unix:%s/socket", path);
        rig_init(&rig, NULL);
        CHECK_OK(rpc_server_listen_unix(rig.server, address + 5, rig_service(&rig)));
        CHECK(stat(address + 5, &st) == 0 && (st.st_mode & 07777) == 0600);
        CHECK_RESULT(rpc_server_listen_unix(rig.server, address + 5, rig_service(&rig)), -EADDRINUSE);
        rig_connect(&client, &rig, addresses, 1, NULL);
        CHECK(client.connected);
        rig_unary(&rig, client.client, "/t.T/Peer", BYTES("", 0), &call);
        (void)snprintf(expected, sizeof(expected), "unix 1 %d 0", (int)getuid());
        CHECK_BYTES(BYTES(call.last, call.last_size), BYTES(expected, strlen(expected)));
        CHECK_RESULT(rpc_client_exporter(client.client, value), -EOPNOTSUPP);
        rig_unary(&rig, client.client, "/t.T/Exporter", BYTES("", 0), &call);
        CHECK(call.status.code == RPC_FAILED_PRECONDITION);
        end();
        CHECK(stat(address + 5, &st) < 0);
        CHECK(rmdir(path) == 0);
}

static void drains(RpcServer *server, void *userdata)
{
        bool *done = userdata;

        (void)server;
        *done = true;
}

static void a_drain_lets_open_calls_end(void)
{
        bool drained = false;
        RigCall call;

        begin();
        rig_call(&call, client.client, "/t.T/Each", 0);
        CHECK_OK(rpc_call_send(call.call, BYTES_LITERAL("one"), false));
        rig_turns(rig.event, 20);
        CHECK_OK(rpc_server_drain(rig.server, 2000, drains, &drained));
        rig_turns(rig.event, 50);
        CHECK(!drained && !call.done && call.messages == 1);
        CHECK_OK(rpc_call_send(call.call, BYTES_LITERAL("two"), true));
        CHECK(rig_until(rig.event, &drained, 1000));
        CHECK(call.done && call.status.code == RPC_OK && call.messages == 2 && client.closed);
        end();
}

static void a_drain_has_an_end(void)
{
        bool drained = false;
        RigCall call;

        begin();
        rig_call(&call, client.client, "/t.T/Each", 0);
        rig_turns(rig.event, 20);
        CHECK_OK(rpc_server_drain(rig.server, 50, drains, &drained));
        CHECK(rig_until(rig.event, &drained, 1000));
        CHECK(rig_until(rig.event, &call.done, 1000));
        CHECK(call.status.code == RPC_UNAVAILABLE);
        end();
}

int main(void)
{
        RUN(a_unary_call_over_tls);
        RUN(both_ends_export_the_same);
        RUN(large_messages_cross_both_ways);
        RUN(a_client_stream_above_the_window);
        RUN(the_send_queue_has_an_end);
        RUN(a_bidirectional_stream);
        RUN(many_calls_at_once_wait_for_their_turn);
        RUN(a_status_before_any_reply);
        RUN(a_status_before_the_half_close);
        RUN(an_unknown_method_is_unimplemented);
        RUN(health_is_answered);
        RUN(a_deadline_ends_the_call);
        RUN(a_cancelled_call_says_nothing);
        RUN(a_client_may_be_freed_by_its_callbacks);
        RUN(a_lost_connection_ends_its_calls);
        RUN(unix_sockets_carry_credentials);
        RUN(a_drain_lets_open_calls_end);
        RUN(a_drain_has_an_end);
        return 0;
}
