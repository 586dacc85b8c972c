/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "rig.h"

#include "rpc/address.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static Rig rig;
static RigClient client;
static char dead[64], slow[64], wrong[64];

/* A port that nobody listens on, and one where the kernel accepts and nobody answers. */
static void make_dead_and_slow(int *ret_fd)
{
        RpcAddress a;
        RpcSockaddr at = { .size = sizeof(at.in) };

        for (int i = 0; i < 2; i++) {
                const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

                CHECK_OK(rpc_address_parse("127.0.0.1:0", &a));
                CHECK(fd >= 0 && bind(fd, &a.sockaddr.sa, a.sockaddr.size) == 0);
                CHECK(i == 0 || listen(fd, 16) == 0);
                CHECK(getsockname(fd, &at.sa, &at.size) == 0);
                (void)snprintf(i ? slow : dead, sizeof(dead), "127.0.0.1:%u", ntohs(at.in.sin_port));
                if (i == 0) (void)close(fd);
                *ret_fd = fd;
        }
}

static void make_wrong(void)
{
        RigPair other = rig_pair(&(RigCertificate){ .name = "other" });
        cleanup_rpc_identity RpcIdentity *i = rig_identity(&other, NULL);
        cleanup_rpc_tls RpcTls *tls = NULL;

        CHECK_OK(rpc_tls_new_server(i, NULL, 0, &tls));
        CHECK_OK(rpc_server_listen_tls(rig.server, "127.0.0.1:0", tls, rig_service(&rig)));
        (void)snprintf(wrong, sizeof(wrong), "127.0.0.1:%u", rpc_server_port(rig.server));
        rig_pair_free(&other);
}

static unsigned elapsed_ms(const struct timespec *from)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (unsigned)((now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000);
}

static void the_one_that_works_wins(void)
{
        const char *addresses[] = { dead, slow, wrong, rig.address };
        RigCall call;

        rig_connect(&client, &rig, addresses, ARRAY_SIZE(addresses), &rig.pin);
        CHECK(client.connected && client.address == 3);
        rig_unary(&rig, client.client, "/t.T/Echo", BYTES_LITERAL("x"), &call);
        CHECK(call.status.code == RPC_OK);
        rpc_client_free(client.client);
}

static void the_first_has_a_head_start(void)
{
        const char *addresses[] = { rig.address, "localhost:1", rig.address };

        rig_connect(&client, &rig, addresses, ARRAY_SIZE(addresses), &rig.pin);
        CHECK(client.connected && client.address == 0);
        rpc_client_free(client.client);
}

static void a_failure_starts_the_next_at_once(void)
{
        const char *addresses[] = { dead, dead, dead, rig.address };
        RpcClientConfig config = {
                .addresses = addresses, .n_addresses = 4, .pins = &rig.pin, .n_pins = 1, .stagger_ms = 2000
        };
        struct timespec start;

        (void)clock_gettime(CLOCK_MONOTONIC, &start);
        rig_client_config(&client, &config);
        CHECK_OK(rpc_client_new(rig.event, &config, &client.client));
        CHECK(rig_until(rig.event, &client.over, 1500) && client.connected);
        CHECK(elapsed_ms(&start) < 1500);
        rpc_client_free(client.client);
}

static void every_failure_is_named(void)
{
        const char *addresses[] = { dead, slow, wrong, "no-such-name.invalid:7443", "unix:/nonexistent/socket" };
        RpcClientConfig config = { .addresses = addresses,
                                   .n_addresses = 5,
                                   .pins = &rig.pin,
                                   .n_pins = 1,
                                   .stagger_ms = 5,
                                   .connect_ms = 400 };
        cleanup_free char *expected = NULL;

        rig_client_config(&client, &config);
        CHECK_OK(rpc_client_new(rig.event, &config, &client.client));
        CHECK(rig_until(rig.event, &client.over, 5000) && client.failed);
        CHECK(asprintf(&expected, "%s: Connection refused\n%s: no TLS handshake within 400 ms\n%s: wrong key: ",
                       dead, slow, wrong) > 0);
        CHECK(strncmp(client.reasons, expected, strlen(expected)) == 0);
        CHECK(strstr(client.reasons, "\nno-such-name.invalid:7443: "));
        CHECK(strstr(client.reasons, "\nunix:/nonexistent/socket: No such file or directory"));
        CHECK(client.reasons[strlen(client.reasons) - 1] != '\n');
        rpc_client_free(client.client);
}

static void names_are_resolved(void)
{
        char by_name[64];
        const char *addresses[] = { by_name };

        (void)snprintf(by_name, sizeof(by_name), "localhost%s", strchr(rig.address, ':'));
        rig_connect(&client, &rig, addresses, 1, &rig.pin);
        CHECK(client.connected);
        rpc_client_free(client.client);
        /* Freed while the thread is at work. */
        rig_client_config(&client, &(RpcClientConfig){ 0 });
        CHECK_OK(rpc_client_new(
                rig.event,
                &(RpcClientConfig){ .addresses = addresses, .n_addresses = 1, .pins = &rig.pin, .n_pins = 1 },
                &client.client));
        rpc_client_free(client.client);
}

static void free_in_failed(RpcClient *c, const char *reasons, void *userdata)
{
        bool *over = userdata;

        CHECK(strstr(reasons, "refused"));
        *over = true;
        rpc_client_free(c);
}

static void free_in_connected(RpcClient *c, size_t address, void *userdata)
{
        bool *over = userdata;

        (void)address;
        *over = true;
        rpc_client_free(c);
}

static void a_client_may_be_freed_by_the_outcome(void)
{
        const char *addresses[] = { dead, rig.address };

        for (size_t i = 0; i < 2; i++) {
                bool over = false;
                RpcClientConfig config = { .addresses = &addresses[i],
                                           .n_addresses = 1,
                                           .pins = &rig.pin,
                                           .n_pins = 1,
                                           .connected = free_in_connected,
                                           .failed = free_in_failed,
                                           .userdata = &over };
                RpcClient *c;

                CHECK_OK(rpc_client_new(rig.event, &config, &c));
                CHECK(rig_until(rig.event, &over, 1000));
        }
}

static void settings_without_sense_are_refused(void)
{
        const char *bad[] = { "host",  "host:", "host:65536",    "host:1x", "::1:7443", "[::1]:",
                              ":7443", "unix:", "unix:relative", "",        "a:b:1" };
        RpcClient *c = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                RpcClientConfig config = { .addresses = &bad[i], .n_addresses = 1, .pins = &rig.pin, .n_pins = 1 };

                CHECK_RESULT(rpc_client_new(rig.event, &config, &c), -EINVAL);
        }
        CHECK_RESULT(rpc_client_new(rig.event, &(RpcClientConfig){ .pins = &rig.pin, .n_pins = 1 }, &c), -EINVAL);
        /* TLS without a pin would be no TLS. */
        bad[0] = rig.address;
        CHECK_RESULT(rpc_client_new(rig.event, &(RpcClientConfig){ .addresses = bad, .n_addresses = 1 }, &c),
                     -EINVAL);
        CHECK(!c);
}

static void addresses_are_written_as_they_are_read(void)
{
        static const char *const texts[] = { "192.0.2.1:7443", "[2001:db8::1]:1" };
        char text[RPC_ADDRESS_TEXT_SIZE];
        RpcAddress a;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                CHECK_OK(rpc_address_parse(texts[i], &a));
                rpc_sockaddr_format(&a.sockaddr, text);
                CHECK_TEXT(text, texts[i]);
        }
        CHECK_OK(rpc_address_parse("[::ffff:192.0.2.1]:7443", &a));
        rpc_sockaddr_format(&a.sockaddr, text);
        CHECK_TEXT(text, texts[0]);
        CHECK_OK(rpc_address_parse("verifier.example:7443", &a));
        CHECK(!a.numeric && a.port == 7443);
        CHECK_TEXT(a.host, "verifier.example");
}

int main(void)
{
        int fd;

        rig_init(&rig, NULL);
        make_dead_and_slow(&fd);
        make_wrong();
        RUN(the_one_that_works_wins);
        RUN(the_first_has_a_head_start);
        RUN(a_failure_starts_the_next_at_once);
        RUN(every_failure_is_named);
        RUN(names_are_resolved);
        RUN(a_client_may_be_freed_by_the_outcome);
        RUN(settings_without_sense_are_refused);
        RUN(addresses_are_written_as_they_are_read);
        rig_turns(rig.event, 20);
        rig_deinit(&rig);
        (void)close(fd);
        return 0;
}
