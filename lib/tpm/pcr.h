/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* PCRs and their banks. */

#include "base/macros.h"
#include "crypto/hash.h"
#include "tpm/tpm.h"

enum {
        TPM_PCR_COUNT = 24, /* PC Client: PCR 0..23 */
        TPM_PCR_CAP = 15,   /* extended once the volumes are open; the seal wants it at zero */
        TPM_BANKS_MAX = 8,  /* hash algorithms there are in the TCG registry, and a few */
};

#define TPM_PCR_MASK(pcr) (UINT32_C(1) << (pcr))

typedef struct TpmPcrValues {
        HashAlg bank;
        uint32_t mask; /* bit n: value[n] is set */
        uint8_t value[TPM_PCR_COUNT][HASH_SIZE_MAX];
} TpmPcrValues;

/* All PCRs of mask, by as many TPM2_PCR_Read (TPM 2.0 Part 3, 22.4) as the TPM wants, again from the start
 * (at most 3 times) when a PCR moved in between, so that the values belong to one moment.
 * TPM_E_UNSUPPORTED where the bank or a PCR in it is not there. */
_must_check_ int tpm_pcr_read(Tpm *tpm, HashAlg bank, uint32_t mask, TpmPcrValues *ret);

/* TPM2_PCR_Extend (TPM 2.0 Part 3, 22.2) with one digest a bank. One bank that the TPM does not implement makes
 * it refuse them all: TPM_E_UNSUPPORTED, and nothing was extended. */
_must_check_ int tpm_pcr_extend(Tpm *tpm, unsigned pcr, const Digest *digests, size_t n);

/* The same for the cap: after any error the digest of `seal_bank`, which must be among them, is extended alone.
 * TPM_E_PARTIAL if that worked: the seal is closed, and the caller fails closed all the same. Another error:
 * nothing is known to be extended. */
_must_check_ int tpm_pcr_cap(Tpm *tpm, const Digest *digests, size_t n, HashAlg seal_bank);

typedef struct TpmBanks {
        size_t n;
        HashAlg alg[TPM_BANKS_MAX];
} TpmBanks;

bool tpm_banks_have(const TpmBanks *banks, HashAlg alg);

/* Banks that have PCRs in this TPM (TPM2_GetCapability, TPM_CAP_PCRS). An algorithm unknown to us is left out. */
_must_check_ int tpm_banks_read(Tpm *tpm, TpmBanks *ret);

/* The kernel's list, without a TPM command: the pcr-* folders in dir, NULL for /sys/class/tpm/tpm0.
 * -ENOENT where there are none, -EBADMSG for a bank we have no hash for: it could not be capped. */
_must_check_ int tpm_banks_of_kernel(const char *dir, TpmBanks *ret);
