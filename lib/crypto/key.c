/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Public keys. Whatever form a key comes in, it is taken apart into its numbers, built again from them, and
 * written again: a form whose bytes differ from that (compressed points, explicit curves, odd parameters) is
 * refused, so that one key has one SubjectPublicKeyInfo and so one id. */

#include "crypto/key.h"

#include "base/writer.h"
#include "crypto/internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

DEFINE_CLEANUP(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
DEFINE_CLEANUP(OSSL_PARAM, OSSL_PARAM_free)
DEFINE_CLEANUP(ECDSA_SIG, ECDSA_SIG_free)

void public_key_free(PublicKey *k)
{
        if (!k) return;
        EVP_PKEY_free(k->pkey);
        free(k);
}

/* Takes the pkey over, also on failure. */
static int wrap(EVP_PKEY *pkey, PublicKey **ret)
{
        cleanup_public_key PublicKey *k = calloc(1, sizeof(*k));
        int r;

        if (!k) {
                EVP_PKEY_free(pkey);
                return -ENOMEM;
        }
        k->pkey = pkey;
        r = openssl_key_kind(pkey, &k->type, &k->bits);
        if (r < 0) return r;
        *ret = TAKE_PTR(k);
        return 0;
}

static int from_params(const char *algorithm, OSSL_PARAM_BLD *builder, PublicKey **ret)
{
        _cleanup_(OSSL_PARAM_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
        cleanup_pkey_context EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
        EVP_PKEY *pkey = NULL;

        if (!params || !c) return -ENOMEM;
        if (EVP_PKEY_fromdata_init(c) != 1 || EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
                return openssl_fail(-EBADMSG, "public key");
        return wrap(pkey, ret);
}

int public_key_new_rsa(Bytes modulus, uint32_t exponent, PublicKey **ret)
{
        _cleanup_(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
        cleanup_bignum BIGNUM *n = NULL;

        if (modulus.size == 0 || modulus.size > KEY_RSA_SIZE_MAX)
                return error_set(-EBADMSG, "an RSA modulus of %zu bytes", modulus.size);
        n = BN_bin2bn(modulus.data, (int)modulus.size, NULL);
        if (!b || !n || OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
            OSSL_PARAM_BLD_push_uint32(b, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
                return -ENOMEM;
        return from_params("RSA", b, ret);
}

static size_t coordinate_size(KeyType type)
{
        return type == KEY_P256 ? 32 : type == KEY_P384 ? 48 : 0;
}

/* SEC 1, 2.3.3: 4 || x || y */
enum { POINT_MAX = 1 + 2 * KEY_COORDINATE_MAX };

static size_t encode_point(size_t size, Bytes x, Bytes y, uint8_t ret[static POINT_MAX])
{
        memset(ret, 0, POINT_MAX);
        ret[0] = 4;
        if (x.size > 0) memcpy(ret + 1 + size - x.size, x.data, x.size);
        if (y.size > 0) memcpy(ret + 1 + 2 * size - y.size, y.data, y.size);
        return 1 + 2 * size;
}

int public_key_new_ec(KeyType curve, Bytes x, Bytes y, PublicKey **ret)
{
        _cleanup_(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
        const size_t size = coordinate_size(curve);
        uint8_t point[POINT_MAX];

        if (size == 0) return error_set(-EBADMSG, "an EC key on an unknown curve");
        if (x.size > size || y.size > size) return error_set(-EBADMSG, "an EC point larger than its curve");
        if (!b ||
            OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, curve == KEY_P256 ? "P-256" : "P-384",
                                            0) != 1 ||
            OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, encode_point(size, x, y, point)) !=
                    1)
                return -ENOMEM;
        return from_params("EC", b, ret);
}

static int rebuild(const PublicKey *k, PublicKey **ret)
{
        uint8_t modulus[KEY_RSA_SIZE_MAX];
        uint32_t exponent;
        KeyPoint point;
        size_t size;
        int r;

        if (k->type == KEY_RSA) {
                r = public_key_rsa(k, modulus, &size, &exponent);
                return r < 0 ? r : public_key_new_rsa(BYTES(modulus, size), exponent, ret);
        }
        r = public_key_point(k, &point);
        return r < 0 ? r : public_key_new_ec(k->type, BYTES(point.x, point.size), BYTES(point.y, point.size), ret);
}

static int check_canonical(const PublicKey *k, Bytes der)
{
        cleanup_free uint8_t *again = NULL;
        size_t size;
        int r;

        r = public_key_spki(k, &again, &size);
        if (r < 0) return r;
        if (!bytes_equal(BYTES(again, size), der))
                return error_set(-EBADMSG, "a public key that is not in its canonical form");
        return 0;
}

int public_key_new_spki(Bytes der, PublicKey **ret)
{
        cleanup_public_key PublicKey *parsed = NULL;
        cleanup_public_key PublicKey *k = NULL;
        const unsigned char *at = der.data;
        EVP_PKEY *pkey;
        int r;

        if (der.size == 0 || der.size > KEY_SPKI_MAX)
                return error_set(-EBADMSG, "%zu bytes are no public key", der.size);
        pkey = d2i_PUBKEY(NULL, &at, (long)der.size);
        if (!pkey) return openssl_fail(-EBADMSG, "public key");
        r = wrap(pkey, &parsed);
        if (r == 0) r = rebuild(parsed, &k);
        if (r == 0) r = check_canonical(k, der);
        if (r < 0) return r;
        *ret = TAKE_PTR(k);
        return 0;
}

KeyType public_key_type(const PublicKey *k)
{
        return k->type;
}

unsigned public_key_bits(const PublicKey *k)
{
        return k->bits;
}

int public_key_spki(const PublicKey *k, uint8_t **ret, size_t *ret_size)
{
        return OPENSSL_DER(k->pkey, i2d_PUBKEY, ret, ret_size);
}

int public_key_id(const PublicKey *k, uint8_t ret[static SHA256_SIZE])
{
        cleanup_free uint8_t *der = NULL;
        size_t size;
        int r;

        r = public_key_spki(k, &der, &size);
        return r < 0 ? r : hash_sha256(BYTES(der, size), ret);
}

static int number(const EVP_PKEY *pkey, const char *name, uint8_t *ret, size_t size)
{
        cleanup_bignum BIGNUM *n = NULL;

        if (EVP_PKEY_get_bn_param(pkey, name, &n) != 1 || BN_bn2binpad(n, ret, (int)size) < 0)
                return openssl_fail(-EIO, "public key");
        return 0;
}

int public_key_rsa(const PublicKey *k, uint8_t ret_modulus[static KEY_RSA_SIZE_MAX], size_t *ret_size,
                   uint32_t *ret_exponent)
{
        uint8_t e[4];
        int r;

        if (k->type != KEY_RSA) return error_set(-EINVAL, "not an RSA key");
        r = number(k->pkey, OSSL_PKEY_PARAM_RSA_E, e, sizeof(e));
        if (r == 0) r = number(k->pkey, OSSL_PKEY_PARAM_RSA_N, ret_modulus, k->bits / 8);
        if (r < 0) return r;
        *ret_size = k->bits / 8;
        *ret_exponent = (uint32_t)e[0] << 24 | (uint32_t)e[1] << 16 | (uint32_t)e[2] << 8 | e[3];
        return 0;
}

int public_key_point(const PublicKey *k, KeyPoint *ret)
{
        KeyPoint p = { .size = coordinate_size(k->type) };
        int r;

        if (p.size == 0) return error_set(-EINVAL, "not an EC key");
        r = number(k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, p.x, p.size);
        if (r == 0) r = number(k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, p.y, p.size);
        if (r < 0) return r;
        *ret = p;
        return 0;
}

/* A context ready to verify a digest of alg; `padding` is 0 for ECDSA. */
static int verifier(const PublicKey *k, HashAlg alg, size_t digest_size, int padding, EVP_PKEY_CTX **ret)
{
        const EVP_MD *md = openssl_signature_md(alg);
        cleanup_pkey_context EVP_PKEY_CTX *c = NULL;

        if (!md || digest_size != hash_size(alg))
                return error_set(-EBADMSG, "signatures with %s are not taken",
                                 hash_name(alg) ?: "an unknown hash");
        if ((k->type == KEY_RSA) != (padding != 0))
                return error_set(-EBADMSG, "a signature for another kind of key");
        c = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
        if (!c) return -ENOMEM;
        if (EVP_PKEY_verify_init(c) != 1 || (padding && EVP_PKEY_CTX_set_rsa_padding(c, padding) != 1) ||
            EVP_PKEY_CTX_set_signature_md(c, md) != 1)
                return openssl_fail(-EIO, "signature check");
        if (padding == RSA_PKCS1_PSS_PADDING && (EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_AUTO) != 1 ||
                                                 EVP_PKEY_CTX_set_rsa_mgf1_md(c, md) != 1))
                return openssl_fail(-EIO, "signature check");
        *ret = TAKE_PTR(c);
        return 0;
}

static int verify(const PublicKey *k, HashAlg alg, Bytes digest, int padding, Bytes signature)
{
        cleanup_pkey_context EVP_PKEY_CTX *c = NULL;
        int r;

        r = verifier(k, alg, digest.size, padding, &c);
        if (r < 0) return r;
        if (EVP_PKEY_verify(c, signature.data, signature.size, digest.data, digest.size) != 1) {
                ERR_clear_error();
                return error_set(-EBADMSG, "the signature is not this key's");
        }
        return 0;
}

int public_key_verify_rsassa(const PublicKey *k, HashAlg alg, Bytes digest, Bytes signature)
{
        return verify(k, alg, digest, RSA_PKCS1_PADDING, signature);
}

int public_key_verify_rsapss(const PublicKey *k, HashAlg alg, Bytes digest, Bytes signature)
{
        return verify(k, alg, digest, RSA_PKCS1_PSS_PADDING, signature);
}

int public_key_verify_ecdsa_der(const PublicKey *k, HashAlg alg, Bytes digest, Bytes signature)
{
        return verify(k, alg, digest, 0, signature);
}

static int ecdsa_der(Bytes r, Bytes s, uint8_t **ret, size_t *ret_size)
{
        _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *pair = ECDSA_SIG_new();
        BIGNUM *bn_r = BN_bin2bn(r.data, (int)r.size, NULL), *bn_s = BN_bin2bn(s.data, (int)s.size, NULL);

        if (!pair || !bn_r || !bn_s || ECDSA_SIG_set0(pair, bn_r, bn_s) != 1) {
                BN_free(bn_r);
                BN_free(bn_s);
                return -ENOMEM;
        }
        return OPENSSL_DER(pair, i2d_ECDSA_SIG, ret, ret_size);
}

int public_key_verify_ecdsa(const PublicKey *k, HashAlg alg, Bytes digest, Bytes r, Bytes s)
{
        const size_t size = coordinate_size(k->type);
        cleanup_free uint8_t *der = NULL;
        size_t der_size;
        int result;

        if (r.size == 0 || r.size > size || s.size == 0 || s.size > size)
                return error_set(-EBADMSG, "an ECDSA signature of %zu and %zu bytes", r.size, s.size);
        result = ecdsa_der(r, s, &der, &der_size);
        return result < 0 ? result : public_key_verify_ecdsa_der(k, alg, digest, BYTES(der, der_size));
}

int public_key_encrypt_oaep(const PublicKey *k, HashAlg alg, Bytes label, Bytes plain, uint8_t *ret,
                            size_t *ret_size)
{
        cleanup_pkey_context EVP_PKEY_CTX *c = NULL;
        size_t size = KEY_RSA_SIZE_MAX;
        int r;

        if (k->type != KEY_RSA) return error_set(-EINVAL, "not an RSA key");
        c = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
        if (!c) return -ENOMEM;
        if (EVP_PKEY_encrypt_init(c) != 1) return openssl_fail(-EIO, "OAEP");
        r = openssl_oaep(c, alg, label);
        if (r < 0) return r;
        if (EVP_PKEY_encrypt(c, ret, &size, plain.data, plain.size) != 1) return openssl_fail(-EINVAL, "OAEP");
        *ret_size = size;
        return 0;
}

int public_key_agree(const PublicKey *k, KeyPoint *ret_ephemeral, Secret **ret_z)
{
        cleanup_private_key PrivateKey *ephemeral = NULL;
        cleanup_public_key PublicKey *public = NULL;
        cleanup_secret Secret *z = NULL;
        int r;

        if (k->type == KEY_RSA) return error_set(-EINVAL, "not an EC key");
        r = private_key_generate(k->bits, &ephemeral);
        if (r == 0) r = private_key_public(ephemeral, &public);
        if (r == 0) r = private_key_agree(ephemeral, k, &z);
        if (r == 0) r = public_key_point(public, ret_ephemeral);
        if (r < 0) return r;
        *ret_z = TAKE_PTR(z);
        return 0;
}
