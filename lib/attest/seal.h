/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Seal policies computed in software (TPM 2.0 Part 3, TPM2_PolicyPCR, TPM2_PolicyAuthorize; Part 1, "Policy
 * digest"): what the TPM will compute when a node opens its half. Policy sessions and digests are SHA-256
 * whatever the bank is. */

#include "attest/pcrs.h"
#include "attest/public.h"

/* The policy after TPM2_PolicyPCR over all PCRs of `pcrs`, started from `start` (NULL: a fresh session). */
_must_check_ int attest_policy_pcr(const uint8_t *start, const AttestPcrs *pcrs, uint8_t ret[static SHA256_SIZE]);

/* SHA-256 over the length-prefixed "halfkey seal v1", node id, generation (be64). */
_must_check_ int attest_policy_ref(const uint8_t node_id[static SHA256_SIZE], uint64_t generation,
                                   uint8_t ret[static SHA256_SIZE]);

/* The policy after TPM2_PolicyAuthorize: the authPolicy of a sealed half. It depends on the policy key and the
 * policyRef alone, not on what was approved. */
_must_check_ int attest_policy_authorize(const AttestName *policy_key,
                                         const uint8_t policy_ref[static SHA256_SIZE],
                                         uint8_t ret[static SHA256_SIZE]);

/* The authPolicy of a half that a UKI's `.pcrsig` opens: PolicyAuthorize by its maker's key, with the empty
 * policyRef that systemd-measure signs for, then PolicyPCR over the cap PCR at zero. The cap is outside of what
 * was signed, so that no signature of a maker can leave it out. */
_must_check_ int attest_policy_pcrsig(const AttestName *uki_key, HashAlg bank, uint8_t ret[static SHA256_SIZE]);
/* The policy that its signature is over: PolicyPCR of PCR 11 at this value. -EINVAL for a wrong size. */
_must_check_ int attest_policy_pcrsig_signed(HashAlg bank, Bytes pcr11, uint8_t ret[static SHA256_SIZE]);

/* One approval: the next boot state of one node and seal generation that the cluster's policy key signs. */
typedef struct AttestApproval {
        uint8_t policy[SHA256_SIZE];     /* approvedPolicy */
        uint8_t policy_ref[SHA256_SIZE]; /* policyRef */
        uint8_t digest[SHA256_SIZE];     /* aHash = SHA-256(approvedPolicy || policyRef): what is signed */
} AttestApproval;

/* The PCR values of the default seal: PCR 7 as given, and the cap PCR at zero. -EINVAL for a wrong size. */
_must_check_ int attest_approval_pcrs(HashAlg bank, Bytes pcr7, AttestPcrs *ret);

/* Makes an approval of exactly `pcrs`. The one place where approvals are made, so the one that refuses: a mask
 * without the cap PCR (ATTEST_E_APPROVAL_NO_CAP), a cap that is not zero (ATTEST_E_APPROVAL_CAP_SET), PCRs that a
 * running system can reset, or no PCR beside the cap (ATTEST_E_APPROVAL_PCR), and the SHA-1 bank
 * (ATTEST_E_APPROVAL_BANK). */
_must_check_ int attest_approval_make(const AttestPcrs *pcrs, const uint8_t node_id[static SHA256_SIZE],
                                      uint64_t generation, AttestApproval *ret);

/* RSASSA-PKCS1-v1_5 with SHA-256 over approval->digest, KEY_RSA_SIZE_MAX bytes of room: signature of a
 * TPMT_SIGNATURE. */
_must_check_ int attest_approval_sign(const AttestApproval *a, const PrivateKey *policy_key, uint8_t *ret,
                                      size_t *ret_size);
/* Before the TPM is asked: is the digest the approval's own, and did the policy key sign it?
 * ATTEST_E_APPROVAL_SIGNATURE. */
_must_check_ int attest_approval_verify(const AttestApproval *a, const AttestPublic *policy_key, Bytes signature);
