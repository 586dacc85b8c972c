/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The decision whether a peer's certificates satisfy the pins; pure, no TLS in it. */

#include "rpc/tls.h"

#include <openssl/x509.h>

typedef enum RpcPinSide {
        RPC_PIN_SERVER, /* the peer is a server: serverAuth */
        RPC_PIN_CLIENT, /* the peer is a client: clientAuth */
} RpcPinSide;

/* 0 or -EKEYREJECTED with a detail. `leaf` is the certificate whose key the handshake proves; chain is what the
 * peer presented beside it, in any order, and may be NULL. */
_must_check_ int rpc_pin_check(const RpcPin *pins, size_t n_pins, RpcPinSide side, X509 *leaf,
                               const STACK_OF(X509) * chain);

_must_check_ int rpc_pin_of(X509 *certificate, RpcPin *ret);
