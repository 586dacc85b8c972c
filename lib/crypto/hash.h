/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Hashes by their TCG algorithm identifier (TCG Algorithm Registry, TPM_ALG_ID), so that banks, event logs,
 * Names and policies all speak of them in one way. */

#include "base/reader.h"

typedef enum HashAlg {
        HASH_SHA1 = 0x0004,
        HASH_SHA256 = 0x000b,
        HASH_SHA384 = 0x000c,
        HASH_SHA512 = 0x000d,
        HASH_SM3_256 = 0x0012,
} HashAlg;

enum { HASH_SIZE_MAX = 64, SHA256_SIZE = 32 };

typedef struct Digest {
        HashAlg alg;
        size_t size;
        uint8_t bytes[HASH_SIZE_MAX];
} Digest;

static inline Bytes digest_bytes(const Digest *d)
{
        return BYTES(d->bytes, d->size);
}

/* Bytes of a digest; 0 for an algorithm we do not know. */
size_t hash_size(unsigned alg);
/* "sha1", "sha256", "sha384", "sha512", "sm3_256"; NULL for an algorithm we do not know. */
const char *hash_name(unsigned alg);
/* The reverse; -EINVAL for another name. */
_must_check_ int hash_from_name(const char *name, HashAlg *ret);

/* A hasher is used again and again for one algorithm: no fetch, no allocation per digest. */
typedef struct Hasher Hasher;
/* -EOPNOTSUPP where the crypto library lacks the algorithm, -EINVAL for an unknown one. */
_must_check_ int hasher_new(HashAlg alg, Hasher **ret);
void hasher_free(Hasher *h);
DEFINE_CLEANUP(Hasher, hasher_free)
#define cleanup_hasher _cleanup_(hasher_freep)
/* Digest of the concatenation of the parts into ret, which has room for hash_size(alg). */
_must_check_ int hasher_digest(Hasher *h, const Bytes *parts, size_t n_parts, uint8_t *ret);

/* The same in one go. */
_must_check_ int hash_parts(HashAlg alg, const Bytes *parts, size_t n_parts, uint8_t *ret);
_must_check_ int hash_bytes(HashAlg alg, Bytes b, uint8_t *ret);
_must_check_ int hash_sha256(Bytes b, uint8_t ret[static SHA256_SIZE]);

/* For a program that starts often and only hashes and reads certificates: OpenSSL's configuration file, which
 * names engines and what TLS may do, is not read, which is a tenth of such a program's time. Before anything else
 * here. */
void crypto_skip_configuration(void);
