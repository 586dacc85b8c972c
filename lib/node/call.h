/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The calls of NodeManagement as a node makes them, on one connection to whichever verifier answered first. */

#include "node/boot.h"
#include "node/config.h"
#include "proto/node.pb.h"
#include "rpc/blocking.h"

enum {
        CALL_E_REFUSED = 1, /* the verifier said no: the Refusal is filled, and the detail is its sentence */

        CALL_CONNECT_MS = 8000,
        CALL_DEADLINE_MS = 30000,
};

/* Races to all addresses of the configuration. -EHOSTUNREACH with a line an address as detail. */
_must_check_ int call_connect(const NodeConfig *config, RpcChannel **ret);

/* Starts a call and sends the event log ahead of everything else, so that it travels while the TPM quotes; *sent,
 * 0 at first, is how much of it. Called once more after the quote, it sends what came to the log meanwhile.
 * log_field is the request's field number for a piece of the log. */
_must_check_ int call_start(RpcChannel *channel, const char *method, RpcStream **ret);
_must_check_ int call_send_log(RpcStream *stream, const NodeBoot *boot, unsigned log_field);
_must_check_ int call_send_log_rest(RpcStream *stream, const NodeBoot *boot, unsigned log_field, size_t sent);
_must_check_ int call_send(RpcStream *stream, const pb_msgdesc_t *fields, const void *message, bool last);
/* The next message. Where there is none the call is over: its status becomes the detail, *stream is NULL, and the
 * result -ETIMEDOUT, -ECONNABORTED or -EPROTO. */
_must_check_ int call_receive(RpcStream **stream, const pb_msgdesc_t *fields, void *message);

/* Turns a refusal into CALL_E_REFUSED: copies it, sets the detail. */
_must_check_ int call_refused(const halfkey_v1_Refusal *refusal, halfkey_v1_Refusal *ret);
