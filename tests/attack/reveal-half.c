/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* reveal-half VERIFIER-DIR NODE-ID: the cluster's half of a node's keys in hex, as whoever has the database and
 * the wrapping key reads it. */

#include "base/error.h"
#include "base/hex.h"
#include "verifier/half.h"
#include "verifier/settings.h"
#include "verifier/store.h"

#include <errno.h>
#include <stdio.h>

static int reveal(const char *dir, const char *id, Secret **ret)
{
        cleanup_store Store *store = NULL;
        cleanup_keys Keys *keys = NULL;
        static NodeRecord node;
        const NodeHalf *half;
        char path[4096];
        int r;

        (void)snprintf(path, sizeof(path), "%s/verifier.db", dir);
        r = keys_read(dir, &keys);
        if (r == 0) r = store_open_sqlite(path, false, &store);
        if (r == 0) r = store_node_find(store, id, &node);
        if (r != 0) return r;
        half = node_half(&node, node.generation);
        if (!half)
                return error_set(-ENOENT, "the store has no half of generation %lu",
                                 (unsigned long)node.generation);
        return half_open(keys->wrapping, node.id, &node.keys.ak_name, half, ret);
}

int main(int argc, char **argv)
{
        cleanup_secret Secret *half = NULL;
        cleanup_free char *hex = NULL;
        int r;

        if (argc != 3) {
                fprintf(stderr, "usage: reveal-half VERIFIER-DIR NODE-ID\n");
                return 2;
        }
        r = reveal(argv[1], argv[2], &half);
        if (r != 0) {
                fprintf(stderr, "reveal-half: %s\n", error_detail(r));
                return 1;
        }
        hex = hex_new(secret_bytes(half));
        return !hex || puts(hex) < 0;
}
