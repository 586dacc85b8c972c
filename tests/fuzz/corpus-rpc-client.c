/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What our server answers our client: corpus-rpc-client FOLDER. */

#include "rpc-fuzz.h"

int main(int argc, char **argv)
{
        static uint8_t asked[SAID_MAX], said[SAID_MAX];
        sd_event *event = NULL;
        RpcServer *server = NULL;
        int client_end, server_end, to_client, to_server;
        size_t n, n_asked;
        RpcClient *c;

        if (argc != 2) return 2;
        MUST(sd_event_new(&event) >= 0 && rpc_server_new(event, NULL, &server) == 0);
        fuzz_pair(&client_end, &to_client);
        fuzz_pair(&server_end, &to_server);
        c = fuzz_client(event, client_end);
        n_asked = fuzz_rest(event, to_client, asked, sizeof(asked));
        MUST(rpc_server_adopt_fd(server, server_end, &fuzz_service) == 0);
        MUST(send(to_server, asked, n_asked, 0) == (ssize_t)n_asked);
        n = fuzz_rest(event, to_server, said, sizeof(said));
        fuzz_keep(argv[1], "three-answers", said, n);
        rpc_client_free(c);
        rpc_server_free(server);
        (void)close(to_client);
        (void)close(to_server);
        sd_event_unref(event);
        return 0;
}
