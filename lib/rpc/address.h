/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Addresses as text: "host:port", "192.0.2.1:port", "[2001:db8::1]:port", "unix:/path". */

#include "base/macros.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
        RPC_HOST_SIZE = 254,         /* RFC 1035: 253 characters */
        RPC_ADDRESS_TEXT_SIZE = 280, /* any of the above */
};

typedef struct RpcSockaddr {
        union {
                struct sockaddr sa;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
                struct sockaddr_un un;
        };
        socklen_t size;
} RpcSockaddr;

typedef struct RpcAddress {
        char host[RPC_HOST_SIZE]; /* empty for a unix socket, or where the text has none (":7443") */
        uint16_t port;
        bool numeric; /* sockaddr is set: no name to resolve */
        RpcSockaddr sockaddr;
} RpcAddress;

/* -EINVAL with a detail. */
_must_check_ int rpc_address_parse(const char *text, RpcAddress *ret);
/* "192.0.2.1:40000", "[2001:db8::1]:40000" (a mapped IPv4 address as IPv4), "unix". */
void rpc_sockaddr_format(const RpcSockaddr *a, char ret[static RPC_ADDRESS_TEXT_SIZE]);
