/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A name into addresses without holding up the loop: getaddrinfo() in a thread of its own. */

#include "rpc/address.h"

#include <systemd/sd-event.h>

enum { RPC_RESOLVE_MAX = 8 }; /* addresses of one name that are tried */

typedef struct RpcResolve RpcResolve;

/* Called once from the loop, then the resolve is only to be freed. n == 0: `error` is a sentence. */
typedef void (*RpcResolved)(void *userdata, size_t tag, const RpcSockaddr *found, size_t n, const char *error);

_must_check_ int rpc_resolve_new(sd_event *event, const RpcAddress *name, RpcResolved resolved, void *userdata,
                                 size_t tag, RpcResolve **ret);
/* Forgets the answer; the thread ends when getaddrinfo() does. */
void rpc_resolve_free(RpcResolve *r);
