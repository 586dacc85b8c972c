/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an AK, an EK and an SRK must be. Of an AK every attribute is asked for by itself, so that a refusal says
 * which one; an EK is one of the TCG's templates or it is none; an SRK has all of its attributes. */

#include "attest/public.h"

#include <string.h>

static bool is_strong_hash(uint16_t alg)
{
        return alg == HASH_SHA256 || alg == HASH_SHA384 || alg == HASH_SHA512;
}

static bool has_strong_size(const AttestPublic *p)
{
        if (p->type == ATTEST_ALG_RSA) return p->rsa_bits >= KEY_RSA_BITS_MIN && p->rsa_bits <= KEY_RSA_BITS_MAX;
        return p->curve == ATTEST_CURVE_P256 || p->curve == ATTEST_CURVE_P384;
}

static int check_ak_attributes(const AttestPublic *p)
{
        static const struct {
                uint32_t bit;
                int outcome;
        } required[] = {
                { ATTEST_RESTRICTED, ATTEST_E_AK_NOT_RESTRICTED },
                { ATTEST_SIGN, ATTEST_E_AK_NOT_SIGNING },
                { ATTEST_FIXED_TPM, ATTEST_E_AK_NOT_FIXED_TPM },
                { ATTEST_FIXED_PARENT, ATTEST_E_AK_NOT_FIXED_PARENT },
                { ATTEST_SENSITIVE_DATA_ORIGIN, ATTEST_E_AK_IMPORTED },
                { ATTEST_USER_WITH_AUTH, ATTEST_E_AK_NO_AUTH },
        };

        if (p->attributes & ATTEST_DECRYPT) return ATTEST_E_AK_DECRYPTS;
        for (size_t i = 0; i < ARRAY_SIZE(required); i++)
                if (!(p->attributes & required[i].bit)) return required[i].outcome;
        return 0;
}

static bool has_ak_scheme(const AttestPublic *p)
{
        if (p->type == ATTEST_ALG_ECC) return p->scheme == ATTEST_ALG_ECDSA;
        return p->scheme == ATTEST_ALG_RSASSA || p->scheme == ATTEST_ALG_RSAPSS;
}

int attest_public_check_ak(const AttestPublic *p)
{
        int r;

        if (p->type != ATTEST_ALG_RSA && p->type != ATTEST_ALG_ECC) return ATTEST_E_AK_TYPE;
        if (!is_strong_hash(p->name_alg)) return ATTEST_E_AK_NAME_ALG;
        r = check_ak_attributes(p);
        if (r != 0) return r;
        if (!has_ak_scheme(p)) return ATTEST_E_AK_SCHEME;
        if (!is_strong_hash(p->scheme_hash)) return ATTEST_E_AK_HASH;
        if (!has_strong_size(p)) return ATTEST_E_AK_SIZE;
        return 0;
}

/* TCG EK Credential Profile, annex B: PolicyA is PolicySecret(endorsement), PolicyB is PolicyA or what an NV
 * index authorises. */
static const uint8_t policy_a_sha256[] = {
        0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
        0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};
static const uint8_t policy_b_sha256[] = {
        0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34, 0x24, 0x14, 0xef, 0xcf, 0xb3,
        0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd, 0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0,
};
static const uint8_t policy_b_sha384[] = {
        0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a,
        0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca,
        0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12,
};

enum {
        EK_LOW = ATTEST_FIXED_TPM | ATTEST_FIXED_PARENT | ATTEST_SENSITIVE_DATA_ORIGIN | ATTEST_ADMIN_WITH_POLICY |
                 ATTEST_RESTRICTED | ATTEST_DECRYPT,
        EK_HIGH = EK_LOW | ATTEST_USER_WITH_AUTH,
};

typedef struct Template {
        uint16_t type, size; /* RSA bits or curve */
        uint32_t attributes;
        uint16_t name_alg, aes_bits;
        const uint8_t *policy;
} Template;

static const Template templates[] = {
        { ATTEST_ALG_RSA, 2048, EK_LOW, HASH_SHA256, 128, policy_a_sha256 },               /* L-1 */
        { ATTEST_ALG_ECC, ATTEST_CURVE_P256, EK_LOW, HASH_SHA256, 128, policy_a_sha256 },  /* L-2 */
        { ATTEST_ALG_RSA, 2048, EK_HIGH, HASH_SHA256, 128, policy_b_sha256 },              /* H-1 */
        { ATTEST_ALG_ECC, ATTEST_CURVE_P256, EK_HIGH, HASH_SHA256, 128, policy_b_sha256 }, /* H-2 */
        { ATTEST_ALG_ECC, ATTEST_CURVE_P384, EK_HIGH, HASH_SHA384, 256, policy_b_sha384 }, /* H-3 */
        { ATTEST_ALG_RSA, 3072, EK_HIGH, HASH_SHA384, 256, policy_b_sha384 },              /* H-6 */
        { ATTEST_ALG_RSA, 4096, EK_HIGH, HASH_SHA384, 256, policy_b_sha384 },              /* H-7 */
};

static bool matches_policy(const AttestPublic *p, const Template *t)
{
        return p->name_alg == t->name_alg &&
               bytes_equal(BYTES(p->policy, p->policy_size), BYTES(t->policy, hash_size(t->name_alg)));
}

static bool matches_cipher(const AttestPublic *p, const Template *t)
{
        if (p->symmetric != ATTEST_ALG_AES || p->symmetric_bits != t->aes_bits ||
            p->symmetric_mode != ATTEST_ALG_CFB)
                return false;
        if (p->scheme != ATTEST_ALG_NULL) return false;
        return p->type == ATTEST_ALG_RSA ? p->rsa_exponent == 65537 : p->kdf == ATTEST_ALG_NULL;
}

int attest_public_check_ek(const AttestPublic *p)
{
        int outcome = ATTEST_E_EK_TEMPLATE;

        for (size_t i = 0; i < ARRAY_SIZE(templates); i++) {
                const Template *t = &templates[i];

                if (p->type != t->type || (p->type == ATTEST_ALG_RSA ? p->rsa_bits : p->curve) != t->size)
                        continue;
                if (p->attributes == t->attributes) {
                        if (!matches_policy(p, t)) return ATTEST_E_EK_POLICY;
                        return matches_cipher(p, t) ? 0 : ATTEST_E_EK_CIPHER;
                }
                outcome = ATTEST_E_EK_ATTRIBUTES;
        }
        return outcome;
}

int attest_public_check_srk(const AttestPublic *p)
{
        const uint32_t required = ATTEST_RESTRICTED | ATTEST_DECRYPT | ATTEST_FIXED_TPM | ATTEST_FIXED_PARENT |
                                  ATTEST_SENSITIVE_DATA_ORIGIN | ATTEST_USER_WITH_AUTH | ATTEST_NO_DA;

        if (p->type != ATTEST_ALG_RSA && p->type != ATTEST_ALG_ECC) return ATTEST_E_SRK_TYPE;
        if ((p->attributes & required) != required || p->attributes & (ATTEST_SIGN | ATTEST_ST_CLEAR))
                return ATTEST_E_SRK_ATTRIBUTES;
        if (p->symmetric != ATTEST_ALG_AES || p->symmetric_mode != ATTEST_ALG_CFB) return ATTEST_E_SRK_CIPHER;
        if (!is_strong_hash(p->name_alg) || !has_strong_size(p)) return ATTEST_E_SRK_SIZE;
        return 0;
}
