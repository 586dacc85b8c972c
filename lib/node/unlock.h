/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Attested unlocking (DESIGN, boot steps 2 to 4): the cluster's half for evidence, and the node's own from the
 * TPM.
 *
 * The order of things is the point. While connections come up the TPM prepares the unsealing; the log is on its
 * way while the TPM quotes; the node's half is unsealed while the verifier thinks. On the way to the root neither
 * waits for the other without need: `./dev bench unlock` holds the time against the longest path of what must
 * wait. */

#include "node/call.h"
#include "node/seal.h"
#include "tpm/keys.h"

#include <pthread.h>

enum { UNLOCK_VERIFIER_SIZE = 256 };

typedef struct UnlockParams {
        Tpm *tpm;
        const NodeConfig *config;
        NodeBoot *boot;
        const Token *const *tokens; /* of all volumes; the first one's node id and seal speak for the node */
        size_t n_tokens;
        const Token *const
                *planned; /* what each token would be after a rekey (unlock/rekey.h), or NULL; may be NULL */
        const uint8_t *attempt_id; /* ATTEST_ATTEMPT_SIZE bytes */
        Secret **half;         /* the node's own; unsealed where it is NULL, and kept if the call fails later */
        pthread_mutex_t *lock; /* held while the TPM is used; never while the network is waited for */
        const bool *cancelled; /* guarded by lock: -ECANCELED */
        void (*note)(const char *step, void *userdata); /* "connected", "evidence sent", "released" */
        void *userdata;
        char *verifier; /* UNLOCK_VERIFIER_SIZE bytes: who answered */
} UnlockParams;

typedef struct Unlocked {
        int unsealed; /* TPM_E_*, and why in words: the answer may bring an approval of the state it is in */
        char unseal_text[256];
        TpmObject ak;                     /* that signed the evidence */
        uint8_t ticket[TOKEN_TICKET_MAX]; /* of the approval that was used, where it is not in the token yet */
        size_t ticket_size;
        halfkey_v1_UnlockResult result;
} Unlocked;

/* Wipes it. */
void unlocked_free(Unlocked *u);
DEFINE_CLEANUP(Unlocked, unlocked_free)
#define cleanup_unlocked _cleanup_(unlocked_freep)

/* What the answer says of the volume of this token; NULL: nothing. */
const halfkey_v1_VolumeTerms *unlocked_terms(const Unlocked *u, const Token *t);

/* The cluster's half for this token, which the answer must hold. VOLUME_E_REFUSED: the token is of an epoch below
 * the floor, an old header was put back. -EPROTO. */
_must_check_ int unlocked_half(const Unlocked *u, const Token *t, Secret **ret);

/* CALL_E_REFUSED fills ret_refusal. TPM_E_* of the quote; what unsealing said is in *ret. Nothing stays loaded in
 * the TPM. */
_must_check_ int node_unlock(const UnlockParams *params, Unlocked **ret, halfkey_v1_Refusal *ret_refusal);
