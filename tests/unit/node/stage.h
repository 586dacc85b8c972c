/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A node on a swtpm, with the code that a real one runs from enrolment to re-attestation; only disk and network
 * are left out. Firmware is played by extending what a made-up event log says. */

#include "attest/quote.h"
#include "crypto/key.h"
#include "node/evidence.h"
#include "node/register.h"
#include "node/seal.h"
#include "tpm/swtpm.h"
#include "synth.h"

typedef struct Stage {
        Rig *rig;
        Tpm *tpm;
        NodeKeys keys;
        NodeBoot *boot;
        Token *token;
        Secret *half;
        AttestPublic ak; /* as the verifier has it */
} Stage;

/* A TPM out of firmware, nothing made in it yet. */
void stage_init(Stage *s);
/* The same on this rig, which is the stage's from then on. */
void stage_init_on(Stage *s, Rig *rig);
/* The keys, a fresh half sealed for the policy key, and an approval of this boot's state in the token. */
void stage_enrol(Stage *s);
/* Power cut, firmware; what the rig recorded before is forgotten. */
void stage_boot(Stage *s);
void stage_deinit(Stage *s);
#define cleanup_stage _cleanup_(stage_deinit)

/* What binds evidence of this node, with tokens_hash over its token. */
AttestContext stage_context(const Stage *s, AttestPurpose purpose);
/* The quote in `e` as a verifier checks it, against this context and the digest of the log. */
int stage_verify(const Stage *s, const AttestContext *context, const halfkey_v1_Evidence *e, AttestQuote *ret);
/* evidence_make() for this purpose with this cap (NULL: none), verified as above. */
int stage_evidence(Stage *s, AttestPurpose purpose, const Digest *cap, AttestQuote *ret, bool *ret_replays);
/* Extends the cap and gives what PCR 15 holds then. */
Digest stage_cap(Stage *s, const char *outcome);

/* One policy key for all tests of a program: it takes a while to make. */
const PrivateKey *stage_policy_key(void);
