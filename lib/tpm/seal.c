/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sealing: TPM2_Create of a KEYEDHASH object without a scheme (TPM 2.0 Part 1, 27.7). */

#include "tpm/seal.h"
#include "tpm/internal.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

enum {
        /* userWithAuth clear: the policy is the only way in. */
        SEALED_ATTRIBUTES = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_ADMINWITHPOLICY |
                            TPMA_OBJECT_NODA,
};

static TPM2B_PUBLIC sealed_template(Bytes policy)
{
        TPM2B_PUBLIC t = {
                .publicArea = {
                        .type = TPM2_ALG_KEYEDHASH,
                        .nameAlg = TPM2_ALG_SHA256,
                        .objectAttributes = SEALED_ATTRIBUTES,
                        .authPolicy.size = SHA256_SIZE,
                        .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
                },
        };

        memcpy(t.publicArea.authPolicy.buffer, policy.data, SHA256_SIZE);
        return t;
}

static void sensitive_wipe(TPM2B_SENSITIVE_CREATE *s)
{
        secret_wipe(s, sizeof(*s));
}

/* ESYS keeps a copy of what is to be sealed, for sending it again, in its context until that is freed, and offers
 * no way to let go of it, least of all after an answer it could not use. So the copy is looked for: with its size
 * and all of its buffer, which nothing else in there equals. */
static void forget_sensitive(Tpm *tpm, const TPM2B_SENSITIVE_CREATE *sensitive)
{
        const TPM2B_SENSITIVE_DATA *data = &sensitive->sensitive.data;
        uint8_t *context = (uint8_t *)tpm->esys, *copy;
        const size_t size = malloc_usable_size(context);

        while ((copy = memmem(context, size, data, sizeof(*data)))) secret_wipe(copy, sizeof(*data));
        tpm_wipe_answer(tpm);
}

static int create(Tpm *tpm, ESYS_TR srk, const TPM2B_SENSITIVE_CREATE *sensitive, const TPM2B_PUBLIC *template,
                  TpmSealed *ret)
{
        static const TPM2B_DATA no_data = { 0 };
        static const TPML_PCR_SELECTION no_pcrs = { 0 };
        cleanup_esys TPM2B_PRIVATE *private_area = NULL;
        cleanup_esys TPM2B_PUBLIC *public_area = NULL;
        TpmSession session;
        TSS2_RC rc;
        int r;

        r = tpm_session_start(tpm, srk, TPM2_SE_HMAC, TPMA_SESSION_DECRYPT, &session);
        if (r != 0) return r;
        rc = Esys_Create(tpm->esys, srk, session.resource, ESYS_TR_NONE, ESYS_TR_NONE, sensitive, template,
                         &no_data, &no_pcrs, &private_area, &public_area, NULL, NULL, NULL);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "Create", rc);
        tpm_session_used(tpm, &session);
        return tpm_blob_of(private_area, public_area, ret);
}

static int seal(Tpm *tpm, const TpmObject *srk, Bytes policy, const Secret *data, TpmSealed *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        _cleanup_(sensitive_wipe) TPM2B_SENSITIVE_CREATE sensitive = { 0 };
        const TPM2B_PUBLIC template = sealed_template(policy);
        ESYS_TR key;
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = tpm_object_use(tpm, srk, &key);
        if (r != 0) return r;
        sensitive.sensitive.data.size = (uint16_t)data->size;
        memcpy(sensitive.sensitive.data.buffer, data->data, data->size);
        r = create(tpm, key, &sensitive, &template, ret);
        forget_sensitive(tpm, &sensitive);
        return r;
}

int tpm_seal(Tpm *tpm, const TpmObject *srk, Bytes policy, const Secret *data, TpmSealed *ret)
{
        int r;

        if (policy.size != SHA256_SIZE || data->size > TPM_SEAL_MAX) return -EINVAL;
        r = seal(tpm, srk, policy, data, ret);
        /* A salt for the pinned key opens under no other: the TPM then sees a wrong HMAC. */
        if (r == TPM_E_AUTH || r == TPM_E_NAME || r == TPM_E_ABSENT || r == -EPROTO)
                r = tpm_object_explain(tpm, srk, r);
        return r == 0 ? 0 : error_prefix(r, "sealing");
}
