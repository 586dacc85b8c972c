/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* TLS as halfkey uses it: TLS 1.3 only, X25519 or P-256, ALPN "h2", no resumption, no tickets, no early data,
 * and trust by pinned keys alone: no clock, no root store, no names.
 *
 * A pin is the SHA-256 of a SubjectPublicKeyInfo (DER). A peer is accepted if and only if the leaf whose key
 * was proven in this very handshake is itself pinned, or was signed by a CA certificate that the peer
 * presented and whose key is pinned: basicConstraints CA, keyCertSign where keyUsage is present, the
 * signature verified with at least 112 bits of strength. A leaf taken through a CA pin must carry the
 * extendedKeyUsage of its side (serverAuth, clientAuth), so that a node's or administrator's certificate of
 * the same CA cannot pose as a verifier. Intermediates are not followed. Validity dates are not read. */

#include "base/reader.h"
#include "base/secret.h"

enum {
        RPC_PINS_MAX = 64, /* a cluster pins a CA or two and their standbys */
        RPC_EXPORTER_SIZE = 32,
};

/* RFC 8446 7.5: label of our own, empty context, so both ends derive the same 32 bytes for this channel. */
#define RPC_EXPORTER_LABEL "EXPORTER-halfkey-v1"

typedef struct RpcPin {
        uint8_t sha256[32];
} RpcPin;

/* The pin of a certificate's key; certificate in PEM (the first one) or DER. -EBADMSG. */
_must_check_ int rpc_pin_from_certificate(Bytes certificate, RpcPin *ret);

/* A certificate chain, leaf first, and the leaf's private key. */
typedef struct RpcIdentity RpcIdentity;

/* chain: PEM, one or more certificates, or DER, exactly one. key: PEM or DER (PKCS #8 or SEC 1), unencrypted.
 * Both are copied. -EBADMSG if either does not parse or they do not belong together. */
_must_check_ int rpc_identity_new(Bytes chain, const Secret *key, RpcIdentity **ret);
void rpc_identity_free(RpcIdentity *i);
DEFINE_CLEANUP(RpcIdentity, rpc_identity_free)
#define cleanup_rpc_identity _cleanup_(rpc_identity_freep)

/* One side's TLS settings, shared by any number of connections. */
typedef struct RpcTls RpcTls;

/* At least one pin, at most RPC_PINS_MAX: -EINVAL. identity is the client certificate, or NULL for none. */
_must_check_ int rpc_tls_new_client(const RpcPin *pins, size_t n_pins, const RpcIdentity *identity, RpcTls **ret);

/* With client_pins the server asks for a client certificate: none is accepted (the call's peer then has no
 * certificate, and the method decides), one that the pins do not allow ends the handshake. */
_must_check_ int rpc_tls_new_server(const RpcIdentity *identity, const RpcPin *client_pins, size_t n_client_pins,
                                    RpcTls **ret);

RpcTls *rpc_tls_ref(RpcTls *tls);
void rpc_tls_unref(RpcTls *tls);
DEFINE_CLEANUP(RpcTls, rpc_tls_unref)
#define cleanup_rpc_tls _cleanup_(rpc_tls_unrefp)
