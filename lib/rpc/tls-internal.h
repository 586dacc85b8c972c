/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the rest of lib/rpc needs of an RpcTls. */

#include "rpc/tls.h"

#include <openssl/ssl.h>

/* A connection object over fd, which stays the caller's. -ENOMEM. */
_must_check_ int rpc_tls_start(RpcTls *tls, int fd, SSL **ret);
/* After the handshake: version, ALPN, no resumption. -EPROTO with a detail. */
_must_check_ int rpc_tls_check_session(SSL *ssl);
_must_check_ int rpc_tls_exporter(SSL *ssl, uint8_t ret[static RPC_EXPORTER_SIZE]);
bool rpc_tls_is_server(const RpcTls *tls);
/* More KeyUpdates or tickets have come than make sense. */
bool rpc_tls_is_flooded(const SSL *ssl);
