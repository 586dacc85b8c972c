/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"

#include <errno.h>

/* P-256: the generator point, which is on the curve like any key. */
static const char generator_hex[] = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                                    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
static const char policy_a_hex[] = "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa";
static const char policy_b_hex[] = "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0";
static const char policy_b384_hex[] = "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419ca"
                                      "cb47ba09699646150f9fc000f3f80e12";

static PublicFields ak_fields(void)
{
        return (PublicFields){ .type = ATTEST_ALG_ECC,
                               .name_alg = HASH_SHA256,
                               .attributes = AK_ATTRIBUTES,
                               .scheme = ATTEST_ALG_ECDSA,
                               .scheme_hash = HASH_SHA256,
                               .size = ATTEST_CURVE_P256,
                               .unique = vector(generator_hex) };
}

static PublicFields ek_fields(void)
{
        return (PublicFields){ .type = ATTEST_ALG_ECC,
                               .name_alg = HASH_SHA256,
                               .attributes = EK_LOW_ATTRIBUTES,
                               .policy = vector(policy_a_hex),
                               .aes_bits = 128,
                               .scheme = ATTEST_ALG_NULL,
                               .size = ATTEST_CURVE_P256,
                               .unique = vector(generator_hex) };
}

static PublicFields srk_fields(void)
{
        PublicFields f = ek_fields();

        f.attributes = SRK_ATTRIBUTES;
        f.policy = BYTES("", 0);
        return f;
}

static void every_public_area_parses_only_whole(void)
{
        const PublicFields fields[] = { ak_fields(),
                                        ek_fields(),
                                        srk_fields(),
                                        { .type = ATTEST_ALG_RSA,
                                          .name_alg = HASH_SHA256,
                                          .attributes = AK_ATTRIBUTES,
                                          .scheme = ATTEST_ALG_RSASSA,
                                          .scheme_hash = HASH_SHA256,
                                          .size = 2048,
                                          .unique = repeated(0xc5, 256) } };

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                uint8_t encoded[ATTEST_PUBLIC_MAX + 1] = { 0 };
                const Bytes whole = encode_public(&fields[i], encoded);
                AttestPublic p, poisoned;

                CHECK_OK(attest_public_parse(whole, &p));
                CHECK_BYTES(BYTES(p.encoded, p.encoded_size), whole);
                memset(&p, 0x5a, sizeof(p));
                poisoned = p;
                for (size_t n = 0; n < whole.size; n++)
                        CHECK_RESULT(attest_public_parse(BYTES(encoded, n), &p), -EBADMSG);
                encoded[whole.size] = 0;
                CHECK_RESULT(attest_public_parse(BYTES(encoded, whole.size + 1), &p), -EBADMSG);
                CHECK(memcmp(&p, &poisoned, sizeof(p)) == 0);
        }
}

/* Each 16-bit number of the head and each selector replaced by 0xffff, and reserved attribute bits. */
static void unknown_numbers_are_refused(void)
{
        static const size_t places[] = { 0, 2, 4, 8, 10, 12, 14, 16, 18, 20, 54 };
        const PublicFields fields = ak_fields();
        uint8_t encoded[ATTEST_PUBLIC_MAX];
        const Bytes whole = encode_public(&fields, encoded);
        AttestPublic p;

        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                uint8_t kept[2];

                if (places[i] == 16) continue; /* the curve: any number parses, none but two make a key */
                memcpy(kept, encoded + places[i], 2);
                memset(encoded + places[i], 0xff, 2);
                CHECK_RESULT(attest_public_parse(whole, &p), -EBADMSG);
                memcpy(encoded + places[i], kept, 2);
        }
        for (unsigned bit = 0; bit < 32; bit++) {
                const bool known = UINT32_C(0x000f0ff6) >> bit & 1;

                encoded[4 + (31 - bit) / 8] ^= (uint8_t)(1 << bit % 8);
                CHECK_RESULT(attest_public_parse(whole, &p), known ? 0 : -EBADMSG);
                encoded[4 + (31 - bit) / 8] ^= (uint8_t)(1 << bit % 8);
        }
}

static void rsa_sizes_must_agree(void)
{
        PublicFields f = {
                .type = ATTEST_ALG_RSA, .name_alg = HASH_SHA256, .scheme = ATTEST_ALG_NULL, .size = 2048
        };
        uint8_t encoded[ATTEST_PUBLIC_MAX];
        AttestPublic p;

        for (size_t n = 0; n <= 512; n += 128) {
                f.unique = repeated(0xc5, n);
                CHECK_RESULT(attest_public_parse(encode_public(&f, encoded), &p), n == 256 ? 0 : -EBADMSG);
        }
        f.unique = repeated(0xc5, 513);
        f.size = 4104;
        CHECK_RESULT(attest_public_parse(encode_public(&f, encoded), &p), -EBADMSG);
}

static void schemes_belong_to_their_type(void)
{
        PublicFields f = ak_fields();
        uint8_t encoded[ATTEST_PUBLIC_MAX];
        AttestPublic p;

        f.scheme = ATTEST_ALG_RSASSA;
        CHECK_RESULT(attest_public_parse(encode_public(&f, encoded), &p), -EBADMSG);
        f.scheme = ATTEST_ALG_HMAC;
        CHECK_RESULT(attest_public_parse(encode_public(&f, encoded), &p), -EBADMSG);
        f.scheme = ATTEST_ALG_ECSCHNORR;
        CHECK_OK(attest_public_parse(encode_public(&f, encoded), &p));
}

static void a_keyed_hash_has_a_name_but_no_key(void)
{
        AttestPublic p;
        AttestName name;
        PublicKey *k = NULL;

        CHECK_OK(attest_public_parse(vector("0008000b00000000000000100020"
                                            "5555555555555555555555555555555555555555555555555555555555555555"),
                                     &p));
        CHECK_OK(attest_public_name(&p, &name));
        CHECK(name.size == 34 && name.bytes[0] == 0 && name.bytes[1] == 0x0b);
        CHECK_RESULT(attest_public_key(&p, &k), -EBADMSG);
        CHECK_RESULT(attest_public_check_ak(&p), ATTEST_E_AK_TYPE);
        CHECK_RESULT(attest_public_check_srk(&p), ATTEST_E_SRK_TYPE);
        CHECK_RESULT(attest_public_check_ek(&p), ATTEST_E_EK_TEMPLATE);
}

static void points_off_the_curve_make_no_key(void)
{
        PublicFields f = ak_fields();
        uint8_t encoded[ATTEST_PUBLIC_MAX], id[SHA256_SIZE];
        AttestPublic p;
        Bytes b = encode_public(&f, encoded);

        encoded[b.size - 1] ^= 1;
        CHECK_OK(attest_public_parse(b, &p));
        CHECK_RESULT(attest_public_node_id(&p, id), -EBADMSG);
        f.size = 5; /* P-521 */
        p = parsed(&f);
        CHECK_RESULT(attest_public_node_id(&p, id), -EBADMSG);
}

static void each_missing_ak_attribute_has_its_reason(void)
{
        static const struct {
                uint32_t flip;
                int outcome;
                const char *reason;
        } cases[] = {
                { 0, 0, NULL },
                { ATTEST_RESTRICTED, ATTEST_E_AK_NOT_RESTRICTED, "ak-not-restricted" },
                { ATTEST_SIGN, ATTEST_E_AK_NOT_SIGNING, "ak-not-signing" },
                { ATTEST_DECRYPT, ATTEST_E_AK_DECRYPTS, "ak-decrypts" },
                { ATTEST_FIXED_TPM, ATTEST_E_AK_NOT_FIXED_TPM, "ak-not-fixed-tpm" },
                { ATTEST_FIXED_PARENT, ATTEST_E_AK_NOT_FIXED_PARENT, "ak-not-fixed-parent" },
                { ATTEST_SENSITIVE_DATA_ORIGIN, ATTEST_E_AK_IMPORTED, "ak-imported" },
                { ATTEST_USER_WITH_AUTH, ATTEST_E_AK_NO_AUTH, "ak-no-auth" },
                { ATTEST_NO_DA, 0, NULL },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                PublicFields f = ak_fields();
                AttestPublic p;

                f.attributes ^= cases[i].flip;
                p = parsed(&f);
                CHECK_RESULT(attest_public_check_ak(&p), cases[i].outcome);
                if (cases[i].reason) CHECK_TEXT(attest_reason(cases[i].outcome), cases[i].reason);
        }
}

static void an_ak_needs_a_strong_scheme_of_its_own(void)
{
        const struct {
                uint16_t type, size, scheme, hash, name_alg;
                int outcome;
        } cases[] = {
                { ATTEST_ALG_ECC, ATTEST_CURVE_P256, ATTEST_ALG_NULL, 0, HASH_SHA256, ATTEST_E_AK_SCHEME },
                { ATTEST_ALG_ECC, ATTEST_CURVE_P256, ATTEST_ALG_ECSCHNORR, HASH_SHA256, HASH_SHA256,
                  ATTEST_E_AK_SCHEME },
                { ATTEST_ALG_ECC, ATTEST_CURVE_P256, ATTEST_ALG_ECDSA, HASH_SHA1, HASH_SHA256, ATTEST_E_AK_HASH },
                { ATTEST_ALG_ECC, ATTEST_CURVE_P256, ATTEST_ALG_ECDSA, HASH_SHA256, HASH_SHA1,
                  ATTEST_E_AK_NAME_ALG },
                { ATTEST_ALG_ECC, 1, ATTEST_ALG_ECDSA, HASH_SHA256, HASH_SHA256, ATTEST_E_AK_SIZE },
                { ATTEST_ALG_ECC, ATTEST_CURVE_P384, ATTEST_ALG_ECDSA, HASH_SHA384, HASH_SHA384, 0 },
                { ATTEST_ALG_RSA, 2048, ATTEST_ALG_RSASSA, HASH_SHA256, HASH_SHA256, 0 },
                { ATTEST_ALG_RSA, 3072, ATTEST_ALG_RSAPSS, HASH_SHA512, HASH_SHA256, 0 },
                { ATTEST_ALG_RSA, 1024, ATTEST_ALG_RSASSA, HASH_SHA256, HASH_SHA256, ATTEST_E_AK_SIZE },
                { ATTEST_ALG_RSA, 2048, ATTEST_ALG_RSAES, 0, HASH_SHA256, ATTEST_E_AK_SCHEME },
                { ATTEST_ALG_RSA, 2048, ATTEST_ALG_RSASSA, HASH_SHA1, HASH_SHA256, ATTEST_E_AK_HASH },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const AttestPublic p = parsed(&(PublicFields){
                        .type = cases[i].type,
                        .size = cases[i].size,
                        .scheme = cases[i].scheme,
                        .scheme_hash = cases[i].hash,
                        .name_alg = cases[i].name_alg,
                        .attributes = AK_ATTRIBUTES,
                        .unique = cases[i].type == ATTEST_ALG_RSA ? repeated(0xc5, cases[i].size / 8)
                                                                  : vector(generator_hex) });

                CHECK_RESULT(attest_public_check_ak(&p), cases[i].outcome);
        }
}

static void the_known_ek_templates_are_taken(void)
{
        const PublicFields good[] = {
                ek_fields(),
                { ATTEST_ALG_RSA, HASH_SHA256, EK_LOW_ATTRIBUTES, vector(policy_a_hex), 128, ATTEST_ALG_NULL, 0,
                  2048, repeated(0xc5, 256) },
                { ATTEST_ALG_RSA, HASH_SHA256, EK_HIGH_ATTRIBUTES, vector(policy_b_hex), 128, ATTEST_ALG_NULL, 0,
                  2048, repeated(0xc5, 256) },
                { ATTEST_ALG_ECC, HASH_SHA256, EK_HIGH_ATTRIBUTES, vector(policy_b_hex), 128, ATTEST_ALG_NULL, 0,
                  ATTEST_CURVE_P256, vector(generator_hex) },
                { ATTEST_ALG_ECC, HASH_SHA384, EK_HIGH_ATTRIBUTES, vector(policy_b384_hex), 256, ATTEST_ALG_NULL,
                  0, ATTEST_CURVE_P384, repeated(0xc5, 96) },
                { ATTEST_ALG_RSA, HASH_SHA384, EK_HIGH_ATTRIBUTES, vector(policy_b384_hex), 256, ATTEST_ALG_NULL,
                  0, 3072, repeated(0xc5, 384) },
        };

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                const AttestPublic p = parsed(&good[i]);

                CHECK_OK(attest_public_check_ek(&p));
                CHECK_RESULT(attest_public_check_ak(&p), ATTEST_E_AK_DECRYPTS);
        }
}

static void other_eks_are_refused_by_what_differs(void)
{
        const struct {
                int outcome;
                uint32_t flip;
                uint16_t aes_bits, size, scheme;
                const char *policy;
        } cases[] = {
                { ATTEST_E_EK_ATTRIBUTES, ATTEST_FIXED_TPM, 128, ATTEST_CURVE_P256, ATTEST_ALG_NULL,
                  policy_a_hex },
                { ATTEST_E_EK_ATTRIBUTES, ATTEST_SIGN, 128, ATTEST_CURVE_P256, ATTEST_ALG_NULL, policy_a_hex },
                { ATTEST_E_EK_ATTRIBUTES, ATTEST_RESTRICTED, 128, ATTEST_CURVE_P256, ATTEST_ALG_NULL,
                  policy_a_hex },
                { ATTEST_E_EK_POLICY, 0, 128, ATTEST_CURVE_P256, ATTEST_ALG_NULL, policy_b_hex },
                { ATTEST_E_EK_POLICY, 0, 128, ATTEST_CURVE_P256, ATTEST_ALG_NULL, "" },
                { ATTEST_E_EK_CIPHER, 0, 256, ATTEST_CURVE_P256, ATTEST_ALG_NULL, policy_a_hex },
                { ATTEST_E_EK_CIPHER, 0, 0, ATTEST_CURVE_P256, ATTEST_ALG_NULL, policy_a_hex },
                { ATTEST_E_EK_CIPHER, 0, 128, ATTEST_CURVE_P256, ATTEST_ALG_ECDH, policy_a_hex },
                { ATTEST_E_EK_TEMPLATE, 0, 128, 5, ATTEST_ALG_NULL, policy_a_hex },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                PublicFields f = ek_fields();
                AttestPublic p;

                f.attributes ^= cases[i].flip;
                f.aes_bits = cases[i].aes_bits;
                f.size = cases[i].size;
                f.scheme = cases[i].scheme;
                f.scheme_hash = HASH_SHA256;
                f.policy = vector(cases[i].policy);
                p = parsed(&f);
                CHECK_RESULT(attest_public_check_ek(&p), cases[i].outcome);
        }
}

static void an_srk_has_all_of_its_attributes(void)
{
        PublicFields f = srk_fields();
        AttestPublic p = parsed(&f);

        CHECK_OK(attest_public_check_srk(&p));
        for (unsigned bit = 0; bit < 19; bit++) {
                if (!((SRK_ATTRIBUTES | ATTEST_SIGN | ATTEST_ST_CLEAR) >> bit & 1)) continue;
                f.attributes = SRK_ATTRIBUTES ^ UINT32_C(1) << bit;
                p = parsed(&f);
                CHECK_RESULT(attest_public_check_srk(&p), ATTEST_E_SRK_ATTRIBUTES);
        }
        f = srk_fields();
        f.aes_bits = 0;
        p = parsed(&f);
        CHECK_RESULT(attest_public_check_srk(&p), ATTEST_E_SRK_CIPHER);
        f = srk_fields();
        f.size = 1;
        p = parsed(&f);
        CHECK_RESULT(attest_public_check_srk(&p), ATTEST_E_SRK_SIZE);
}

static void the_policy_key_has_one_public_area(void)
{
        cleanup_private_key PrivateKey *key = NULL, *larger = NULL, *ec = NULL;
        PrivateKey *wrong[2];
        cleanup_public_key PublicKey *public = NULL;
        cleanup_free uint8_t *spki = NULL, *again = NULL;
        AttestPublic p, untouched = { 0 };
        size_t n, m;

        CHECK_OK(private_key_generate(2048, &key));
        CHECK_OK(private_key_public(key, &public));
        CHECK_OK(public_key_spki(public, &spki, &n));
        CHECK_OK(attest_public_policy_key(BYTES(spki, n), &p));
        CHECK_BYTES(BYTES(p.encoded, 24), vector("0001000b00040040000000100014000b08000000000001"
                                                 "00"));
        CHECK(p.encoded_size == 24 + 256);
        CHECK_OK(attest_public_spki(&p, &again, &m));
        CHECK_BYTES(BYTES(again, m), BYTES(spki, n));
        CHECK_OK(private_key_generate(3072, &larger));
        CHECK_OK(private_key_generate(256, &ec));
        wrong[0] = larger;
        wrong[1] = ec;
        for (size_t i = 0; i < 2; i++) {
                cleanup_public_key PublicKey *k = NULL;
                cleanup_free uint8_t *der = NULL;

                CHECK_OK(private_key_public(wrong[i], &k));
                CHECK_OK(public_key_spki(k, &der, &n));
                CHECK_RESULT(attest_public_policy_key(BYTES(der, n), &untouched), -EBADMSG);
        }
        CHECK(untouched.encoded_size == 0);
}

static void every_outcome_has_a_reason_of_its_own(void)
{
        for (int i = 1; i < ATTEST_E_MAX; i++) {
                CHECK(strcmp(attest_reason(i), "internal") != 0);
                CHECK(strlen(attest_sentence(i)) > 10);
                for (int j = 1; j < i; j++) CHECK(strcmp(attest_reason(i), attest_reason(j)) != 0);
        }
        CHECK_TEXT(attest_reason(ATTEST_E_MAX), "internal");
        CHECK_TEXT(attest_reason(0), "internal");
        CHECK_TEXT(attest_reason(-EBADMSG), "malformed");
        CHECK_TEXT(attest_reason(-ENOMEM), "internal");
}

int main(void)
{
        RUN(every_public_area_parses_only_whole);
        RUN(unknown_numbers_are_refused);
        RUN(rsa_sizes_must_agree);
        RUN(schemes_belong_to_their_type);
        RUN(a_keyed_hash_has_a_name_but_no_key);
        RUN(points_off_the_curve_make_no_key);
        RUN(each_missing_ak_attribute_has_its_reason);
        RUN(an_ak_needs_a_strong_scheme_of_its_own);
        RUN(the_known_ek_templates_are_taken);
        RUN(other_eks_are_refused_by_what_differs);
        RUN(an_srk_has_all_of_its_attributes);
        RUN(the_policy_key_has_one_public_area);
        RUN(every_outcome_has_a_reason_of_its_own);
        return 0;
}
