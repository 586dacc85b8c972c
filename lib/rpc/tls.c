/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The TLS settings of both sides, in one place, so that neither can be laxer than the other.
 *
 * The exporter binds evidence to a channel only if nothing of an older session can come back: the pin callback
 * does not run on a resumed session. Hence no tickets, no session cache, no early data, and a look at the
 * finished handshake that does not trust any of this to have worked. */

#include "rpc/tls-internal.h"

#include "base/error.h"
#include "rpc/identity.h"
#include "rpc/pin.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <string.h>

enum {
        CERTIFICATES_BYTES_MAX = 32768, /* what a peer may present, before any of it is verified */
        POST_HANDSHAKE_MAX = 32,        /* KeyUpdates and tickets of one connection; ours sends neither */
};

struct RpcTls {
        unsigned refs; /* one thread: no atomics */
        SSL_CTX *context;
        bool server;
        RpcPin *pins;
        size_t n_pins;
};

static const uint8_t alpn_h2[] = { 2, 'h', '2' };

/* SSL_CTX_set_cert_verify_callback: everything OpenSSL would decide about the peer's chain, decided by pins. */
static int verify(X509_STORE_CTX *store, void *userdata)
{
        const RpcTls *tls = userdata;
        X509 *leaf = X509_STORE_CTX_get0_cert(store);
        const RpcPinSide side = tls->server ? RPC_PIN_CLIENT : RPC_PIN_SERVER;

        if (leaf && rpc_pin_check(tls->pins, tls->n_pins, side, leaf, X509_STORE_CTX_get0_untrusted(store)) == 0) {
                X509_STORE_CTX_set_error(store, X509_V_OK);
                return 1;
        }
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
        return 0;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
                       unsigned in_size, void *userdata)
{
        (void)ssl, (void)userdata;
        /* `in` was checked by OpenSSL to be a list of nonempty names. */
        for (unsigned i = 0; i < in_size; i += 1u + in[i]) {
                if (in[i] != 2 || in_size - i < 3 || in[i + 1] != 'h' || in[i + 2] != '2') continue;
                *out = in + i + 1;
                *out_size = 2;
                return SSL_TLSEXT_ERR_OK;
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int set_common(SSL_CTX *c)
{
        static const uint8_t session_id_context[] = "halfkey";

        SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CLEANSE_PLAINTEXT);
        SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                    SSL_MODE_RELEASE_BUFFERS);
        /* Or one read would work through as many KeyUpdates as the socket holds. */
        SSL_CTX_clear_mode(c, SSL_MODE_AUTO_RETRY);
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_max_cert_list(c, CERTIFICATES_BYTES_MAX);
        SSL_CTX_set_security_level(c, 2);
        if (SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
            SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) != 1 ||
            SSL_CTX_set1_groups_list(c, "X25519:P-256") != 1 || SSL_CTX_set_num_tickets(c, 0) != 1 ||
            SSL_CTX_set_max_early_data(c, 0) != 1 || SSL_CTX_set_recv_max_early_data(c, 0) != 1 ||
            SSL_CTX_set_session_id_context(c, session_id_context, sizeof(session_id_context) - 1) != 1)
                return error_set(-EOPNOTSUPP, "OpenSSL refuses the TLS 1.3 settings");
        return 0;
}

static int set_identity(SSL_CTX *c, const RpcIdentity *i)
{
        if (SSL_CTX_use_cert_and_key(c, i->leaf, i->key, i->others, 1) == 1) return 0;
        ERR_clear_error();
        return error_set(-EBADMSG, "OpenSSL refuses the certificate or its key (too weak?)");
}

static int set_pins(RpcTls *tls, const RpcPin *pins, size_t n_pins)
{
        if (n_pins == 0 || n_pins > RPC_PINS_MAX)
                return error_set(-EINVAL, "%zu pins; 1 to %d make sense", n_pins, RPC_PINS_MAX);
        tls->pins = calloc(n_pins, sizeof(*pins));
        if (!tls->pins) return -ENOMEM;
        memcpy(tls->pins, pins, n_pins * sizeof(*pins));
        tls->n_pins = n_pins;
        SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(tls->context, verify, tls);
        return 0;
}

static int tls_new(bool server, RpcTls **ret)
{
        cleanup_rpc_tls RpcTls *tls = calloc(1, sizeof(*tls));
        int r;

        if (!tls) return -ENOMEM;
        tls->refs = 1;
        tls->server = server;
        tls->context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
        if (!tls->context) return error_set(-ENOMEM, "OpenSSL gives no TLS context");
        r = set_common(tls->context);
        if (r < 0) return r;
        *ret = TAKE_PTR(tls);
        return 0;
}

int rpc_tls_new_client(const RpcPin *pins, size_t n_pins, const RpcIdentity *identity, RpcTls **ret)
{
        cleanup_rpc_tls RpcTls *tls = NULL;
        int r;

        r = tls_new(false, &tls);
        if (r < 0) return r;
        r = set_pins(tls, pins, n_pins);
        if (r < 0) return r;
        if (identity) r = set_identity(tls->context, identity);
        if (r < 0) return r;
        /* Unlike the others this one returns 0 for success. */
        if (SSL_CTX_set_alpn_protos(tls->context, alpn_h2, sizeof(alpn_h2)) != 0) return -ENOMEM;
        *ret = TAKE_PTR(tls);
        return 0;
}

int rpc_tls_new_server(const RpcIdentity *identity, const RpcPin *client_pins, size_t n_client_pins, RpcTls **ret)
{
        cleanup_rpc_tls RpcTls *tls = NULL;
        int r;

        r = tls_new(true, &tls);
        if (r < 0) return r;
        r = set_identity(tls->context, identity);
        if (r < 0) return r;
        if (n_client_pins > 0) r = set_pins(tls, client_pins, n_client_pins);
        if (r < 0) return r;
        SSL_CTX_set_alpn_select_cb(tls->context, select_alpn, NULL);
        *ret = TAKE_PTR(tls);
        return 0;
}

RpcTls *rpc_tls_ref(RpcTls *tls)
{
        if (tls) tls->refs++;
        return tls;
}

void rpc_tls_unref(RpcTls *tls)
{
        if (!tls || --tls->refs > 0) return;
        SSL_CTX_free(tls->context);
        free(tls->pins);
        free(tls);
}

bool rpc_tls_is_flooded(const SSL *ssl)
{
        return (uintptr_t)SSL_get_app_data(ssl) > POST_HANDSHAKE_MAX;
}

bool rpc_tls_is_server(const RpcTls *tls)
{
        return tls->server;
}

/* Counts what a peer may send at any time and what costs us keys, in the SSL's own pointer. */
static void on_message(int sent, int version, int type, const void *data, size_t n, SSL *ssl, void *userdata)
{
        const uint8_t *message = data;
        uintptr_t count;

        (void)version, (void)userdata;
        if (sent || type != SSL3_RT_HANDSHAKE || n == 0) return;
        if (message[0] != SSL3_MT_KEY_UPDATE && message[0] != SSL3_MT_NEWSESSION_TICKET) return;
        count = (uintptr_t)SSL_get_app_data(ssl) + 1;
        (void)SSL_set_app_data(ssl, (void *)count); /* the slot exists from the start */
}

int rpc_tls_start(RpcTls *tls, int fd, SSL **ret)
{
        SSL *ssl = SSL_new(tls->context);

        if (!ssl || SSL_set_fd(ssl, fd) != 1) {
                SSL_free(ssl);
                return -ENOMEM;
        }
        SSL_set_msg_callback(ssl, on_message);
        if (tls->server) SSL_set_accept_state(ssl);
        else SSL_set_connect_state(ssl);
        *ret = ssl;
        return 0;
}

int rpc_tls_check_session(SSL *ssl)
{
        const unsigned char *alpn = NULL;
        unsigned n = 0;

        if (SSL_version(ssl) != TLS1_3_VERSION) return error_set(-EPROTO, "not TLS 1.3");
        if (SSL_session_reused(ssl)) return error_set(-EPROTO, "an old TLS session was resumed");
        SSL_get0_alpn_selected(ssl, &alpn, &n);
        if (!alpn || !bytes_equal(BYTES(alpn, n), BYTES_LITERAL("h2")))
                return error_set(-EPROTO, "the peer does not speak HTTP/2 (ALPN h2)");
        return 0;
}

int rpc_tls_exporter(SSL *ssl, uint8_t ret[static RPC_EXPORTER_SIZE])
{
        static const char label[] = RPC_EXPORTER_LABEL;
        uint8_t value[RPC_EXPORTER_SIZE];

        ERR_clear_error();
        if (SSL_export_keying_material(ssl, value, sizeof(value), label, sizeof(label) - 1, NULL, 0, 1) != 1) {
                ERR_clear_error();
                return error_set(-EPROTO, "no TLS exporter on this connection");
        }
        memcpy(ret, value, sizeof(value));
        return 0;
}
