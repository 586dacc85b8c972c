/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unlock/combine.h"

#include "base/error.h"
#include "base/writer.h"
#include "crypto/kdf.h"

#include <errno.h>
#include <string.h>

enum { BOTH_SIZE = 2 * COMBINE_HALF_SIZE, EPOCH_OF_ENROLMENT = 1 };

static int derive(const Secret *both, Bytes info, Secret **ret)
{
        return kdf_hkdf_sha256(secret_bytes(both), BYTES(NULL, 0), info, COMBINE_PASSPHRASE_SIZE, ret);
}

/* One volume's key for one use, the label's. */
static int derive_for(const char *label, const Secret *node_half, const Secret *cluster_half, const Token *t,
                      Secret **ret)
{
        cleanup_writer Writer w = WRITER_INIT(256);
        cleanup_secret Secret *both = NULL;
        Bytes info;
        int r;

        if (node_half->size != COMBINE_HALF_SIZE || cluster_half->size != COMBINE_HALF_SIZE)
                return error_set(-EINVAL, "a key half is not %d bytes", COMBINE_HALF_SIZE);
        if (t->role[0] == '\0') return error_set(-EINVAL, "a volume's role is 1 to %d characters", TOKEN_ROLE_MAX);
        if (t->epoch < EPOCH_OF_ENROLMENT) return error_set(-EINVAL, "a volume's epoch is 1 or more");
        writer_prefixed(&w, BYTES(label, strlen(label)));
        writer_prefixed(&w, BYTES_ARRAY(t->volume_id));
        writer_prefixed(&w, BYTES(t->role, strlen(t->role)));
        writer_prefixed(&w, BYTES_ARRAY(t->node_id));
        if (t->epoch > EPOCH_OF_ENROLMENT) {
                writer_be32(&w, sizeof(t->epoch));
                writer_be64(&w, t->epoch);
        }
        r = writer_finish(&w, &info);
        if (r < 0) return r;
        r = secret_new(BOTH_SIZE, &both);
        if (r < 0) return r;
        memcpy(both->data, node_half->data, COMBINE_HALF_SIZE);
        memcpy(both->data + COMBINE_HALF_SIZE, cluster_half->data, COMBINE_HALF_SIZE);
        return derive(both, info, ret);
}

int unlock_volume_passphrase(const Secret *node_half, const Secret *cluster_half, const Token *t, Secret **ret)
{
        return derive_for("halfkey volume key v1", node_half, cluster_half, t, ret);
}

int unlock_header_key(const Secret *node_half, const Secret *cluster_half, const Token *t, Secret **ret)
{
        return derive_for("halfkey header key v1", node_half, cluster_half, t, ret);
}
