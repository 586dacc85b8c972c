/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The nghttp2 side of a session; see session.h for the socket's side. */

#include "rpc/session.h"

enum {
        RPC_FRAME_SIZE_MAX = 16384, /* HTTP/2's default, never raised */
        RPC_GATHER_SIZE = 2 * (RPC_FRAME_SIZE_MAX + 9),
};

/* Frames on their way into one write. */
struct RpcGather {
        size_t fill;
        uint8_t data[RPC_GATHER_SIZE];
};

/* Makes s->h2 and queues our SETTINGS. */
_must_check_ int rpc_frames_open(RpcSession *s);
/* These bytes were received and go to nghttp2 next. */
void rpc_frames_charge(RpcSession *s, Bytes b);
/* Ends the session if its budget is used up. */
void rpc_frames_check(RpcSession *s);
