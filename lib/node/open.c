/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/open.h"

#include <stdio.h>
#include <string.h>

int node_open_typed(Volume *v, const Token *t, const Secret *typed, Secret **ret_volume_key)
{
        cleanup_secret Secret *key = NULL;
        int keyslot, r;

        r = volume_check(v, HEADER_USE_TYPED);
        if (r == 0) r = volume_try_any(v, typed, &keyslot, &key);
        if (r == 0 && t) r = volume_verify_record(v, t, RECORD_TAG_VOLUME_KEY, key);
        if (r == 0) *ret_volume_key = TAKE_PTR(key);
        return r;
}

int node_volume_tag(const Token *t, const Secret *volume_key, AttestVolume *ret)
{
        AttestVolume tag = { 0 };
        int r;

        memcpy(tag.id, t->volume_id, sizeof(tag.id));
        (void)snprintf(tag.role, sizeof(tag.role), "%s", t->role);
        r = attest_volume_tag(secret_bytes(volume_key), tag.id, tag.role, tag.tag);
        if (r == 0) *ret = tag;
        return r;
}
