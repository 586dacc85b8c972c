/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/internal.h"

#include <openssl/core_names.h>
#include <string.h>

int openssl_fail(int r, const char *what)
{
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());

        r = reason ? error_set(r, "%s: %s", what, reason) : error_set(r, "%s failed", what);
        ERR_clear_error();
        return r;
}

const EVP_MD *openssl_signature_md(HashAlg alg)
{
        switch ((unsigned)alg) {
        case HASH_SHA256: return EVP_sha256();
        case HASH_SHA384: return EVP_sha384();
        case HASH_SHA512: return EVP_sha512();
        default: return NULL;
        }
}

/* Sizes and exponent; primality is the key owner's business. */
static int check_rsa(const EVP_PKEY *pkey, unsigned *ret_bits)
{
        cleanup_bignum BIGNUM *n = NULL;
        cleanup_bignum BIGNUM *e = NULL;
        const int bits = EVP_PKEY_get_bits(pkey);

        if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
            EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
                return openssl_fail(-EBADMSG, "RSA key");
        if (bits < KEY_RSA_BITS_MIN || bits > KEY_RSA_BITS_MAX || bits % 8 != 0)
                return error_set(-EBADMSG, "an RSA key of %d bits; %d to %d are taken", bits, KEY_RSA_BITS_MIN,
                                 KEY_RSA_BITS_MAX);
        if (!BN_is_odd(n)) return error_set(-EBADMSG, "an RSA modulus that is even");
        if (!BN_is_odd(e) || BN_num_bits(e) < 17 || BN_num_bits(e) > 32)
                return error_set(-EBADMSG, "an RSA exponent outside 65537 to 2^32 - 1");
        *ret_bits = (unsigned)bits;
        return 0;
}

static int check_ec(const EVP_PKEY *pkey, KeyType *ret_type, unsigned *ret_bits)
{
        char group[32];

        if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL) != 1)
                return openssl_fail(-EBADMSG, "EC key without a named curve");
        if (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0) *ret_type = KEY_P256;
        else if (strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0) *ret_type = KEY_P384;
        else return error_set(-EBADMSG, "an EC key on %s; P-256 and P-384 are taken", group);
        *ret_bits = *ret_type == KEY_P256 ? 256 : 384;
        return 0;
}

int openssl_key_kind(const EVP_PKEY *pkey, KeyType *ret_type, unsigned *ret_bits)
{
        switch (EVP_PKEY_get_base_id(pkey)) {
        case EVP_PKEY_RSA: *ret_type = KEY_RSA; return check_rsa(pkey, ret_bits);
        case EVP_PKEY_EC: return check_ec(pkey, ret_type, ret_bits);
        default: return error_set(-EBADMSG, "a key that is neither RSA nor EC");
        }
}

int openssl_copy_out(unsigned char *der, int n, uint8_t **ret, size_t *ret_size)
{
        uint8_t *copy = malloc((size_t)n);

        if (copy) memcpy(copy, der, (size_t)n);
        OPENSSL_free(der);
        if (!copy) return -ENOMEM;
        *ret = copy;
        *ret_size = (size_t)n;
        return 0;
}
