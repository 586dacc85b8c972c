/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/seal.h"

#include "attest/seal.h"
#include "base/error.h"
#include "base/writer.h"
#include "node/evidence.h"
#include "node/pcrsig.h"

#include <errno.h>
#include <string.h>

int seal_new_half(Tpm *tpm, const TpmObject *srk, Secret **ret)
{
        cleanup_secret Secret *ours = NULL, *tpms = NULL;
        int r;

        r = secret_new_random(SEAL_HALF_SIZE, &ours);
        if (r == 0) r = tpm_random(tpm, srk, SEAL_HALF_SIZE, &tpms);
        if (r != 0) return r;
        for (size_t i = 0; i < ours->size; i++) ours->data[i] ^= tpms->data[i];
        *ret = TAKE_PTR(ours);
        return 0;
}

/* The policy key's public area and the policyRef that this token's seal stands for. */
static int authority_of(const Token *token, AttestPublic *ret_key, uint8_t ret_ref[static SHA256_SIZE])
{
        int r;

        r = attest_public_policy_key(token_blob_bytes(&token->policy_key), ret_key);
        if (r == 0) r = attest_policy_ref(token->node_id, token->generation, ret_ref);
        return r;
}

static int pcrsig_policy(const Token *token, uint8_t ret[static SHA256_SIZE])
{
        AttestName name;
        AttestPublic key;
        int r;

        r = attest_public_policy_key(token_blob_bytes(&token->pcrsig_key), &key);
        if (r == 0) r = attest_public_name(&key, &name);
        return r == 0 ? attest_policy_pcrsig(&name, token->bank, ret) : r;
}

static int seal_policy(const Token *token, uint8_t ret[static SHA256_SIZE])
{
        uint8_t ref[SHA256_SIZE];
        AttestName name;
        AttestPublic key;
        int r;

        r = authority_of(token, &key, ref);
        if (r == 0) r = attest_public_name(&key, &name);
        if (r == 0) r = attest_policy_authorize(&name, ref, ret);
        return r;
}

static int set_tpm2b(TokenBlob *blob, Bytes content)
{
        cleanup_writer Writer w = WRITER_INIT(UINT16_MAX + 2);
        Bytes all;
        int r;

        writer_tpm2b(&w, content);
        r = writer_finish(&w, &all);
        return r < 0 ? r : token_blob_set(blob, all);
}

static int get_tpm2b(const TokenBlob *blob, Bytes *ret)
{
        Reader r = READER_INIT(token_blob_bytes(blob));

        if (reader_tpm2b(&r, ret) < 0 || reader_finish(&r) < 0)
                return error_set(-EBADMSG, "the token's seal is malformed");
        return 0;
}

static int seal_under(Tpm *tpm, const TpmObject *srk, const uint8_t policy[static SHA256_SIZE], const Secret *half,
                      Token *token)
{
        TpmSealed sealed;
        int r;

        r = tpm_seal(tpm, srk, BYTES(policy, SHA256_SIZE), half, &sealed);
        if (r == 0) r = set_tpm2b(&token->seal_private, BYTES(sealed.private_area, sealed.private_size));
        if (r == 0) r = set_tpm2b(&token->seal_public, tpm_public_bytes(&sealed.public_area));
        if (r == 0) r = token_blob_set(&token->srk_public, tpm_public_bytes(&srk->public_area));
        if (r == 0) r = token_blob_set(&token->srk_name, tpm_name_bytes(&srk->name));
        if (r != 0) return r;
        token->srk_handle = srk->handle;
        return 0;
}

int seal_make(Tpm *tpm, const TpmObject *srk, const Secret *half, Token *token)
{
        uint8_t policy[SHA256_SIZE];
        int r;

        r = token->pcrsig_key.size > 0 ? pcrsig_policy(token, policy) : seal_policy(token, policy);
        return r == 0 ? seal_under(tpm, srk, policy, half, token) : r;
}

/* The policy of this boot: PCR 7 as the log gives it, the cap open. */
static int boot_policy(const NodeBoot *boot, uint8_t ret[static SHA256_SIZE])
{
        AttestPcrs pcrs;
        int r;

        r = attest_approval_pcrs(boot->bank, pcr_value(&boot->replayed, ATTEST_SECURE_BOOT_PCR), &pcrs);
        return r < 0 ? r : attest_policy_pcr(NULL, &pcrs, ret);
}

int seal_make_literal(Tpm *tpm, const TpmObject *srk, const Secret *half, const NodeBoot *boot, Token *token)
{
        uint8_t policy[SHA256_SIZE];
        int r;

        if (token->bank != boot->bank || token->pcrsig_key.size > 0) return -EINVAL;
        r = boot_policy(boot, policy);
        if (r == 0) r = seal_under(tpm, srk, policy, half, token);
        return r == 0 ? token_blob_set(&token->policy_key, BYTES(NULL, 0)) : r;
}

/* The approval of exactly the PCR 7 that the log gives, with the cap open. */
static const TokenApproval *find_approval(const Token *token, const NodeBoot *boot)
{
        uint8_t policy[SHA256_SIZE];

        if (boot_policy(boot, policy) < 0) return NULL;
        for (size_t i = 0; i < token->n_approvals; i++)
                if (bytes_equal(BYTES_ARRAY(token->approvals[i].policy), BYTES_ARRAY(policy)))
                        return &token->approvals[i];
        return NULL;
}

static int pinned_srk(const Token *token, TpmObject *ret)
{
        int r;

        r = tpm_object_init(token->srk_handle, token_blob_bytes(&token->srk_public), ret);
        if (r == 0) r = tpm_object_check_name(ret, token_blob_bytes(&token->srk_name));
        return r == 0 ? 0 : error_prefix(r, "the token's storage key");
}

struct SealOpening {
        TpmUnseal *unseal;
        TpmUnsealParams params; /* views of what follows, and of the token */
        TpmApproval authority;
        TpmObject srk;
        AttestPublic key;
        uint8_t policy_ref[SHA256_SIZE];
        uint8_t signed_policy[SHA256_SIZE]; /* of a `.pcrsig` */
        PcrsigSignature signature;
        bool pcrsig;
};

/* By the approval that fits what the log says, so that none is tried in vain. */
static int fill_authority(const Token *token, const NodeBoot *boot, SealOpening *o)
{
        const TokenApproval *approval = find_approval(token, boot);
        int r;

        if (!approval)
                return error_set(TPM_E_POLICY,
                                 "PCR 7 of this boot is in none of the cluster's approvals: Secure Boot "
                                 "state or keys changed");
        r = authority_of(token, &o->key, o->policy_ref);
        if (r < 0) return r;
        o->authority = (TpmApproval){
                .key_public = BYTES(o->key.encoded, o->key.encoded_size),
                .policy = BYTES_ARRAY(approval->policy),
                .policy_ref = BYTES_ARRAY(o->policy_ref),
                .signature = token_blob_bytes(&approval->signature),
                .ticket = token_blob_bytes(&approval->ticket),
        };
        o->params.approval = &o->authority;
        return 0;
}

static int fill_pcrsig(const Token *token, const NodeBoot *boot, SealOpening *o)
{
        if (!boot->pcrsig)
                return error_set(TPM_E_POLICY,
                                 "this boot brought no signatures for its PCRs, as a UKI with a .pcrsig "
                                 "section does");
        o->pcrsig = true;
        o->params.mask = ATTEST_PCR_BIT(PCRSIG_PCR);
        o->params.mask_after = ATTEST_PCR_BIT(ATTEST_CAP_PCR);
        o->authority = (TpmApproval){ .policy = BYTES_ARRAY(o->signed_policy) };
        o->params.approval = &o->authority;
        return attest_public_policy_key(token_blob_bytes(&token->pcrsig_key), &o->key);
}

static int fill_opening(const Token *token, const NodeBoot *boot, SealOpening *o)
{
        int r = 0;

        if (token->bank != boot->bank)
                return error_set(TPM_E_POLICY, "the seal is for the %s bank, this boot measures %s",
                                 hash_name(token->bank), hash_name(boot->bank));
        o->params = (TpmUnsealParams){ .srk = &o->srk,
                                       .bank = boot->bank,
                                       .mask = ATTEST_PCR_BIT(ATTEST_SECURE_BOOT_PCR) |
                                               ATTEST_PCR_BIT(ATTEST_CAP_PCR) };
        if (token->policy_key.size > 0) r = fill_authority(token, boot, o);
        if (token->pcrsig_key.size > 0) r = fill_pcrsig(token, boot, o);
        if (r == 0) r = pinned_srk(token, &o->srk);
        if (r == 0) r = get_tpm2b(&token->seal_private, &o->params.private_area);
        if (r == 0) r = get_tpm2b(&token->seal_public, &o->params.public_area);
        return r;
}

/* The signature for PCR 11 as this log and the words so far give it. PCRSIG_E_ABSENT. */
static int find_signature(const Token *token, const NodeBoot *boot, const PcrValues *values, SealOpening *o)
{
        int r;

        r = attest_policy_pcrsig_signed(boot->bank, pcr_value(values, PCRSIG_PCR), o->signed_policy);
        if (r == 0)
                r = pcrsig_find(BYTES(boot->pcrsig, boot->pcrsig_size), boot->bank,
                                token_blob_bytes(&token->pcrsig_key), o->signed_policy, &o->signature);
        if (r != 0) return r < 0 ? error_prefix(r, "tpm2-pcr-signature.json") : r;
        o->authority.key_public = BYTES(o->key.encoded, o->key.encoded_size);
        o->authority.signature = BYTES(o->signature.bytes, o->signature.size);
        return 0;
}

/* In the initrd that is the state before the first word, or after it. */
static int start_by_pcrsig(Tpm *tpm, const Token *token, const NodeBoot *boot, SealOpening *o)
{
        PcrValues values = boot->replayed;
        bool tried = false;
        int r = 0;

        for (size_t i = 0;; i++) {
                const char *word = evidence_phase(i);

                r = find_signature(token, boot, &values, o);
                if (r < 0) return r;
                if (r == 0) {
                        r = tpm_unseal_start(tpm, &o->params, &o->unseal);
                        if (r != TPM_E_POLICY) return r;
                        tried = true;
                }
                if (!word) break;
                r = eventlog_replay_extend_word(&values, PCRSIG_PCR, BYTES(word, strlen(word)));
                if (r != 0) return r < 0 ? r : -EINVAL;
        }
        if (tried) return error_set(TPM_E_POLICY, "PCR %d is not what the UKI's maker signed for", PCRSIG_PCR);
        return error_set(TPM_E_POLICY,
                         "the key in the token signed for nothing that this boot is: another UKI, or "
                         "one of another maker");
}

int seal_prepare(Tpm *tpm, const Token *token, const NodeBoot *boot, SealOpening **ret)
{
        cleanup_seal_opening SealOpening *o = calloc(1, sizeof(*o));
        int r;

        if (!o) return -ENOMEM;
        r = fill_opening(token, boot, o);
        if (r == 0 && o->pcrsig) r = start_by_pcrsig(tpm, token, boot, o);
        else if (r == 0) r = tpm_unseal_start(tpm, &o->params, &o->unseal);
        if (r != 0) return r;
        *ret = TAKE_PTR(o);
        return 0;
}

int seal_read(SealOpening *o, Secret **ret)
{
        return tpm_unseal_read(o->unseal, ret);
}

Bytes seal_ticket(const SealOpening *o)
{
        return o->pcrsig ? BYTES(NULL, 0) : tpm_unseal_ticket(o->unseal); /* the next UKI has another signature */
}

int seal_keep_ticket(Token *token, const NodeBoot *boot, Bytes ticket)
{
        const TokenApproval *used = find_approval(token, boot);

        if (!used) return -ENOENT;
        return token_blob_set(&token->approvals[used - token->approvals].ticket, ticket);
}

void seal_opening_free(SealOpening *o)
{
        if (!o) return;
        tpm_unseal_free(o->unseal);
        free(o);
}

int seal_open(Tpm *tpm, const Token *token, const NodeBoot *boot, Secret **ret)
{
        cleanup_seal_opening SealOpening *o = NULL;
        int r;

        r = seal_prepare(tpm, token, boot, &o);
        return r == 0 ? seal_read(o, ret) : r;
}
