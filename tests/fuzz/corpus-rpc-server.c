/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What our client says to a server: corpus-rpc-server FOLDER. */

#include "rpc-fuzz.h"

int main(int argc, char **argv)
{
        static uint8_t said[SAID_MAX];
        sd_event *event = NULL;
        int ours, theirs;
        RpcClient *c;
        size_t n;

        if (argc != 2) return 2;
        MUST(sd_event_new(&event) >= 0);
        fuzz_pair(&ours, &theirs);
        c = fuzz_client(event, ours);
        n = fuzz_rest(event, theirs, said, sizeof(said));
        fuzz_keep(argv[1], "three-calls", said, n);
        fuzz_keep(argv[1], "preface", said, 24);
        rpc_client_free(c);
        (void)close(theirs);
        sd_event_unref(event);
        return 0;
}
