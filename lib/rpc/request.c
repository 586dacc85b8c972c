/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The headers of a request, one by one (PROTOCOL-HTTP2, "Requests"). On unix sockets nghttp2 does not check
 * them, so this file relies on nobody: repeated or late pseudo-headers are malformed, values are compared by
 * length, everything else is counted and forgotten. */

#include "rpc/server-internal.h"
#include "rpc/wire.h"

#include <string.h>

/* HPACK's accounting (RFC 7541 4.1): what an entry costs beside its bytes, so that many empty headers count. */
enum { HEADER_OVERHEAD = 32 };

static const RpcMethod *find_method(const RpcService *service, Bytes path)
{
        for (size_t i = 0; i < service->n_methods; i++)
                if (rpc_text_is(path, service->methods[i].path)) return &service->methods[i];
        return rpc_text_is(path, rpc_health_check.path) ? &rpc_health_check : NULL;
}

/* True the first time; a second one makes the request malformed. */
static bool once(RpcRequestHeaders *h, bool *seen)
{
        h->malformed |= *seen;
        *seen = true;
        return !h->malformed;
}

static void pseudo_header(RpcRequestHeaders *h, const RpcService *service, Bytes name, Bytes value)
{
        if (rpc_text_is(name, ":method")) {
                if (once(h, &h->seen_method)) h->post = rpc_text_is(value, "POST");
        } else if (rpc_text_is(name, ":path")) {
                if (once(h, &h->seen_path)) h->method = find_method(service, value);
        } else if (!rpc_text_is(name, ":scheme") && !rpc_text_is(name, ":authority")) {
                h->malformed = true;
        }
}

void rpc_request_header(RpcRequestHeaders *h, const RpcService *service, size_t max, Bytes name, Bytes value)
{
        h->bytes += name.size + value.size + HEADER_OVERHEAD;
        h->too_big |= h->bytes > max;
        if (h->too_big || h->malformed || name.size == 0) return;
        if (name.data[0] == ':') {
                /* Trailers have none. */
                if (h->complete) h->malformed = true;
                else pseudo_header(h, service, name, value);
        } else if (h->complete) {
                return;
        } else if (rpc_text_is(name, "content-type")) {
                if (once(h, &h->seen_type)) h->type_ok = rpc_content_type_ok(value);
        } else if (rpc_text_is(name, "grpc-timeout")) {
                if (once(h, &h->seen_timeout)) h->timeout_ok = rpc_timeout_decode(value, &h->timeout_ms) == 0;
        } else if (rpc_text_is(name, "grpc-encoding")) {
                if (once(h, &h->seen_encoding)) h->compressed = !rpc_text_is(value, "identity");
        }
}
