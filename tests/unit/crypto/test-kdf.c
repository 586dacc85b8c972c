/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/hmac.h"
#include "crypto/kdf.h"
#include "vector.h"

#include <errno.h>

/* RFC 4231, cases 1, 2, 3, 6 (a key longer than a block) and 7. */
static void hmac_matches_rfc_4231(void)
{
        const struct {
                Bytes key, data;
                const char *sha256, *sha512;
        } cases[] = {
                { repeated(0x0b, 20), BYTES_LITERAL("Hi There"),
                  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                  "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
                  "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
                { BYTES_LITERAL("Jefe"), BYTES_LITERAL("what do ya want for nothing?"),
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                  "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                  "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
                { repeated(0xaa, 20), repeated(0xdd, 50),
                  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
                  "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
                  "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb" },
                { repeated(0xaa, 131), BYTES_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First"),
                  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                  "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
                  "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint8_t tag[HASH_SIZE_MAX];

                CHECK_OK(hmac_sha256(cases[i].key, cases[i].data, tag));
                CHECK_BYTES(BYTES(tag, 32), vector(cases[i].sha256));
                CHECK_OK(hmac_parts(HASH_SHA512, cases[i].key, &cases[i].data, 1, tag));
                CHECK_BYTES(BYTES(tag, 64), vector(cases[i].sha512));
        }
}

static void hmac_parts_are_one_message(void)
{
        const Bytes parts[] = { BYTES_LITERAL("Hi"), BYTES("", 0), BYTES_LITERAL(" There") };
        uint8_t tag[SHA256_SIZE];

        CHECK_OK(hmac_parts(HASH_SHA256, repeated(0x0b, 20), parts, 3, tag));
        CHECK_BYTES(BYTES_ARRAY(tag), vector("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
}

static void hmac_refuses_an_empty_key(void)
{
        uint8_t tag[SHA256_SIZE] = { 0x55 };

        CHECK_RESULT(hmac_sha256(BYTES("", 0), BYTES_LITERAL("x"), tag), -EINVAL);
        CHECK_RESULT(hmac_parts((HashAlg)0x27, BYTES_LITERAL("k"), NULL, 0, tag), -EINVAL);
        CHECK(tag[0] == 0x55);
}

/* RFC 5869, appendix A.1 to A.3 */
static const struct {
        const char *ikm, *salt, *info, *okm;
} hkdf[] = {
        { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
          "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
        { "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
          "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
          "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
          "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
          "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
          "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
          "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
          "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87" },
        { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
};

static void hkdf_matches_rfc_5869(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(hkdf); i++) {
                cleanup_secret Secret *okm = NULL;
                const Bytes expected = vector(hkdf[i].okm);

                CHECK_OK(kdf_hkdf_sha256(vector(hkdf[i].ikm), vector(hkdf[i].salt), vector(hkdf[i].info),
                                         expected.size, &okm));
                CHECK_BYTES(secret_bytes(okm), expected);
        }
}

static void hkdf_refuses_what_it_cannot_do(void)
{
        const Bytes none = BYTES("", 0), key = BYTES_LITERAL("key");
        Secret *s = NULL;

        CHECK_RESULT(kdf_hkdf_sha256(none, none, none, 32, &s), -EINVAL);
        CHECK_RESULT(kdf_hkdf_sha256(key, none, none, 0, &s), -EINVAL);
        CHECK_RESULT(kdf_hkdf_sha256(key, none, none, 255 * 32 + 1, &s), -EINVAL);
        CHECK(s == NULL);
        CHECK_OK(kdf_hkdf_sha256(key, none, none, 255 * 32, &s));
        secret_free(s);
}

/* Expected values by `openssl kdf ... KBKDF` and `... SSKDF`, which take the TPM's KDFa and KDFe as special
 * cases: label as salt and contextU || contextV as info; label, NUL, partyU, partyV as info. */
static const struct {
        bool e;
        HashAlg alg;
        const char *key, *label, *u, *v, *out;
} tpm[] = {
        { false, HASH_SHA256, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "STORAGE",
          "a0a1a2a3", "b0b1", "860f7b41d2b6da0d8c105671b54180b939cc9bfcb999e7d4ed39b590ebd637ed" },
        { false, HASH_SHA256, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "STORAGE",
          "a0a1a2a3", "b0b1", "e7942e0e9311a539174546fd2da3e198" },
        { false, HASH_SHA384, "0001020304", "INTEGRITY", "", "",
          "fdfaa8dc4970280d2140c5f8832761e4fda0bf9203da88445f0200de4dbafa3de1d9b46abfe5908d045f3364529d4539"
          "c4a7daf4669422792e889df342d23f6ac010acd431784cae5cb048743da1efd940165b789ee955e22b7ac38a741d4962" },
        { true, HASH_SHA384, "000102030405060708090a0b0c0d0e0f", "IDENTITY", "c0c1", "d0d1",
          "fcab355651854ab0b7bacfe761e4b2abc3353545638732"
          "37c025b429456e278c9a15348b314a1525148a144df3da3885" },
        { true, HASH_SHA256, "000102030405060708090a0b0c0d0e0f", "IDENTITY", "c0c1", "d0d1",
          "2d46a835f8a975b8b887be8bf92534b0" },
        { true, HASH_SHA256, "000102030405060708090a0b0c0d0e0f", "DUPLICATE", "", "",
          "376187b7eb85845a796defa549516790068f571665e3b23506f31a66a6991c7ec6b31c823f1b564f4f7b9c4239df4afa"
          "aedb42984d3893ae54649ff9adffd4baaba5ab1046db7bd8bbede53cd0b03ac8" },
};

static void tpm_kdfs_match_sp_800_108_and_56a(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(tpm); i++) {
                cleanup_secret Secret *s = NULL;
                const Bytes expected = vector(tpm[i].out);

                const KdfTpm in = { .alg = tpm[i].alg,
                                    .key = vector(tpm[i].key),
                                    .label = tpm[i].label,
                                    .u = vector(tpm[i].u),
                                    .v = vector(tpm[i].v),
                                    .bits = (unsigned)expected.size * 8 };

                CHECK_OK((tpm[i].e ? kdf_kdfe : kdf_kdfa)(&in, &s));
                CHECK_BYTES(secret_bytes(s), expected);
        }
}

static void tpm_kdfs_refuse_odd_sizes(void)
{
        const Bytes key = BYTES_LITERAL("key");
        const KdfTpm bad[] = {
                { .alg = HASH_SHA256, .key = key, .label = "X", .bits = 0 },
                { .alg = HASH_SHA256, .key = key, .label = "X", .bits = 129 },
                { .alg = HASH_SHA256, .key = key, .label = "X", .bits = 2056 },
                { .alg = HASH_SHA256, .label = "X", .bits = 128 },
                { .alg = (HashAlg)0x10, .key = key, .label = "X", .bits = 128 },
        };
        Secret *s = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                CHECK_RESULT(kdf_kdfa(&bad[i], &s), -EINVAL);
                CHECK_RESULT(kdf_kdfe(&bad[i], &s), -EINVAL);
        }
        CHECK(s == NULL);
}

int main(void)
{
        RUN(hmac_matches_rfc_4231);
        RUN(hmac_parts_are_one_message);
        RUN(hmac_refuses_an_empty_key);
        RUN(hkdf_matches_rfc_5869);
        RUN(hkdf_refuses_what_it_cannot_do);
        RUN(tpm_kdfs_match_sp_800_108_and_56a);
        RUN(tpm_kdfs_refuse_odd_sizes);
        return 0;
}
