/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The texts of gRPC over HTTP/2 (grpc doc/PROTOCOL-HTTP2.md): timeouts, status, and what stands for a status
 * where a peer gave none. Pure functions. */

#include "base/reader.h"
#include "rpc/status.h"

enum {
        RPC_TIMEOUT_TEXT_SIZE = 16,
        /* Every byte of a status text may become %XX. */
        RPC_STATUS_WIRE_SIZE = 3 * RPC_STATUS_TEXT_SIZE,
        /* Longest deadline either way; a day is for ever here and cannot overflow anything. */
        RPC_TIMEOUT_MAX_MS = 24 * 3600 * 1000,
};

/* True if the bytes are exactly that text. */
bool rpc_text_is(Bytes b, const char *text);

/* grpc-timeout: 1 to 8 digits and a unit of HMSmun; rounded up to whole ms and cut at RPC_TIMEOUT_MAX_MS.
 * -EBADMSG. */
_must_check_ int rpc_timeout_decode(Bytes text, unsigned *ret_ms);
void rpc_timeout_encode(unsigned ms, char ret[static RPC_TIMEOUT_TEXT_SIZE]);

/* grpc-status: decimal without leading zeros; a number outside the table is UNKNOWN. -EBADMSG. */
_must_check_ int rpc_code_decode(Bytes text, RpcCode *ret);

/* grpc-message: percent-encoding. Decoding takes anything and leaves printable ASCII. */
void rpc_message_decode(Bytes text, char ret[static RPC_STATUS_TEXT_SIZE]);
/* Returns the length. */
size_t rpc_message_encode(const char *text, char ret[static RPC_STATUS_WIRE_SIZE]);

/* "application/grpc", alone or followed by '+' or ';'. */
bool rpc_content_type_ok(Bytes text);

/* What an HTTP status other than 200 means (grpc doc/http-grpc-status-mapping.md). */
RpcCode rpc_code_from_http(unsigned http_status);
/* What a reset without a grpc-status means (PROTOCOL-HTTP2, "HTTP2 Transport Mapping"). */
RpcCode rpc_code_from_h2(uint32_t h2_error);
