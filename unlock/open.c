/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unlock/open.h"

#include "unlock/accept.h"
#include "unlock/combine.h"

int open_by_halves(Volume *v, const Token *t, const Secret *node_half, const Secret *cluster_half,
                   Secret **ret_volume_key)
{
        cleanup_secret Secret *passphrase = NULL, *header_key = NULL, *key = NULL;
        int r;

        r = unlock_header_key(node_half, cluster_half, t, &header_key);
        if (r == 0 && !accept_is_pending(t)) r = volume_verify_record(v, t, RECORD_TAG_HALVES, header_key);
        if (r == 0) r = unlock_volume_passphrase(node_half, cluster_half, t, &passphrase);
        if (r == 0) r = volume_unlock_keyslot(v, t->keyslot, passphrase, &key);
        if (r == 0) r = volume_verify_record(v, t, RECORD_TAG_VOLUME_KEY, key);
        if (r != 0) return r;
        *ret_volume_key = TAKE_PTR(key);
        return 0;
}
