/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The client's connection (client.c) and its calls (call.c).
 *
 * Handlers may free the client they are called by. So whoever calls one does it between rpc_client_enter() and
 * rpc_client_leave(), and touches nothing of the client when that says it is gone. */

#include "rpc/client.h"
#include "rpc/message.h"
#include "rpc/race.h"
#include "rpc/session.h"

struct RpcClient {
        sd_event *event;
        char **addresses;
        size_t n_addresses;
        const char *address;      /* the one that won */
        RpcClientConfig handlers; /* of the configuration only callbacks and userdata are kept */
        RpcRace *race;
        RpcSession *session;
        RpcCall *calls;
        unsigned busy;
        bool dead;
};

struct RpcCall {
        RpcClient *client;
        RpcCall *previous, *next;
        int32_t id;
        const RpcCallHandler *handler;
        void *userdata;
        RpcAssembler in;
        RpcMemory memory;
        RpcQueue out;
        bool last;     /* half-closed once the queue is empty */
        bool deferred; /* the data provider waits for rpc_call_send() */
        bool emptied;  /* the queue ran empty and `drained` was not called for it yet */
        unsigned http_status;
        size_t header_bytes;
        bool type_ok;
        bool has_status;
        RpcStatus status;
        bool finished;
        unsigned busy;
        bool dead;
        sd_event_source *timer;
};

void rpc_client_enter(RpcClient *c);
/* False: the client is gone. */
_must_check_ bool rpc_client_leave(RpcClient *c);

/* Sends what is queued as far as socket and window take it. */
void rpc_client_flush(RpcClient *c);

/* call.c */
extern const RpcSessionOps rpc_client_session_ops;
/* client.c: the `closed` of those. */
void rpc_client_session_closed(RpcSession *s, const char *reason);
/* Ends the call as UNAVAILABLE; the client may be gone afterwards. */
void rpc_call_lost(RpcCall *call, const char *reason);
/* Without a word to anyone. */
void rpc_call_free(RpcCall *call);
