/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What needs no TPM: public areas, Names, certificates as NV holds them, the kernel's banks. */

#include "tpm/object.h"
#include "base/hex.h"
#include "check.h"
#include "tpm/certificate.h"
#include "tpm/keys.h"
#include "tpm/pcr.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* An SRK from swtpm, as tpm2_readpublic -f tss wrote it, without the size. */
static const char srk_hex[] = "0023000b00030472000000060080004300100003001000209ceea0b7ff52f4ab7f1b96564fd80c2ef4a"
                              "2fbd7a93dd2f9a5e5bd9f5d"
                              "0b1f9a0020116c0d6ad44d1e1e2e5b9e3f62dbb3ac5f3ab9ab46ab1d4e1e8f0a35a4b6f9c1";

static Bytes srk_public(void)
{
        static uint8_t bytes[sizeof(srk_hex) / 2];

        CHECK_OK(hex_decode(srk_hex, bytes, sizeof(bytes)));
        return BYTES_ARRAY(bytes);
}

static void test_name_is_computed(void)
{
        TpmObject o;
        uint8_t name[34] = { 0x00, 0x0b };

        CHECK_OK(tpm_object_init(TPM_HANDLE_SRK, srk_public(), &o));
        CHECK_OK(hash_sha256(srk_public(), name + 2));
        CHECK_BYTES(tpm_name_bytes(&o.name), BYTES_ARRAY(name));
        CHECK_BYTES(tpm_public_bytes(&o.public_area), srk_public());
        CHECK(o.handle == TPM_HANDLE_SRK);
        CHECK_OK(tpm_object_check_name(&o, BYTES_ARRAY(name)));
        name[33] ^= 1;
        CHECK_RESULT(tpm_object_check_name(&o, BYTES_ARRAY(name)), TPM_E_NAME);
        CHECK_RESULT(tpm_object_check_name(&o, BYTES(name, 33)), TPM_E_NAME);
        CHECK_RESULT(tpm_object_check_name(&o, BYTES(name, 0)), TPM_E_NAME);
}

static void test_hostile_public_area(void)
{
        uint8_t bytes[TPM_PUBLIC_MAX + 1] = { 0 };
        const Bytes good = srk_public();
        TpmObject o = { .handle = 0x5a5a5a5a };

        for (size_t n = 0; n < good.size; n++) CHECK_RESULT(tpm_object_init(1, BYTES(good.data, n), &o), -EBADMSG);
        memcpy(bytes, good.data, good.size);
        CHECK_RESULT(tpm_object_init(1, BYTES(bytes, good.size + 1), &o), -EBADMSG);
        CHECK_RESULT(tpm_object_init(1, BYTES_ARRAY(bytes), &o), -EMSGSIZE);
        bytes[3] = 0x0d; /* nameAlg SHA-512 is known */
        CHECK_OK(tpm_object_init(0x5a5a5a5a, BYTES(bytes, good.size), &o));
        CHECK(o.name.size == 66);
        bytes[3] = 0x27; /* SHA3-256 is not */
        CHECK(tpm_object_init(1, BYTES(bytes, good.size), &o) < 0);
        CHECK(o.handle == 0x5a5a5a5a);
}

typedef struct Trim {
        const char *name;
        const char *nv;
        int result;
        size_t from, size;
} Trim;

static void test_certificate_in_nv(void)
{
        static const Trim rows[] = {
                { "plain", "3003020105", 0, 0, 5 },
                { "filler behind", "3003020105ffffff", 0, 0, 5 },
                { "header", "10010000053003020105", 0, 5, 5 },
                { "header and filler", "1001000009300302010500000000", 0, 5, 5 },
                { "long form", "30820003020105", 0, 0, 7 },
                { "empty", "", -EBADMSG, 0, 0 },
                { "no sequence", "020105", -EBADMSG, 0, 0 },
                { "zero length", "3000", -EBADMSG, 0, 0 },
                { "cut off", "30040201", -EBADMSG, 0, 0 },
                { "cut off in the length", "3082", -EBADMSG, 0, 0 },
                { "indefinite length", "3080020105", -EBADMSG, 0, 0 },
                { "length of four octets", "308400000003020105", -EBADMSG, 0, 0 },
                { "huge length", "3083ffffff020105", -EBADMSG, 0, 0 },
                { "header alone", "1001000000", -EBADMSG, 0, 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                cleanup_free uint8_t *nv = NULL;
                size_t size;
                Bytes der = { 0 };
                bool odd = false;

                CHECK_OK(hex_decode_new(rows[i].nv, 64, &nv, &size));
                fprintf(stderr, "  %s\n", rows[i].name);
                CHECK_RESULT(tpm_certificate_trim(BYTES(nv, size), &der, &odd), rows[i].result);
                if (rows[i].result != 0) {
                        CHECK(!der.data);
                        continue;
                }
                CHECK_BYTES(der, BYTES(nv + rows[i].from, rows[i].size));
                CHECK(odd == (der.size != size));
        }
}

static void banks_make(const char *dir, const char *entry)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", dir, entry);
        CHECK(mkdir(path, 0700) == 0);
}

static void test_banks_of_the_kernel(void)
{
        char dir[] = "/tmp/halfkey-banks-XXXXXX", remove[64];
        TpmBanks banks = { .n = 77 };

        CHECK(mkdtemp(dir));
        CHECK_RESULT(tpm_banks_of_kernel("/nowhere/at/all", &banks), -ENOENT);
        banks_make(dir, "power");
        CHECK_RESULT(tpm_banks_of_kernel(dir, &banks), -ENOENT);
        CHECK(banks.n == 77);
        banks_make(dir, "pcr-sha384");
        banks_make(dir, "pcr-sha1");
        banks_make(dir, "pcr-sm3-256");
        CHECK_OK(tpm_banks_of_kernel(dir, &banks));
        CHECK(banks.n == 3 && banks.alg[0] == HASH_SHA1 && banks.alg[1] == HASH_SHA384 &&
              banks.alg[2] == HASH_SM3_256);
        banks_make(dir, "pcr-sha3-256");
        CHECK_RESULT(tpm_banks_of_kernel(dir, &banks), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "sha3-256"));
        snprintf(remove, sizeof(remove), "rm -rf %s", dir);
        CHECK(system(remove) == 0);
}

int main(void)
{
        RUN(test_name_is_computed);
        RUN(test_hostile_public_area);
        RUN(test_certificate_in_nv);
        RUN(test_banks_of_the_kernel);
        return 0;
}
