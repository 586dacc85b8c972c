/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client says anything at all, after TLS. Whatever it was, nothing of it is left when it has gone. */

#include "fuzz.h"
#include "rpc-fuzz.h"

static sd_event *event;
static RpcServer *server;

static void start(void)
{
        const RpcServerLimits limits = { .streams_max = 4, .memory_max = 65536, .send_queue_max = 65536 };

        MUST(sd_event_new(&event) >= 0);
        MUST(rpc_server_new(event, &limits, &server) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        RpcServerStats stats;
        int ours, theirs;

        if (!server) start();
        fuzz_pair(&ours, &theirs);
        MUST(rpc_server_adopt_fd(server, ours, &fuzz_service) == 0);
        while (size > 0) {
                const ssize_t n = send(theirs, data, MIN(size, (size_t)8192), MSG_NOSIGNAL);

                (void)fuzz_rest(event, theirs, NULL, 0);
                if (n <= 0) break;
                data += n;
                size -= (size_t)n;
        }
        (void)fuzz_rest(event, theirs, NULL, 0);
        (void)close(theirs);
        (void)fuzz_rest(event, -1, NULL, 0);
        rpc_server_stats(server, &stats);
        MUST(stats.connections == 0 && stats.memory == 0);
        return 0;
}
