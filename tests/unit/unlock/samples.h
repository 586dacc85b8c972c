/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A token that could be real, for the tests of this folder. */

#include "check.h"
#include "unlock/token.h"

static inline _unused_ Token *sample_token(int keyslot, int recovery_keyslot)
{
        uint8_t filler[TOKEN_SIGNATURE_MAX];
        Token *t = NULL;

        for (size_t i = 0; i < sizeof(filler); i++) filler[i] = (uint8_t)(i * 7 + 1);
        CHECK_OK(token_new(&t));
        t->keyslot = keyslot;
        t->recovery_keyslot = recovery_keyslot;
        memcpy(t->volume_id, filler, sizeof(t->volume_id));
        memcpy(t->node_id, filler + 40, sizeof(t->node_id));
        memcpy(t->role, "root", 5);
        t->generation = 1;
        t->epoch = UINT64_MAX;
        t->srk_handle = 0x81000001;
        CHECK_OK(token_blob_set(&t->srk_public, BYTES(filler, 90)));
        CHECK_OK(token_blob_set(&t->srk_name, BYTES(filler, 34)));
        CHECK_OK(token_blob_set(&t->seal_private, BYTES(filler, 160)));
        CHECK_OK(token_blob_set(&t->seal_public, BYTES(filler, 80)));
        CHECK_OK(token_blob_set(&t->policy_key, BYTES(filler, 294)));
        CHECK_OK(token_blob_set(&t->record, BYTES(filler, 420)));
        memcpy(t->halves_tag, filler + 90, sizeof(t->halves_tag));
        memcpy(t->volume_key_tag, filler + 130, sizeof(t->volume_key_tag));
        CHECK_OK(token_add_approval(t, filler + 60, BYTES(filler, 256), BYTES(NULL, 0)));
        return t;
}

/* The text with its first `from` replaced by `to`; the caller frees it. */
static inline _unused_ char *sample_replace(const char *text, const char *from, const char *to)
{
        const char *at = strstr(text, from);
        char *new = malloc(strlen(text) + strlen(to) + 1);

        if (!at) fprintf(stderr, "'%s' is not in the sample\n", from);
        CHECK(at && new);
        memcpy(new, text, (size_t)(at - text));
        strcpy(new + (at - text), to);
        strcat(new, at + strlen(from));
        return new;
}
