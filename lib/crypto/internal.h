/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of lib/crypto share; nobody else includes this, so OpenSSL's types end here. */

#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "crypto/x509.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

struct PublicKey {
        EVP_PKEY *pkey;
        KeyType type;
        unsigned bits;
};

struct PrivateKey {
        EVP_PKEY *pkey;
        KeyType type;
        unsigned bits;
};

struct Certificate {
        X509 *x509;
};

DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free)
DEFINE_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
DEFINE_CLEANUP(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
DEFINE_CLEANUP(BIGNUM, BN_free)
DEFINE_CLEANUP(BIO, BIO_free_all)
DEFINE_CLEANUP(X509, X509_free)
#define cleanup_pkey _cleanup_(EVP_PKEY_freep)
#define cleanup_pkey_context _cleanup_(EVP_PKEY_CTX_freep)
#define cleanup_cipher_context _cleanup_(EVP_CIPHER_CTX_freep)
#define cleanup_bignum _cleanup_(BN_freep)
#define cleanup_bio _cleanup_(BIO_free_allp)
#define cleanup_x509 _cleanup_(X509_freep)

/* Returns r with the detail "what: OpenSSL's reason", and empties OpenSSL's queue. */
int openssl_fail(int r, const char *what);

/* SHA-256, SHA-384 or SHA-512 for signatures; NULL for any other. */
const EVP_MD *openssl_signature_md(HashAlg alg);

/* Type and size of a key that is inside key.h's limits; -EBADMSG with a detail else. */
_must_check_ int openssl_key_kind(const EVP_PKEY *pkey, KeyType *ret_type, unsigned *ret_bits);

/* Makes c an OAEP context; the label is copied. */
_must_check_ int openssl_oaep(EVP_PKEY_CTX *c, HashAlg alg, Bytes label);

/* DER of something with an i2d function, as memory the caller frees. */
#define OPENSSL_DER(object, i2d, ret, ret_size)                                                 \
        ({                                                                                      \
                unsigned char *der_ = NULL;                                                     \
                const int n_ = i2d(object, &der_);                                              \
                n_ <= 0 ? openssl_fail(-EIO, #i2d) : openssl_copy_out(der_, n_, ret, ret_size); \
        })
/* Moves OpenSSL's memory into ours, so that the caller can free() it. */
_must_check_ int openssl_copy_out(unsigned char *der, int n, uint8_t **ret, size_t *ret_size);
