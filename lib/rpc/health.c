/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* grpc.health.v1.Health/Check. Its two messages have one field each, so they are read and written by hand
 * rather than have lib/rpc depend on protobuf. */

#include "rpc/server-internal.h"
#include "rpc/wire.h"

/* HealthCheckResponse { status = 1: SERVING = 1, NOT_SERVING = 2 } */
static const uint8_t serving[] = { 0x08, 0x01 }, not_serving[] = { 0x08, 0x02 };

enum {
        TAG_SERVICE = 0x0a,     /* field 1, length-delimited */
        SERVICE_NAME_MAX = 127, /* a length of one byte */
};

/* HealthCheckRequest { service = 1 }; absent is "". */
static int parse(Bytes request, Bytes *ret_service)
{
        Reader r = READER_INIT(request);
        uint8_t tag, size;

        *ret_service = BYTES("", 0);
        if (request.size == 0) return 0;
        if (reader_u8(&r, &tag) < 0 || tag != TAG_SERVICE) return -1;
        if (reader_u8(&r, &size) < 0 || size > SERVICE_NAME_MAX) return -1;
        if (reader_bytes(&r, size, ret_service) < 0) return -1;
        return reader_finish(&r);
}

static bool is_served(const RpcService *service, Bytes name)
{
        if (name.size == 0) return true;
        for (size_t i = 0; i < service->n_health; i++)
                if (rpc_text_is(name, service->health[i])) return true;
        return false;
}

static void check(RpcServerCall *call, Bytes request, void *userdata)
{
        const RpcConnection *c = call->connection;
        Bytes name;

        (void)userdata;
        if (parse(request, &name) < 0)
                rpc_server_call_finish(call, RPC_INVALID_ARGUMENT, "not a HealthCheckRequest");
        else if (!is_served(c->service, name)) rpc_server_call_finish(call, RPC_NOT_FOUND, "no such service here");
        else rpc_server_call_reply(call, c->server->not_serving ? BYTES_ARRAY(not_serving) : BYTES_ARRAY(serving));
}

const RpcMethod rpc_health_check = {
        .path = "/grpc.health.v1.Health/Check",
        .message_max = 256,
        .call_ms = 5000,
        .unary = check,
};
