/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/scene.h"
#include "base/writer.h"
#include "check.h"

/* ---- policies ---- */

static Policy policy_extend(const Policy *start, Bytes rest)
{
        static const Policy zero;
        const Bytes parts[] = { BYTES_ARRAY((start ? start : &zero)->bytes), rest };
        Policy next;

        CHECK_OK(hash_parts(HASH_SHA256, parts, 2, next.bytes));
        return next;
}

Policy policy_pcr_of(const Policy *start, const TpmPcrValues *v)
{
        uint8_t text[4 + 4 + 2 + 1 + 3 + SHA256_SIZE], values[TPM_PCR_COUNT * HASH_SIZE_MAX], digest[SHA256_SIZE];
        Writer all = WRITER_FIXED(values), w = WRITER_FIXED(text);
        Bytes done;

        for (unsigned pcr = 0; pcr < TPM_PCR_COUNT; pcr++)
                if (v->mask & TPM_PCR_MASK(pcr)) writer_bytes(&all, BYTES(v->value[pcr], hash_size(v->bank)));
        CHECK_OK(writer_finish(&all, &done));
        CHECK_OK(hash_sha256(done, digest));
        writer_be32(&w, 0x17f);
        writer_be32(&w, 1);
        writer_be16(&w, (uint16_t)v->bank);
        writer_u8(&w, 3);
        for (unsigned i = 0; i < 3; i++) writer_u8(&w, (uint8_t)(v->mask >> (8 * i)));
        writer_bytes(&w, BYTES_ARRAY(digest));
        CHECK_OK(writer_finish(&w, &done));
        return policy_extend(start, done);
}

Policy policy_pcr_now(Tpm *tpm, HashAlg bank, uint32_t mask)
{
        TpmPcrValues v;

        CHECK_OK(tpm_pcr_read(tpm, bank, mask, &v));
        return policy_pcr_of(NULL, &v);
}

/* An RSA-2048 key that may sign, as TPMT_PUBLIC. */
static Bytes key_public(const PrivateKey *key, uint8_t *room)
{
        uint8_t modulus[KEY_RSA_SIZE_MAX];
        cleanup_public_key PublicKey *public_key = NULL;
        Writer w = { .data = room, .capacity = TPM_PUBLIC_MAX, .max = TPM_PUBLIC_MAX, .fixed = true };
        uint32_t exponent;
        size_t size;
        Bytes done;

        CHECK_OK(private_key_public(key, &public_key));
        CHECK_OK(public_key_rsa(public_key, modulus, &size, &exponent));
        writer_be16(&w, 0x0001);
        writer_be16(&w, 0x000b);
        writer_be32(&w, 0x00040040);
        writer_be16(&w, 0);
        writer_be16(&w, 0x0010);
        writer_be16(&w, 0x0010);
        writer_be16(&w, 2048);
        writer_be32(&w, 0);
        writer_tpm2b(&w, BYTES(modulus, size));
        CHECK_OK(writer_finish(&w, &done));
        return done;
}

Policy policy_authorized(const PrivateKey *key, Bytes policy_ref)
{
        uint8_t room[TPM_PUBLIC_MAX], text[4 + 2 + SHA256_SIZE] = { 0x00, 0x00, 0x01, 0x6a, 0x00, 0x0b };
        Policy p;

        CHECK_OK(hash_sha256(key_public(key, room), text + 6));
        p = policy_extend(NULL, BYTES_ARRAY(text));
        return policy_extend(&p, policy_ref);
}

void approve(const PrivateKey *key, const Policy *policy, uint8_t ref, size_t ref_size, Approved *ret)
{
        uint8_t digest[SHA256_SIZE];
        size_t size;

        *ret = (Approved){ .policy = *policy };
        memset(ret->policy_ref, ref, sizeof(ret->policy_ref));
        const Bytes parts[] = { BYTES_ARRAY(policy->bytes), BYTES(ret->policy_ref, ref_size) };
        CHECK_OK(hash_parts(HASH_SHA256, parts, 2, digest));
        CHECK_OK(private_key_sign_rsassa(key, HASH_SHA256, BYTES_ARRAY(digest), ret->signature, &size));
        ret->approval = (TpmApproval){
                .key_public = key_public(key, ret->key_public),
                .policy = BYTES_ARRAY(ret->policy.bytes),
                .policy_ref = BYTES(ret->policy_ref, ref_size),
                .signature = BYTES(ret->signature, size),
        };
}

const PrivateKey *policy_key(void)
{
        static PrivateKey *key;

        if (!key) CHECK_OK(private_key_generate(2048, &key));
        return key;
}

/* ---- scenes ---- */

void scene_init(Scene *s)
{
        *s = (Scene){ .rig = rig_new() };
        rig_extend(s->rig, 7);
        CHECK_OK(tpm_open(rig_tcti(s->rig), &s->tpm));
        CHECK_OK(tpm_srk_ensure(s->tpm, &s->srk));
        CHECK_OK(tpm_ak_ensure(s->tpm, &s->ak));
}

void scene_seal(Scene *s, const Policy *policy)
{
        CHECK_OK(secret_new_random(32, &s->half));
        CHECK_OK(tpm_seal(s->tpm, &s->srk, BYTES_ARRAY(policy->bytes), s->half, &s->sealed));
        s->params = (TpmUnsealParams){
                .srk = &s->srk,
                .private_area = BYTES(s->sealed.private_area, s->sealed.private_size),
                .public_area = tpm_public_bytes(&s->sealed.public_area),
                .bank = HASH_SHA256,
                .mask = SCENE_MASK,
        };
}

void scene_literal(Scene *s)
{
        scene_init(s);
        const Policy policy = policy_pcr_now(s->tpm, HASH_SHA256, SCENE_MASK);
        scene_seal(s, &policy);
}

void scene_signed(Scene *s, Approved *approved)
{
        scene_init(s);
        const Policy now = policy_pcr_now(s->tpm, HASH_SHA256, SCENE_MASK);
        approve(policy_key(), &now, 1, SHA256_SIZE, approved);
        const Policy policy = policy_authorized(policy_key(), approved->approval.policy_ref);
        scene_seal(s, &policy);
        s->params.approval = &approved->approval;
}

void scene_pcrsig(Scene *s, Approved *approved)
{
        TpmPcrValues cap;

        scene_init(s);
        const Policy now = policy_pcr_now(s->tpm, HASH_SHA256, TPM_PCR_MASK(11));
        approve(policy_key(), &now, 0, 0, approved);
        Policy policy = policy_authorized(policy_key(), BYTES(NULL, 0));
        CHECK_OK(tpm_pcr_read(s->tpm, HASH_SHA256, TPM_PCR_MASK(TPM_PCR_CAP), &cap));
        policy = policy_pcr_of(&policy, &cap);
        scene_seal(s, &policy);
        s->params.approval = &approved->approval;
        s->params.mask = TPM_PCR_MASK(11);
        s->params.mask_after = TPM_PCR_MASK(TPM_PCR_CAP);
}

void scene_unlock(Scene *s, uint8_t *ticket, size_t *ret_ticket)
{
        const Digest cap = { .alg = HASH_SHA256, .size = 32, .bytes = { 1 } };
        cleanup_unseal TpmUnseal *u = NULL;
        cleanup_secret Secret *got = NULL;
        const TpmExtra extra = { { 1 } };
        TpmSigned quote;

        scene_boot(s);
        CHECK_OK(tpm_unseal_start(s->tpm, &s->params, &u));
        CHECK_OK(tpm_quote(s->tpm, &s->ak, &extra, HASH_SHA256, 0xfbff, &quote));
        CHECK_OK(tpm_unseal_read(u, &got));
        CHECK_BYTES(secret_bytes(got), secret_bytes(s->half));
        *ret_ticket = tpm_unseal_ticket(u).size;
        memcpy(ticket, tpm_unseal_ticket(u).data, *ret_ticket);
        tpm_unseal_free(TAKE_PTR(u));
        CHECK_OK(tpm_pcr_cap(s->tpm, &cap, 1, HASH_SHA256));
}

void scene_boot(Scene *s)
{
        tpm_close(TAKE_PTR(s->tpm));
        rig_power_cut(s->rig);
        rig_extend(s->rig, 7);
        rig_forget(s->rig);
        CHECK_OK(tpm_open(rig_tcti(s->rig), &s->tpm));
}

void scene_deinit(Scene *s)
{
        tpm_close(s->tpm);
        secret_free(s->half);
        rig_free(s->rig);
}
