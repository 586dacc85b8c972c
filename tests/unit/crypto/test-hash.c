/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/hex.h"
#include "check.h"
#include "crypto/compare.h"
#include "crypto/hash.h"

#include <errno.h>

/* FIPS 180 and GB/T 32905: the digest of "abc". */
static const struct {
        HashAlg alg;
        const char *hex;
} vectors[] = {
        { HASH_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { HASH_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { HASH_SHA384,
          "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
        { HASH_SHA512,
          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
          "454d4423643ce80e2a9ac94fa54ca49f" },
        { HASH_SM3_256, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" },
};

static void digests_match_the_standards(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
                const Bytes parts[] = { BYTES_LITERAL("a"), BYTES_LITERAL("bc") };
                uint8_t digest[HASH_SIZE_MAX];
                char hex[2 * HASH_SIZE_MAX + 1];

                CHECK_OK(hash_parts(vectors[i].alg, parts, 2, digest));
                hex_encode(BYTES(digest, hash_size((uint16_t)vectors[i].alg)), hex);
                CHECK_TEXT(hex, vectors[i].hex);
        }
}

static void a_hasher_is_good_for_many_digests(void)
{
        cleanup_hasher Hasher *h = NULL;
        const Bytes abc = BYTES_LITERAL("abc");
        uint8_t first[32], second[32];

        CHECK_OK(hasher_new(HASH_SHA256, &h));
        CHECK_OK(hasher_digest(h, &abc, 1, first));
        CHECK_OK(hasher_digest(h, &abc, 1, second));
        CHECK_BYTES(BYTES_ARRAY(first), BYTES_ARRAY(second));
}

static void unknown_algorithms_are_refused(void)
{
        Hasher *h = NULL;
        HashAlg alg = HASH_SHA1;

        CHECK(hash_size(0x27) == 0 && hash_name(0x27) == NULL);
        CHECK_RESULT(hasher_new((HashAlg)0x27, &h), -EINVAL);
        CHECK_RESULT(hash_from_name("md5", &alg), -EINVAL);
        CHECK(h == NULL && alg == HASH_SHA1);
}

static void nothing_equals_nothing(void)
{
        CHECK_RESULT(crypto_equal(BYTES("", 0), BYTES("", 0)), -EBADMSG);
        CHECK_RESULT(crypto_equal(BYTES_LITERAL("ab"), BYTES_LITERAL("ac")), -EBADMSG);
        CHECK_RESULT(crypto_equal(BYTES_LITERAL("ab"), BYTES_LITERAL("abc")), -EBADMSG);
        CHECK_OK(crypto_equal(BYTES_LITERAL("ab"), BYTES_LITERAL("ab")));
}

int main(void)
{
        RUN(digests_match_the_standards);
        RUN(a_hasher_is_good_for_many_digests);
        RUN(unknown_algorithms_are_refused);
        RUN(nothing_equals_nothing);
        return 0;
}
