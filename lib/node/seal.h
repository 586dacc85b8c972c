/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The node's half: sealing it as a token describes, and opening it again. Used in the initrd, and by the agent to
 * show that after the cap it no longer opens. */

#include "node/boot.h"
#include "tpm/keys.h"
#include "tpm/seal.h"
#include "unlock/token.h"

enum { SEAL_HALF_SIZE = 32 };

/* A fresh half from the kernel's and the TPM's randomness. */
_must_check_ int seal_new_half(Tpm *tpm, const TpmObject *srk, Secret **ret);

/* Seals half under the SRK for the policy key and the policyRef of (node id, generation) that the token names, or
 * for every UKI of the maker whose `.pcrsig` key it names, and puts the seal into the token. The cap at zero is
 * part of either. */
_must_check_ int seal_make(Tpm *tpm, const TpmObject *srk, const Secret *half, Token *token);

/* The same where a site has no policy key online: for exactly the PCR 7 that the log gives and the cap at zero
 * (TPM2_PolicyPCR, without an authority). The token's policy key becomes empty, which says so. */
_must_check_ int seal_make_literal(Tpm *tpm, const TpmObject *srk, const Secret *half, const NodeBoot *boot,
                                   Token *token);

/* Unseals with the approval, or with the signature of the boot's UKI, that fits what the log says the PCRs are, so
 * that none is tried in vain. Of systemd's boot phases, which nobody logs, each sequence that was signed for is
 * tried. TPM_E_POLICY: the state of this boot is not approved, or not the one of a literal seal; TPM_E_CAPPED:
 * this boot was capped already; else what tpm_unseal() says. */
_must_check_ int seal_open(Tpm *tpm, const Token *token, const NodeBoot *boot, Secret **ret);

/* The same in two steps: what needs neither the quote nor the network first, so that the TPM is not idle while a
 * connection comes up. Other commands may be sent in between; token lives until the opening is freed. */
typedef struct SealOpening SealOpening;
_must_check_ int seal_prepare(Tpm *tpm, const Token *token, const NodeBoot *boot, SealOpening **ret);
/* Once. The ticket for the next boot, where there is a new one, is seal_ticket()'s, as long as the opening lives.
 */
_must_check_ int seal_read(SealOpening *o, Secret **ret);
Bytes seal_ticket(const SealOpening *o);
/* Puts the ticket beside the approval of this boot's state. -ENOENT: the token has none. */
_must_check_ int seal_keep_ticket(Token *token, const NodeBoot *boot, Bytes ticket);
/* Flushes what is loaded. */
void seal_opening_free(SealOpening *o);
DEFINE_CLEANUP(SealOpening, seal_opening_free)
#define cleanup_seal_opening _cleanup_(seal_opening_freep)
