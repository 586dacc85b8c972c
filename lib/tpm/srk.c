/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The storage root key: TCG TPM v2.0 Provisioning Guidance 1.0, 7.5.1 and table 3, the one that systemd and others
 * use and make as well. */

#include "tpm/internal.h"

enum {
        SRK_ATTRIBUTES = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                         TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED |
                         TPMA_OBJECT_DECRYPT,
};

static const TPM2B_PUBLIC srk_template = {
        .publicArea = {
                .type = TPM2_ALG_ECC,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = SRK_ATTRIBUTES,
                .parameters.eccDetail = {
                        .symmetric = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB },
                        .scheme.scheme = TPM2_ALG_NULL,
                        .curveID = TPM2_ECC_NIST_P256,
                        .kdf.scheme = TPM2_ALG_NULL,
                },
                .unique.ecc = { .x = { .size = 32 }, .y = { .size = 32 } },
        },
};

/* An ECC P-256 storage key without a password policy. Its `unique` may be any: that is the key. */
static bool srk_fits(const TPMT_PUBLIC *p)
{
        const TPMS_ECC_PARMS *ecc = &p->parameters.eccDetail;

        return p->type == TPM2_ALG_ECC && p->nameAlg == TPM2_ALG_SHA256 && p->objectAttributes == SRK_ATTRIBUTES &&
               ecc->symmetric.algorithm == TPM2_ALG_AES && ecc->symmetric.mode.aes == TPM2_ALG_CFB &&
               ecc->scheme.scheme == TPM2_ALG_NULL && ecc->curveID == TPM2_ECC_NIST_P256 &&
               ecc->kdf.scheme == TPM2_ALG_NULL;
}

static int srk_check(const TpmObject *object)
{
        TPM2B_PUBLIC area;
        int r;

        r = tpm_public_parse(tpm_public_bytes(&object->public_area), &area);
        if (r < 0) return r;
        return srk_fits(&area.publicArea) ? 0 : tpm_handle_occupied(TPM_HANDLE_SRK, "an ECC P-256 storage key");
}

static int srk_create(Tpm *tpm, TpmObject *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        TpmObject object;
        ESYS_TR primary;
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = tpm_primary_make(tpm, ESYS_TR_RH_OWNER, &srk_template, &primary, &object);
        if (r != 0) return r;
        r = tpm_primary_persist(tpm, primary, TPM_HANDLE_SRK);
        if (r != 0) return r;
        object.handle = TPM_HANDLE_SRK;
        *ret = object;
        return 0;
}

int tpm_srk_ensure(Tpm *tpm, TpmObject *ret)
{
        TpmObject object;
        int r;

        r = tpm_object_read(tpm, TPM_HANDLE_SRK, &object);
        if (r == TPM_E_ABSENT) r = srk_create(tpm, &object);
        else if (r == 0) r = srk_check(&object);
        if (r != 0) return error_prefix(r, "storage key");
        *ret = object;
        return 0;
}
