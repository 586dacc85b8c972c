/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "attest/cap.h"
#include "attest/credential.h"
#include "attest/seal.h"
#include "vector.h"

#include <errno.h>

/* The expected digests are by another hand (Python's hashlib) from the formulas in the headers. */

static const uint64_t generation = 0x0102030405060708;
static const char ref_hex[] = "a56a2de1c5d68ce489d66b72831692a51d0a755d1ec4a1e2b8b7868dde695f0b";

static const uint8_t *node_id(void)
{
        static uint8_t id[SHA256_SIZE];

        for (size_t i = 0; i < sizeof(id); i++) id[i] = (uint8_t)i;
        return id;
}

static void an_approval_is_as_the_tpm_computes_it(void)
{
        AttestApproval a;
        AttestPcrs pcrs;

        CHECK_OK(attest_approval_pcrs(HASH_SHA256, repeated(0x77, 32), &pcrs));
        CHECK_OK(attest_approval_make(&pcrs, node_id(), generation, &a));
        CHECK_BYTES(BYTES_ARRAY(a.policy),
                    vector("2b425e7928483b9fcacb2ee47c6615131686f2e56cc4bed5235431166c6ab4dd"));
        CHECK_BYTES(BYTES_ARRAY(a.policy_ref), vector(ref_hex));
        CHECK_BYTES(BYTES_ARRAY(a.digest),
                    vector("6e3a31fe10d8d5b43200792a15cd78ddd51cf3633e97361ed21454a760f962a5"));
        CHECK_OK(attest_approval_pcrs(HASH_SHA384, repeated(0x77, 48), &pcrs));
        CHECK_OK(attest_approval_make(&pcrs, node_id(), generation, &a));
        CHECK_BYTES(BYTES_ARRAY(a.policy),
                    vector("9b8eb0d0e51b62c928e06175693d11d2a50c78aa85d545871ab284987b427876"));
}

static void policies_follow_node_and_generation(void)
{
        AttestName name = { .size = 34, .bytes = { 0, 0x0b } };
        uint8_t ref[SHA256_SIZE], policy[SHA256_SIZE], other[SHA256_SIZE];

        memset(name.bytes + 2, 0x55, 32);
        CHECK_OK(attest_policy_ref(node_id(), generation, ref));
        CHECK_OK(attest_policy_authorize(&name, ref, policy));
        CHECK_BYTES(BYTES_ARRAY(policy),
                    vector("6adcd75c08b65be925b817283e57068a53310af39ffbcf6ef2251d4604c6b492"));
        CHECK_OK(attest_policy_ref(node_id(), generation + 1, ref));
        CHECK_OK(attest_policy_authorize(&name, ref, other));
        CHECK(!bytes_equal(BYTES_ARRAY(policy), BYTES_ARRAY(other)));
        name.size = 0;
        CHECK_RESULT(attest_policy_authorize(&name, ref, other), -EINVAL);
}

static AttestPcrs pcrs_of(HashAlg bank, uint32_t mask)
{
        AttestPcrs p = { .bank = bank, .mask = mask };

        for (unsigned i = 0; i < ATTEST_PCR_COUNT; i++)
                if (i != ATTEST_CAP_PCR) memset(p.values[i], 0x77, hash_size(bank));
        return p;
}

static void approvals_without_the_cap_at_zero_are_never_made(void)
{
        const uint32_t cap = ATTEST_PCR_BIT(15), seven = ATTEST_PCR_BIT(7);
        const struct {
                uint32_t mask;
                HashAlg bank;
                int outcome;
        } cases[] = {
                { seven | cap, HASH_SHA256, 0 },
                { 0xffff, HASH_SHA256, 0 },
                { seven, HASH_SHA256, ATTEST_E_APPROVAL_NO_CAP },
                { 0, HASH_SHA256, ATTEST_E_APPROVAL_NO_CAP },
                { cap, HASH_SHA256, ATTEST_E_APPROVAL_PCR },
                { seven | cap | ATTEST_PCR_BIT(16), HASH_SHA256, ATTEST_E_APPROVAL_PCR },
                { seven | cap | ATTEST_PCR_BIT(23), HASH_SHA256, ATTEST_E_APPROVAL_PCR },
                { seven | cap | ATTEST_PCR_BIT(31), HASH_SHA256, ATTEST_E_APPROVAL_PCR },
                { seven | cap, HASH_SHA1, ATTEST_E_APPROVAL_BANK },
                { seven | cap, (HashAlg)0x27, ATTEST_E_APPROVAL_BANK },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const AttestPcrs p = pcrs_of(cases[i].bank, cases[i].mask);
                AttestApproval a;

                CHECK_RESULT(attest_approval_make(&p, node_id(), generation, &a), cases[i].outcome);
        }
        for (size_t i = 0; i < 32; i++) {
                AttestPcrs p = pcrs_of(HASH_SHA256, seven | cap);
                AttestApproval a = { .policy = { 0x5a } };

                p.values[15][i] = 1;
                CHECK_RESULT(attest_approval_make(&p, node_id(), generation, &a), ATTEST_E_APPROVAL_CAP_SET);
                CHECK(a.policy[0] == 0x5a);
        }
}

static void signed_approvals_are_verified_whole(void)
{
        cleanup_private_key PrivateKey *key = NULL, *stranger = NULL;
        cleanup_public_key PublicKey *public = NULL;
        cleanup_free uint8_t *spki = NULL;
        uint8_t signature[KEY_RSA_SIZE_MAX], foreign[KEY_RSA_SIZE_MAX];
        AttestPublic policy_key;
        AttestApproval a, b;
        AttestPcrs pcrs;
        size_t n;

        CHECK_OK(private_key_generate(2048, &key));
        CHECK_OK(private_key_generate(2048, &stranger));
        CHECK_OK(private_key_public(key, &public));
        CHECK_OK(public_key_spki(public, &spki, &n));
        CHECK_OK(attest_public_policy_key(BYTES(spki, n), &policy_key));
        CHECK_OK(attest_approval_pcrs(HASH_SHA256, repeated(0x77, 32), &pcrs));
        CHECK_OK(attest_approval_make(&pcrs, node_id(), generation, &a));
        CHECK_OK(attest_approval_sign(&a, key, signature, &n));
        CHECK_OK(attest_approval_sign(&a, stranger, foreign, &n));
        CHECK_OK(attest_approval_verify(&a, &policy_key, BYTES(signature, n)));
        CHECK_RESULT(attest_approval_verify(&a, &policy_key, BYTES(foreign, n)), ATTEST_E_APPROVAL_SIGNATURE);
        CHECK_RESULT(attest_approval_verify(&a, &policy_key, BYTES(signature, 0)), ATTEST_E_APPROVAL_SIGNATURE);
        for (size_t i = 0; i < sizeof(a); i++) {
                b = a;
                ((uint8_t *)&b)[i] ^= 1;
                CHECK_RESULT(attest_approval_verify(&b, &policy_key, BYTES(signature, n)),
                             ATTEST_E_APPROVAL_SIGNATURE);
        }
}

static void pcr_values_have_their_banks_size(void)
{
        AttestPcrs p = { .bank = HASH_SHA256 };
        uint8_t digest[HASH_SIZE_MAX];

        CHECK_RESULT(attest_pcrs_digest(&p, HASH_SHA256, digest), -EINVAL);
        CHECK_RESULT(attest_pcrs_set(&p, 24, repeated(0, 32)), -EINVAL);
        CHECK_RESULT(attest_pcrs_set(&p, 7, repeated(0, 31)), -EINVAL);
        CHECK_RESULT(attest_pcrs_set(&p, 7, BYTES("", 0)), -EINVAL);
        CHECK(p.mask == 0 && attest_pcrs_get(&p, 7).size == 0 && attest_pcrs_get(&p, 99).size == 0);
        CHECK_OK(attest_pcrs_set(&p, 7, repeated(3, 32)));
        CHECK(attest_pcrs_get(&p, 7).size == 32);
        CHECK_RESULT(attest_approval_pcrs(HASH_SHA256, repeated(0, 20), &p), -EINVAL);
}

static AttestVolume volume(uint8_t id, const char *role)
{
        AttestVolume v = { 0 };

        memset(v.id, id, sizeof(v.id));
        strcpy(v.role, role);
        CHECK_OK(attest_volume_tag(repeated(0x99, 64), v.id, role, v.tag));
        return v;
}

static void the_cap_does_not_depend_on_the_order(void)
{
        const AttestVolume volumes[] = { volume(1, "swap"), volume(0, "data:x"), volume(1, "root") };
        static const uint8_t orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                             { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

        CHECK_BYTES(BYTES_ARRAY(volumes[2].tag),
                    vector("a616b0e6c77ff8b8c1374311b0f3d5e2aaaf6a2015b146c9255184ceb041637c"));
        for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
                AttestVolume given[3];
                Digest event, pcr;

                for (size_t j = 0; j < 3; j++) given[j] = volumes[orders[i][j]];
                CHECK_OK(attest_cap_event(HASH_SHA256, ATTEST_CAP_ATTESTED, given, 3, &event));
                CHECK_BYTES(digest_bytes(&event),
                            vector("42f75f3446f014ffd88ff2f9f1b4800db653aef6554ea61cd3e9ac6e09b33600"));
                CHECK_OK(attest_cap_pcr(&event, &pcr));
                CHECK_BYTES(digest_bytes(&pcr),
                            vector("559b33e0f58a2d62b76186204a97dd243fa7abadc19e014838553d0d0469844b"));
                CHECK_OK(attest_cap_event(HASH_SHA384, ATTEST_CAP_ATTESTED, given, 3, &event));
                CHECK_BYTES(digest_bytes(&event), vector("d59d130075657a69357294c9522792462db3bab0522b861f"
                                                         "0e57d2146c268e3be07327ba3674070736581689c7b925f2"));
        }
}

static void caps_differ_by_outcome_and_volumes(void)
{
        static const char *const outcomes[] = { ATTEST_CAP_ATTESTED, ATTEST_CAP_RECOVERY, ATTEST_CAP_ENROLLED,
                                                ATTEST_CAP_FALLBACK };
        const AttestVolume root = volume(1, "root");
        Digest all[8];

        for (size_t i = 0; i < 4; i++) {
                CHECK_OK(attest_cap_event(HASH_SHA256, outcomes[i], NULL, 0, &all[2 * i]));
                CHECK_OK(attest_cap_event(HASH_SHA256, outcomes[i], &root, 1, &all[2 * i + 1]));
        }
        CHECK_BYTES(digest_bytes(&all[6]),
                    vector("ea3b8d087ab39d77c03d30d2119b46a030b579bd23d6ebfcd085fcf96db24719"));
        for (size_t i = 0; i < 8; i++)
                for (size_t j = 0; j < i; j++) CHECK(!bytes_equal(digest_bytes(&all[i]), digest_bytes(&all[j])));
}

static void caps_that_make_no_sense_are_refused(void)
{
        const AttestVolume twice[] = { volume(1, "root"), volume(1, "root") };
        AttestVolume bad = volume(1, "root");
        Digest event = { .size = 7 }, pcr = { .size = 7 };
        uint8_t tag[SHA256_SIZE];

        CHECK_RESULT(attest_cap_event(HASH_SHA256, "opened", NULL, 0, &event), -EINVAL);
        CHECK_RESULT(attest_cap_event(HASH_SHA256, ATTEST_CAP_ATTESTED, twice, 2, &event), -EINVAL);
        CHECK_RESULT(attest_cap_event(HASH_SHA256, ATTEST_CAP_ATTESTED, NULL, ATTEST_VOLUMES_MAX + 1, &event),
                     -EINVAL);
        bad.role[0] = '\0';
        CHECK_RESULT(attest_cap_event(HASH_SHA256, ATTEST_CAP_ATTESTED, &bad, 1, &event), -EINVAL);
        memset(bad.role, 'r', sizeof(bad.role));
        CHECK_RESULT(attest_cap_event(HASH_SHA256, ATTEST_CAP_ATTESTED, &bad, 1, &event), -EINVAL);
        CHECK_RESULT(attest_cap_event((HashAlg)0x27, ATTEST_CAP_FALLBACK, NULL, 0, &event), -EINVAL);
        CHECK_RESULT(attest_cap_pcr(&event, &pcr), -EINVAL);
        CHECK_RESULT(attest_volume_tag(BYTES("", 0), bad.id, "root", tag), -EINVAL);
        CHECK_RESULT(attest_volume_tag(repeated(1, 64), bad.id, "", tag), -EINVAL);
        CHECK(event.size == 7 && pcr.size == 7);
}

static void most_volumes_fit(void)
{
        static AttestVolume many[ATTEST_VOLUMES_MAX];
        char role[ATTEST_VOLUME_ROLE_MAX + 1] = { 0 };
        Digest event;

        memset(role, 'r', ATTEST_VOLUME_ROLE_MAX);
        for (size_t i = 0; i < ARRAY_SIZE(many); i++) many[i] = volume((uint8_t)i, role);
        CHECK_OK(attest_cap_event(HASH_SHA512, ATTEST_CAP_RECOVERY, many, ARRAY_SIZE(many), &event));
        CHECK(event.size == 64);
}

static void a_challenge_is_answered_by_its_secret_alone(void)
{
        uint8_t secret[32], exporter[32], answer[SHA256_SIZE];

        memset(secret, 0x66, 32);
        memset(exporter, 0x44, 32);
        CHECK_OK(attest_credential_answer(secret, exporter, answer));
        CHECK_BYTES(BYTES_ARRAY(answer),
                    vector("db208dbd5a2df4079f533e20c02c0f743b8b74f1961eb1b36ef12f700b96d46a"));
        CHECK_OK(attest_credential_check(secret, exporter, BYTES_ARRAY(answer)));
        CHECK_RESULT(attest_credential_check(secret, exporter, BYTES_ARRAY(secret)), ATTEST_E_CHALLENGE);
        CHECK_RESULT(attest_credential_check(secret, exporter, BYTES("", 0)), ATTEST_E_CHALLENGE);
        CHECK_RESULT(attest_credential_check(secret, exporter, BYTES(answer, 31)), ATTEST_E_CHALLENGE);
        exporter[0] ^= 1;
        CHECK_RESULT(attest_credential_check(secret, exporter, BYTES_ARRAY(answer)), ATTEST_E_CHALLENGE);
}

int main(void)
{
        RUN(an_approval_is_as_the_tpm_computes_it);
        RUN(policies_follow_node_and_generation);
        RUN(approvals_without_the_cap_at_zero_are_never_made);
        RUN(signed_approvals_are_verified_whole);
        RUN(pcr_values_have_their_banks_size);
        RUN(the_cap_does_not_depend_on_the_order);
        RUN(caps_differ_by_outcome_and_volumes);
        RUN(caps_that_make_no_sense_are_refused);
        RUN(most_volumes_fit);
        RUN(a_challenge_is_answered_by_its_secret_alone);
        return 0;
}
