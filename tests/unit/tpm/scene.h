/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of sealing stand on: a TPM with its keys, a policy key, policies computed by hand from TPM 2.0
 * Part 3, and a half that is sealed. Nothing here is taken from lib/attest, so that the two are compared. */

#include "crypto/key.h"
#include "tpm/keys.h"
#include "tpm/pcr.h"
#include "tpm/quote.h"
#include "tpm/seal.h"
#include "tpm/swtpm.h"

enum { SCENE_MASK = TPM_PCR_MASK(7) | TPM_PCR_MASK(TPM_PCR_CAP) };

typedef struct Policy {
        uint8_t bytes[SHA256_SIZE];
} Policy;

/* An approval with memory of its own. */
typedef struct Approved {
        uint8_t key_public[TPM_PUBLIC_MAX];
        Policy policy;
        uint8_t policy_ref[SHA256_SIZE];
        uint8_t signature[KEY_RSA_SIZE_MAX];
        TpmApproval approval; /* views of the above */
} Approved;

typedef struct Scene {
        Rig *rig;
        Tpm *tpm;
        TpmObject srk, ak;
        Secret *half;
        TpmSealed sealed;
        TpmUnsealParams params; /* views of srk and sealed */
} Scene;

/* PolicyPCR from a fresh session (start NULL) or on top, with these values. */
Policy policy_pcr_of(const Policy *start, const TpmPcrValues *values);
/* The same with the values that the TPM has now. */
Policy policy_pcr_now(Tpm *tpm, HashAlg bank, uint32_t mask);
Policy policy_authorized(const PrivateKey *key, Bytes policy_ref);

/* Signs `policy` for the node that `ref` stands for. ref_size is 0 or SHA256_SIZE. */
void approve(const PrivateKey *key, const Policy *policy, uint8_t ref, size_t ref_size, Approved *ret);

/* A TPM with keys, and nothing sealed yet. */
void scene_init(Scene *s);
/* Seals a random half under this policy. */
void scene_seal(Scene *s, const Policy *policy);
/* The three seals there are, each with a half in it: for the PCRs as they are; for node 1, whose approval is for
 * what the PCRs are; and a UKI's .pcrsig: signed over PCR 11 with an empty policyRef, the cap on top. */
void scene_literal(Scene *s);
void scene_signed(Scene *s, Approved *approved);
void scene_pcrsig(Scene *s, Approved *approved);
/* A boot: opens, quotes, unseals in steps, caps. ticket has room for TPM_TICKET_MAX. */
void scene_unlock(Scene *s, uint8_t *ticket, size_t *ret_ticket);
/* As between two boots: closes, cuts the power, and opens again. */
void scene_boot(Scene *s);
void scene_deinit(Scene *s);
#define cleanup_scene _cleanup_(scene_deinit)

/* One policy key for all tests of a program: it takes a while to make. */
const PrivateKey *policy_key(void);
