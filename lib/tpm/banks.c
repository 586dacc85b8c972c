/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which PCR banks there are, by the TPM's word or by the kernel's. */

#include "tpm/internal.h"
#include "tpm/pcr.h"
#include "tpm/selection.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#define KERNEL_DIR "/sys/class/tpm/tpm0"
#define KERNEL_PREFIX "pcr-"

bool tpm_banks_have(const TpmBanks *banks, HashAlg alg)
{
        for (size_t i = 0; i < banks->n; i++)
                if (banks->alg[i] == alg) return true;
        return false;
}

/* Ascending, so that the order is the same whoever lists them. */
static int banks_add(TpmBanks *banks, HashAlg alg)
{
        size_t at = banks->n;

        if (tpm_banks_have(banks, alg)) return 0;
        if (banks->n == TPM_BANKS_MAX) return error_set(-E2BIG, "more than %d PCR banks", TPM_BANKS_MAX);
        for (; at > 0 && banks->alg[at - 1] > alg; at--) banks->alg[at] = banks->alg[at - 1];
        banks->alg[at] = alg;
        banks->n++;
        return 0;
}

int tpm_banks_read(Tpm *tpm, TpmBanks *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_esys TPMS_CAPABILITY_DATA *data = NULL;
        TpmBanks banks = { 0 };
        TPMI_YES_NO more;
        TSS2_RC rc;
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_PCRS, 0,
                                TPM2_NUM_PCR_BANKS, &more, &data);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "GetCapability", rc);
        if (data->capability != TPM2_CAP_PCRS)
                return error_set(-EIO, "TPM GetCapability: the answer is to another question");
        const TPML_PCR_SELECTION *assigned = &data->data.assignedPCR;
        for (uint32_t i = 0; i < assigned->count && i < TPM2_NUM_PCR_BANKS; i++) {
                const HashAlg alg = (HashAlg)assigned->pcrSelections[i].hash;

                if (hash_size((uint16_t)alg) == 0 || selection_mask(assigned, alg) == 0) continue;
                r = banks_add(&banks, alg);
                if (r < 0) return r;
        }
        *ret = banks;
        return 0;
}

/* "pcr-sha256"; SM3 has had two spellings (crypto/hash_info.c in the kernel). */
static int kernel_bank(const char *entry, HashAlg *ret)
{
        const char *name = entry + strlen(KERNEL_PREFIX);

        if (strcmp(name, "sm3") == 0 || strcmp(name, "sm3-256") == 0) name = "sm3_256";
        if (hash_from_name(name, ret) < 0)
                return error_set(-EBADMSG, "the kernel has a PCR bank `%s` that halfkey has no hash for", name);
        return 0;
}

static void closedirp(DIR **d)
{
        if (*d) closedir(*d);
}

int tpm_banks_of_kernel(const char *dir, TpmBanks *ret)
{
        const char *path = dir ? dir : KERNEL_DIR;
        _cleanup_(closedirp) DIR *d = opendir(path);
        TpmBanks banks = { 0 };
        int r;

        if (!d) return error_set(-errno, "%s: %s", path, strerror(errno));
        for (struct dirent *e = readdir(d); e; e = readdir(d)) {
                HashAlg alg;

                if (strncmp(e->d_name, KERNEL_PREFIX, strlen(KERNEL_PREFIX)) != 0) continue;
                r = kernel_bank(e->d_name, &alg);
                if (r == 0) r = banks_add(&banks, alg);
                if (r < 0) return r;
        }
        if (banks.n == 0) return error_set(-ENOENT, "%s lists no PCR bank", path);
        *ret = banks;
        return 0;
}
