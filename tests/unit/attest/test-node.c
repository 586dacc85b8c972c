/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The two ends together: what lib/tpm has a TPM make on the node, lib/attest judges on the verifier, and the other
 * way round. */

#include "attest/credential.h"
#include "attest/quote.h"
#include "attest/seal.h"
#include "tpm/keys.h"
#include "tpm/quote.h"
#include "tpm/seal.h"
#include "tpm/swtpm.h"
#include "vector.h"

typedef struct Node {
        Rig *rig;
        Tpm *tpm;
        TpmObject ak, srk;
        TpmEk ek;
        AttestPublic ak_public, srk_public, ek_public;
        uint8_t id[SHA256_SIZE];
} Node;

static void node_init(Node *n)
{
        *n = (Node){ .rig = rig_new() };
        CHECK_OK(tpm_open(rig_tcti(n->rig), &n->tpm));
        CHECK_OK(tpm_ek_read(n->tpm, &n->ek));
        CHECK_OK(tpm_ak_ensure(n->tpm, &n->ak));
        CHECK_OK(tpm_srk_ensure(n->tpm, &n->srk));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&n->ek.object.public_area), &n->ek_public));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&n->ak.public_area), &n->ak_public));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&n->srk.public_area), &n->srk_public));
        CHECK_OK(attest_public_node_id(&n->ek_public, n->id));
}

static void node_deinit(Node *n)
{
        tpm_ek_deinit(&n->ek);
        tpm_close(n->tpm);
        rig_free(n->rig);
}

static AttestExtra extra_of(const Node *n, AttestPurpose purpose, TpmExtra *ret)
{
        AttestContext c = { .purpose = purpose, .role = "node", .exporter = { 1 } };
        AttestExtra e;

        memcpy(c.node_id, n->id, sizeof(c.node_id));
        CHECK_OK(attest_extra_data(&c, &e));
        memcpy(ret->bytes, e.bytes, sizeof(ret->bytes));
        return e;
}

static void the_nodes_keys_are_what_they_must_be(void)
{
        _cleanup_(node_deinit) Node n;
        AttestName name;

        node_init(&n);
        CHECK_OK(attest_public_check_ek(&n.ek_public));
        CHECK_OK(attest_public_check_ak(&n.ak_public));
        CHECK_OK(attest_public_check_srk(&n.srk_public));
        CHECK_OK(attest_public_name(&n.ak_public, &name));
        CHECK_BYTES(attest_name_bytes(&name), tpm_name_bytes(&n.ak.name));
}

static void the_node_solves_the_challenge_for_its_own_ak_alone(void)
{
        _cleanup_(node_deinit) Node n;
        cleanup_secret Secret *solved = NULL;
        Secret *none = NULL;
        uint8_t secret[ATTEST_SECRET_SIZE] = { 0x5e, 1, 2 };
        AttestCredential c;
        AttestName name;

        node_init(&n);
        CHECK_OK(attest_public_name(&n.ak_public, &name));
        CHECK_OK(attest_credential_make(&n.ek_public, &name, secret, &c));
        CHECK_OK(tpm_activate_credential(n.tpm, &n.ak, &n.ek, BYTES(c.blob, c.blob_size),
                                         BYTES(c.secret, c.secret_size), &solved));
        CHECK_BYTES(secret_bytes(solved), BYTES_ARRAY(secret));
        CHECK(!rig_saw(n.rig, BYTES_ARRAY(secret)));
        CHECK_OK(attest_public_name(&n.srk_public, &name));
        CHECK_OK(attest_credential_make(&n.ek_public, &name, secret, &c));
        CHECK_RESULT(tpm_activate_credential(n.tpm, &n.ak, &n.ek, BYTES(c.blob, c.blob_size),
                                             BYTES(c.secret, c.secret_size), &none),
                     TPM_E_BLOB);
}

static void evidence_is_good_for_its_purpose_alone(void)
{
        _cleanup_(node_deinit) Node n;
        TpmExtra to_sign, ignored;
        AttestExtra unlock, reattest, certify;
        AttestQuote q;
        AttestClock at;
        TpmSigned s;

        node_init(&n);
        reattest = extra_of(&n, ATTEST_PURPOSE_REATTEST, &ignored);
        unlock = extra_of(&n, ATTEST_PURPOSE_UNLOCK, &to_sign);
        CHECK_OK(tpm_quote(n.tpm, &n.ak, &to_sign, HASH_SHA256, ATTEST_PCRS, &s));
        CHECK_OK(attest_quote_authenticate(tpm_signed_attest(&s), tpm_signed_signature(&s), &n.ak_public, &unlock,
                                           &q));
        CHECK_OK(attest_quote_check_selection(&q, HASH_SHA256, ATTEST_PCRS));
        CHECK_OK(attest_clock_check_hierarchy(&q.at, &n.ak_public));
        CHECK_RESULT(attest_quote_authenticate(tpm_signed_attest(&s), tpm_signed_signature(&s), &n.ak_public,
                                               &reattest, &q),
                     ATTEST_E_EXTRA_DATA);
        certify = extra_of(&n, ATTEST_PURPOSE_CERTIFY, &to_sign);
        CHECK_OK(tpm_certify(n.tpm, &n.ak, &n.srk, &to_sign, &s));
        CHECK_OK(attest_certify_verify(tpm_signed_attest(&s), tpm_signed_signature(&s), &n.ak_public, &certify,
                                       &n.srk_public, &at));
        CHECK(at.reset_count == q.at.reset_count && at.restart_count == q.at.restart_count);
        CHECK_RESULT(attest_certify_verify(tpm_signed_attest(&s), tpm_signed_signature(&s), &n.ak_public, &certify,
                                           &n.ak_public, NULL),
                     ATTEST_E_CERTIFIED_NAME);
        CHECK_RESULT(attest_quote_authenticate(tpm_signed_attest(&s), tpm_signed_signature(&s), &n.ak_public,
                                               &certify, &q),
                     ATTEST_E_TYPE);
}

typedef struct Signed {
        TpmSigned s;
        AttestPurpose purpose;
        bool certify; /* else a quote */
} Signed;

static Signed sign_for(const Node *n, AttestPurpose purpose, bool certify)
{
        Signed made = { .purpose = purpose, .certify = certify };
        TpmExtra to_sign;

        (void)extra_of(n, purpose, &to_sign);
        if (certify) CHECK_OK(tpm_certify(n->tpm, &n->ak, &n->srk, &to_sign, &made.s));
        else CHECK_OK(tpm_quote(n->tpm, &n->ak, &to_sign, HASH_SHA256, ATTEST_PCRS, &made.s));
        return made;
}

static int check_as(const Node *n, const Signed *made, AttestPurpose purpose, bool certify)
{
        const Bytes attest = tpm_signed_attest(&made->s), signature = tpm_signed_signature(&made->s);
        TpmExtra ignored;
        const AttestExtra expected = extra_of(n, purpose, &ignored);
        AttestQuote q;

        if (certify)
                return attest_certify_verify(attest, signature, &n->ak_public, &expected, &n->srk_public, NULL);
        return attest_quote_authenticate(attest, signature, &n->ak_public, &expected, &q);
}

/* Everything that the AK signs, replayed for everything that is ever checked. */
static void no_signed_structure_passes_for_another(void)
{
        _cleanup_(node_deinit) Node n;
        unsigned accepted = 0;

        node_init(&n);
        for (int i = 0; i < 2 * ATTEST_PURPOSE_CERTIFY; i++) {
                const Signed made = sign_for(&n, (AttestPurpose)(1 + i / 2), i % 2);

                for (int k = 0; k < 2 * ATTEST_PURPOSE_CERTIFY; k++) {
                        const AttestPurpose used = (AttestPurpose)(1 + k / 2);
                        const bool certify = k % 2;

                        CHECK_RESULT(check_as(&n, &made, used, certify), made.certify != certify ? ATTEST_E_TYPE
                                                                         : made.purpose != used
                                                                                 ? ATTEST_E_EXTRA_DATA
                                                                                 : 0);
                        accepted += i == k;
                }
        }
        CHECK(accepted == 2 * ATTEST_PURPOSE_CERTIFY);
}

/* A boot later the counters have moved, both in the order that the verifier compares them. */
static void a_power_cut_moves_the_counters(void)
{
        _cleanup_(node_deinit) Node n;
        AttestQuote before, after;
        TpmExtra to_sign;
        AttestExtra e;
        TpmSigned s;

        node_init(&n);
        e = extra_of(&n, ATTEST_PURPOSE_UNLOCK, &to_sign);
        CHECK_OK(tpm_quote(n.tpm, &n.ak, &to_sign, HASH_SHA256, ATTEST_PCRS, &s));
        CHECK_OK(attest_quote_authenticate(tpm_signed_attest(&s), tpm_signed_signature(&s), &n.ak_public, &e,
                                           &before));
        rig_power_cut(n.rig);
        CHECK_OK(tpm_quote(n.tpm, &n.ak, &to_sign, HASH_SHA256, ATTEST_PCRS, &s));
        CHECK_OK(attest_quote_authenticate(tpm_signed_attest(&s), tpm_signed_signature(&s), &n.ak_public, &e,
                                           &after));
        CHECK(after.at.reset_count > before.at.reset_count);
}

static void an_approved_boot_opens_the_half_until_the_cap(void)
{
        _cleanup_(node_deinit) Node n;
        cleanup_private_key PrivateKey *key = NULL;
        cleanup_public_key PublicKey *public = NULL;
        cleanup_secret Secret *half = NULL, *opened = NULL;
        cleanup_free uint8_t *spki = NULL;
        uint8_t signature[KEY_RSA_SIZE_MAX], policy[SHA256_SIZE], zeros[SHA256_SIZE] = { 0 };
        Secret *none = NULL;
        AttestPublic policy_key;
        AttestName name;
        AttestPcrs pcrs;
        AttestApproval a;
        TpmSealed sealed;
        size_t size;

        node_init(&n);
        CHECK_OK(private_key_generate(2048, &key));
        CHECK_OK(private_key_public(key, &public));
        CHECK_OK(public_key_spki(public, &spki, &size));
        CHECK_OK(attest_public_policy_key(BYTES(spki, size), &policy_key));
        CHECK_OK(attest_public_name(&policy_key, &name));
        CHECK_OK(attest_approval_pcrs(HASH_SHA256, BYTES_ARRAY(zeros), &pcrs));
        CHECK_OK(attest_approval_make(&pcrs, n.id, 1, &a));
        CHECK_OK(attest_approval_sign(&a, key, signature, &size));
        CHECK_OK(attest_approval_verify(&a, &policy_key, BYTES(signature, size)));
        CHECK_OK(attest_policy_authorize(&name, a.policy_ref, policy));
        CHECK_OK(secret_new_random(32, &half));
        CHECK_OK(tpm_seal(n.tpm, &n.srk, BYTES_ARRAY(policy), half, &sealed));

        const TpmApproval approval = { .key_public = BYTES(policy_key.encoded, policy_key.encoded_size),
                                       .policy = BYTES_ARRAY(a.policy),
                                       .policy_ref = BYTES_ARRAY(a.policy_ref),
                                       .signature = BYTES(signature, size) };
        const TpmUnsealParams params = { .srk = &n.srk,
                                         .private_area = BYTES(sealed.private_area, sealed.private_size),
                                         .public_area = tpm_public_bytes(&sealed.public_area),
                                         .bank = HASH_SHA256,
                                         .mask = pcrs.mask,
                                         .approval = &approval };

        CHECK_OK(tpm_unseal(n.tpm, &params, &opened));
        CHECK_BYTES(secret_bytes(opened), secret_bytes(half));
        rig_extend(n.rig, ATTEST_CAP_PCR);
        CHECK_RESULT(tpm_unseal(n.tpm, &params, &none), TPM_E_CAPPED);
}

int main(void)
{
        RUN(the_nodes_keys_are_what_they_must_be);
        RUN(the_node_solves_the_challenge_for_its_own_ak_alone);
        RUN(evidence_is_good_for_its_purpose_alone);
        RUN(no_signed_structure_passes_for_another);
        RUN(a_power_cut_moves_the_counters);
        RUN(an_approved_boot_opens_the_half_until_the_cap);
        return 0;
}
