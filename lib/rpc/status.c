/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Status codes by name, and a status text that is always safe to print. */

#include "rpc/status.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const names[] = {
        "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED",
};

const char *rpc_code_name(RpcCode code)
{
        return (size_t)code < ARRAY_SIZE(names) ? names[code] : names[RPC_UNKNOWN];
}

void rpc_status_set(RpcStatus *ret, RpcCode code, const char *fmt, ...)
{
        va_list ap;

        ret->code = code;
        va_start(ap, fmt);
        (void)vsnprintf(ret->message, sizeof(ret->message), fmt, ap);
        va_end(ap);
        for (char *p = ret->message; *p; p++)
                if (*p < 0x20 || *p > 0x7e) *p = '?';
}
