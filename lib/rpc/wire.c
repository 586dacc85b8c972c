/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The small grammars of gRPC's headers. Each reads from a Bytes of known size, never from a C string: a NUL in
 * a header must not cut it short. */

#include "rpc/wire.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

bool rpc_text_is(Bytes b, const char *text)
{
        return bytes_equal(b, BYTES(text, strlen(text)));
}

static bool is_digit(uint8_t c)
{
        return c >= '0' && c <= '9';
}

int rpc_timeout_decode(Bytes text, unsigned *ret_ms)
{
        static const char units[] = "HMSmun";
        /* ms = value * times / parts, rounded up; at most 10^8 * 3.6 * 10^6. */
        static const uint64_t times[] = { 3600000, 60000, 1000, 1, 1, 1 };
        static const uint64_t parts[] = { 1, 1, 1, 1, 1000, 1000000 };
        uint64_t value = 0, ms;
        const char *unit;

        if (text.size < 2 || text.size > 9) return -EBADMSG;
        for (size_t i = 0; i < text.size - 1; i++) {
                if (!is_digit(text.data[i])) return -EBADMSG;
                value = value * 10 + text.data[i] - '0';
        }
        unit = text.data[text.size - 1] ? strchr(units, text.data[text.size - 1]) : NULL;
        if (!unit) return -EBADMSG;
        ms = (value * times[unit - units] + parts[unit - units] - 1) / parts[unit - units];
        *ret_ms = (unsigned)MIN(ms, (uint64_t)RPC_TIMEOUT_MAX_MS);
        return 0;
}

void rpc_timeout_encode(unsigned ms, char ret[static RPC_TIMEOUT_TEXT_SIZE])
{
        /* At most 8 digits: a day is 86400000 ms. */
        (void)snprintf(ret, RPC_TIMEOUT_TEXT_SIZE, "%um", MIN(ms, (unsigned)RPC_TIMEOUT_MAX_MS));
}

int rpc_code_decode(Bytes text, RpcCode *ret)
{
        unsigned value = 0;

        if (text.size == 0 || text.size > 3 || (text.size > 1 && text.data[0] == '0')) return -EBADMSG;
        for (size_t i = 0; i < text.size; i++) {
                if (!is_digit(text.data[i])) return -EBADMSG;
                value = value * 10 + text.data[i] - '0';
        }
        *ret = value <= RPC_UNAUTHENTICATED ? (RpcCode)value : RPC_UNKNOWN;
        return 0;
}

static int hex_value(uint8_t c)
{
        if (is_digit(c)) return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        if (c >= 'A' && c <= 'F') return c - 'A' + 10;
        return -1;
}

void rpc_message_decode(Bytes text, char ret[static RPC_STATUS_TEXT_SIZE])
{
        size_t n = 0;

        for (size_t i = 0; i < text.size && n < RPC_STATUS_TEXT_SIZE - 1; i++) {
                int c = text.data[i];

                if (c == '%' && text.size - i > 2) {
                        const int high = hex_value(text.data[i + 1]), low = hex_value(text.data[i + 2]);

                        if (high >= 0 && low >= 0) {
                                c = high * 16 + low;
                                i += 2;
                        }
                }
                ret[n++] = c >= 0x20 && c <= 0x7e ? (char)c : '?';
        }
        ret[n] = '\0';
}

size_t rpc_message_encode(const char *text, char ret[static RPC_STATUS_WIRE_SIZE])
{
        static const char digits[] = "0123456789ABCDEF";
        size_t n = 0;

        for (size_t i = 0; i < RPC_STATUS_TEXT_SIZE - 1 && text[i]; i++) {
                const uint8_t c = (uint8_t)text[i];

                if (c >= 0x20 && c <= 0x7e && c != '%') {
                        ret[n++] = (char)c;
                        continue;
                }
                ret[n++] = '%';
                ret[n++] = digits[c >> 4];
                ret[n++] = digits[c & 15];
        }
        return n;
}

bool rpc_content_type_ok(Bytes text)
{
        static const char type[] = "application/grpc";
        const size_t n = sizeof(type) - 1;

        if (text.size < n || !bytes_equal(BYTES(text.data, n), BYTES_LITERAL(type))) return false;
        return text.size == n || text.data[n] == '+' || text.data[n] == ';';
}

RpcCode rpc_code_from_http(unsigned http_status)
{
        switch (http_status) {
        case 400: return RPC_INTERNAL;
        case 401: return RPC_UNAUTHENTICATED;
        case 403: return RPC_PERMISSION_DENIED;
        case 404: return RPC_UNIMPLEMENTED;
        case 429:
        case 502:
        case 503:
        case 504: return RPC_UNAVAILABLE;
        default: return RPC_UNKNOWN;
        }
}

RpcCode rpc_code_from_h2(uint32_t h2_error)
{
        switch (h2_error) {
        case NGHTTP2_REFUSED_STREAM: return RPC_UNAVAILABLE;
        case NGHTTP2_CANCEL: return RPC_CANCELLED;
        case NGHTTP2_ENHANCE_YOUR_CALM: return RPC_RESOURCE_EXHAUSTED;
        case NGHTTP2_INADEQUATE_SECURITY: return RPC_PERMISSION_DENIED;
        default: return RPC_INTERNAL;
        }
}
