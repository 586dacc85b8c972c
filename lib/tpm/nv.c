/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading an NV index as a whole. */

#include "tpm/internal.h"

#include <errno.h>
#include <string.h>

/* Every TPM reads at least this much at once (PC Client Platform TPM Profile, TPM_PT_NV_BUFFER_MAX >= 512). */
enum { NV_CHUNK = 512 };

typedef struct Nv {
        ESYS_TR index;
        ESYS_TR auth; /* by whose authority it is read */
        size_t size;
} Nv;

static int nv_chunk(Tpm *tpm, const Nv *nv, size_t at, uint8_t *content)
{
        const uint16_t size = (uint16_t)(nv->size - at < NV_CHUNK ? nv->size - at : NV_CHUNK);
        cleanup_esys TPM2B_MAX_NV_BUFFER *data = NULL;
        TSS2_RC rc;

        rc = Esys_NV_Read(tpm->esys, nv->auth, nv->index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, size,
                          (uint16_t)at, &data);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "NV_Read", rc);
        if (data->size != size) return error_set(-EIO, "TPM NV_Read: %u bytes instead of %u", data->size, size);
        memcpy(content + at, data->buffer, size);
        return 0;
}

/* Whose password, an empty one, lets us read it. */
static int nv_reader(const TPMS_NV_PUBLIC *area, Nv *nv)
{
        nv->size = area->dataSize;
        if (!(area->attributes & TPMA_NV_WRITTEN))
                return error_set(TPM_E_ABSENT, "the NV index 0x%08x was never written", area->nvIndex);
        if (area->attributes & TPMA_NV_AUTHREAD) nv->auth = nv->index;
        else if (area->attributes & TPMA_NV_OWNERREAD) nv->auth = ESYS_TR_RH_OWNER;
        else return error_set(TPM_E_AUTH, "the NV index 0x%08x is not ours to read", area->nvIndex);
        return 0;
}

static int nv_open(Tpm *tpm, uint32_t index, Nv *ret)
{
        cleanup_esys TPM2B_NV_PUBLIC *area = NULL;
        TSS2_RC rc;

        *ret = (Nv){ .index = ESYS_TR_NONE, .auth = ESYS_TR_NONE };
        rc = Esys_TR_FromTPMPublic(tpm->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &ret->index);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "NV_ReadPublic", rc);
        tpm_resource_note(tpm, ret->index);
        rc = Esys_NV_ReadPublic(tpm->esys, ret->index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, NULL);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "NV_ReadPublic", rc);
        return nv_reader(&area->nvPublic, ret);
}

int tpm_nv_read(Tpm *tpm, uint32_t index, size_t max, uint8_t **ret, size_t *ret_size)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_free uint8_t *content = NULL;
        Nv nv;
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = nv_open(tpm, index, &nv);
        if (r != 0) return r;
        if (nv.size == 0 || nv.size > max)
                return error_set(-EMSGSIZE, "the NV index 0x%08x has %zu bytes", index, nv.size);
        content = malloc(nv.size);
        if (!content) return -ENOMEM;
        for (size_t at = 0; at < nv.size; at += NV_CHUNK) {
                r = nv_chunk(tpm, &nv, at, content);
                if (r != 0) return r;
        }
        *ret = TAKE_PTR(content);
        *ret_size = nv.size;
        return 0;
}
