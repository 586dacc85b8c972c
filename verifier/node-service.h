/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* halfkey.v1.NodeManagement on lib/rpc: each call is one Session (session.h). */

#include "rpc/server.h"
#include "verifier/service.h"

/* What nodes may call; it refers to the service, which must outlive the server. */
RpcService node_service(Service *service);
