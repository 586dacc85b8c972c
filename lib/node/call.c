/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/call.h"

#include "base/error.h"
#include "base/writer.h"
#include "proto/message.h"

#include <errno.h>
#include <stdio.h>

enum { LOG_PIECE = 16384 };

int call_connect(const NodeConfig *config, RpcChannel **ret)
{
        const RpcClientConfig client = {
                .addresses = (const char *const *)config->addresses,
                .n_addresses = config->n_addresses,
                .pins = config->pins,
                .n_pins = config->n_pins,
                .connect_ms = CALL_CONNECT_MS,
        };

        return rpc_channel_open(&client, ret);
}

int call_start(RpcChannel *channel, const char *method, RpcStream **ret)
{
        cleanup_free char *path = NULL;

        if (asprintf(&path, "/halfkey.v1.NodeManagement/%s", method) < 0) return -ENOMEM;
        return rpc_stream_start(channel, path, CALL_DEADLINE_MS, 0, ret);
}

/* Protocol Buffers encoding, "Length-Delimited Records": all requests have the log as a bytes field of their own
 * oneof, so a message with one piece is the field's key, a varint and the bytes. */
static int send_piece(RpcStream *stream, Bytes piece, unsigned field)
{
        cleanup_writer Writer w = WRITER_INIT(LOG_PIECE + 16);
        size_t size = piece.size;
        Bytes message;
        int r;

        writer_u8(&w, (uint8_t)(field << 3 | 2));
        for (; size >= 0x80; size >>= 7) writer_u8(&w, (uint8_t)(size | 0x80));
        writer_u8(&w, (uint8_t)size);
        writer_bytes(&w, piece);
        r = writer_finish(&w, &message);
        if (r < 0) return r;
        return rpc_stream_send(stream, message, false);
}

int call_send_log_rest(RpcStream *stream, const NodeBoot *boot, unsigned log_field, size_t sent)
{
        for (size_t at = sent; at < boot->log_size; at += LOG_PIECE) {
                const size_t n = MIN(boot->log_size - at, (size_t)LOG_PIECE);
                const int r = send_piece(stream, BYTES(boot->log_bytes + at, n), log_field);

                if (r < 0) return r;
        }
        return 0;
}

int call_send_log(RpcStream *stream, const NodeBoot *boot, unsigned log_field)
{
        return call_send_log_rest(stream, boot, log_field, 0);
}

int call_send(RpcStream *stream, const pb_msgdesc_t *fields, const void *message, bool last)
{
        uint8_t *encoded;
        size_t size;
        int r;

        r = proto_encode(fields, message, &encoded, &size);
        if (r < 0) return r;
        r = rpc_stream_send(stream, BYTES(encoded, size), last);
        proto_free(encoded, size);
        return r;
}

static int ended(RpcStream *stream)
{
        RpcStatus status;
        int r;

        r = rpc_stream_finish(stream, &status);
        if (r < 0) return r;
        r = status.code == RPC_DEADLINE_EXCEEDED ? -ETIMEDOUT
            : status.code == RPC_UNAVAILABLE     ? -ECONNABORTED
                                                 : -EPROTO;
        return error_set(r, "the verifier ended the call: %s%s%s", rpc_code_name(status.code),
                         status.message[0] ? ": " : "", status.message);
}

int call_receive(RpcStream **stream, const pb_msgdesc_t *fields, void *message)
{
        cleanup_rpc_buffer RpcBuffer buffer = { 0 };
        int r;

        r = rpc_stream_receive(*stream, CALL_DEADLINE_MS, &buffer);
        if (r == RPC_E_END) return ended(TAKE_PTR(*stream));
        if (r < 0) return error_prefix(r, "waiting for the verifier's answer");
        return proto_decode(fields, rpc_buffer_bytes(&buffer), message);
}

int call_refused(const halfkey_v1_Refusal *refusal, halfkey_v1_Refusal *ret)
{
        *ret = *refusal;
        return error_set(CALL_E_REFUSED, "%s [%s, id %s]", refusal->sentence, refusal->reason, refusal->id);
}
