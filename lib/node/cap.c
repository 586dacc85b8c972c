/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/cap.h"

#include "base/error.h"

#include <errno.h>

static int add_event(HashAlg bank, const char *outcome, const AttestVolume *volumes, size_t n_volumes,
                     Digest *digests, size_t *n)
{
        int r;

        if (*n == TPM_BANKS_MAX) return -E2BIG;
        r = attest_cap_event(bank, outcome, volumes, n_volumes, &digests[*n]);
        if (r < 0) return r;
        (*n)++;
        return 0;
}

int cap_extend(Tpm *tpm, HashAlg seal_bank, const char *outcome, const AttestVolume *volumes, size_t n_volumes)
{
        Digest digests[TPM_BANKS_MAX];
        TpmBanks banks;
        size_t n = 0;
        int r;

        r = tpm_banks_of_kernel(NULL, &banks);
        if (r < 0) return r;
        for (size_t i = 0; i < banks.n; i++) {
                r = add_event(banks.alg[i], outcome, volumes, n_volumes, digests, &n);
                if (r < 0) return r;
        }
        if (!tpm_banks_have(&banks, seal_bank)) {
                r = add_event(seal_bank, outcome, volumes, n_volumes, digests, &n);
                if (r < 0) return r;
        }
        return tpm_pcr_cap(tpm, digests, n, seal_bank);
}

static int is_zero(Tpm *tpm, HashAlg bank, bool *ret)
{
        static const uint8_t zeros[HASH_SIZE_MAX];
        TpmPcrValues values;
        int r;

        r = tpm_pcr_read(tpm, bank, TPM_PCR_MASK(TPM_PCR_CAP), &values);
        if (r != 0) return r;
        *ret = bytes_equal(BYTES(values.value[TPM_PCR_CAP], hash_size(bank)), BYTES(zeros, hash_size(bank)));
        return 0;
}

int cap_fallback(Tpm *tpm, bool *ret_extended)
{
        Digest digests[TPM_BANKS_MAX];
        TpmBanks banks;
        size_t n = 0;
        int r;

        r = tpm_banks_of_kernel(NULL, &banks);
        if (r < 0) return r;
        if (banks.n == 0) return error_set(-ENOENT, "the kernel knows no PCR bank of this TPM");
        for (size_t i = 0; i < banks.n; i++) {
                bool zero;

                r = is_zero(tpm, banks.alg[i], &zero);
                if (r != 0) return r;
                if (!zero) continue;
                r = add_event(banks.alg[i], ATTEST_CAP_FALLBACK, NULL, 0, digests, &n);
                if (r < 0) return r;
        }
        *ret_extended = n > 0;
        return n > 0 ? tpm_pcr_extend(tpm, TPM_PCR_CAP, digests, n) : 0;
}
