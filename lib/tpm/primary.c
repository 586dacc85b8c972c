/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Primary keys: made from a template, the same each time, and persisted. */

#include "tpm/key-internal.h"

int tpm_primary_create(Tpm *tpm, ESYS_TR hierarchy, const TPM2B_PUBLIC *wanted, ESYS_TR *ret,
                       TpmObject *ret_object, TpmCreation *ret_creation)
{
        static const TPM2B_SENSITIVE_CREATE no_password = { 0 };
        static const TPM2B_DATA no_data = { 0 };
        static const TPML_PCR_SELECTION no_pcrs = { 0 };
        cleanup_esys TPM2B_PUBLIC *area = NULL;
        cleanup_esys TPM2B_CREATION_DATA *data = NULL;
        cleanup_esys TPM2B_DIGEST *hash = NULL;
        cleanup_esys TPMT_TK_CREATION *ticket = NULL;
        ESYS_TR primary = ESYS_TR_NONE;
        TSS2_RC rc;
        int r;

        rc = Esys_CreatePrimary(tpm->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_password,
                                wanted, &no_data, &no_pcrs, &primary, &area, &data, &hash, &ticket);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "CreatePrimary", rc);
        tpm_resource_note(tpm, primary);
        r = tpm_object_of(0, area, ret_object);
        if (r == 0 && ret_creation) r = tpm_creation_of(data, hash, ticket, ret_creation);
        if (r < 0) return r;
        *ret = primary;
        return 0;
}

int tpm_primary_make(Tpm *tpm, ESYS_TR hierarchy, const TPM2B_PUBLIC *wanted, ESYS_TR *ret, TpmObject *ret_object)
{
        return tpm_primary_create(tpm, hierarchy, wanted, ret, ret_object, NULL);
}

/* TPM 2.0 Part 3, 28.5 TPM2_EvictControl. */
int tpm_primary_persist(Tpm *tpm, ESYS_TR primary, uint32_t handle)
{
        ESYS_TR persistent = ESYS_TR_NONE;
        TSS2_RC rc;

        rc = Esys_EvictControl(tpm->esys, ESYS_TR_RH_OWNER, primary, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                               handle, &persistent);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "EvictControl", rc);
        tpm_resource_note(tpm, persistent);
        return 0;
}

int tpm_handle_occupied(uint32_t handle, const char *wanted)
{
        return error_set(TPM_E_OCCUPIED,
                         "the TPM has another object at 0x%08x, where %s belongs; if nothing needs it, "
                         "`tpm2_evictcontrol -C o -c 0x%08x` frees the handle",
                         handle, wanted, handle);
}
