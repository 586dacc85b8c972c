/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The outcome of a gRPC call (grpc doc/statuscodes.md), as both ends speak of it. */

#include "base/macros.h"

typedef enum RpcCode {
        RPC_OK = 0,
        RPC_CANCELLED = 1,
        RPC_UNKNOWN = 2,
        RPC_INVALID_ARGUMENT = 3,
        RPC_DEADLINE_EXCEEDED = 4,
        RPC_NOT_FOUND = 5,
        RPC_ALREADY_EXISTS = 6,
        RPC_PERMISSION_DENIED = 7,
        RPC_RESOURCE_EXHAUSTED = 8,
        RPC_FAILED_PRECONDITION = 9,
        RPC_ABORTED = 10,
        RPC_OUT_OF_RANGE = 11,
        RPC_UNIMPLEMENTED = 12,
        RPC_INTERNAL = 13,
        RPC_UNAVAILABLE = 14,
        RPC_DATA_LOSS = 15,
        RPC_UNAUTHENTICATED = 16,
} RpcCode;

/* Longest status text with its NUL, in either direction; longer ones are cut. The header limit is 8 KiB and
 * every byte may take three there. */
enum { RPC_STATUS_TEXT_SIZE = 1024 };

typedef struct RpcStatus {
        RpcCode code;
        /* Printable ASCII; what arrives otherwise is replaced by '?', so it can go to a console as it is. */
        char message[RPC_STATUS_TEXT_SIZE];
} RpcStatus;

/* "NOT_FOUND" and so on; "UNKNOWN" for a number outside the table. */
const char *rpc_code_name(RpcCode code);

void rpc_status_set(RpcStatus *ret, RpcCode code, const char *fmt, ...) _printf_(3, 4);
