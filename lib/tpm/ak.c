/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The attestation key.
 *
 * In the endorsement hierarchy, since keys of the owner hierarchy report resetCount and firmwareVersion obfuscated
 * (TPM 2.0 Part 1, 36.7). A `unique` of our own makes it a key that no other software makes from a common
 * template by chance, and the same one again after the handle was freed or the owner hierarchy cleared. */

#include "tpm/key-internal.h"

#include <string.h>

static const TPM2B_PUBLIC ak_template = {
        .publicArea = {
                .type = TPM2_ALG_ECC,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA |
                                    TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT,
                .parameters.eccDetail = {
                        .symmetric.algorithm = TPM2_ALG_NULL,
                        .scheme = { .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256 },
                        .curveID = TPM2_ECC_NIST_P256,
                        .kdf.scheme = TPM2_ALG_NULL,
                },
                .unique.ecc = {
                        .x = { .size = 32, /* SHA-256("halfkey attestation key v1") */
                                .buffer = { 0xda, 0x33, 0x3a, 0xe2, 0x1e, 0x9e, 0x3c, 0xdb, 0x94, 0x61, 0xa4, 0x4e, 0xb0, 0xaa, 0x7c, 0xdb, 0xa9, 0x94, 0x89, 0x7b, 0x69, 0xc1, 0x36, 0x56, 0x76, 0x28, 0x00, 0x1f, 0xf8, 0x98, 0x5b, 0x7f } },
                        .y = { .size = 32 },
                },
        },
};

int tpm_ak_ensure(Tpm *tpm, TpmObject *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        TpmObject ours, there;
        ESYS_TR primary;
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = tpm_primary_make(tpm, ESYS_TR_RH_ENDORSEMENT, &ak_template, &primary, &ours);
        if (r != 0) return error_prefix(r, "attestation key");
        ours.handle = TPM_HANDLE_AK;
        r = tpm_object_read(tpm, TPM_HANDLE_AK, &there);
        if (r == TPM_E_ABSENT) r = tpm_primary_persist(tpm, primary, TPM_HANDLE_AK);
        else if (r == 0 && tpm_object_check_name(&there, tpm_name_bytes(&ours.name)) != 0)
                r = tpm_handle_occupied(TPM_HANDLE_AK, "halfkey's attestation key");
        if (r != 0) return error_prefix(r, "attestation key");
        *ret = ours;
        return 0;
}

/* The key is made once more for it: only Create says how, not what lies persistent. It is the same key. */
int tpm_ak_certify_creation(Tpm *tpm, const TpmObject *ak, const TpmExtra *extra, TpmCreation *ret_creation,
                            TpmSigned *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_esys TPM2B_ATTEST *attest = NULL;
        cleanup_esys TPMT_SIGNATURE *signature = NULL;
        static const TPMT_SIG_SCHEME scheme_of_key = { .scheme = TPM2_ALG_NULL };
        TPM2B_DATA data = { .size = sizeof(extra->bytes) };
        TPM2B_DIGEST hash;
        TPMT_TK_CREATION ticket;
        TpmCreation creation;
        TpmObject ours;
        ESYS_TR key;
        TSS2_RC rc;
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r == 0) r = tpm_primary_create(tpm, ESYS_TR_RH_ENDORSEMENT, &ak_template, &key, &ours, &creation);
        if (r == 0) r = tpm_object_check_name(&ours, tpm_name_bytes(&ak->name));
        if (r == 0) r = tpm_creation_ticket(&creation, &hash, &ticket);
        if (r != 0) return error_prefix(r, "attestation key");
        memcpy(data.buffer, extra->bytes, sizeof(extra->bytes));
        rc = Esys_CertifyCreation(tpm->esys, key, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, &hash,
                                  &scheme_of_key, &ticket, &attest, &signature);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "CertifyCreation", rc);
        r = tpm_signed_of(attest, signature, ret);
        if (r == 0) *ret_creation = creation;
        return r;
}
