/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The two commands that make the AK sign. Its Name is not checked first: the verifier, which knows it, does. */

#include "tpm/quote.h"
#include "tpm/internal.h"
#include "tpm/pcr.h"
#include "tpm/selection.h"

#include <errno.h>
#include <string.h>
#include <tss2/tss2_mu.h>

static const TPMT_SIG_SCHEME scheme_of_key = { .scheme = TPM2_ALG_NULL };

static TPM2B_DATA extra_data(const TpmExtra *extra)
{
        TPM2B_DATA data = { .size = sizeof(extra->bytes) };

        memcpy(data.buffer, extra->bytes, sizeof(extra->bytes));
        return data;
}

int tpm_signed_of(const TPM2B_ATTEST *attest, const TPMT_SIGNATURE *signature, TpmSigned *ret)
{
        TpmSigned s = { .attest_size = attest->size };

        if (attest->size > sizeof(s.attest)) return error_set(-EMSGSIZE, "the TPM signed more than we take");
        memcpy(s.attest, attest->attestationData, attest->size);
        if (Tss2_MU_TPMT_SIGNATURE_Marshal(signature, s.signature, sizeof(s.signature), &s.signature_size) !=
            TSS2_RC_SUCCESS)
                return error_set(-EIO, "the TPM's signature cannot be encoded");
        *ret = s;
        return 0;
}

int tpm_quote(Tpm *tpm, const TpmObject *ak, const TpmExtra *extra, HashAlg bank, uint32_t mask, TpmSigned *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_esys TPM2B_ATTEST *attest = NULL;
        cleanup_esys TPMT_SIGNATURE *signature = NULL;
        const TPML_PCR_SELECTION selection = selection_of(bank, mask);
        const TPM2B_DATA data = extra_data(extra);
        ESYS_TR key;
        TSS2_RC rc;
        int r;

        if (mask == 0 || mask >= TPM_PCR_MASK(TPM_PCR_COUNT)) return -EINVAL;
        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = tpm_object_use(tpm, ak, &key);
        if (r != 0) return r;
        rc = Esys_Quote(tpm->esys, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, &scheme_of_key,
                        &selection, &attest, &signature);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "Quote", rc);
        return tpm_signed_of(attest, signature, ret);
}

int tpm_certify(Tpm *tpm, const TpmObject *ak, const TpmObject *object, const TpmExtra *extra, TpmSigned *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_esys TPM2B_ATTEST *attest = NULL;
        cleanup_esys TPMT_SIGNATURE *signature = NULL;
        const TPM2B_DATA data = extra_data(extra);
        ESYS_TR key, subject;
        TSS2_RC rc;
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = tpm_object_use(tpm, ak, &key);
        if (r != 0) return r;
        r = tpm_object_use(tpm, object, &subject);
        if (r != 0) return r;
        rc = Esys_Certify(tpm->esys, subject, key, ESYS_TR_PASSWORD, ESYS_TR_PASSWORD, ESYS_TR_NONE, &data,
                          &scheme_of_key, &attest, &signature);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "Certify", rc);
        return tpm_signed_of(attest, signature, ret);
}
