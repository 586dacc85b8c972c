/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/kdf.h"

#include "base/error.h"
#include "crypto/hmac.h"

#include <errno.h>
#include <string.h>

enum { HKDF_BLOCKS_MAX = 255, KDF_BITS_MAX = 2048 };

static void put_be32(uint8_t ret[static 4], size_t v)
{
        for (size_t i = 0; i < 4; i++) ret[i] = (uint8_t)(v >> (8 * (3 - i)));
}

/* Fills out with the blocks that next() gives, the last one cut. The block buffer is wiped. */
typedef int (*BlockFunction)(size_t i, const Bytes *previous, const void *inputs, uint8_t *ret);

static int fill(Secret *out, size_t block_size, BlockFunction next, const void *inputs)
{
        uint8_t block[HASH_SIZE_MAX];
        Bytes previous = BYTES(block, 0);
        int r = 0;

        for (size_t at = 0, i = 1; r == 0 && at < out->size; at += block_size, i++) {
                r = next(i, &previous, inputs, block);
                if (r == 0) memcpy(out->data + at, block, MIN(block_size, out->size - at));
                previous.size = block_size;
        }
        secret_wipe(block, sizeof(block));
        return r;
}

struct expand_inputs {
        const uint8_t *prk;
        Bytes info;
};

/* T(i) = HMAC(PRK, T(i - 1) || info || i), RFC 5869 2.3 */
static int expand_block(size_t i, const Bytes *previous, const void *p, uint8_t *ret)
{
        const struct expand_inputs *in = p;
        const uint8_t counter = (uint8_t)i;
        const Bytes parts[] = { *previous, in->info, BYTES(&counter, 1) };

        return hmac_parts(HASH_SHA256, BYTES(in->prk, SHA256_SIZE), parts, ARRAY_SIZE(parts), ret);
}

int kdf_hkdf_sha256(Bytes ikm, Bytes salt, Bytes info, size_t size, Secret **ret)
{
        static const uint8_t no_salt[SHA256_SIZE];
        cleanup_secret Secret *out = NULL;
        uint8_t prk[SHA256_SIZE];
        int r;

        if (ikm.size == 0) return error_set(-EINVAL, "HKDF from an empty key");
        if (size == 0 || size > (size_t)HKDF_BLOCKS_MAX * SHA256_SIZE) return -EINVAL;
        r = secret_new(size, &out);
        if (r < 0) return r;
        r = hmac_sha256(salt.size > 0 ? salt : BYTES_ARRAY(no_salt), ikm, prk);
        if (r == 0) r = fill(out, SHA256_SIZE, expand_block, &(struct expand_inputs){ .prk = prk, .info = info });
        secret_wipe(prk, sizeof(prk));
        if (r < 0) return r;
        *ret = TAKE_PTR(out);
        return 0;
}

static Bytes with_nul(const char *label)
{
        return BYTES(label, strlen(label) + 1);
}

/* HMAC(key, i || label || 0 || contextU || contextV || bits) */
static int kdfa_block(size_t i, const Bytes *previous, const void *p, uint8_t *ret)
{
        const KdfTpm *in = p;
        uint8_t counter[4], bits[4];
        const Bytes parts[] = { BYTES_ARRAY(counter), with_nul(in->label), in->u, in->v, BYTES_ARRAY(bits) };

        (void)previous;
        put_be32(counter, i);
        put_be32(bits, in->bits);
        return hmac_parts(in->alg, in->key, parts, ARRAY_SIZE(parts), ret);
}

/* H(i || z || label || 0 || partyU || partyV) */
static int kdfe_block(size_t i, const Bytes *previous, const void *p, uint8_t *ret)
{
        const KdfTpm *in = p;
        uint8_t counter[4];
        const Bytes parts[] = { BYTES_ARRAY(counter), in->key, with_nul(in->label), in->u, in->v };

        (void)previous;
        put_be32(counter, i);
        return hash_parts(in->alg, parts, ARRAY_SIZE(parts), ret);
}

static int derive(const KdfTpm *in, BlockFunction next, Secret **ret)
{
        cleanup_secret Secret *out = NULL;
        int r;

        if (in->key.size == 0) return error_set(-EINVAL, "a key derived from an empty one");
        if (in->bits == 0 || in->bits % 8 != 0 || in->bits > KDF_BITS_MAX) return -EINVAL;
        if (hash_size(in->alg) == 0) return -EINVAL;
        r = secret_new(in->bits / 8, &out);
        if (r < 0) return r;
        r = fill(out, hash_size(in->alg), next, in);
        if (r < 0) return r;
        *ret = TAKE_PTR(out);
        return 0;
}

int kdf_kdfa(const KdfTpm *in, Secret **ret)
{
        return derive(in, kdfa_block, ret);
}

int kdf_kdfe(const KdfTpm *in, Secret **ret)
{
        return derive(in, kdfe_block, ret);
}
