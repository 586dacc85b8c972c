/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An enrolled volume in a file: keyslot 0 is the installer's, 1 opens by both halves, 2 is the recovery key's. */

#include "image.h"
#include "samples.h"

#include "unlock/combine.h"
#include "unlock/enrol.h"
#include "unlock/open.h"

#define ENROLLED_INSTALLER "installer"
#define ENROLLED_RECOVERY "recovery"

static Secret *enrolled_node_half, *enrolled_cluster_half;

static inline _unused_ void enrolled_make(void)
{
        cleanup_secret Secret *key = image_secret(ENROLLED_INSTALLER), *recovery = image_secret(ENROLLED_RECOVERY);
        cleanup_secret Secret *volume_key = NULL, *passphrase = NULL, *header_key = NULL;
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        EnrolPlan plan;

        enrolled_node_half = image_secret("32 bytes that are half of a key.");
        enrolled_cluster_half = image_secret("32 bytes that are another half.0");
        image_format(32, ENROLLED_INSTALLER, "--pbkdf-force-iterations 1002"); /* ours has 1000 */
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(enrol_begin(v, key, &plan, &volume_key));
        t = sample_token(plan.keyslot, plan.recovery_keyslot);
        t->epoch = 1;
        CHECK_OK(unlock_volume_passphrase(enrolled_node_half, enrolled_cluster_half, t, &passphrase));
        CHECK_OK(unlock_header_key(enrolled_node_half, enrolled_cluster_half, t, &header_key));
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.keyslot, passphrase));
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.recovery_keyslot, recovery));
        CHECK_OK(enrol_record(v, &(EnrolKeys){ .volume_key = volume_key, .header_key = header_key }, t));
        CHECK_OK(enrol_write_token(v, t));
        image_run("cp %s %s.enrolled", image_path, image_path);
}

static inline _unused_ void enrolled_done(void)
{
        secret_free(enrolled_node_half);
        secret_free(enrolled_cluster_half);
}

static inline _unused_ void enrolled_restore(void)
{
        image_run("cp %s.enrolled %s", image_path, image_path);
}

/* The header in both copies with the first `from` replaced by `to`. */
static inline _unused_ void enrolled_change(const char *from, const char *to)
{
        char json[IMAGE_METADATA - IMAGE_BINARY];
        cleanup_free char *changed = NULL;

        image_json(json);
        changed = sample_replace(json, from, to);
        image_set_json(changed);
}

/* What an attested boot has of the volume. */
typedef struct Enrolled {
        Volume *volume;
        Token *token;
        Secret *key;
} Enrolled;

static inline _unused_ void enrolled_close(Enrolled *e)
{
        volume_free(e->volume);
        token_free(e->token);
        secret_free(e->key);
        *e = (Enrolled){ 0 };
}
#define cleanup_enrolled _cleanup_(enrolled_close)

static inline _unused_ int enrolled_open(Enrolled *e)
{
        int r;

        CHECK_OK(volume_open(image_path, &e->volume));
        r = volume_check(e->volume, HEADER_USE_TOKEN);
        if (r == 0) r = volume_token(e->volume, &e->token);
        if (r == 0) r = volume_compare_record(e->volume, e->token);
        if (r == 0) r = open_by_halves(e->volume, e->token, enrolled_node_half, enrolled_cluster_half, &e->key);
        return r;
}
