/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* forge VOLUME NODE-ID: what whoever holds a disk can write. The token names another node, and its record of the
 * header fits; only the tags are worth nothing, for they need keys. */

#include "base/error.h"
#include "base/hex.h"
#include "unlock/enrol.h"

#include <stdio.h>
#include <string.h>

static int forge(const char *path, const uint8_t node_id[static TOKEN_NODE_ID_SIZE])
{
        static const uint8_t made_up[64] = { 1 };
        cleanup_secret Secret *key = NULL;
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        int r;

        r = secret_new_copy(BYTES_ARRAY(made_up), &key);
        if (r == 0) r = volume_open(path, &v);
        if (r == 0) r = volume_token(v, &t);
        if (r != 0) return r;
        memcpy(t->node_id, node_id, sizeof(t->node_id));
        r = enrol_record(v, &(EnrolKeys){ .volume_key = key, .header_key = key }, t);
        return r == 0 ? enrol_write_token(v, t) : r;
}

int main(int argc, char **argv)
{
        uint8_t node_id[TOKEN_NODE_ID_SIZE];
        int r;

        if (argc != 3 || hex_decode(argv[2], node_id, sizeof(node_id)) < 0) {
                fprintf(stderr, "usage: forge VOLUME NODE-ID\n");
                return 2;
        }
        r = forge(argv[1], node_id);
        if (r != 0) fprintf(stderr, "forge: %s\n", error_detail(r));
        return r == 0 ? 0 : 1;
}
