/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What lib/attest computes and believes, held against a TPM through lib/tpm: the node's half and the verifier's
 * half of every exchange meet here. */

#include "attest/cap.h"
#include "attest/credential.h"
#include "attest/quote.h"
#include "attest/seal.h"
#include "check.h"
#include "tpm/internal.h"
#include "tpm/scene.h"

static AttestPublic parsed(const TpmObject *o)
{
        AttestPublic p;
        AttestName name;

        CHECK_OK(attest_public_parse(tpm_public_bytes(&o->public_area), &p));
        CHECK_OK(attest_public_name(&p, &name));
        CHECK_BYTES(attest_name_bytes(&name), tpm_name_bytes(&o->name));
        return p;
}

static AttestPcrs pcrs_now(Tpm *tpm, uint32_t mask)
{
        AttestPcrs p = { .bank = HASH_SHA256 };
        TpmPcrValues v;

        CHECK_OK(tpm_pcr_read(tpm, HASH_SHA256, mask, &v));
        for (unsigned pcr = 0; pcr < TPM_PCR_COUNT; pcr++)
                if (mask & TPM_PCR_MASK(pcr)) CHECK_OK(attest_pcrs_set(&p, pcr, BYTES(v.value[pcr], 32)));
        return p;
}

/* As the composing programs do it: the one way into a TpmExtra. */
static TpmExtra copied(const AttestExtra *e)
{
        TpmExtra t;

        memcpy(t.bytes, e->bytes, sizeof(t.bytes));
        return t;
}

static AttestExtra extra_for(AttestPurpose purpose)
{
        const AttestContext c = { .purpose = purpose, .role = "node", .attempt_id = { 1 }, .exporter = { 2 } };
        AttestExtra e;

        CHECK_OK(attest_extra_data(&c, &e));
        return e;
}

static void test_our_keys_are_believed(void)
{
        cleanup_scene Scene s;
        cleanup_ek TpmEk ek = { 0 };
        AttestPublic p;

        scene_init(&s);
        p = parsed(&s.ak);
        CHECK_OK(attest_public_check_ak(&p));
        p = parsed(&s.srk);
        CHECK_OK(attest_public_check_srk(&p));
        CHECK_OK(tpm_ek_read(s.tpm, &ek));
        p = parsed(&ek.object);
        CHECK_OK(attest_public_check_ek(&p));
}

static void test_our_quote_is_believed(void)
{
        cleanup_scene Scene s;
        const AttestExtra e = extra_for(ATTEST_PURPOSE_UNLOCK), other = extra_for(ATTEST_PURPOSE_REATTEST);
        const TpmExtra extra = copied(&e);
        TpmSigned quote;
        AttestQuote q;

        scene_init(&s);
        const AttestPublic ak = parsed(&s.ak);
        CHECK_OK(tpm_quote(s.tpm, &s.ak, &extra, HASH_SHA256, ATTEST_PCRS, &quote));
        const Bytes attest = tpm_signed_attest(&quote), signature = tpm_signed_signature(&quote);
        CHECK_OK(attest_quote_authenticate(attest, signature, &ak, &e, &q));
        CHECK_OK(attest_quote_check_selection(&q, HASH_SHA256, ATTEST_PCRS));
        AttestPcrs now = pcrs_now(s.tpm, ATTEST_PCRS);
        CHECK_OK(attest_quote_check_pcrs(&q, &now));
        CHECK_OK(attest_clock_check_hierarchy(&q.at, &ak));
        CHECK_RESULT(attest_quote_authenticate(attest, signature, &ak, &other, &q), ATTEST_E_EXTRA_DATA);
        rig_extend(s.rig, 4);
        now = pcrs_now(s.tpm, ATTEST_PCRS);
        CHECK_RESULT(attest_quote_check_pcrs(&q, &now), ATTEST_E_PCR_DIGEST);
}

static void test_certified_srk_is_believed(void)
{
        cleanup_scene Scene s;
        const AttestExtra e = extra_for(ATTEST_PURPOSE_CERTIFY);
        const TpmExtra extra = copied(&e);
        TpmSigned certified;
        AttestQuote q;

        scene_init(&s);
        const AttestPublic ak = parsed(&s.ak), srk = parsed(&s.srk);
        CHECK_OK(tpm_certify(s.tpm, &s.ak, &s.srk, &extra, &certified));
        const Bytes attest = tpm_signed_attest(&certified), signature = tpm_signed_signature(&certified);
        CHECK_OK(attest_certify_verify(attest, signature, &ak, &e, &srk, NULL));
        CHECK_RESULT(attest_certify_verify(attest, signature, &ak, &e, &ak, NULL), ATTEST_E_CERTIFIED_NAME);
        CHECK_RESULT(attest_quote_authenticate(attest, signature, &ak, &e, &q), ATTEST_E_TYPE);
}

static void challenge(Scene *s, TpmEkKind kind)
{
        static const uint8_t secret[ATTEST_SECRET_SIZE] = "thirty-two bytes that are secret";
        cleanup_secret Secret *got = NULL, *none = NULL;
        cleanup_ek TpmEk ek = { .kind = kind };
        AttestCredential c;
        AttestName name;

        CHECK_OK(tpm_ek_read(s->tpm, &ek));
        CHECK(ek.kind == kind);
        const AttestPublic ek_public = parsed(&ek.object), ak = parsed(&s->ak), srk = parsed(&s->srk);
        CHECK_OK(attest_public_name(&ak, &name));
        CHECK_OK(attest_credential_make(&ek_public, &name, secret, &c));
        CHECK_OK(tpm_activate_credential(s->tpm, &s->ak, &ek, BYTES(c.blob, c.blob_size),
                                         BYTES(c.secret, c.secret_size), &got));
        CHECK_BYTES(secret_bytes(got), BYTES_ARRAY(secret));
        CHECK_OK(attest_public_name(&srk, &name));
        CHECK_OK(attest_credential_make(&ek_public, &name, secret, &c));
        CHECK_RESULT(tpm_activate_credential(s->tpm, &s->ak, &ek, BYTES(c.blob, c.blob_size),
                                             BYTES(c.secret, c.secret_size), &none),
                     TPM_E_BLOB);
        CHECK(rig_loaded(s->rig) == 0);
}

static void test_challenges_are_solved(void)
{
        cleanup_scene Scene s;

        scene_init(&s);
        challenge(&s, TPM_EK_ECC_P256);
        rig_run(s.rig, "printf '\\060\\001\\000' >der && tpm2_nvdefine -Q -C p -s 3 "
                       "-a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate' 0x1c00002 && "
                       "tpm2_nvwrite -Q -C p -i der 0x1c00002");
        challenge(&s, TPM_EK_RSA_2048);
}

/* An approval as the verifier makes and signs it, a cap as the node computes it. */
static void test_seal_approve_unseal_cap(void)
{
        static const uint8_t node[SHA256_SIZE] = { 1 };
        cleanup_scene Scene s;
        cleanup_public_key PublicKey *key = NULL;
        cleanup_free uint8_t *spki = NULL;
        cleanup_secret Secret *got = NULL;
        uint8_t signature[KEY_RSA_SIZE_MAX];
        size_t spki_size, signature_size;
        AttestPublic policy_public;
        AttestName name;
        AttestApproval a;
        Policy policy;

        scene_init(&s);
        const AttestPcrs now = pcrs_now(s.tpm, SCENE_MASK);
        CHECK_OK(private_key_public(policy_key(), &key));
        CHECK_OK(public_key_spki(key, &spki, &spki_size));
        CHECK_OK(attest_public_policy_key(BYTES(spki, spki_size), &policy_public));
        CHECK_OK(attest_public_name(&policy_public, &name));
        CHECK_OK(attest_approval_make(&now, node, 3, &a));
        CHECK_OK(attest_approval_sign(&a, policy_key(), signature, &signature_size));
        CHECK_OK(attest_policy_authorize(&name, a.policy_ref, policy.bytes));
        scene_seal(&s, &policy);
        const TpmApproval approval = {
                .key_public = BYTES(policy_public.encoded, policy_public.encoded_size),
                .policy = BYTES_ARRAY(a.policy),
                .policy_ref = BYTES_ARRAY(a.policy_ref),
                .signature = BYTES(signature, signature_size),
        };
        s.params.approval = &approval;
        CHECK_OK(tpm_unseal(s.tpm, &s.params, &got));
        CHECK_BYTES(secret_bytes(got), secret_bytes(s.half));

        Digest event, value;
        TpmPcrValues v;
        CHECK_OK(attest_cap_event(HASH_SHA256, ATTEST_CAP_FALLBACK, NULL, 0, &event));
        CHECK_OK(attest_cap_pcr(&event, &value));
        CHECK_OK(tpm_pcr_cap(s.tpm, &event, 1, HASH_SHA256));
        CHECK_OK(tpm_pcr_read(s.tpm, HASH_SHA256, TPM_PCR_MASK(TPM_PCR_CAP), &v));
        CHECK_BYTES(digest_bytes(&value), BYTES(v.value[TPM_PCR_CAP], 32));
        secret_free(TAKE_PTR(got));
        CHECK_RESULT(tpm_unseal(s.tpm, &s.params, &got), TPM_E_CAPPED);
}

int main(void)
{
        RUN(test_our_keys_are_believed);
        RUN(test_our_quote_is_believed);
        RUN(test_certified_srk_is_believed);
        RUN(test_challenges_are_solved);
        RUN(test_seal_approve_unseal_cap);
        return 0;
}
