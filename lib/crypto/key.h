/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Asymmetric keys: RSA of 2048..4096 bits with an odd exponent of 65537..2^32-1, and the curves P-256 and P-384.
 * Anything else is refused where a key enters, so that no caller has to ask for a minimum size again.
 *
 * Signatures are over digests: the caller hashes, and names the algorithm; SHA-256, SHA-384 and SHA-512 alone
 * are taken. A signature is good only as 0; one that does not verify, has the wrong length or the wrong key type
 * is -EBADMSG. */

#include "base/secret.h"
#include "crypto/hash.h"

typedef enum KeyType {
        KEY_RSA = 1,
        KEY_P256,
        KEY_P384,
} KeyType;

enum {
        KEY_RSA_BITS_MIN = 2048,
        KEY_RSA_BITS_MAX = 4096,
        KEY_RSA_SIZE_MAX = KEY_RSA_BITS_MAX / 8,
        KEY_COORDINATE_MAX = 48, /* P-384 */
        KEY_SPKI_MAX = 640,      /* RSA-4096 is 550 bytes; with a long exponent a few more */
        KEY_PKCS8_MAX = 4096,    /* RSA-4096 is about 2,400 bytes */
};

/* An affine point; x and y have the curve's size, left-padded with zeros. */
typedef struct KeyPoint {
        size_t size;
        uint8_t x[KEY_COORDINATE_MAX];
        uint8_t y[KEY_COORDINATE_MAX];
} KeyPoint;

typedef struct PublicKey PublicKey;
void public_key_free(PublicKey *k);
DEFINE_CLEANUP(PublicKey, public_key_free)
#define cleanup_public_key _cleanup_(public_key_freep)

/* From a DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7), whole: trailing bytes, explicit curve parameters, points
 * off the curve and sizes outside those above are -EBADMSG. */
_must_check_ int public_key_new_spki(Bytes der, PublicKey **ret);
/* From a big-endian modulus. */
_must_check_ int public_key_new_rsa(Bytes modulus, uint32_t exponent, PublicKey **ret);
/* From coordinates of at most the curve's size; the point is checked to be on the curve. */
_must_check_ int public_key_new_ec(KeyType curve, Bytes x, Bytes y, PublicKey **ret);

KeyType public_key_type(const PublicKey *k);
/* 2048..4096, 256 or 384. */
unsigned public_key_bits(const PublicKey *k);
/* The canonical DER SubjectPublicKeyInfo (uncompressed point, named curve); *ret is the caller's to free. */
_must_check_ int public_key_spki(const PublicKey *k, uint8_t **ret, size_t *ret_size);
/* SHA-256 of that: a pin, a node id. */
_must_check_ int public_key_id(const PublicKey *k, uint8_t ret[static SHA256_SIZE]);
/* -EINVAL where the key is of the other type. The modulus has public_key_bits() / 8 bytes. */
_must_check_ int public_key_rsa(const PublicKey *k, uint8_t ret_modulus[static KEY_RSA_SIZE_MAX], size_t *ret_size,
                                uint32_t *ret_exponent);
_must_check_ int public_key_point(const PublicKey *k, KeyPoint *ret);

/* RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017; MGF1 with the same hash, any salt length: TPMs differ). */
_must_check_ int public_key_verify_rsassa(const PublicKey *k, HashAlg alg, Bytes digest, Bytes signature);
_must_check_ int public_key_verify_rsapss(const PublicKey *k, HashAlg alg, Bytes digest, Bytes signature);
/* ECDSA (FIPS 186-5): r and s big-endian, 1..coordinate size bytes each, zeros in front allowed. */
_must_check_ int public_key_verify_ecdsa(const PublicKey *k, HashAlg alg, Bytes digest, Bytes r, Bytes s);
/* The same from the DER SEQUENCE, strict. */
_must_check_ int public_key_verify_ecdsa_der(const PublicKey *k, HashAlg alg, Bytes digest, Bytes signature);

/* RSAES-OAEP (RFC 8017) with `alg` for label hash and MGF1; the label is taken as it is, a NUL that belongs to
 * it included. ret has room for KEY_RSA_SIZE_MAX. */
_must_check_ int public_key_encrypt_oaep(const PublicKey *k, HashAlg alg, Bytes label, Bytes plain, uint8_t *ret,
                                         size_t *ret_size);
/* One-pass ECDH to k with a fresh ephemeral key: its point, and the x coordinate of the product, padded. */
_must_check_ int public_key_agree(const PublicKey *k, KeyPoint *ret_ephemeral, Secret **ret_z);

typedef struct PrivateKey PrivateKey;
void private_key_free(PrivateKey *k);
DEFINE_CLEANUP(PrivateKey, private_key_free)
#define cleanup_private_key _cleanup_(private_key_freep)

/* `bits`: 256 and 384 make EC keys, 2048 and 3072 RSA keys with exponent 65537; -EINVAL else. */
_must_check_ int private_key_generate(unsigned bits, PrivateKey **ret);
/* PKCS#8 PrivateKeyInfo (RFC 5958), DER, not encrypted, whole. The same limits as for public keys; the parts of
 * the key are checked against each other. -EBADMSG. */
_must_check_ int private_key_import(Bytes pkcs8, PrivateKey **ret);
_must_check_ int private_key_export(const PrivateKey *k, Secret **ret);
_must_check_ int private_key_public(const PrivateKey *k, PublicKey **ret);

/* *ret_size bytes, as many as the modulus has; ret has room for KEY_RSA_SIZE_MAX. -EINVAL for an EC key. */
_must_check_ int private_key_sign_rsassa(const PrivateKey *k, HashAlg alg, Bytes digest, uint8_t *ret,
                                         size_t *ret_size);
_must_check_ int private_key_sign_rsapss(const PrivateKey *k, HashAlg alg, Bytes digest, uint8_t *ret,
                                         size_t *ret_size);
/* DER, the caller's to free. -EINVAL for an RSA key. */
_must_check_ int private_key_sign_ecdsa(const PrivateKey *k, HashAlg alg, Bytes digest, uint8_t **ret,
                                        size_t *ret_size);
/* r || s, each of the coordinate size; ret has room for 2 * KEY_COORDINATE_MAX. */
_must_check_ int private_key_sign_ecdsa_raw(const PrivateKey *k, HashAlg alg, Bytes digest, uint8_t *ret,
                                            size_t *ret_size);
/* The other ends of public_key_encrypt_oaep and public_key_agree. -EBADMSG where it does not open. */
_must_check_ int private_key_decrypt_oaep(const PrivateKey *k, HashAlg alg, Bytes label, Bytes cipher,
                                          Secret **ret);
_must_check_ int private_key_agree(const PrivateKey *k, const PublicKey *peer, Secret **ret_z);
