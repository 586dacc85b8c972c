/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Written on hashes rather than on OpenSSL's EVP_MAC: two digests with one hasher, no provider fetch of a second
 * kind, and SHA-1 to SM3 by the same table as everything else. */

#include "crypto/hmac.h"

#include "base/error.h"
#include "base/secret.h"

#include <errno.h>
#include <string.h>

enum { BLOCK_MAX = 128, PARTS_MAX = 15 };

/* Block sizes of FIPS 180-4 and GB/T 32905. */
static size_t block_size(HashAlg alg)
{
        return alg == HASH_SHA384 || alg == HASH_SHA512 ? 128 : 64;
}

/* K0 of FIPS 198-1: the key, or the digest of one longer than a block, with zeros behind it. */
static int pad_key(Hasher *h, HashAlg alg, Bytes key, uint8_t block[static BLOCK_MAX])
{
        memset(block, 0, BLOCK_MAX);
        if (key.size > block_size(alg)) return hasher_digest(h, &key, 1, block);
        memcpy(block, key.data, key.size);
        return 0;
}

static void xor_all(uint8_t block[static BLOCK_MAX], uint8_t v)
{
        for (size_t i = 0; i < BLOCK_MAX; i++) block[i] ^= v;
}

static int mac(Hasher *h, HashAlg alg, uint8_t block[static BLOCK_MAX], const Bytes *parts, size_t n_parts,
               uint8_t *ret)
{
        uint8_t inner[HASH_SIZE_MAX];
        Bytes all[PARTS_MAX + 1] = { BYTES(block, block_size(alg)) };
        int r;

        for (size_t i = 0; i < n_parts; i++) all[i + 1] = parts[i];
        xor_all(block, 0x36);
        r = hasher_digest(h, all, n_parts + 1, inner);
        if (r < 0) return r;
        xor_all(block, 0x36 ^ 0x5c);
        all[1] = BYTES(inner, hash_size(alg));
        r = hasher_digest(h, all, 2, ret);
        secret_wipe(inner, sizeof(inner));
        return r;
}

int hmac_parts(HashAlg alg, Bytes key, const Bytes *parts, size_t n_parts, uint8_t *ret)
{
        cleanup_hasher Hasher *h = NULL;
        uint8_t block[BLOCK_MAX];
        int r;

        if (key.size == 0) return error_set(-EINVAL, "an HMAC under an empty key");
        if (n_parts > PARTS_MAX) return -EINVAL;
        r = hasher_new(alg, &h);
        if (r < 0) return r;
        r = pad_key(h, alg, key, block);
        if (r == 0) r = mac(h, alg, block, parts, n_parts, ret);
        secret_wipe(block, sizeof(block));
        return r;
}

int hmac_sha256(Bytes key, Bytes message, uint8_t ret[static SHA256_SIZE])
{
        return hmac_parts(HASH_SHA256, key, &message, 1, ret);
}
