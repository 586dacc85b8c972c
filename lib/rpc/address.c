/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Parsing and printing of addresses; nothing here asks a name server. */

#include "rpc/address.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int parse_unix(const char *path, RpcAddress *a)
{
        const size_t n = strlen(path);

        if (n == 0 || path[0] != '/' || n >= sizeof(a->sockaddr.un.sun_path))
                return error_set(-EINVAL, "unix:%.120s: an absolute path of at most %zu characters is needed",
                                 path, sizeof(a->sockaddr.un.sun_path) - 1);
        a->sockaddr.un.sun_family = AF_UNIX;
        memcpy(a->sockaddr.un.sun_path, path, n + 1);
        a->sockaddr.size = sizeof(a->sockaddr.un);
        a->numeric = true;
        return 0;
}

static int parse_port(const char *text, uint16_t *ret)
{
        unsigned value = 0;
        size_t n = 0;

        for (; text[n] >= '0' && text[n] <= '9' && n < 6; n++) value = value * 10 + (unsigned)(text[n] - '0');
        if (n == 0 || text[n] != '\0' || value > UINT16_MAX) return -EINVAL;
        *ret = (uint16_t)value;
        return 0;
}

static void try_numeric(RpcAddress *a)
{
        RpcSockaddr *s = &a->sockaddr;

        if (inet_pton(AF_INET, a->host, &s->in.sin_addr) == 1) {
                s->in.sin_family = AF_INET;
                s->in.sin_port = htons(a->port);
                s->size = sizeof(s->in);
        } else if (inet_pton(AF_INET6, a->host, &s->in6.sin6_addr) == 1) {
                s->in6.sin6_family = AF_INET6;
                s->in6.sin6_port = htons(a->port);
                s->size = sizeof(s->in6);
        }
        a->numeric = s->size > 0;
}

int rpc_address_parse(const char *text, RpcAddress *ret)
{
        const char *colon = strrchr(text, ':'), *host = text;
        RpcAddress a = { 0 };
        size_t n;
        int r;

        if (strncmp(text, "unix:", 5) == 0) {
                r = parse_unix(text + 5, &a);
                if (r == 0) *ret = a;
                return r;
        }
        if (!colon || parse_port(colon + 1, &a.port) < 0)
                return error_set(-EINVAL, "'%.200s': an address is host:port, [v6]:port or unix:/path", text);
        n = (size_t)(colon - host);
        if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
                host++;
                n -= 2;
        } else if (memchr(host, ':', n)) {
                return error_set(-EINVAL, "'%.200s': an IPv6 address is written [v6]:port", text);
        }
        if (n >= sizeof(a.host)) return error_set(-EINVAL, "'%.200s...': the host name is too long", text);
        memcpy(a.host, host, n);
        try_numeric(&a);
        *ret = a;
        return 0;
}

void rpc_sockaddr_format(const RpcSockaddr *a, char ret[static RPC_ADDRESS_TEXT_SIZE])
{
        char text[INET6_ADDRSTRLEN] = "?";
        const struct in6_addr *v6 = &a->in6.sin6_addr;

        if (a->sa.sa_family == AF_INET) {
                (void)inet_ntop(AF_INET, &a->in.sin_addr, text, sizeof(text));
                (void)snprintf(ret, RPC_ADDRESS_TEXT_SIZE, "%s:%u", text, ntohs(a->in.sin_port));
        } else if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6)) {
                (void)inet_ntop(AF_INET, &v6->s6_addr[12], text, sizeof(text));
                (void)snprintf(ret, RPC_ADDRESS_TEXT_SIZE, "%s:%u", text, ntohs(a->in6.sin6_port));
        } else if (a->sa.sa_family == AF_INET6) {
                (void)inet_ntop(AF_INET6, v6, text, sizeof(text));
                (void)snprintf(ret, RPC_ADDRESS_TEXT_SIZE, "[%s]:%u", text, ntohs(a->in6.sin6_port));
        } else {
                (void)snprintf(ret, RPC_ADDRESS_TEXT_SIZE, "unix");
        }
}
