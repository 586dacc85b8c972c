/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Private keys live inside OpenSSL, which wipes their numbers when they are freed; outside it they are Secrets. */

#include "base/macros.h"
#include "crypto/internal.h"
#include "crypto/key.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <string.h>

DEFINE_CLEANUP(PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)
DEFINE_CLEANUP(ECDSA_SIG, ECDSA_SIG_free)

void private_key_free(PrivateKey *k)
{
        if (!k) return;
        EVP_PKEY_free(k->pkey);
        free(k);
}

/* Takes the pkey over, also on failure. */
static int wrap(EVP_PKEY *pkey, PrivateKey **ret)
{
        cleanup_private_key PrivateKey *k = calloc(1, sizeof(*k));
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

int private_key_generate(unsigned bits, PrivateKey **ret)
{
        EVP_PKEY *pkey;

        switch (bits) {
        case 256: pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"); break;
        case 384: pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"); break;
        case 2048:
        case 3072: pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits); break;
        default: return error_set(-EINVAL, "no keys of %u bits are made here", bits);
        }
        if (!pkey) return openssl_fail(-EIO, "making a key");
        return wrap(pkey, ret);
}

static int check_private(EVP_PKEY *pkey)
{
        cleanup_pkey_context EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

        if (!c) return -ENOMEM;
        if (EVP_PKEY_pairwise_check(c) != 1)
                return openssl_fail(-EBADMSG, "a private key whose parts do not match");
        return 0;
}

int private_key_import(Bytes pkcs8, PrivateKey **ret)
{
        _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *info = NULL;
        cleanup_private_key PrivateKey *k = NULL;
        const unsigned char *at = pkcs8.data;
        EVP_PKEY *pkey;
        int r;

        if (pkcs8.size == 0 || pkcs8.size > KEY_PKCS8_MAX)
                return error_set(-EBADMSG, "%zu bytes are no private key", pkcs8.size);
        info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.size);
        if (!info) return openssl_fail(-EBADMSG, "private key");
        if (at != pkcs8.data + pkcs8.size) return error_set(-EBADMSG, "bytes behind the private key");
        pkey = EVP_PKCS82PKEY(info);
        if (!pkey) return openssl_fail(-EBADMSG, "private key");
        r = wrap(pkey, &k);
        if (r == 0) r = check_private(k->pkey);
        if (r < 0) return r;
        *ret = TAKE_PTR(k);
        return 0;
}

int private_key_export(const PrivateKey *k, Secret **ret)
{
        _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(k->pkey);
        cleanup_secret Secret *s = NULL;
        unsigned char *at;
        int r, size;

        if (!info) return openssl_fail(-EIO, "private key");
        size = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
        if (size <= 0) return openssl_fail(-EIO, "private key");
        r = secret_new((size_t)size, &s);
        if (r < 0) return r;
        at = s->data;
        if (i2d_PKCS8_PRIV_KEY_INFO(info, &at) != size) return openssl_fail(-EIO, "private key");
        *ret = TAKE_PTR(s);
        return 0;
}

int private_key_public(const PrivateKey *k, PublicKey **ret)
{
        cleanup_free uint8_t *der = NULL;
        size_t size = 0;
        int r;

        r = OPENSSL_DER(k->pkey, i2d_PUBKEY, &der, &size);
        return r < 0 ? r : public_key_new_spki(BYTES(der, size), ret);
}

/* Signs into ret, which has *ret_size bytes of room; `padding` is 0 for ECDSA. */
static int sign(const PrivateKey *k, HashAlg alg, Bytes digest, int padding, uint8_t *ret, size_t *ret_size)
{
        cleanup_pkey_context EVP_PKEY_CTX *c = NULL;
        const EVP_MD *md = openssl_signature_md(alg);

        if (!md || digest.size != hash_size(alg)) return error_set(-EINVAL, "a digest that is not signed here");
        if ((k->type == KEY_RSA) != (padding != 0))
                return error_set(-EINVAL, "a signature of another kind of key");
        c = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
        if (!c) return -ENOMEM;
        if (EVP_PKEY_sign_init(c) != 1 || (padding && EVP_PKEY_CTX_set_rsa_padding(c, padding) != 1) ||
            EVP_PKEY_CTX_set_signature_md(c, md) != 1 ||
            (padding == RSA_PKCS1_PSS_PADDING &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) != 1) ||
            EVP_PKEY_sign(c, ret, ret_size, digest.data, digest.size) != 1)
                return openssl_fail(-EIO, "signing");
        return 0;
}

static int sign_rsa(const PrivateKey *k, HashAlg alg, Bytes digest, int padding, uint8_t *ret, size_t *ret_size)
{
        uint8_t signature[KEY_RSA_SIZE_MAX];
        size_t size = sizeof(signature);
        int r;

        r = sign(k, alg, digest, padding, signature, &size);
        if (r < 0) return r;
        memcpy(ret, signature, size);
        *ret_size = size;
        return 0;
}

int private_key_sign_rsassa(const PrivateKey *k, HashAlg alg, Bytes digest, uint8_t *ret, size_t *ret_size)
{
        return sign_rsa(k, alg, digest, RSA_PKCS1_PADDING, ret, ret_size);
}

int private_key_sign_rsapss(const PrivateKey *k, HashAlg alg, Bytes digest, uint8_t *ret, size_t *ret_size)
{
        return sign_rsa(k, alg, digest, RSA_PKCS1_PSS_PADDING, ret, ret_size);
}

/* SEQUENCE of two INTEGERs of up to 49 bytes each */
enum { ECDSA_DER_MAX = 2 * (KEY_COORDINATE_MAX + 3) + 3 };

int private_key_sign_ecdsa(const PrivateKey *k, HashAlg alg, Bytes digest, uint8_t **ret, size_t *ret_size)
{
        cleanup_free uint8_t *der = malloc(ECDSA_DER_MAX);
        size_t size = ECDSA_DER_MAX;
        int r;

        if (!der) return -ENOMEM;
        r = sign(k, alg, digest, 0, der, &size);
        if (r < 0) return r;
        *ret = TAKE_PTR(der);
        *ret_size = size;
        return 0;
}

int private_key_sign_ecdsa_raw(const PrivateKey *k, HashAlg alg, Bytes digest, uint8_t *ret, size_t *ret_size)
{
        _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *pair = NULL;
        const int coordinate = (int)(k->bits / 8);
        uint8_t der[ECDSA_DER_MAX];
        const unsigned char *at = der;
        size_t size = sizeof(der);
        int r;

        r = sign(k, alg, digest, 0, der, &size);
        if (r < 0) return r;
        pair = d2i_ECDSA_SIG(NULL, &at, (long)size);
        if (!pair || BN_bn2binpad(ECDSA_SIG_get0_r(pair), ret, coordinate) < 0 ||
            BN_bn2binpad(ECDSA_SIG_get0_s(pair), ret + coordinate, coordinate) < 0)
                return openssl_fail(-EIO, "signing");
        *ret_size = 2 * (size_t)coordinate;
        return 0;
}

int openssl_oaep(EVP_PKEY_CTX *c, HashAlg alg, Bytes label)
{
        const EVP_MD *md = openssl_signature_md(alg);
        void *copy = NULL;

        if (!md) return error_set(-EINVAL, "OAEP with %s", hash_name(alg) ?: "an unknown hash");
        if (EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) != 1 ||
            EVP_PKEY_CTX_set_rsa_oaep_md(c, md) != 1 || EVP_PKEY_CTX_set_rsa_mgf1_md(c, md) != 1)
                return openssl_fail(-EIO, "OAEP");
        if (label.size == 0) return 0;
        copy = OPENSSL_memdup(label.data, label.size);
        if (!copy) return -ENOMEM;
        if (EVP_PKEY_CTX_set0_rsa_oaep_label(c, copy, (int)label.size) != 1) {
                OPENSSL_free(copy);
                return openssl_fail(-EIO, "OAEP");
        }
        return 0;
}

int private_key_decrypt_oaep(const PrivateKey *k, HashAlg alg, Bytes label, Bytes cipher, Secret **ret)
{
        cleanup_pkey_context EVP_PKEY_CTX *c = NULL;
        cleanup_secret Secret *plain = NULL;
        size_t size = KEY_RSA_SIZE_MAX;
        int r;

        if (k->type != KEY_RSA) return error_set(-EINVAL, "not an RSA key");
        c = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
        if (!c) return -ENOMEM;
        if (EVP_PKEY_decrypt_init(c) != 1) return openssl_fail(-EIO, "OAEP");
        r = openssl_oaep(c, alg, label);
        if (r == 0) r = secret_new(size, &plain);
        if (r < 0) return r;
        if (EVP_PKEY_decrypt(c, plain->data, &size, cipher.data, cipher.size) != 1 || size == 0)
                return openssl_fail(-EBADMSG, "OAEP");
        secret_truncate(plain, size);
        *ret = TAKE_PTR(plain);
        return 0;
}

int private_key_agree(const PrivateKey *k, const PublicKey *peer, Secret **ret_z)
{
        cleanup_pkey_context EVP_PKEY_CTX *c = NULL;
        cleanup_secret Secret *z = NULL;
        size_t size = k->bits / 8;
        int r;

        if (k->type == KEY_RSA || peer->type != k->type) return error_set(-EINVAL, "keys that cannot agree");
        c = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
        if (!c) return -ENOMEM;
        r = secret_new(size, &z);
        if (r < 0) return r;
        if (EVP_PKEY_derive_init(c) != 1 || EVP_PKEY_derive_set_peer(c, peer->pkey) != 1 ||
            EVP_PKEY_derive(c, z->data, &size) != 1 || size != z->size)
                return openssl_fail(-EBADMSG, "ECDH");
        *ret_z = TAKE_PTR(z);
        return 0;
}
