/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog.h"

#include "base/error.h"
#include "tpm/pcr.h"

#include <string.h>

_Static_assert((unsigned)TPM_PCR_COUNT == EVENTLOG_PCRS, "both are the PCRs of a PC Client TPM");

static int read_bank(Tpm *tpm, HashAlg bank, PcrValues *ret)
{
        TpmPcrValues values;
        int r;

        r = tpm_pcr_read(tpm, bank, (UINT32_C(1) << TPM_PCR_COUNT) - 1, &values);
        if (r != 0) return r;
        *ret = (PcrValues){ .bank = bank, .extended = values.mask };
        memcpy(ret->value, values.value, sizeof(ret->value));
        return 0;
}

int pcr_tpm_read(const char *tcti, PcrFile *ret)
{
        cleanup_tpm Tpm *tpm = NULL;
        TpmBanks banks;
        PcrFile f = { 0 };
        int r;

        r = tpm_open(tcti, &tpm);
        if (r != 0) return r;
        r = tpm_banks_read(tpm, &banks);
        for (size_t i = 0; r == 0 && i < banks.n && f.n_banks < EVENTLOG_BANKS_MAX; i++)
                r = read_bank(tpm, banks.alg[i], &f.banks[f.n_banks++]);
        if (r != 0) return error_prefix(r, "%s", tpm_where(tpm));
        *ret = f;
        return 0;
}
