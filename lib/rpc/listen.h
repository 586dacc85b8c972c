/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What server.c and listen.c share. */

#include "rpc/server-internal.h"

void rpc_listener_free(RpcListener *l);
/* Stops accepting until a connection has ended, or for a moment where the machine is short of something. */
void rpc_server_pause(RpcServer *server, bool local, bool shortage);
/* Whether TCP (or unix) listeners have all the connections they may have. */
bool rpc_server_is_full(const RpcServer *server, bool local);
