/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "rig.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

/* ---- certificates --------------------------------------------------------------------------------- */

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
        X509_EXTENSION *e;
        X509V3_CTX ctx;

        if (!value) return;
        X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
        e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        CHECK(e && X509_add_ext(x, e, -1) == 1);
        X509_EXTENSION_free(e);
}

RigPair rig_pair(const RigCertificate *c)
{
        static long serial = 1;
        RigPair p = { .key = c->key ? c->key : EVP_EC_gen("P-256"), .certificate = X509_new() };
        X509 *x = p.certificate, *issuer = c->issuer ? c->issuer->certificate : x;
        X509_NAME *name = X509_get_subject_name(x);

        CHECK(p.key && x);
        CHECK(X509_set_version(x, X509_VERSION_3) == 1);
        CHECK(ASN1_INTEGER_set(X509_get_serialNumber(x), serial++) == 1);
        CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)c->name, -1, -1, 0) == 1);
        CHECK(X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1);
        CHECK(X509_gmtime_adj(X509_getm_notBefore(x), c->from) != NULL);
        CHECK(X509_gmtime_adj(X509_getm_notAfter(x), c->from == 0 && c->to == 0 ? 3600 : c->to) != NULL);
        CHECK(X509_set_pubkey(x, p.key) == 1);
        add_extension(x, issuer, NID_basic_constraints, c->ca ? "critical,CA:TRUE" : NULL);
        add_extension(x, issuer, NID_key_usage, c->constraint);
        add_extension(x, issuer, NID_ext_key_usage, c->usage);
        CHECK(X509_sign(x, c->issuer ? c->issuer->key : p.key,
                        EVP_get_digestbyname(c->digest ? c->digest : "SHA256")) > 0);
        return p;
}

void rig_pair_free(RigPair *p)
{
        EVP_PKEY_free(p->key);
        X509_free(p->certificate);
        *p = (RigPair){ 0 };
}

static size_t pem_of(const RigPair *p, bool key, char *text, size_t size)
{
        BIO *bio = BIO_new(BIO_s_mem());
        int n;

        CHECK(bio);
        if (key) CHECK(PEM_write_bio_PrivateKey(bio, p->key, NULL, NULL, 0, NULL, NULL) == 1);
        else CHECK(PEM_write_bio_X509(bio, p->certificate) == 1);
        n = BIO_read(bio, text, (int)size);
        CHECK(n > 0 && (size_t)n < size);
        BIO_free(bio);
        return (size_t)n;
}

RpcPin rig_pin(const RigPair *p)
{
        char pem[4096];
        const size_t n = pem_of(p, false, pem, sizeof(pem));
        RpcPin pin;

        CHECK_OK(rpc_pin_from_certificate(BYTES(pem, n), &pin));
        return pin;
}

RpcIdentity *rig_identity(const RigPair *leaf, const RigPair *other)
{
        char chain[8192], key[4096];
        size_t n, n_key;
        cleanup_secret Secret *secret = NULL;
        RpcIdentity *i = NULL;

        n = pem_of(leaf, false, chain, sizeof(chain));
        if (other) n += pem_of(other, false, chain + n, sizeof(chain) - n);
        n_key = pem_of(leaf, true, key, sizeof(key));
        CHECK_OK(secret_new_copy(BYTES(key, n_key), &secret));
        CHECK_OK(rpc_identity_new(BYTES(chain, n), secret, &i));
        return i;
}

/* ---- the server ----------------------------------------------------------------------------------- */

static void echo(RpcServerCall *call, Bytes request, void *userdata)
{
        (void)userdata;
        rpc_server_call_reply(call, request);
}

static void opened(RpcServerCall *call, void *userdata)
{
        Rig *rig = userdata;

        (void)call;
        rig->opened++;
}

static void closed(RpcServerCall *call, void *userdata)
{
        Rig *rig = userdata;

        (void)call;
        rig->closed++;
}

static void echo_each(RpcServerCall *call, Bytes message, void *userdata)
{
        (void)userdata;
        CHECK_OK(rpc_server_call_send(call, message));
}

static void done(RpcServerCall *call, void *userdata)
{
        (void)userdata;
        rpc_server_call_finish(call, RPC_OK, NULL);
        rpc_server_call_finish(call, RPC_INTERNAL, "a second finish does nothing");
        CHECK_RESULT(rpc_server_call_send(call, BYTES_LITERAL("late")), -ESHUTDOWN);
}

/* Counts bytes in the pointer. */
static void sink(RpcServerCall *call, Bytes message, void *userdata)
{
        (void)userdata;
        rpc_server_call_set_data(call, (void *)((uintptr_t)rpc_server_call_data(call) + message.size));
}

/* Keeps what arrives, as far as it may. */
static void hold(RpcServerCall *call, Bytes message, void *userdata)
{
        (void)userdata;
        if (rpc_server_call_hold(call, message.size) < 0)
                rpc_server_call_finish(call, RPC_RESOURCE_EXHAUSTED, "full");
}

static void sum(RpcServerCall *call, void *userdata)
{
        char text[32];

        (void)userdata;
        (void)snprintf(text, sizeof(text), "%zu", (size_t)rpc_server_call_data(call));
        rpc_server_call_reply(call, BYTES(text, strlen(text)));
}

static void refuse(RpcServerCall *call, void *userdata)
{
        opened(call, userdata);
        rpc_server_call_finish(call, RPC_FAILED_PRECONDITION, "no, 100 % no\n(\x01)");
}

/* Replies with as many bytes as the request says in decimal. */
static void big(RpcServerCall *call, Bytes request, void *userdata)
{
        char text[16] = { 0 };
        uint8_t *data;
        size_t n;

        (void)userdata;
        CHECK(request.size < sizeof(text));
        memcpy(text, request.data, request.size);
        n = strtoul(text, NULL, 10);
        data = malloc(n);
        CHECK(data);
        for (size_t i = 0; i < n; i++) data[i] = (uint8_t)(i * 7);
        rpc_server_call_reply(call, BYTES(data, n));
        free(data);
}

static void exporter(RpcServerCall *call, Bytes request, void *userdata)
{
        uint8_t value[RPC_EXPORTER_SIZE];
        const int r = rpc_server_call_exporter(call, value);

        (void)request, (void)userdata;
        if (r < 0) rpc_server_call_finish(call, RPC_FAILED_PRECONDITION, error_detail(r));
        else rpc_server_call_reply(call, BYTES_ARRAY(value));
}

static void peer(RpcServerCall *call, Bytes request, void *userdata)
{
        const RpcPeer *p = rpc_server_call_peer(call);
        char text[128];

        (void)request, (void)userdata;
        (void)snprintf(text, sizeof(text), "%.*s %d %d %d", (int)strcspn(p->address, ":"), p->address, p->local,
                       (int)p->uid, p->certificate.size > 0);
        rpc_server_call_reply(call, BYTES(text, strlen(text)));
}

/* Answers and ends although the client still talks. */
static void hasty(RpcServerCall *call, Bytes message, void *userdata)
{
        (void)userdata;
        rpc_server_call_reply(call, message);
}

const RpcMethod rig_methods[] = {
        { .path = "/t.T/Echo", .message_max = 2 << 20, .unary = echo },
        { .path = "/t.T/Small", .message_max = 16, .unary = echo },
        { .path = "/t.T/Each",
          .message_max = 2 << 20,
          .open = opened,
          .message = echo_each,
          .half_closed = done,
          .closed = closed },
        { .path = "/t.T/Sink",
          .message_max = 2 << 20,
          .open = opened,
          .message = sink,
          .half_closed = sum,
          .closed = closed },
        { .path = "/t.T/Hold", .open = opened, .message = hold, .closed = closed },
        { .path = "/t.T/Refuse", .open = refuse, .closed = closed },
        { .path = "/t.T/Hasty", .open = opened, .message = hasty, .closed = closed },
        { .path = "/t.T/Silent", .call_ms = 2000, .open = opened, .closed = closed },
        { .path = "/t.T/Short", .call_ms = 50, .open = opened, .closed = closed },
        { .path = "/t.T/Big", .unary = big },
        { .path = "/t.T/Exporter", .unary = exporter },
        { .path = "/t.T/Peer", .unary = peer },
};
enum { N_METHODS = sizeof(rig_methods) / sizeof(rig_methods[0]) };

const RpcService *rig_service(Rig *rig)
{
        static const char *const names[] = { "t.T" };
        static RpcService service;

        service = (RpcService){
                .methods = rig_methods, .n_methods = N_METHODS, .health = names, .n_health = 1, .userdata = rig
        };
        return &service;
}

void rig_init(Rig *rig, const RpcServerLimits *limits)
{
        cleanup_rpc_identity RpcIdentity *i = NULL;
        cleanup_rpc_tls RpcTls *tls = NULL;

        *rig = (Rig){ 0 };
        CHECK(sd_event_new(&rig->event) >= 0);
        rig->ca = rig_pair(&(RigCertificate){ .name = "test CA", .ca = true });
        rig->leaf = rig_pair(&(RigCertificate){ .name = "test", .issuer = &rig->ca, .usage = "serverAuth" });
        rig->pin = rig_pin(&rig->ca);
        i = rig_identity(&rig->leaf, &rig->ca);
        CHECK_OK(rpc_tls_new_server(i, NULL, 0, &tls));
        CHECK_OK(rpc_server_new(rig->event, limits, &rig->server));
        CHECK_OK(rpc_server_listen_tls(rig->server, "127.0.0.1:0", tls, rig_service(rig)));
        (void)snprintf(rig->address, sizeof(rig->address), "127.0.0.1:%u", rpc_server_port(rig->server));
}

void rig_deinit(Rig *rig)
{
        RpcServerStats stats;

        rpc_server_stats(rig->server, &stats);
        rpc_server_free(rig->server);
        CHECK(rig->opened == rig->closed);
        rig_pair_free(&rig->ca);
        rig_pair_free(&rig->leaf);
        sd_event_unref(rig->event);
}

/* ---- turning -------------------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool rig_until(sd_event *event, const bool *flag, unsigned ms)
{
        const uint64_t end = now_ms() + ms;
        uint64_t now = now_ms();

        if (*flag) return true;
        do {
                CHECK(sd_event_run(event, now < end ? (end - now) * 1000 : 0) >= 0);
                now = now_ms();
        } while (!*flag && now < end);
        return *flag;
}

void rig_turns(sd_event *event, unsigned ms)
{
        const bool never = false;

        (void)rig_until(event, &never, ms);
}

/* ---- clients -------------------------------------------------------------------------------------- */

static void on_connected(RpcClient *client, size_t address, void *userdata)
{
        RigClient *c = userdata;

        (void)client;
        CHECK(!c->over);
        c->connected = c->over = true;
        c->address = address;
}

static void on_failed(RpcClient *client, const char *reasons, void *userdata)
{
        RigClient *c = userdata;

        (void)client;
        CHECK(!c->over);
        c->failed = c->over = true;
        (void)snprintf(c->reasons, sizeof(c->reasons), "%s", reasons);
}

static void on_closed(RpcClient *client, const char *reason, void *userdata)
{
        RigClient *c = userdata;

        (void)client;
        CHECK(!c->closed);
        c->closed = true;
        (void)snprintf(c->reasons, sizeof(c->reasons), "%s", reason);
}

void rig_client_config(RigClient *c, RpcClientConfig *config)
{
        *c = (RigClient){ 0 };
        config->connected = on_connected;
        config->failed = on_failed;
        config->closed = on_closed;
        config->userdata = c;
}

void rig_connect(RigClient *c, Rig *rig, const char *const *addresses, size_t n, const RpcPin *pin)
{
        RpcClientConfig config = {
                .addresses = addresses, .n_addresses = n, .pins = pin, .n_pins = pin ? 1 : 0, .stagger_ms = 20
        };

        rig_client_config(c, &config);
        CHECK_OK(rpc_client_new(rig->event, &config, &c->client));
        CHECK(!c->over);
        CHECK(rig_until(rig->event, &c->over, 5000));
}

static void on_message(RpcCall *call, Bytes message, void *userdata)
{
        RigCall *c = userdata;

        (void)call;
        c->messages++;
        c->bytes += message.size;
        c->last_size = MIN(message.size, sizeof(c->last));
        if (c->last_size) memcpy(c->last, message.data, c->last_size);
}

static void on_finished(RpcCall *call, const RpcStatus *status, void *userdata)
{
        RigCall *c = userdata;

        (void)call;
        CHECK(!c->done);
        c->done = true;
        c->status = *status;
        c->call = NULL;
}

static void on_drained(RpcCall *call, void *userdata)
{
        RigCall *c = userdata;

        CHECK(rpc_call_unsent(call) == 0);
        c->drained = true;
}

const RpcCallHandler rig_handler = { .message = on_message, .finished = on_finished, .drained = on_drained };

void rig_call(RigCall *call, RpcClient *client, const char *path, unsigned deadline_ms)
{
        *call = (RigCall){ 0 };
        CHECK_OK(rpc_call_start(client, path, deadline_ms, &rig_handler, call, &call->call));
}

void rig_unary(Rig *rig, RpcClient *client, const char *path, Bytes request, RigCall *ret)
{
        rig_call(ret, client, path, 5000);
        CHECK_OK(rpc_call_send(ret->call, request, true));
        CHECK(rig_until(rig->event, &ret->done, 6000));
}
