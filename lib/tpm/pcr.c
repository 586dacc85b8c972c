/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading and extending PCRs. */

#include "tpm/pcr.h"
#include "tpm/internal.h"
#include "tpm/selection.h"

#include <errno.h>
#include <string.h>

enum { READ_TRIES = 4 };

/* Takes over what one PCR_Read gave. A TPM gives as many as it likes, at most eight digests (TPML_DIGEST), in
 * ascending order; *mask gets what it gave. */
static int values_add(const TPML_PCR_SELECTION *given, const TPML_DIGEST *digests, TpmPcrValues *values,
                      uint32_t *mask)
{
        const size_t size = hash_size(values->bank);
        size_t i = 0;

        *mask = selection_mask(given, values->bank);
        for (unsigned pcr = 0; pcr < TPM_PCR_COUNT; pcr++) {
                if (!(*mask & TPM_PCR_MASK(pcr))) continue;
                if (i >= digests->count || digests->digests[i].size != size)
                        return error_set(-EIO, "TPM PCR_Read: the answer does not hold what it says");
                memcpy(values->value[pcr], digests->digests[i++].buffer, size);
        }
        return 0;
}

static int read_some(Tpm *tpm, uint32_t wanted, TpmPcrValues *values, uint32_t *counter)
{
        const TPML_PCR_SELECTION selection = selection_of(values->bank, wanted);
        cleanup_esys TPML_PCR_SELECTION *given = NULL;
        cleanup_esys TPML_DIGEST *digests = NULL;
        uint32_t mask;
        TSS2_RC rc;
        int r;

        rc = Esys_PCR_Read(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &selection, counter, &given,
                           &digests);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "PCR_Read", rc);
        r = values_add(given, digests, values, &mask);
        if (r < 0) return r;
        mask &= wanted & ~values->mask;
        if (mask == 0)
                return error_set(TPM_E_UNSUPPORTED, "the TPM has no %s bank for these PCRs (mask 0x%06x)",
                                 hash_name(values->bank), wanted);
        values->mask |= mask;
        return 0;
}

/* -EAGAIN if the update counter moved, so that the values would be of two moments. */
static int read_all(Tpm *tpm, uint32_t mask, TpmPcrValues *values)
{
        uint32_t first = 0, counter = 0;
        int r;

        for (values->mask = 0; values->mask != mask;) {
                const bool begun = values->mask != 0;

                r = read_some(tpm, mask & ~values->mask, values, &counter);
                if (r != 0) return r;
                if (begun && counter != first) return -EAGAIN;
                first = counter;
        }
        return 0;
}

int tpm_pcr_read(Tpm *tpm, HashAlg bank, uint32_t mask, TpmPcrValues *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        TpmPcrValues values = { .bank = bank };
        int r;

        if (hash_size(bank) == 0 || mask >= TPM_PCR_MASK(TPM_PCR_COUNT)) return -EINVAL;
        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        for (int try = 0; try < READ_TRIES; try++) {
                r = read_all(tpm, mask, &values);
                if (r != -EAGAIN) break;
        }
        if (r == -EAGAIN) return error_set(TPM_E_PCR_CHANGED, "PCRs keep changing while they are read");
        if (r != 0) return r;
        *ret = values;
        return 0;
}

int tpm_pcr_extend(Tpm *tpm, unsigned pcr, const Digest *digests, size_t n)
{
        cleanup_scope TpmScope scope = { 0 };
        TPML_DIGEST_VALUES values = { .count = (uint32_t)n };
        TSS2_RC rc;
        int r;

        if (pcr >= TPM_PCR_COUNT || n == 0 || n > ARRAY_SIZE(values.digests)) return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                values.digests[i].hashAlg = (TPMI_ALG_HASH)digests[i].alg;
                memcpy(&values.digests[i].digest, digests[i].bytes, hash_size(digests[i].alg));
        }
        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        rc = Esys_PCR_Extend(tpm->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &values);
        return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(tpm, "PCR_Extend", rc);
}

static const Digest *digest_of(const Digest *digests, size_t n, HashAlg bank)
{
        for (size_t i = 0; i < n; i++)
                if (digests[i].alg == bank) return digests + i;
        return NULL;
}

int tpm_pcr_cap(Tpm *tpm, const Digest *digests, size_t n, HashAlg seal_bank)
{
        const Digest *seal = digest_of(digests, n, seal_bank);
        int r;

        if (!seal) return -EINVAL;
        r = tpm_pcr_extend(tpm, TPM_PCR_CAP, digests, n);
        if (r == 0 || n == 1) return r;
        cleanup_free char *why = strdup(error_detail(r));
        r = tpm_pcr_extend(tpm, TPM_PCR_CAP, seal, 1);
        if (r != 0) return r;
        return error_set(TPM_E_PARTIAL, "the cap reached the %s bank alone: %s", hash_name(seal_bank),
                         why ? why : "");
}
