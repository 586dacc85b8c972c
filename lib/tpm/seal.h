/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sealing a secret under the SRK, and getting it back.
 *
 * A sealed object of ours has no password path (userWithAuth clear, adminWithPolicy set), does not count for the
 * dictionary-attack lockout (noDA), never leaves this TPM (fixedTPM, fixedParent), and its secret crosses the bus
 * only encrypted, in a session salted to the SRK whose Name is pinned. */

#include "base/macros.h"
#include "base/reader.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "tpm/object.h"
#include "tpm/tpm.h"

enum {
        TPM_SEAL_MAX = 128,   /* bytes that may be sealed: MAX_SYM_DATA, TPM 2.0 Part 2, 11.1.14 */
        TPM_TICKET_MAX = 128, /* TPMT_TK_VERIFIED: tag, hierarchy, a digest of up to 64 bytes */
        TPM_UNSEAL_TRIES = 3, /* after TPM_RC_PCR_CHANGED */
};

typedef TpmBlob TpmSealed;

/* TPM2_Create (TPM 2.0 Part 3, 12.1) with `policy` (SHA-256) as authPolicy. TPM_E_NAME where the key at the SRK's
 * handle is not the pinned one. */
_must_check_ int tpm_seal(Tpm *tpm, const TpmObject *srk, Bytes policy, const Secret *data, TpmSealed *ret);

/* A policy that the cluster's policy key has approved (TPM 2.0 Part 3, 23.16 TPM2_PolicyAuthorize). */
typedef struct TpmApproval {
        Bytes key_public; /* TPMT_PUBLIC of the RSA policy key, from lib/attest, so that Names agree */
        Bytes policy;     /* approvedPolicy: the PolicyPCR digest, 32 bytes */
        Bytes policy_ref; /* at most 64 bytes */
        Bytes signature;  /* RSASSA-PKCS1-v1_5 with SHA-256 over SHA-256(policy || policy_ref), bare */
        Bytes ticket;     /* TPMT_TK_VERIFIED of an earlier boot, or empty */
} TpmApproval;

/* What is to be unsealed. Everything pointed to lives until tpm_unseal_free(). */
typedef struct TpmUnsealParams {
        const TpmObject *srk;
        Bytes private_area;
        Bytes public_area;
        HashAlg bank;
        uint32_t mask;               /* PCRs of the (approved) policy */
        const TpmApproval *approval; /* NULL: literal PolicyPCR */
        uint32_t mask_after; /* PolicyPCR once more behind the approval (a `.pcrsig` with the cap); 0: none */
} TpmUnsealParams;

/* Unsealing in three steps, so that what does not need the network is done before it is up.
 *
 *   start  StartAuthSession, PolicyPCR, [PolicyAuthorize with the ticket, or LoadExternal, VerifySignature,
 *          PolicyAuthorize, FlushContext], [PolicyPCR], Load
 *   read   Unseal; after TPM_RC_PCR_CHANGED PolicyRestart and the policy again, at most TPM_UNSEAL_TRIES times
 *   free   FlushContext of the object; of the session only if Unseal did not use it up
 *
 * A ticket that the TPM refuses is replaced by the signature, without a word. Other commands may be sent on the
 * same Tpm in between. On failure nothing stays loaded after start; after read, nothing stays after free. */
typedef struct TpmUnseal TpmUnseal;

/* TPM_E_POLICY or TPM_E_CAPPED (the approved policy is not that of the PCRs), TPM_E_SIGNATURE, TPM_E_BLOB,
 * TPM_E_NAME (the TPM does not hold the pinned SRK). */
_must_check_ int tpm_unseal_start(Tpm *tpm, const TpmUnsealParams *params, TpmUnseal **ret);
/* TPM_E_POLICY, TPM_E_CAPPED, TPM_E_PCR_CHANGED, TPM_E_NAME. Once only. */
_must_check_ int tpm_unseal_read(TpmUnseal *u, Secret **ret);
/* The ticket to be stored for the next boot; empty where the stored one was good or the policy is literal. Lives
 * as long as u. */
Bytes tpm_unseal_ticket(const TpmUnseal *u);
void tpm_unseal_free(TpmUnseal *u);
DEFINE_CLEANUP(TpmUnseal, tpm_unseal_free)
#define cleanup_unseal _cleanup_(tpm_unseal_freep)

/* All three in a row, for who does not need the ticket. */
_must_check_ int tpm_unseal(Tpm *tpm, const TpmUnsealParams *params, Secret **ret);
