/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A connected, nonblocking stream socket, with TLS or without. */

#include "base/reader.h"
#include "rpc/tls-internal.h"

typedef struct RpcTransport {
        int fd;           /* -1: none */
        SSL *ssl;         /* NULL: without TLS */
        bool failed;      /* TLS is broken: nothing more may be sent through it */
        bool wants_write; /* what -EAGAIN was about: writable (else readable) */
} RpcTransport;

/* Takes fd (also on failure) and makes it nonblocking; tls NULL: none. */
_must_check_ int rpc_transport_init(RpcTransport *t, int fd, RpcTls *tls);
void rpc_transport_deinit(RpcTransport *t);

/* 0: complete and checked. -EAGAIN; else the detail says why. */
_must_check_ int rpc_transport_handshake(RpcTransport *t);
/* *ret_n is 0 at the end of the stream. -EAGAIN; else the detail says why. */
_must_check_ int rpc_transport_read(RpcTransport *t, uint8_t *dst, size_t n, size_t *ret_n);
/* Writes some; -EAGAIN; else the detail says why. */
_must_check_ int rpc_transport_write(RpcTransport *t, Bytes b, size_t *ret_n);
/* Says that nothing more will be sent. */
void rpc_transport_end(RpcTransport *t);
