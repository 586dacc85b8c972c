/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "rig.h"

#include "rpc/pin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static Rig rig;

/* ---- which certificates are accepted -------------------------------------------------------------- */

/* A server with this leaf and chain, a client with this pin: the reason it failed with, or "" if it did not. */
static const char *outcome(const RigPair *leaf, const RigPair *other, const RpcPin *pin)
{
        static RigClient client;
        cleanup_rpc_identity RpcIdentity *i = rig_identity(leaf, other);
        cleanup_rpc_tls RpcTls *tls = NULL;
        char text[64];
        const char *address = text;

        CHECK_OK(rpc_tls_new_server(i, NULL, 0, &tls));
        CHECK_OK(rpc_server_listen_tls(rig.server, "127.0.0.1:0", tls, rig_service(&rig)));
        (void)snprintf(text, sizeof(text), "127.0.0.1:%u", rpc_server_port(rig.server));
        rig_connect(&client, &rig, &address, 1, pin);
        CHECK(client.failed == (client.reasons[0] != '\0'));
        rpc_client_free(client.client);
        rig_turns(rig.event, 5);
        return client.reasons;
}

#define CHECK_ACCEPTED(...) CHECK_TEXT(outcome(__VA_ARGS__), "")
#define CHECK_REFUSED(words, ...) CHECK(strstr(outcome(__VA_ARGS__), words))

static void a_pinned_ca_or_leaf_is_accepted(void)
{
        const RpcPin leaf = rig_pin(&rig.leaf);

        CHECK_ACCEPTED(&rig.leaf, &rig.ca, &rig.pin);
        CHECK_ACCEPTED(&rig.leaf, NULL, &leaf);
        CHECK_ACCEPTED(&rig.leaf, &rig.ca, &leaf);
}

static void another_pin_is_refused(void)
{
        RigPair other = rig_pair(&(RigCertificate){ .name = "other", .ca = true });
        const RpcPin pin = rig_pin(&other);

        CHECK_REFUSED("wrong key: neither", &rig.leaf, &rig.ca, &pin);
        CHECK_REFUSED("wrong key: neither", &rig.leaf, NULL, &rig.pin); /* the CA is not presented */
        rig_pair_free(&other);
}

static void a_pinned_certificate_in_the_list_is_not_enough(void)
{
        RigPair evil_ca = rig_pair(&(RigCertificate){ .name = "test CA", .ca = true });
        RigPair evil = rig_pair(&(RigCertificate){ .name = "test", .issuer = &evil_ca, .usage = "serverAuth" });
        const RpcPin leaf = rig_pin(&rig.leaf);

        /* The real CA beside a leaf of an impostor with the same name. */
        CHECK_REFUSED("did not sign", &evil, &rig.ca, &rig.pin);
        /* A pinned leaf beside a leaf that was proven. */
        CHECK_REFUSED("not a CA's", &evil, &rig.leaf, &leaf);
        rig_pair_free(&evil);
        rig_pair_free(&evil_ca);
}

static void a_signer_must_be_a_ca(void)
{
        RigPair plain = rig_pair(&(RigCertificate){ .name = "plain", .usage = "serverAuth" });
        RigPair wrong = rig_pair(
                &(RigCertificate){ .name = "wrong", .ca = true, .constraint = "digitalSignature" });
        RigPair right = rig_pair(&(RigCertificate){ .name = "right", .ca = true, .constraint = "keyCertSign" });
        RigPair of_plain = rig_pair(&(RigCertificate){ .name = "a", .issuer = &plain, .usage = "serverAuth" });
        RigPair of_wrong = rig_pair(&(RigCertificate){ .name = "b", .issuer = &wrong, .usage = "serverAuth" });
        RigPair of_right = rig_pair(&(RigCertificate){ .name = "c", .issuer = &right, .usage = "serverAuth" });
        RpcPin pin = rig_pin(&plain);

        CHECK_REFUSED("not a CA's", &of_plain, &plain, &pin);
        pin = rig_pin(&wrong);
        CHECK_REFUSED("keyUsage", &of_wrong, &wrong, &pin);
        pin = rig_pin(&right);
        CHECK_ACCEPTED(&of_right, &right, &pin);
        rig_pair_free(&of_plain);
        rig_pair_free(&of_wrong);
        rig_pair_free(&of_right);
        rig_pair_free(&plain);
        rig_pair_free(&wrong);
        rig_pair_free(&right);
}

static void a_clients_certificate_is_no_servers(void)
{
        RigPair client = rig_pair(&(RigCertificate){ .name = "node", .issuer = &rig.ca, .usage = "clientAuth" });
        RigPair none = rig_pair(&(RigCertificate){ .name = "none", .issuer = &rig.ca });
        const RpcPin leaf = rig_pin(&none);

        CHECK_REFUSED("serverAuth", &client, &rig.ca, &rig.pin);
        CHECK_REFUSED("serverAuth", &none, &rig.ca, &rig.pin);
        CHECK_ACCEPTED(&none, NULL, &leaf);
        rig_pair_free(&client);
        rig_pair_free(&none);
}

static void intermediates_are_not_followed(void)
{
        RigPair middle = rig_pair(&(RigCertificate){ .name = "middle", .issuer = &rig.ca, .ca = true });
        RigPair leaf = rig_pair(&(RigCertificate){ .name = "leaf", .issuer = &middle, .usage = "serverAuth" });
        RpcPin pin = rig_pin(&middle);

        CHECK_REFUSED("wrong key", &leaf, &middle, &rig.pin);
        CHECK_REFUSED("did not sign", &leaf, &rig.ca, &rig.pin);
        CHECK_ACCEPTED(&leaf, &middle, &pin);
        rig_pair_free(&leaf);
        rig_pair_free(&middle);
}

static void the_clock_is_not_asked(void)
{
        enum { DECADE = 10 * 365 * 24 * 3600 };
        const long times[][2] = { { -2L * DECADE, -DECADE }, { DECADE, 2L * DECADE } };

        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                RigPair ca = rig_pair(
                        &(RigCertificate){ .name = "CA", .ca = true, .from = times[i][0], .to = times[i][1] });
                RigPair leaf = rig_pair(&(RigCertificate){ .name = "leaf",
                                                           .issuer = &ca,
                                                           .usage = "serverAuth",
                                                           .from = times[i][0],
                                                           .to = times[i][1] });
                RpcPin pin = rig_pin(&ca);

                CHECK_ACCEPTED(&leaf, &ca, &pin);
                pin = rig_pin(&leaf);
                CHECK_ACCEPTED(&leaf, NULL, &pin);
                rig_pair_free(&leaf);
                rig_pair_free(&ca);
        }
}

static void a_weak_signature_is_refused(void)
{
        RigPair weak = rig_pair(
                &(RigCertificate){ .name = "weak", .issuer = &rig.ca, .usage = "serverAuth", .digest = "SHA1" });
        STACK_OF(X509) *chain = sk_X509_new_null();

        CHECK(chain && sk_X509_push(chain, rig.ca.certificate) == 1);
        CHECK_RESULT(rpc_pin_check(&rig.pin, 1, RPC_PIN_SERVER, weak.certificate, chain), -EKEYREJECTED);
        CHECK(strstr(error_detail(0), "too weak"));
        CHECK_OK(rpc_pin_check(&rig.pin, 1, RPC_PIN_SERVER, rig.leaf.certificate, chain));
        CHECK_RESULT(rpc_pin_check(&rig.pin, 1, RPC_PIN_SERVER, rig.leaf.certificate, NULL), -EKEYREJECTED);
        sk_X509_free(chain);
        rig_pair_free(&weak);
}

/* ---- peers that are not ours ---------------------------------------------------------------------- */

/* One connection of plain OpenSSL, in a thread of its own. */
typedef struct Raw {
        SSL_CTX *context;
        int fd; /* the server's: listening; the client's: connected */
        bool server;
        pthread_t thread;
        int result; /* of the handshake */
        int read;   /* what came first afterwards */
        int key_updates;
        atomic_bool done;
} Raw;

static void *raw_run(void *userdata)
{
        Raw *raw = userdata;
        const int fd = raw->server ? accept(raw->fd, NULL, NULL) : raw->fd;
        SSL *ssl = SSL_new(raw->context);
        char c;

        CHECK(fd >= 0 && ssl && SSL_set_fd(ssl, fd) == 1);
        raw->result = raw->server ? SSL_accept(ssl) : SSL_connect(ssl);
        for (int i = 0; raw->result == 1 && i < raw->key_updates; i++)
                if (SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(ssl) != 1) break;
        while (raw->result == 1 && (raw->read = SSL_read(ssl, &c, 1)) > 0) {}
        SSL_free(ssl);
        (void)close(fd);
        atomic_store(&raw->done, true);
        return NULL;
}

static int loopback(bool server, uint16_t *port)
{
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_addr = { htonl(INADDR_LOOPBACK) },
                                 .sin_port = htons(*port) };
        socklen_t n = sizeof(a);
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        if (!server) {
                CHECK(connect(fd, (struct sockaddr *)&a, n) == 0);
                return fd;
        }
        CHECK(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 8) == 0);
        CHECK(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
        *port = ntohs(a.sin_port);
        return fd;
}

static SSL_CTX *raw_context(const RigPair *leaf, EVP_PKEY *key)
{
        SSL_CTX *c = SSL_CTX_new(TLS_method());

        CHECK(c);
        if (leaf) CHECK(SSL_CTX_use_certificate(c, leaf->certificate) == 1 && SSL_CTX_use_PrivateKey(c, key) == 1);
        return c;
}

static int no_h2(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in, unsigned size,
                 void *u)
{
        (void)ssl, (void)out, (void)n, (void)in, (void)size, (void)u;
        return SSL_TLSEXT_ERR_NOACK;
}

/* What our client says of a server with this context and the pinned leaf. */
static const char *raw_outcome(SSL_CTX *context)
{
        static RigClient client;
        const RpcPin pin = rig_pin(&rig.leaf);
        Raw raw = { .context = context, .server = true };
        char text[64];
        const char *address = text;
        uint16_t port = 0;

        raw.fd = loopback(true, &port);
        CHECK(pthread_create(&raw.thread, NULL, raw_run, &raw) == 0);
        (void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
        rig_connect(&client, &rig, &address, 1, &pin);
        rpc_client_free(client.client);
        CHECK(pthread_join(raw.thread, NULL) == 0);
        (void)close(raw.fd);
        SSL_CTX_free(context);
        return client.reasons;
}

static void a_server_below_tls_1_3_is_refused(void)
{
        SSL_CTX *c = raw_context(&rig.leaf, rig.leaf.key);

        CHECK(SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION) == 1);
        CHECK(strstr(raw_outcome(c), "TLS 1.3"));
}

static void a_server_without_alpn_is_refused(void)
{
        SSL_CTX *c = raw_context(&rig.leaf, rig.leaf.key);

        SSL_CTX_set_alpn_select_cb(c, no_h2, NULL);
        CHECK(strstr(raw_outcome(c), "ALPN h2"));
        CHECK(strstr(raw_outcome(raw_context(&rig.leaf, rig.leaf.key)), "ALPN h2"));
}

/* The leaf's public key with a private one that is another. */
static EVP_PKEY *impostor_key(void)
{
        EVP_PKEY *other = EVP_EC_gen("P-256"), *k = NULL;
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
        OSSL_PARAM *params;
        uint8_t point[128];
        BIGNUM *d = NULL;
        size_t n;

        CHECK(EVP_PKEY_get_octet_string_param(rig.leaf.key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n) ==
              1);
        CHECK(EVP_PKEY_get_bn_param(other, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1);
        CHECK(OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1);
        CHECK(OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, n) == 1);
        CHECK(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1);
        params = OSSL_PARAM_BLD_to_param(b);
        CHECK(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &k, EVP_PKEY_KEYPAIR, params) == 1);
        OSSL_PARAM_free(params);
        OSSL_PARAM_BLD_free(b);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(other);
        BN_free(d);
        return k;
}

static void a_pinned_leaf_without_its_key_is_refused(void)
{
        EVP_PKEY *k = impostor_key();
        SSL_CTX *c = raw_context(&rig.leaf, k);

        SSL_CTX_set_alpn_select_cb(c, no_h2, NULL);
        CHECK(strstr(raw_outcome(c), "bad signature"));
        EVP_PKEY_free(k);
}

static void run_raw_client(SSL_CTX *context, int key_updates, Raw *raw)
{
        uint16_t port = rpc_server_port(rig.server);

        raw->context = context;
        raw->key_updates = key_updates;
        atomic_init(&raw->done, false);
        raw->fd = loopback(false, &port);
        CHECK(pthread_create(&raw->thread, NULL, raw_run, raw) == 0);
        while (!atomic_load(&raw->done)) rig_turns(rig.event, 10);
        rig_turns(rig.event, 20);
        CHECK(pthread_join(raw->thread, NULL) == 0);
        SSL_CTX_free(context);
}

static void our_server_is_as_strict(void)
{
        static const uint8_t http1[] = "\x08http/1.1", h2[] = "\x02h2";
        RpcServerStats before, after;
        SSL_CTX *c;
        Raw raw = { 0 };

        rpc_server_stats(rig.server, &before);
        c = raw_context(NULL, NULL);
        CHECK(SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION) == 1);
        run_raw_client(c, 0, &raw);
        CHECK(raw.result != 1);
        c = raw_context(NULL, NULL);
        CHECK(SSL_CTX_set_alpn_protos(c, http1, sizeof(http1) - 1) == 0);
        run_raw_client(c, 0, &raw);
        CHECK(raw.result != 1);
        c = raw_context(NULL, NULL); /* no ALPN: TLS completes, the connection does not live */
        run_raw_client(c, 0, &raw);
        CHECK(raw.result == 1 && raw.read <= 0);
        c = raw_context(NULL, NULL);
        CHECK(SSL_CTX_set1_groups_list(c, "P-384") == 1 && SSL_CTX_set_alpn_protos(c, h2, sizeof(h2) - 1) == 0);
        run_raw_client(c, 0, &raw);
        CHECK(raw.result != 1);
        rpc_server_stats(rig.server, &after);
        CHECK(after.handshakes_failed - before.handshakes_failed == 4 && after.connections == 0);
}

static void key_updates_have_a_cap(void)
{
        static const uint8_t h2[] = "\x02h2";
        SSL_CTX *c = raw_context(NULL, NULL);
        RpcServerStats stats;
        Raw raw = { 0 };

        CHECK(SSL_CTX_set_alpn_protos(c, h2, sizeof(h2) - 1) == 0);
        run_raw_client(c, 100, &raw);
        rpc_server_stats(rig.server, &stats);
        CHECK(raw.result == 1 && raw.read <= 0 && stats.connections == 0);
}

/* ---- client certificates -------------------------------------------------------------------------- */

static void check_peer(const RpcIdentity *identity, uint16_t port, const char *expected)
{
        RpcClientConfig config = { .n_addresses = 1, .pins = &rig.pin, .n_pins = 1, .identity = identity };
        static RigClient client;
        char text[64];
        const char *address = text;
        RigCall call;

        (void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
        config.addresses = &address;
        rig_client_config(&client, &config);
        CHECK_OK(rpc_client_new(rig.event, &config, &client.client));
        CHECK(rig_until(rig.event, &client.over, 1000) && client.connected);
        rig_unary(&rig, client.client, "/t.T/Peer", BYTES("", 0), &call);
        if (expected) CHECK_BYTES(BYTES(call.last, call.last_size), BYTES(expected, strlen(expected)));
        else CHECK(call.status.code == RPC_UNAVAILABLE);
        rpc_client_free(client.client);
}

static void a_client_certificate_is_optional_and_pinned(void)
{
        RigPair admin = rig_pair(&(RigCertificate){ .name = "admin", .issuer = &rig.ca, .usage = "clientAuth" });
        cleanup_rpc_identity RpcIdentity *server = rig_identity(&rig.leaf, &rig.ca);
        cleanup_rpc_identity RpcIdentity *good = rig_identity(&admin, &rig.ca),
                                         *bad = rig_identity(&rig.leaf, &rig.ca);
        cleanup_rpc_tls RpcTls *tls = NULL;
        uint16_t port;

        CHECK_OK(rpc_tls_new_server(server, &rig.pin, 1, &tls));
        CHECK_OK(rpc_server_listen_tls(rig.server, "127.0.0.1:0", tls, rig_service(&rig)));
        port = rpc_server_port(rig.server);
        check_peer(NULL, port, "127.0.0.1 0 -1 0");
        check_peer(good, port, "127.0.0.1 0 -1 1");
        check_peer(bad, port, NULL); /* a server's certificate is no client's */
        rpc_identity_free(bad);
        bad = NULL;
        rig_pair_free(&admin);
}

/* ---- what does not parse -------------------------------------------------------------------------- */

static void identities_are_checked(void)
{
        static const uint8_t pem[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        cleanup_secret Secret *key = NULL, *other = NULL;
        uint8_t *leaf = NULL, *leaf_key = NULL, *ca_key = NULL;
        const int n = i2d_X509(rig.leaf.certificate, &leaf), n_key = i2d_PrivateKey(rig.leaf.key, &leaf_key),
                  n_ca = i2d_PrivateKey(rig.ca.key, &ca_key);
        cleanup_rpc_identity RpcIdentity *good = NULL, *bad = NULL;
        RpcPin pin = { { 7 } };

        CHECK_OK(secret_new_copy(BYTES(leaf_key, (size_t)n_key), &key));
        CHECK_OK(secret_new_copy(BYTES(ca_key, (size_t)n_ca), &other));
        CHECK_OK(rpc_identity_new(BYTES(leaf, (size_t)n), key, &good));
        CHECK_RESULT(rpc_identity_new(BYTES(leaf, (size_t)n), other, &bad), -EBADMSG);
        CHECK_RESULT(rpc_identity_new(BYTES(leaf, (size_t)n - 1), key, &bad), -EBADMSG);
        CHECK_RESULT(rpc_identity_new(BYTES("", 0), key, &bad), -EBADMSG);
        CHECK_RESULT(rpc_identity_new(BYTES_ARRAY(pem), key, &bad), -EBADMSG);
        secret_truncate(other, 20);
        CHECK_RESULT(rpc_identity_new(BYTES(leaf, (size_t)n), other, &bad), -EBADMSG);
        CHECK_RESULT(rpc_pin_from_certificate(BYTES_ARRAY(pem), &pin), -EBADMSG);
        CHECK_RESULT(rpc_pin_from_certificate(BYTES(leaf_key, (size_t)n_key), &pin), -EBADMSG);
        CHECK(!bad && pin.sha256[0] == 7);
        OPENSSL_free(leaf);
        OPENSSL_free(leaf_key);
        OPENSSL_free(ca_key);
}

int main(void)
{
        rig_init(&rig, NULL);
        RUN(a_pinned_ca_or_leaf_is_accepted);
        RUN(another_pin_is_refused);
        RUN(a_pinned_certificate_in_the_list_is_not_enough);
        RUN(a_signer_must_be_a_ca);
        RUN(a_clients_certificate_is_no_servers);
        RUN(intermediates_are_not_followed);
        RUN(the_clock_is_not_asked);
        RUN(a_weak_signature_is_refused);
        RUN(a_server_below_tls_1_3_is_refused);
        RUN(a_server_without_alpn_is_refused);
        RUN(a_pinned_leaf_without_its_key_is_refused);
        RUN(our_server_is_as_strict);
        RUN(key_updates_have_a_cap);
        RUN(a_client_certificate_is_optional_and_pinned);
        RUN(identities_are_checked);
        rig_deinit(&rig);
        return 0;
}
