/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The race of handshakes: many addresses, one winner. */

#include "rpc/client.h"
#include "rpc/transport.h"

typedef struct RpcRace RpcRace;

typedef struct RpcRaceOps {
        /* The winner; the transport is the callee's. */
        void (*won)(void *userdata, RpcTransport *transport, size_t address);
        void (*lost)(void *userdata, const char *reasons);
} RpcRaceOps;

/* One of ops is called once, from the loop; rpc_race_free() is allowed in it. tls may be NULL where every
 * address is a unix socket. */
_must_check_ int rpc_race_new(sd_event *event, const RpcClientConfig *config, RpcTls *tls, const RpcRaceOps *ops,
                              void *userdata, RpcRace **ret);
void rpc_race_free(RpcRace *race);
