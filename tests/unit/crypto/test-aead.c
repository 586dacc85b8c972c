/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/aead.h"
#include "crypto/cipher.h"
#include "vector.h"

#include <errno.h>

static const char key_hex[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
static const char aad_hex[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";

/* McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16, in our blob form. */
static void opens_the_published_vector(void)
{
        cleanup_secret Secret *plain = NULL;

        CHECK_OK(aead_open(vector(key_hex), vector(aad_hex),
                           vector("cafebabefacedbaddecaf888"
                                  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                                  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                                  "76fc6ece0f4e1768cddf8853bb2d551b"),
                           &plain));
        CHECK_BYTES(secret_bytes(plain), vector("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                                                "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"));
}

static void what_was_sealed_opens_and_no_nonce_comes_twice(void)
{
        const Bytes key = vector(key_hex), plain = BYTES_LITERAL("the cluster half");
        cleanup_free uint8_t *first = NULL, *second = NULL;
        cleanup_secret Secret *opened = NULL;
        size_t n, m;

        CHECK_OK(aead_seal(key, BYTES("", 0), plain, &first, &n));
        CHECK_OK(aead_seal(key, BYTES("", 0), plain, &second, &m));
        CHECK(n == plain.size + AEAD_OVERHEAD && m == n);
        CHECK(memcmp(first, second, AEAD_NONCE_SIZE) != 0);
        CHECK_OK(aead_open(key, BYTES("", 0), BYTES(first, n), &opened));
        CHECK_BYTES(secret_bytes(opened), plain);
}

static void every_changed_bit_is_refused(void)
{
        const Bytes key = vector(key_hex), aad = vector(aad_hex);
        cleanup_free uint8_t *blob = NULL;
        Secret *opened = NULL;
        size_t n;

        CHECK_OK(aead_seal(key, aad, BYTES_LITERAL("half"), &blob, &n));
        for (size_t bit = 0; bit < 8 * n; bit++) {
                blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
                CHECK_RESULT(aead_open(key, aad, BYTES(blob, n), &opened), -EBADMSG);
                blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t size = 0; size < n; size++)
                CHECK_RESULT(aead_open(key, aad, BYTES(blob, size), &opened), -EBADMSG);
        CHECK_RESULT(aead_open(key, BYTES(aad.data, aad.size - 1), BYTES(blob, n), &opened), -EBADMSG);
        CHECK_RESULT(aead_open(repeated(1, 32), aad, BYTES(blob, n), &opened), -EBADMSG);
        CHECK(opened == NULL);
}

static void sizes_that_make_no_sense_are_refused(void)
{
        const Bytes none = BYTES("", 0);
        Secret *opened = NULL;
        uint8_t *blob = NULL;
        size_t n = 7;

        CHECK_RESULT(aead_seal(repeated(1, 16), none, BYTES_LITERAL("x"), &blob, &n), -EINVAL);
        CHECK_RESULT(aead_seal(repeated(1, 32), none, none, &blob, &n), -EINVAL);
        CHECK_RESULT(aead_open(repeated(1, 32), none, repeated(0, AEAD_OVERHEAD), &opened), -EBADMSG);
        CHECK(blob == NULL && n == 7 && opened == NULL);
}

static void cfb_goes_both_ways(void)
{
        const Bytes keys[] = { repeated(7, 16), repeated(7, 24), repeated(7, 32) };
        const Bytes plain = BYTES_LITERAL("a secret of thirty-four bytes, odd");
        uint8_t out[64];

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                CHECK_OK(cipher_cfb_encrypt(keys[i], plain, out));
                CHECK(memcmp(out, plain.data, plain.size) != 0);
                CHECK_OK(cipher_cfb_decrypt(keys[i], BYTES(out, plain.size), out));
                CHECK_BYTES(BYTES(out, plain.size), plain);
        }
        CHECK_RESULT(cipher_cfb_encrypt(repeated(7, 15), plain, out), -EINVAL);
}

/* With a zero IV the first CFB block is the plain text xor AES(key, 0): the well-known AES-128 of zeros. */
static void cfb_starts_from_a_zero_iv(void)
{
        uint8_t out[16];

        CHECK_OK(cipher_cfb_encrypt(repeated(0, 16), repeated(0, 16), out));
        CHECK_BYTES(BYTES_ARRAY(out), vector("66e94bd4ef8a2c3b884cfa59ca342b2e"));
}

int main(void)
{
        RUN(opens_the_published_vector);
        RUN(what_was_sealed_opens_and_no_nonce_comes_twice);
        RUN(every_changed_bit_is_refused);
        RUN(sizes_that_make_no_sense_are_refused);
        RUN(cfb_goes_both_ways);
        RUN(cfb_starts_from_a_zero_iv);
        return 0;
}
