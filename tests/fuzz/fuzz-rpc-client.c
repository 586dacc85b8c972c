/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A server answers three calls with anything at all, after TLS. */

#include "fuzz.h"
#include "rpc-fuzz.h"

static sd_event *event;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        int ours, theirs;
        RpcClient *c;

        if (!event) MUST(sd_event_new(&event) >= 0);
        fuzz_pair(&ours, &theirs);
        c = fuzz_client(event, ours);
        (void)fuzz_rest(event, theirs, NULL, 0);
        while (size > 0) {
                const ssize_t n = send(theirs, data, MIN(size, (size_t)8192), MSG_NOSIGNAL);

                (void)fuzz_rest(event, theirs, NULL, 0);
                if (n <= 0) break;
                data += n;
                size -= (size_t)n;
        }
        /* Every second input ends with the connection, the others with the client. */
        if (fuzz_sum & 1) (void)shutdown(theirs, SHUT_RDWR);
        (void)fuzz_rest(event, theirs, NULL, 0);
        rpc_client_free(c);
        (void)fuzz_rest(event, theirs, NULL, 0);
        (void)close(theirs);
        return 0;
}
