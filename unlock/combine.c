/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unlock/combine.h"

#include "base/error.h"
#include "base/writer.h"
#include "crypto/kdf.h"

#include <errno.h>
#include <string.h>

enum { BOTH_SIZE = 2 * COMBINE_HALF_SIZE };

typedef struct VolumeName {
        const uint8_t *volume_id;
        const char *role;
        const uint8_t *node_id;
} VolumeName;

static int derive(const Secret *both, Bytes info, Secret **ret)
{
        return kdf_hkdf_sha256(secret_bytes(both), BYTES(NULL, 0), info, COMBINE_PASSPHRASE_SIZE, ret);
}

/* One volume's key for one use, the label's. */
static int derive_for(const char *label, const Secret *node_half, const Secret *cluster_half,
                      const VolumeName *name, Secret **ret)
{
        cleanup_writer Writer w = WRITER_INIT(256);
        cleanup_secret Secret *both = NULL;
        Bytes info;
        int r;

        if (node_half->size != COMBINE_HALF_SIZE || cluster_half->size != COMBINE_HALF_SIZE)
                return error_set(-EINVAL, "a key half is not %d bytes", COMBINE_HALF_SIZE);
        if (name->role[0] == '\0' || strlen(name->role) > TOKEN_ROLE_MAX)
                return error_set(-EINVAL, "a volume's role is 1 to %d characters", TOKEN_ROLE_MAX);
        writer_prefixed(&w, BYTES(label, strlen(label)));
        writer_prefixed(&w, BYTES(name->volume_id, TOKEN_VOLUME_ID_SIZE));
        writer_prefixed(&w, BYTES(name->role, strlen(name->role)));
        writer_prefixed(&w, BYTES(name->node_id, TOKEN_NODE_ID_SIZE));
        r = writer_finish(&w, &info);
        if (r < 0) return r;
        r = secret_new(BOTH_SIZE, &both);
        if (r < 0) return r;
        memcpy(both->data, node_half->data, COMBINE_HALF_SIZE);
        memcpy(both->data + COMBINE_HALF_SIZE, cluster_half->data, COMBINE_HALF_SIZE);
        return derive(both, info, ret);
}

int unlock_volume_passphrase(const Secret *node_half, const Secret *cluster_half,
                             const uint8_t volume_id[static TOKEN_VOLUME_ID_SIZE], const char *role,
                             const uint8_t node_id[static TOKEN_NODE_ID_SIZE], Secret **ret)
{
        const VolumeName name = { volume_id, role, node_id };

        return derive_for("halfkey volume key v1", node_half, cluster_half, &name, ret);
}

int unlock_header_key(const Secret *node_half, const Secret *cluster_half,
                      const uint8_t volume_id[static TOKEN_VOLUME_ID_SIZE], const char *role,
                      const uint8_t node_id[static TOKEN_NODE_ID_SIZE], Secret **ret)
{
        const VolumeName name = { volume_id, role, node_id };

        return derive_for("halfkey header key v1", node_half, cluster_half, &name, ret);
}
