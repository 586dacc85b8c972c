/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PCRs: read in parts, extended in all banks or one. */

#include "tpm/pcr.h"
#include "base/hex.h"
#include "check.h"
#include "tpm/internal.h"
#include "tpm/swtpm.h"

#include <errno.h>

static Digest digest(HashAlg alg, const char *text)
{
        Digest d = { .alg = alg, .size = hash_size(alg) };

        CHECK_OK(hash_bytes(alg, BYTES(text, strlen(text)), d.bytes));
        return d;
}

/* What a zero PCR is after one extend. */
static void extended(const Digest *d, uint8_t ret[static HASH_SIZE_MAX])
{
        static const uint8_t zero[HASH_SIZE_MAX];
        const Bytes parts[] = { BYTES(zero, d->size), digest_bytes(d) };

        CHECK_OK(hash_parts(d->alg, parts, 2, ret));
}

static bool is_zero(const TpmPcrValues *v, unsigned pcr)
{
        static const uint8_t zero[HASH_SIZE_MAX];

        return bytes_equal(BYTES(v->value[pcr], hash_size(v->bank)), BYTES(zero, hash_size(v->bank)));
}

static void test_reads_all_of_a_bank(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmPcrValues v;
        uint8_t want[HASH_SIZE_MAX];
        const Digest d = digest(HASH_SHA384, "x");

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_pcr_extend(tpm, 12, &d, 1));
        CHECK_OK(tpm_pcr_read(tpm, HASH_SHA384, 0xffffff, &v));
        CHECK(v.mask == 0xffffff && v.bank == HASH_SHA384);
        extended(&d, want);
        CHECK_BYTES(BYTES(v.value[12], 48), BYTES(want, 48));
        CHECK(is_zero(&v, 0) && is_zero(&v, 15));
        for (unsigned pcr = 17; pcr <= 22; pcr++) CHECK(v.value[pcr][0] == 0xff && v.value[pcr][47] == 0xff);
        CHECK_OK(tpm_pcr_read(tpm, HASH_SHA256, TPM_PCR_MASK(7), &v));
        CHECK(v.mask == TPM_PCR_MASK(7) && is_zero(&v, 7));
        /* three times eight, and one each for the rest */
        CHECK(tpm_commands_count(tpm) == 1 + 1 + 3 + 1);
        CHECK(rig_loaded(rig) == 0);
}

static void test_equals_tpm2_pcrread(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmPcrValues v;
        uint8_t ours[24 * 32];

        for (unsigned pcr = 0; pcr < 16; pcr += 3) rig_extend(rig, pcr);
        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_pcr_read(tpm, HASH_SHA256, 0xffffff, &v));
        for (size_t i = 0; i < 24; i++) memcpy(ours + 32 * i, v.value[i], 32);
        rig_run(rig, "tpm2_pcrread -o pcrs sha256:all");
        const Bytes theirs = rig_read(rig, "pcrs");
        CHECK_BYTES(theirs, BYTES_ARRAY(ours));
        free((void *)theirs.data);
}

static void test_absent_bank(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmPcrValues v = { .mask = 0x77 };
        const Digest both[] = { digest(HASH_SHA256, "a"), digest(HASH_SM3_256, "a") };

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_RESULT(tpm_pcr_read(tpm, HASH_SM3_256, 1, &v), TPM_E_UNSUPPORTED);
        CHECK(v.mask == 0x77);
        CHECK_RESULT(tpm_pcr_read(tpm, HASH_SHA256, TPM_PCR_MASK(24), &v), -EINVAL);
        CHECK_RESULT(tpm_pcr_extend(tpm, 15, both, 2), TPM_E_UNSUPPORTED);
        CHECK_OK(tpm_pcr_read(tpm, HASH_SHA256, TPM_PCR_MASK(15), &v));
        CHECK(is_zero(&v, 15));
        CHECK_RESULT(tpm_pcr_extend(tpm, 24, both, 1), -EINVAL);
        CHECK_RESULT(tpm_pcr_extend(tpm, 1, both, 0), -EINVAL);
}

static void test_cap(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmPcrValues v;
        uint8_t want[HASH_SIZE_MAX];
        const Digest good[] = { digest(HASH_SHA1, "a"), digest(HASH_SHA256, "a"), digest(HASH_SHA384, "a") };
        const Digest bad[] = { digest(HASH_SHA256, "b"), digest(HASH_SM3_256, "b") };

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_RESULT(tpm_pcr_cap(tpm, good, 1, HASH_SHA256), -EINVAL);
        CHECK(tpm_commands_count(tpm) == 1);
        CHECK_OK(tpm_pcr_cap(tpm, good, 3, HASH_SHA256));
        CHECK(tpm_commands_count(tpm) == 2);
        for (size_t i = 0; i < 3; i++) {
                CHECK_OK(tpm_pcr_read(tpm, good[i].alg, TPM_PCR_MASK(15), &v));
                extended(good + i, want);
                CHECK_BYTES(BYTES(v.value[15], good[i].size), BYTES(want, good[i].size));
        }
        rig_power_cut(rig);
        CHECK_RESULT(tpm_pcr_cap(tpm, bad, 2, HASH_SHA256), TPM_E_PARTIAL);
        CHECK(strstr(error_detail(TPM_E_PARTIAL), "sha256 bank alone"));
        CHECK_OK(tpm_pcr_read(tpm, HASH_SHA256, TPM_PCR_MASK(15), &v));
        extended(bad, want);
        CHECK_BYTES(BYTES(v.value[15], 32), BYTES(want, 32));
        CHECK_RESULT(tpm_pcr_cap(tpm, bad + 1, 1, HASH_SM3_256), TPM_E_UNSUPPORTED);
}

static void test_banks(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        TpmBanks banks;

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_banks_read(tpm, &banks));
        CHECK(banks.n == 4 && banks.alg[0] == HASH_SHA1 && banks.alg[1] == HASH_SHA256 &&
              banks.alg[2] == HASH_SHA384 && banks.alg[3] == HASH_SHA512);
}

int main(void)
{
        RUN(test_reads_all_of_a_bank);
        RUN(test_equals_tpm2_pcrread);
        RUN(test_absent_bank);
        RUN(test_cap);
        RUN(test_banks);
        return 0;
}
