/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lib/rpc as a program, for tests against other people's gRPC.
 *
 *   rpc-peer serve FOLDER             the test server over TLS and on FOLDER/socket; its CA in FOLDER/ca.pem
 *   rpc-peer call ADDRESS [PIN.pem]   the calls below, one after the other */

#include "rig.h"

#include "base/fd.h"
#include "rpc/blocking.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>

static void serve(const char *folder)
{
        cleanup_free char *pem = NULL, *path = NULL;
        static Rig rig;
        FILE *f;

        rig_init(&rig, NULL);
        CHECK(asprintf(&pem, "%s/ca.pem", folder) > 0 && asprintf(&path, "%s/socket", folder) > 0);
        f = fopen(pem, "we");
        CHECK(f && PEM_write_X509(f, rig.ca.certificate) == 1 && fclose(f) == 0);
        CHECK_OK(rpc_server_listen_unix(rig.server, path, rig_service(&rig)));
        printf("%s\n", rig.address);
        CHECK(fflush(stdout) == 0);
        (void)sd_event_loop(rig.event);
}

static RpcStatus status;
static RpcBuffer reply;

static void unary(RpcChannel *ch, const char *method, Bytes request, unsigned ms)
{
        rpc_buffer_deinit(&reply);
        CHECK_OK(rpc_channel_unary(ch, method, request, ms, &status, &reply));
        fprintf(stderr, "%s: %s %s\n", method, rpc_code_name(status.code), status.message);
}

static void unary_calls(RpcChannel *ch)
{
        static uint8_t large[1 << 20];

        unary(ch, "/t.T/Echo", BYTES_LITERAL("hello"), 5000);
        CHECK(status.code == RPC_OK);
        CHECK_BYTES(rpc_buffer_bytes(&reply), BYTES_LITERAL("hello"));
        unary(ch, "/t.T/Echo", BYTES("", 0), 5000);
        CHECK(status.code == RPC_OK && reply.size == 0);
        for (size_t i = 0; i < sizeof(large); i++) large[i] = (uint8_t)(i * 7);
        unary(ch, "/t.T/Echo", BYTES_ARRAY(large), 10000);
        CHECK(status.code == RPC_OK);
        CHECK_BYTES(rpc_buffer_bytes(&reply), BYTES_ARRAY(large));
        unary(ch, "/t.T/Refuse", BYTES("", 0), 5000);
        CHECK(status.code == RPC_FAILED_PRECONDITION);
        CHECK_TEXT(status.message, "no, 100 % no?(?)");
        unary(ch, "/t.T/None", BYTES("", 0), 5000);
        CHECK(status.code == RPC_UNIMPLEMENTED);
        unary(ch, "/t.T/Silent", BYTES("", 0), 200);
        CHECK(status.code == RPC_DEADLINE_EXCEEDED);
}

static void streams(RpcChannel *ch)
{
        static const uint8_t block[100000];
        RpcStream *s;

        CHECK_OK(rpc_stream_start(ch, "/t.T/Each", 10000, 0, &s));
        for (uint8_t i = 0; i < 100; i++) {
                rpc_buffer_deinit(&reply);
                CHECK_OK(rpc_stream_send(s, BYTES(&i, 1), false));
                CHECK_OK(rpc_stream_receive(s, 5000, &reply));
                CHECK(reply.size == 1 && reply.data[0] == i);
        }
        CHECK_OK(rpc_stream_finish(s, &status));
        CHECK(status.code == RPC_OK);
        CHECK_OK(rpc_stream_start(ch, "/t.T/Sink", 10000, 0, &s));
        for (int i = 0; i < 20; i++) CHECK_OK(rpc_stream_send(s, BYTES_ARRAY(block), i == 19));
        rpc_buffer_deinit(&reply);
        CHECK_OK(rpc_stream_receive(s, 10000, &reply));
        CHECK_BYTES(rpc_buffer_bytes(&reply), BYTES_LITERAL("2000000"));
        CHECK_OK(rpc_stream_finish(s, &status));
        CHECK(status.code == RPC_OK);
        CHECK_OK(rpc_stream_start(ch, "/t.T/Each", 10000, 0, &s));
        rpc_stream_cancel(s);
        for (int i = 0; i < 200; i++) unary(ch, "/t.T/Echo", BYTES(&i, sizeof(i)), 5000);
        CHECK(status.code == RPC_OK);
}

static void call(const char *address, const char *pin_file)
{
        RpcClientConfig config = { .addresses = &address, .n_addresses = 1 };
        cleanup_free uint8_t *pem = NULL;
        cleanup_rpc_channel RpcChannel *ch = NULL;
        size_t n;
        RpcPin pin;

        if (pin_file) {
                CHECK_OK(file_read(pin_file, 65536, &pem, &n));
                CHECK_OK(rpc_pin_from_certificate(BYTES(pem, n), &pin));
                config.pins = &pin;
                config.n_pins = 1;
        }
        CHECK_OK(rpc_channel_open(&config, &ch));
        unary_calls(ch);
        streams(ch);
        rpc_buffer_deinit(&reply);
}

int main(int argc, char **argv)
{
        if (argc == 3 && strcmp(argv[1], "serve") == 0) {
                serve(argv[2]);
        } else if ((argc == 3 || argc == 4) && strcmp(argv[1], "call") == 0) {
                call(argv[2], argv[3]);
        } else {
                fprintf(stderr, "usage: rpc-peer serve FOLDER | call ADDRESS [PIN.pem]\n");
                return 2;
        }
        return 0;
}
