/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A volume in a file (image_path) whose token opens with the halves of a Life. */

#include "life.h"

#include "unlock/combine.h"
#include "unlock/enrol.h"
#include "unlock/image.h"
#include "unlock/recovery-key.h"

enum { LIFE_RECOVERY_KEYSLOT = 2 };

/* Keyslot 1 opens with "installer", the token's with both halves, LIFE_RECOVERY_KEYSLOT with the recovery key that
 * is put into ret_recovery. Records the header in t and writes t. */
static inline _unused_ void life_volume(const Life *l, Token *t, char ret_recovery[static 128])
{
        cleanup_secret Secret *cluster = NULL, *passphrase = NULL, *header_key = NULL, *key = NULL;
        cleanup_secret Secret *first = image_secret("installer"), *recovery = NULL;
        cleanup_volume Volume *v = NULL;
        const Secret *half = l->stage.half;
        int keyslot;

        image_format(20, "installer", "--key-slot 1");
        CHECK_OK(secret_new_copy(BYTES_ARRAY(l->cluster_half), &cluster));
        CHECK_OK(unlock_volume_passphrase(half, cluster, t, &passphrase));
        CHECK_OK(unlock_header_key(half, cluster, t, &header_key));
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(volume_check(v, HEADER_USE_INSTALLER));
        CHECK_OK(volume_try_any_raw(v, first, &keyslot, &key));
        CHECK_OK(enrol_add_keyslot(v, key, t->keyslot, passphrase));
        CHECK_OK(recovery_key_generate(&recovery));
        CHECK(recovery->size < 128);
        CHECK_OK(enrol_add_keyslot(v, key, LIFE_RECOVERY_KEYSLOT, recovery));
        memset(ret_recovery, 0, 128);
        memcpy(ret_recovery, recovery->data, recovery->size);
        CHECK_OK(enrol_record(v, &(EnrolKeys){ .volume_key = key, .header_key = header_key }, t));
        CHECK_OK(enrol_write_token(v, t));
}
