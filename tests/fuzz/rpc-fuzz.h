/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the fuzzers of lib/rpc and the makers of their corpora share: a service, a connection without TLS, and
 * what our own client and server say on it. */

#include "rpc/client.h"
#include "rpc/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Enough for what one input can make either side say before it waits. */
enum { SAID_MAX = 1 << 20 };

#define MUST(condition)                    \
        do {                               \
                if (!(condition)) abort(); \
        } while (0)

static void fuzz_echo(RpcServerCall *call, Bytes request, void *userdata)
{
        (void)userdata;
        rpc_server_call_reply(call, request);
}

static void fuzz_each(RpcServerCall *call, Bytes message, void *userdata)
{
        (void)userdata;
        if (rpc_server_call_send(call, message) < 0) rpc_server_call_finish(call, RPC_RESOURCE_EXHAUSTED, "full");
}

static void fuzz_end(RpcServerCall *call, void *userdata)
{
        (void)userdata;
        rpc_server_call_finish(call, RPC_OK, NULL);
}

static void fuzz_refuse(RpcServerCall *call, void *userdata)
{
        (void)userdata;
        rpc_server_call_finish(call, RPC_FAILED_PRECONDITION, "no\n100 %");
}

static const RpcMethod fuzz_methods[] = {
        { .path = "/t.T/Echo", .unary = fuzz_echo },
        { .path = "/t.T/Each", .message_max = 4096, .message = fuzz_each, .half_closed = fuzz_end },
        { .path = "/t.T/Refuse", .open = fuzz_refuse },
};
static const RpcService fuzz_service = { .methods = fuzz_methods, .n_methods = 3 };

static inline void fuzz_pair(int *ret_ours, int *ret_theirs)
{
        int fds[2];

        MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        *ret_ours = fds[0];
        *ret_theirs = fds[1];
}

/* Turns the loop until it rests, and takes what is said meanwhile; returns the bytes kept. */
static inline size_t fuzz_rest(sd_event *event, int fd, uint8_t *said, size_t room)
{
        uint8_t waste[16384];
        size_t size = 0;
        ssize_t n = 0;
        int r;

        do {
                r = sd_event_run(event, 0);
                MUST(r >= 0);
                while (fd >= 0 && (n = recv(fd, waste, sizeof(waste), 0)) > 0) {
                        const size_t keep = MIN((size_t)n, room - size);

                        if (keep > 0) memcpy(said + size, waste, keep);
                        size += keep;
                        r = 1;
                }
        } while (r > 0);
        return size;
}

static void fuzz_message(RpcCall *call, Bytes message, void *userdata)
{
        uint8_t sum = 0;

        (void)call;
        for (size_t i = 0; i < message.size; i++) sum ^= message.data[i];
        *(uint8_t *)userdata ^= sum;
}

static void fuzz_finished(RpcCall *call, const RpcStatus *status, void *userdata)
{
        (void)call;
        MUST(memchr(status->message, '\0', sizeof(status->message)));
        *(uint8_t *)userdata ^= (uint8_t)status->code;
}

static const RpcCallHandler fuzz_handler = { .message_max = 8192,
                                             .message = fuzz_message,
                                             .finished = fuzz_finished };
static uint8_t fuzz_sum;

/* Three calls, as our client makes them. */
static inline RpcClient *fuzz_client(sd_event *event, int fd)
{
        RpcClient *c;
        RpcCall *call;

        MUST(rpc_client_new_fd(event, fd, &(RpcClientConfig){ 0 }, &c) == 0);
        MUST(rpc_call_start(c, "/t.T/Echo", 1000, &fuzz_handler, &fuzz_sum, &call) == 0);
        MUST(rpc_call_send(call, BYTES_LITERAL("hello"), true) == 0);
        MUST(rpc_call_start(c, "/t.T/Each", 1000, &fuzz_handler, &fuzz_sum, &call) == 0);
        MUST(rpc_call_send(call, BYTES_LITERAL("one"), false) == 0);
        MUST(rpc_call_send(call, BYTES_LITERAL("two"), true) == 0);
        MUST(rpc_call_start(c, "/t.T/Refuse", 1000, &fuzz_handler, &fuzz_sum, &call) == 0);
        return c;
}

/* Writes folder/name. */
static inline void fuzz_keep(const char *folder, const char *name, const uint8_t *data, size_t size)
{
        char path[4096];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "we");
        MUST(f && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}
