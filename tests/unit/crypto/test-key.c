/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/key.h"
#include "vector.h"

#include <errno.h>

/* FIPS 186 example key of RFC 6979 A.2.5 (P-256), and its signature of SHA-256("sample"). */
static const char x_hex[] = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
static const char y_hex[] = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
static const char r_hex[] = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
static const char s_hex[] = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
static const char order_hex[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

static Bytes digest_of(const char *text)
{
        static uint8_t digest[SHA256_SIZE];

        CHECK_OK(hash_sha256(BYTES(text, strlen(text)), digest));
        return BYTES_ARRAY(digest);
}

static void verifies_the_signature_of_rfc_6979(void)
{
        cleanup_public_key PublicKey *k = NULL;

        CHECK_OK(public_key_new_ec(KEY_P256, vector(x_hex), vector(y_hex), &k));
        CHECK_OK(public_key_verify_ecdsa(k, HASH_SHA256, digest_of("sample"), vector(r_hex), vector(s_hex)));
        CHECK_RESULT(public_key_verify_ecdsa(k, HASH_SHA256, digest_of("test"), vector(r_hex), vector(s_hex)),
                     -EBADMSG);
}

/* The cases that implementations got wrong: zero, the order, r and s swapped or too long. */
static void refuses_numbers_that_are_no_signature(void)
{
        cleanup_public_key PublicKey *k = NULL;
        const struct {
                const char *r, *s;
        } bad[] = {
                { "00", "00" },
                { "00", s_hex },
                { r_hex, "00" },
                { "01", "01" },
                { order_hex, s_hex },
                { r_hex, order_hex },
                { order_hex, order_hex },
                { s_hex, r_hex },
                { "", s_hex },
                { r_hex, "" },
                { "00efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716", s_hex },
        };

        CHECK_OK(public_key_new_ec(KEY_P256, vector(x_hex), vector(y_hex), &k));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                CHECK_RESULT(public_key_verify_ecdsa(k, HASH_SHA256, digest_of("sample"), vector(bad[i].r),
                                                     vector(bad[i].s)),
                             -EBADMSG);
}

static void refuses_points_that_are_not_on_the_curve(void)
{
        PublicKey *k = NULL;

        CHECK_RESULT(public_key_new_ec(KEY_P256, vector(y_hex), vector(x_hex), &k), -EBADMSG);
        CHECK_RESULT(public_key_new_ec(KEY_P256, vector("00"), vector("00"), &k), -EBADMSG);
        CHECK_RESULT(public_key_new_ec(KEY_P256, BYTES("", 0), BYTES("", 0), &k), -EBADMSG);
        CHECK_RESULT(public_key_new_ec(KEY_P384, vector(x_hex), vector(y_hex), &k), -EBADMSG);
        CHECK_RESULT(public_key_new_ec(KEY_P256, repeated(1, 33), vector(y_hex), &k), -EBADMSG);
        CHECK_RESULT(public_key_new_ec((KeyType)9, vector(x_hex), vector(y_hex), &k), -EBADMSG);
        CHECK(k == NULL);
}

static void refuses_rsa_keys_outside_the_limits(void)
{
        const struct {
                uint8_t first, last;
                size_t size;
                uint32_t e;
        } bad[] = {
                { 0x80, 0x01, 128, 65537 },                             /* 1024 bits */
                { 0x80, 0x01, 255, 65537 }, { 0x40, 0x01, 256, 65537 }, /* 2047 bits */
                { 0x80, 0x02, 256, 65537 },                             /* even */
                { 0x80, 0x01, 256, 3 },     { 0x80, 0x01, 256, 0 },     { 0x80, 0x01, 256, 65538 },
                { 0x80, 0x01, 513, 65537 }, { 0x00, 0x00, 0, 65537 },
        };
        uint8_t n[600];
        PublicKey *k = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                memset(n, 0x5a, sizeof(n));
                n[0] = bad[i].first;
                if (bad[i].size > 0) n[bad[i].size - 1] = bad[i].last;
                CHECK_RESULT(public_key_new_rsa(BYTES(n, bad[i].size), bad[i].e, &k), -EBADMSG);
        }
        CHECK(k == NULL);
        n[0] = 0x80;
        n[255] = 1;
        CHECK_OK(public_key_new_rsa(BYTES(n, 256), 65537, &k));
        CHECK(public_key_type(k) == KEY_RSA && public_key_bits(k) == 2048);
        public_key_free(k);
}

static void spki_goes_round_and_only_whole(void)
{
        static const unsigned kinds[] = { 256, 384, 2048 };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                cleanup_private_key PrivateKey *private = NULL;
                cleanup_public_key PublicKey *k = NULL, *again = NULL;
                cleanup_free uint8_t *der = NULL;
                uint8_t longer[KEY_SPKI_MAX + 1] = { 0 }, id[SHA256_SIZE], id_again[SHA256_SIZE];
                PublicKey *none = NULL;
                size_t n;

                CHECK_OK(private_key_generate(kinds[i], &private));
                CHECK_OK(private_key_public(private, &k));
                CHECK(public_key_bits(k) == kinds[i]);
                CHECK_OK(public_key_spki(k, &der, &n));
                CHECK_OK(public_key_new_spki(BYTES(der, n), &again));
                CHECK_OK(public_key_id(k, id));
                CHECK_OK(public_key_id(again, id_again));
                CHECK_BYTES(BYTES_ARRAY(id), BYTES_ARRAY(id_again));
                memcpy(longer, der, n);
                CHECK_RESULT(public_key_new_spki(BYTES(longer, n + 1), &none), -EBADMSG);
                for (size_t size = 0; size < n; size++)
                        CHECK_RESULT(public_key_new_spki(BYTES(der, size), &none), -EBADMSG);
        }
}

/* The same point compressed, and RSA parameters left out: other bytes for a key we know, so another id. */
static void spki_in_another_form_is_refused(void)
{
        PublicKey *k = NULL;

        CHECK_RESULT(
                public_key_new_spki(vector("3039301306072a8648ce3d020106082a8648ce3d030107032200"
                                           "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"),
                                    &k),
                -EBADMSG);
        CHECK(k == NULL);
}

static void rsa_signatures_are_checked_by_scheme(void)
{
        cleanup_private_key PrivateKey *private = NULL, *other = NULL;
        cleanup_public_key PublicKey *k = NULL, *wrong = NULL;
        uint8_t pkcs1[KEY_RSA_SIZE_MAX], pss[KEY_RSA_SIZE_MAX];
        const Bytes digest = digest_of("quote");
        size_t n, m;

        CHECK_OK(private_key_generate(2048, &private));
        CHECK_OK(private_key_generate(2048, &other));
        CHECK_OK(private_key_public(private, &k));
        CHECK_OK(private_key_public(other, &wrong));
        CHECK_OK(private_key_sign_rsassa(private, HASH_SHA256, digest, pkcs1, &n));
        CHECK_OK(private_key_sign_rsapss(private, HASH_SHA256, digest, pss, &m));
        CHECK_OK(public_key_verify_rsassa(k, HASH_SHA256, digest, BYTES(pkcs1, n)));
        CHECK_OK(public_key_verify_rsapss(k, HASH_SHA256, digest, BYTES(pss, m)));
        CHECK_RESULT(public_key_verify_rsapss(k, HASH_SHA256, digest, BYTES(pkcs1, n)), -EBADMSG);
        CHECK_RESULT(public_key_verify_rsassa(k, HASH_SHA256, digest, BYTES(pss, m)), -EBADMSG);
        CHECK_RESULT(public_key_verify_rsassa(wrong, HASH_SHA256, digest, BYTES(pkcs1, n)), -EBADMSG);
        CHECK_RESULT(public_key_verify_rsassa(k, HASH_SHA256, digest, BYTES(pkcs1, n - 1)), -EBADMSG);
        CHECK_RESULT(public_key_verify_rsassa(k, HASH_SHA256, digest, BYTES(pkcs1, 0)), -EBADMSG);
        CHECK_RESULT(public_key_verify_rsassa(k, HASH_SHA256, BYTES(digest.data, 31), BYTES(pkcs1, n)), -EBADMSG);
        CHECK_RESULT(public_key_verify_rsassa(k, HASH_SHA1, BYTES(digest.data, 20), BYTES(pkcs1, n)), -EBADMSG);
        CHECK_RESULT(public_key_verify_ecdsa(k, HASH_SHA256, digest, BYTES(pkcs1, 32), BYTES(pkcs1, 32)),
                     -EBADMSG);
        pkcs1[100] ^= 1;
        CHECK_RESULT(public_key_verify_rsassa(k, HASH_SHA256, digest, BYTES(pkcs1, n)), -EBADMSG);
}

static void ecdsa_signs_in_both_forms(void)
{
        static const unsigned kinds[] = { 256, 384 };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                cleanup_private_key PrivateKey *private = NULL;
                cleanup_public_key PublicKey *k = NULL;
                cleanup_free uint8_t *der = NULL;
                uint8_t raw[2 * KEY_COORDINATE_MAX];
                const Bytes digest = digest_of("quote");
                size_t n, half;

                CHECK_OK(private_key_generate(kinds[i], &private));
                CHECK_OK(private_key_public(private, &k));
                CHECK_OK(private_key_sign_ecdsa(private, HASH_SHA256, digest, &der, &n));
                CHECK_OK(public_key_verify_ecdsa_der(k, HASH_SHA256, digest, BYTES(der, n)));
                CHECK_RESULT(public_key_verify_ecdsa_der(k, HASH_SHA256, digest, BYTES(der, n - 1)), -EBADMSG);
                CHECK_OK(private_key_sign_ecdsa_raw(private, HASH_SHA256, digest, raw, &n));
                half = n / 2;
                CHECK(half == kinds[i] / 8);
                CHECK_OK(public_key_verify_ecdsa(k, HASH_SHA256, digest, BYTES(raw, half),
                                                 BYTES(raw + half, half)));
                CHECK_RESULT(private_key_sign_rsassa(private, HASH_SHA256, digest, raw, &n), -EINVAL);
        }
}

static void private_keys_go_round(void)
{
        static const unsigned kinds[] = { 256, 384, 2048, 3072 };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                cleanup_private_key PrivateKey *k = NULL, *again = NULL;
                cleanup_public_key PublicKey *a = NULL, *b = NULL;
                cleanup_secret Secret *der = NULL;
                uint8_t id_a[SHA256_SIZE], id_b[SHA256_SIZE];
                PrivateKey *none = NULL;

                CHECK_OK(private_key_generate(kinds[i], &k));
                CHECK_OK(private_key_export(k, &der));
                CHECK_OK(private_key_import(secret_bytes(der), &again));
                CHECK_OK(private_key_public(k, &a));
                CHECK_OK(private_key_public(again, &b));
                CHECK_OK(public_key_id(a, id_a));
                CHECK_OK(public_key_id(b, id_b));
                CHECK_BYTES(BYTES_ARRAY(id_a), BYTES_ARRAY(id_b));
                CHECK_RESULT(private_key_import(BYTES(der->data, der->size - 1), &none), -EBADMSG);
                CHECK_RESULT(private_key_import(BYTES(der->data, 0), &none), -EBADMSG);
                CHECK(none == NULL);
        }
}

static void only_known_sizes_are_made(void)
{
        PrivateKey *k = NULL;

        CHECK_RESULT(private_key_generate(1024, &k), -EINVAL);
        CHECK_RESULT(private_key_generate(521, &k), -EINVAL);
        CHECK(k == NULL);
}

/* Both ends of a credential's seed: OAEP with the TPM's label, and ECDH. */
static void oaep_needs_the_same_label(void)
{
        cleanup_private_key PrivateKey *private = NULL;
        cleanup_public_key PublicKey *k = NULL;
        cleanup_secret Secret *plain = NULL;
        uint8_t cipher[KEY_RSA_SIZE_MAX];
        Secret *none = NULL;
        size_t n;

        CHECK_OK(private_key_generate(2048, &private));
        CHECK_OK(private_key_public(private, &k));
        CHECK_OK(public_key_encrypt_oaep(k, HASH_SHA256, BYTES("IDENTITY", 9), BYTES_LITERAL("seed"), cipher, &n));
        CHECK(n == 256);
        CHECK_OK(private_key_decrypt_oaep(private, HASH_SHA256, BYTES("IDENTITY", 9), BYTES(cipher, n), &plain));
        CHECK_BYTES(secret_bytes(plain), BYTES_LITERAL("seed"));
        CHECK_RESULT(private_key_decrypt_oaep(private, HASH_SHA256, BYTES("IDENTITY", 8), BYTES(cipher, n), &none),
                     -EBADMSG);
        CHECK_RESULT(private_key_decrypt_oaep(private, HASH_SHA384, BYTES("IDENTITY", 9), BYTES(cipher, n), &none),
                     -EBADMSG);
        CHECK(none == NULL);
}

static void both_sides_agree_on_z(void)
{
        static const unsigned kinds[] = { 256, 384 };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                cleanup_private_key PrivateKey *private = NULL;
                cleanup_public_key PublicKey *k = NULL, *ephemeral = NULL;
                cleanup_secret Secret *z = NULL, *same = NULL;
                KeyPoint point;

                CHECK_OK(private_key_generate(kinds[i], &private));
                CHECK_OK(private_key_public(private, &k));
                CHECK_OK(public_key_agree(k, &point, &z));
                CHECK_OK(public_key_new_ec(public_key_type(k), BYTES(point.x, point.size),
                                           BYTES(point.y, point.size), &ephemeral));
                CHECK_OK(private_key_agree(private, ephemeral, &same));
                CHECK(z->size == kinds[i] / 8);
                CHECK_BYTES(secret_bytes(z), secret_bytes(same));
        }
}

static void keys_of_different_kinds_do_not_agree(void)
{
        cleanup_private_key PrivateKey *a = NULL, *b = NULL;
        cleanup_public_key PublicKey *k = NULL;
        Secret *z = NULL;

        CHECK_OK(private_key_generate(256, &a));
        CHECK_OK(private_key_generate(384, &b));
        CHECK_OK(private_key_public(b, &k));
        CHECK_RESULT(private_key_agree(a, k, &z), -EINVAL);
        CHECK(z == NULL);
}

int main(void)
{
        RUN(verifies_the_signature_of_rfc_6979);
        RUN(refuses_numbers_that_are_no_signature);
        RUN(refuses_points_that_are_not_on_the_curve);
        RUN(refuses_rsa_keys_outside_the_limits);
        RUN(spki_goes_round_and_only_whole);
        RUN(spki_in_another_form_is_refused);
        RUN(rsa_signatures_are_checked_by_scheme);
        RUN(ecdsa_signs_in_both_forms);
        RUN(private_keys_go_round);
        RUN(only_known_sizes_are_made);
        RUN(oaep_needs_the_same_label);
        RUN(both_sides_agree_on_z);
        RUN(keys_of_different_kinds_do_not_agree);
        return 0;
}
