/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/hash.h"

#include "base/error.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

static const struct {
        HashAlg alg;
        uint8_t size;
        const char *name;
        const char *openssl;
} known[] = {
        { HASH_SHA1, 20, "sha1", "SHA1" },       { HASH_SHA256, 32, "sha256", "SHA256" },
        { HASH_SHA384, 48, "sha384", "SHA384" }, { HASH_SHA512, 64, "sha512", "SHA512" },
        { HASH_SM3_256, 32, "sm3_256", "SM3" },
};

struct Hasher {
        EVP_MD *md;
        EVP_MD_CTX *context;
};

size_t hash_size(unsigned alg)
{
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (known[i].alg == alg) return known[i].size;
        return 0;
}

const char *hash_name(unsigned alg)
{
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (known[i].alg == alg) return known[i].name;
        return NULL;
}

int hash_from_name(const char *name, HashAlg *ret)
{
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strcmp(known[i].name, name) == 0) {
                        *ret = known[i].alg;
                        return 0;
                }
        return error_set(-EINVAL, "unknown hash algorithm '%s'", name);
}

int hasher_new(HashAlg alg, Hasher **ret)
{
        cleanup_hasher Hasher *h = NULL;
        const char *name = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (known[i].alg == alg) name = known[i].openssl;
        if (!name) return error_set(-EINVAL, "unknown hash algorithm 0x%04x", (unsigned)alg);
        h = calloc(1, sizeof(*h));
        if (!h) return -ENOMEM;
        h->md = EVP_MD_fetch(NULL, name, NULL);
        if (!h->md) return error_set(-EOPNOTSUPP, "this OpenSSL has no %s", name);
        h->context = EVP_MD_CTX_new();
        if (!h->context) return -ENOMEM;
        *ret = TAKE_PTR(h);
        return 0;
}

void hasher_free(Hasher *h)
{
        if (!h) return;
        EVP_MD_CTX_free(h->context);
        EVP_MD_free(h->md);
        free(h);
}

int hasher_digest(Hasher *h, const Bytes *parts, size_t n_parts, uint8_t *ret)
{
        if (EVP_DigestInit_ex2(h->context, h->md, NULL) != 1) return error_set(-EIO, "hashing failed");
        for (size_t i = 0; i < n_parts; i++)
                if (EVP_DigestUpdate(h->context, parts[i].data, parts[i].size) != 1)
                        return error_set(-EIO, "hashing failed");
        if (EVP_DigestFinal_ex(h->context, ret, NULL) != 1) return error_set(-EIO, "hashing failed");
        return 0;
}

int hash_parts(HashAlg alg, const Bytes *parts, size_t n_parts, uint8_t *ret)
{
        cleanup_hasher Hasher *h = NULL;
        int r;

        r = hasher_new(alg, &h);
        if (r < 0) return r;
        return hasher_digest(h, parts, n_parts, ret);
}

int hash_bytes(HashAlg alg, Bytes b, uint8_t *ret)
{
        return hash_parts(alg, &b, 1, ret);
}

int hash_sha256(Bytes b, uint8_t ret[static SHA256_SIZE])
{
        return hash_parts(HASH_SHA256, &b, 1, ret);
}

void crypto_skip_configuration(void)
{
        /* Where it fails the file is read after all. */
        IGNORE_RESULT(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL));
}
