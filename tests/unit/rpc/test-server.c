/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each limit is hit once, by a client that says what no library would. */

#include "raw.h"

#include <errno.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static RpcServerLimits quick = {
        .connections_max = 4,
        .connections_per_address_max = 3,
        .streams_max = 4,
        .handshake_ms = 200,
        .preface_ms = 200,
        .idle_ms = 300,
        .stall_ms = 250,
        .status_ms = 200,
        .send_queue_max = 4 << 20,
        .memory_max = 300000,
};

static Rig rig;
static Raw raw;
static RpcServerStats stats;

static void begin(void)
{
        rig_init(&rig, &quick);
        raw_open(&raw, &rig, true);
        rpc_server_stats(rig.server, &stats);
}

/* How often limits were hit since begin(). */
static uint64_t limits_hit(void)
{
        RpcServerStats now;

        rpc_server_stats(rig.server, &now);
        return now.limits_hit - stats.limits_hit;
}

static void end(void)
{
        raw_close(&raw);
        rig_deinit(&rig);
}

/* ---- timers --------------------------------------------------------------------------------------- */

static void a_client_without_preface_is_closed(void)
{
        rig_init(&rig, &quick);
        raw_open(&raw, &rig, false);
        raw_listen(&raw, 3000);
        CHECK(raw.closed && limits_hit() == 1);
        end();
}

static void a_client_of_another_protocol_is_closed(void)
{
        static const char http1[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

        rig_init(&rig, &quick);
        raw_open(&raw, &rig, false);
        raw_bytes(&raw, http1, sizeof(http1) - 1);
        raw_listen(&raw, 30);
        CHECK(raw.closed);
        end();
}

static int tcp_connection(void)
{
        const struct sockaddr_in a = { .sin_family = AF_INET,
                                       .sin_addr = { htonl(INADDR_LOOPBACK) },
                                       .sin_port = htons(rpc_server_port(rig.server)) };
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0);
        return fd;
}

static bool is_closed(int fd)
{
        char c;
        const ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK);

        return n == 0 || (n < 0 && errno != EAGAIN);
}

static void a_silent_tls_client_is_closed(void)
{
        RpcServerStats now;
        int fd;

        rig_init(&rig, &quick);
        fd = tcp_connection();
        rig_turns(rig.event, 50);
        CHECK(!is_closed(fd));
        for (int i = 0; i < 100 && !is_closed(fd); i++) rig_turns(rig.event, 20);
        CHECK(is_closed(fd));
        rpc_server_stats(rig.server, &now);
        CHECK(now.handshakes_failed == 1 && now.limits_hit == 1 && now.connections == 0);
        (void)close(fd);
        rig_deinit(&rig);
}

static void an_idle_client_is_told_and_closed(void)
{
        begin();
        raw_listen(&raw, 50);
        CHECK(!raw.goaway && !raw.closed);
        raw_listen(&raw, 3000);
        CHECK(raw.goaway && raw.goaway_error == NGHTTP2_NO_ERROR && raw.closed);
        end();
}

static void an_open_call_is_not_idle(void)
{
        begin();
        raw_call(&raw, 1, "/t.T/Silent", false);
        raw_listen(&raw, 600);
        CHECK(!raw.goaway && !raw.closed && rig.opened == 1);
        end();
}

static void a_client_that_takes_nothing_is_closed(void)
{
        static const uint8_t window[] = { 0x7f, 0, 0, 0 }, request[] = "\0\0\0\0\x07"
                                                                       "3000000";

        begin();
        raw_frame(&raw, RAW_WINDOW, 0, 0, BYTES_ARRAY(window));
        raw_call(&raw, 1, "/t.T/Big", false);
        raw_frame(&raw, RAW_WINDOW, 0, 1, BYTES_ARRAY(window));
        raw_frame(&raw, RAW_DATA, RAW_END_STREAM, 1, BYTES(request, sizeof(request) - 1));
        rig_turns(rig.event, 40);
        /* Output is blocked: nothing more is read. */
        rpc_server_stats(rig.server, &stats);
        raw_call(&raw, 3, "/t.T/Silent", false);
        rig_turns(rig.event, 20);
        CHECK(rig.opened == 0);
        for (int i = 0; i < 100 && limits_hit() < 2; i++) rig_turns(rig.event, 20);
        CHECK(limits_hit() == 2); /* the status that was not taken, and the connection */
        rpc_server_stats(rig.server, &stats);
        CHECK(stats.connections == 0);
        end();
}

static void a_status_that_is_not_taken_is_reset(void)
{
        static const uint8_t no_window[] = { 0, 4, 0, 0, 0, 0 };

        begin();
        raw_frame(&raw, RAW_SETTINGS, 0, 0, BYTES_ARRAY(no_window));
        raw_call(&raw, 1, "/t.T/Each", false);
        raw_frame(&raw, RAW_DATA, RAW_END_STREAM, 1, BYTES_LITERAL("\0\0\0\0\x01x"));
        raw_listen(&raw, 50);
        CHECK(raw.resets == 0 && rig.opened == 1);
        for (int i = 0; i < 100 && raw.resets == 0; i++) raw_listen(&raw, 20);
        CHECK(raw.resets == 1 && raw.reset_error == NGHTTP2_CANCEL && limits_hit() == 1);
        end();
}

/* ---- connections ---------------------------------------------------------------------------------- */

static void connections_have_caps(void)
{
        RpcServerStats now;
        int fds[4];

        quick.handshake_ms = quick.idle_ms = 5000;
        begin(); /* one */
        for (size_t i = 0; i < 4; i++) fds[i] = tcp_connection();
        rig_turns(rig.event, 20);
        /* Three more fit in all, and the fourth waits in the queue. */
        rpc_server_stats(rig.server, &now);
        CHECK(now.connections == 4 && now.accepted == 4 && !is_closed(fds[3]));
        (void)close(fds[0]);
        rig_turns(rig.event, 20);
        rpc_server_stats(rig.server, &now);
        CHECK(now.connections == 4 && now.accepted == 5);
        raw_close(&raw);
        fds[0] = tcp_connection(); /* there is room, but not for this address */
        rig_turns(rig.event, 20);
        rpc_server_stats(rig.server, &now);
        CHECK(now.connections == 3 && now.refused == 1 && is_closed(fds[0]));
        quick.handshake_ms = 200;
        quick.idle_ms = 300;
        for (size_t i = 0; i < 4; i++) (void)close(fds[i]);
        rig_turns(rig.event, 20);
        rig_deinit(&rig);
}

/* Whoever fills the network's connections does not keep out who administers. */
static void unix_listeners_have_connections_of_their_own(void)
{
        char address[64] = "unix:/tmp/halfkey-test-server-XXXXXX";
        const char *const addresses[] = { address };
        RpcServerStats now;
        RigClient client;
        RigCall call;
        int fds[5];

        (void)close(mkstemp(address + 5));
        (void)unlink(address + 5);
        quick.handshake_ms = 5000;
        quick.connections_per_address_max = 10;
        rig_init(&rig, &quick);
        CHECK_OK(rpc_server_listen_unix(rig.server, address + 5, rig_service(&rig)));
        for (size_t i = 0; i < 5; i++) fds[i] = tcp_connection();
        rig_turns(rig.event, 20);
        rpc_server_stats(rig.server, &now);
        CHECK(now.connections == 4 && now.accepted == 4);
        rig_connect(&client, &rig, addresses, 1, NULL);
        CHECK(client.connected);
        rig_unary(&rig, client.client, "/t.T/Echo", BYTES_LITERAL("let me in"), &call);
        CHECK(call.status.code == RPC_OK && call.messages == 1);
        rpc_server_stats(rig.server, &now);
        CHECK(now.connections == 5 && now.accepted == 5); /* the fifth over TCP still waits */
        rpc_client_free(client.client);
        rig_turns(rig.event, 20);
        rpc_server_stats(rig.server, &now);
        CHECK(now.connections == 4 && now.accepted == 5); /* what one leaves is not for the other */
        (void)close(fds[0]);
        rig_turns(rig.event, 20);
        rpc_server_stats(rig.server, &now);
        CHECK(now.connections == 4 && now.accepted == 6);
        for (size_t i = 1; i < 5; i++) (void)close(fds[i]);
        rig_turns(rig.event, 20);
        rig_deinit(&rig);
        quick.handshake_ms = 200;
        quick.connections_per_address_max = 3;
}

/* ---- streams and frames --------------------------------------------------------------------------- */

static void streams_have_a_cap(void)
{
        begin();
        for (uint32_t i = 0; i < 5; i++) raw_call(&raw, 1 + 2 * i, "/t.T/Silent", false);
        raw_listen(&raw, 20);
        CHECK(rig.opened == 4);
        CHECK((raw.resets == 1 && raw.reset_error == NGHTTP2_REFUSED_STREAM) || raw.goaway);
        end();
}

static void flood(uint8_t type, uint32_t stream, Bytes payload)
{
        begin();
        raw_call(&raw, 1, "/t.T/Silent", false);
        for (unsigned i = 0; i < 3000 && !raw.closed; i++) {
                raw_frame(&raw, type, 0, stream, payload);
                if (i % 100 == 0) raw_listen(&raw, 0);
        }
        raw_listen(&raw, 1000);
        CHECK(raw.closed);
        raw_close(&raw);
        CHECK(limits_hit() == 1);
        rig_deinit(&rig);
}

static void frames_without_progress_end_the_connection(void)
{
        static const uint8_t priority[5] = { 0, 0, 0, 0, 1 }, ping[8], window[4] = { 0, 0, 0, 1 };

        flood(RAW_DATA, 1, BYTES("", 0));
        CHECK(raw.goaway && raw.goaway_error == NGHTTP2_ENHANCE_YOUR_CALM);
        flood(RAW_PRIORITY, 3, BYTES_ARRAY(priority));
        flood(RAW_PING, 0, BYTES_ARRAY(ping));
        flood(RAW_WINDOW, 0, BYTES_ARRAY(window));
        flood(RAW_SETTINGS, 0, BYTES("", 0));
        flood(0xfe, 0, BYTES_ARRAY(ping)); /* a type that nobody knows */
        /* A byte at a time is no progress either. */
        begin();
        raw_call(&raw, 1, "/t.T/Sink", false);
        raw_frame(&raw, RAW_DATA, 0, 1, BYTES_LITERAL("\0\0\x10\0\0"));
        for (unsigned i = 0; i < 3000; i++) raw_frame(&raw, RAW_DATA, 0, 1, BYTES_LITERAL("x"));
        raw_listen(&raw, 1000);
        CHECK(raw.closed);
        raw_close(&raw);
        CHECK(limits_hit() == 1);
        rig_deinit(&rig);
}

static void small_messages_are_progress(void)
{
        begin();
        raw_call(&raw, 1, "/t.T/Sink", false);
        for (unsigned i = 0; i < 5000; i++) {
                raw_frame(&raw, RAW_DATA, 0, 1, BYTES_LITERAL("\0\0\0\0\x01x"));
                if (i % 100 == 0) raw_listen(&raw, 0);
        }
        raw_frame(&raw, RAW_DATA, RAW_END_STREAM, 1, BYTES("", 0));
        raw_listen(&raw, 100);
        CHECK(!raw.closed && raw.ended && strstr(raw.headers, "grpc-status: 0"));
        end();
}

static void rapid_resets_end_the_connection(void)
{
        static const uint8_t cancel[] = { 0, 0, 0, 8 };

        begin();
        for (uint32_t i = 0; i < 500 && !raw.closed; i++) {
                raw_call(&raw, 1 + 2 * i, "/t.T/Silent", false);
                raw_frame(&raw, RAW_RST, 0, 1 + 2 * i, BYTES_ARRAY(cancel));
                raw_listen(&raw, 0);
        }
        raw_listen(&raw, 50);
        CHECK(raw.goaway && raw.closed && rig.opened < 100);
        end();
}

static void continuations_have_a_cap(void)
{
        RawBlock b;

        begin();
        raw_request(&b, "/t.T/Echo");
        raw_frame(&raw, RAW_HEADERS, 0, 1, BYTES(b.data, b.size));
        for (int i = 0; i < 5; i++) raw_frame(&raw, RAW_CONTINUATION, 0, 1, BYTES_LITERAL("\0\x01x\x01y"));
        raw_listen(&raw, 50);
        CHECK(raw.closed);
        end();
}

static void frames_have_a_size(void)
{
        static const uint8_t large[16385];

        begin();
        raw_call(&raw, 1, "/t.T/Sink", false);
        raw_frame(&raw, RAW_DATA, 0, 1, BYTES_ARRAY(large));
        raw_listen(&raw, 50);
        CHECK(raw.goaway && raw.goaway_error == NGHTTP2_FRAME_SIZE_ERROR && raw.closed);
        end();
}

/* ---- headers -------------------------------------------------------------------------------------- */

static void send_block(const RawBlock *b)
{
        raw_frame(&raw, RAW_HEADERS, RAW_END_HEADERS | RAW_END_STREAM, 1, BYTES(b->data, b->size));
        raw_listen(&raw, 20);
}

static void headers_have_a_size(void)
{
        static const uint8_t filler[9000] = { 'x' };
        RawBlock b;

        begin();
        raw_request(&b, "/t.T/Echo");
        raw_header(&b, BYTES_LITERAL("x-filler"), BYTES_ARRAY(filler));
        send_block(&b);
        CHECK(raw.resets == 1 && raw.reset_error == NGHTTP2_ENHANCE_YOUR_CALM && limits_hit() == 1);
        end();
        /* Many small ones count with what they cost. */
        begin();
        raw_request(&b, "/t.T/Echo");
        for (int i = 0; i < 300; i++) raw_header(&b, BYTES_LITERAL("x"), BYTES("", 0));
        send_block(&b);
        CHECK(raw.resets == 1 && raw.reset_error == NGHTTP2_ENHANCE_YOUR_CALM);
        end();
}

static void malformed_requests_are_reset(void)
{
        static const struct {
                Bytes name, value;
        } extra[] = {
                { BYTES_LITERAL(":path"), BYTES_LITERAL("/t.T/Echo") },
                { BYTES_LITERAL(":method"), BYTES_LITERAL("POST") },
                { BYTES_LITERAL(":unknown"), BYTES_LITERAL("x") },
                { BYTES_LITERAL("content-type"), BYTES_LITERAL("application/grpc") },
                { BYTES_LITERAL("grpc-timeout"), BYTES_LITERAL("1S") },
        };
        RawBlock b;

        for (size_t i = 0; i < ARRAY_SIZE(extra); i++) {
                begin();
                raw_request(&b, "/t.T/Echo");
                raw_header(&b, BYTES_LITERAL("grpc-timeout"), BYTES_LITERAL("1S"));
                raw_header(&b, extra[i].name, extra[i].value);
                send_block(&b);
                CHECK(raw.resets == 1 && raw.reset_error == NGHTTP2_PROTOCOL_ERROR && !raw.headers[0]);
                end();
        }
}

static void check_answer(const RawBlock *b, const char *expected)
{
        begin();
        send_block(b);
        CHECK(raw.ended && strstr(raw.headers, expected));
        end();
}

static void requests_that_are_no_calls_are_answered(void)
{
        RawBlock b = { .size = 0 };

        raw_header(&b, BYTES_LITERAL(":method"), BYTES_LITERAL("GET"));
        raw_header(&b, BYTES_LITERAL(":path"), BYTES_LITERAL("/t.T/Echo"));
        check_answer(&b, ":status: 405");
        b.size = 0;
        raw_header(&b, BYTES_LITERAL(":method"), BYTES_LITERAL("POST"));
        raw_header(&b, BYTES_LITERAL(":path"), BYTES_LITERAL("/t.T/Echo"));
        check_answer(&b, ":status: 415");
        raw_header(&b, BYTES_LITERAL("content-type"), BYTES_LITERAL("application/grpcx"));
        check_answer(&b, ":status: 415");
        /* A NUL does not cut a name short. */
        b.size = 0;
        raw_header(&b, BYTES_LITERAL(":method"), BYTES_LITERAL("POST"));
        raw_header(&b, BYTES_LITERAL(":path"), BYTES_LITERAL("/t.T/Echo\0x"));
        raw_header(&b, BYTES_LITERAL("content-type"), BYTES_LITERAL("application/grpc+proto"));
        check_answer(&b, "grpc-status: 12");
        raw_request(&b, "/t.T/Echo");
        raw_header(&b, BYTES_LITERAL("grpc-encoding"), BYTES_LITERAL("gzip"));
        check_answer(&b, "grpc-status: 12");
        raw_request(&b, "/t.T/Echo");
        raw_header(&b, BYTES_LITERAL("grpc-timeout"), BYTES_LITERAL("1x"));
        check_answer(&b, "grpc-status: 3");
        raw_request(&b, "/t.T/Echo");
        check_answer(&b, "grpc-status: 3"); /* no request message */
        /* What Kubernetes sends on a unix socket. */
        raw_request(&b, "/t.T/Silent");
        raw_header(&b, BYTES_LITERAL(":authority"), BYTES_LITERAL("/run/x.sock"));
        raw_header(&b, BYTES_LITERAL("grpc-timeout"), BYTES_LITERAL("10m"));
        check_answer(&b, "grpc-status: 4");
}

/* ---- messages ------------------------------------------------------------------------------------- */

static void check_message(const char *path, Bytes data, const char *expected)
{
        begin();
        raw_call(&raw, 1, path, false);
        raw_frame(&raw, RAW_DATA, RAW_END_STREAM, 1, data);
        raw_listen(&raw, 20);
        CHECK(raw.ended && strstr(raw.headers, expected) && !raw.closed);
        end();
}

static void messages_that_do_not_fit_are_refused(void)
{
        check_message("/t.T/Small",
                      BYTES_LITERAL("\0\0\0\0\x11"
                                    "12345678901234567"),
                      "grpc-status: 8");
        check_message("/t.T/Small",
                      BYTES_LITERAL("\0\0\0\0\x10"
                                    "1234567890123456"),
                      "grpc-status: 0");
        check_message("/t.T/Small", BYTES_LITERAL("\0\xff\xff\xff\xff"), "grpc-status: 8");
        check_message("/t.T/Small", BYTES_LITERAL("\x01\0\0\0\x01x"), "grpc-status: 12");
        check_message("/t.T/Small", BYTES_LITERAL("\0\0\0\0\x02x"), "grpc-status: 3");
        check_message("/t.T/Small", BYTES_LITERAL("\0\0"), "grpc-status: 3");
        check_message("/t.T/Small", BYTES_LITERAL("\0\0\0\0\0\0\0\0\0\0"), "grpc-status: 3"); /* two of them */
        check_message("/t.T/Big",
                      BYTES_LITERAL("\0\0\0\0\x07"
                                    "9000000"),
                      "grpc-status: 13"); /* reply above the queue */
}

static void memory_grows_with_what_arrives(void)
{
        static const uint8_t data[16000];
        RpcServerStats now;

        begin();
        raw_call(&raw, 1, "/t.T/Sink", false);
        raw_frame(&raw, RAW_DATA, 0, 1,
                  BYTES_LITERAL("\0\0\x1f\xff\xff"
                                "few"));
        raw_listen(&raw, 10);
        rpc_server_stats(rig.server, &now);
        CHECK(now.memory > 0 && now.memory <= 1024);
        for (int i = 0; i < 20; i++) raw_frame(&raw, RAW_DATA, 0, 1, BYTES_ARRAY(data));
        raw_listen(&raw, 20);
        /* 320,000 bytes are above the 300,000 for all. */
        CHECK(strstr(raw.headers, "grpc-status: 8") && limits_hit() == 1);
        rpc_server_stats(rig.server, &now);
        CHECK(now.memory <= 300000);
        raw_listen(&raw, 20);
        rpc_server_stats(rig.server, &now);
        CHECK(now.memory == 0);
        end();
}

/* One message of so many bytes that comes no further than its last byte but one. */
static void begin_message(uint32_t stream, size_t n)
{
        static const uint8_t data[16000];
        const uint8_t prefix[] = { 0, 0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };

        raw_call(&raw, stream, "/t.T/Sink", false);
        raw_frame(&raw, RAW_DATA, 0, stream, BYTES_ARRAY(prefix));
        for (size_t left = n - 1; left > 0;) {
                const size_t piece = MIN(left, sizeof(data));

                raw_frame(&raw, RAW_DATA, 0, stream, BYTES(data, piece));
                left -= piece;
        }
        raw_listen(&raw, 20);
}

static void one_address_does_not_take_all_memory(void)
{
        static const uint8_t request[60000], held[16000];
        const char *addresses[1];
        RpcServerStats now;
        RigClient client;
        RigCall call;

        /* Half of it is shared, and an eighth of that for an address, beside its connections' own. */
        quick.memory_max = 800000;
        quick.memory_per_connection_max = 500000;
        begin();
        for (uint32_t i = 0; i < 4; i++) begin_message(1 + 2 * i, 120000);
        rpc_server_stats(rig.server, &now);
        CHECK(now.memory >= 120000 && now.memory <= 150000 && limits_hit() >= 3);
        addresses[0] = rig.address;
        rig_connect(&client, &rig, addresses, 1, &rig.pin);
        CHECK(client.connected);
        rig_unary(&rig, client.client, "/t.T/Echo", BYTES_ARRAY(request), &call);
        CHECK(call.status.code == RPC_OK && call.bytes == sizeof(request));
        /* What a service keeps counts too, until the call has ended. */
        rig_call(&call, client.client, "/t.T/Hold", 5000);
        for (int i = 0; i < 20 && !call.done; i++) {
                CHECK_OK(rpc_call_send(call.call, BYTES_ARRAY(held), false));
                rig_turns(rig.event, 5);
        }
        CHECK(call.done && call.status.code == RPC_RESOURCE_EXHAUSTED);
        rig_turns(rig.event, 20);
        rpc_server_stats(rig.server, &now);
        CHECK(now.memory <= 150000); /* the other connection's */
        rpc_client_free(client.client);
        raw_close(&raw);
        rig_turns(rig.event, 20);
        rpc_server_stats(rig.server, &now);
        CHECK(now.memory == 0);
        rig_deinit(&rig);
        quick.memory_max = 300000;
        quick.memory_per_connection_max = 0;
}

static void one_connection_does_not_take_all_memory(void)
{
        quick.memory_max = 8 << 20;
        quick.memory_per_address_max = 4 << 20;
        quick.memory_per_connection_max = 300000;
        begin();
        begin_message(1, 200000);
        CHECK(limits_hit() == 0);
        begin_message(3, 200000);
        CHECK(limits_hit() == 1 && strstr(raw.headers, "grpc-status: 8"));
        end();
        quick.memory_max = 300000;
        quick.memory_per_address_max = 0;
        quick.memory_per_connection_max = 0;
}

int main(void)
{
        RUN(a_client_without_preface_is_closed);
        RUN(a_client_of_another_protocol_is_closed);
        RUN(a_silent_tls_client_is_closed);
        RUN(an_idle_client_is_told_and_closed);
        RUN(an_open_call_is_not_idle);
        RUN(a_client_that_takes_nothing_is_closed);
        RUN(a_status_that_is_not_taken_is_reset);
        RUN(connections_have_caps);
        RUN(unix_listeners_have_connections_of_their_own);
        RUN(streams_have_a_cap);
        RUN(frames_without_progress_end_the_connection);
        RUN(small_messages_are_progress);
        RUN(rapid_resets_end_the_connection);
        RUN(continuations_have_a_cap);
        RUN(frames_have_a_size);
        RUN(headers_have_a_size);
        RUN(malformed_requests_are_reset);
        RUN(requests_that_are_no_calls_are_answered);
        RUN(messages_that_do_not_fit_are_refused);
        RUN(memory_grows_with_what_arrives);
        RUN(one_address_does_not_take_all_memory);
        RUN(one_connection_does_not_take_all_memory);
        return 0;
}
