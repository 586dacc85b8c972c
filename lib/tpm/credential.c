/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Credential activation, and random bytes: the two answers besides Unseal's that are secret. */

#include "tpm/internal.h"

#include <errno.h>
#include <string.h>

static int secret_take(Tpm *tpm, TPM2B_DIGEST *answer, Secret **ret)
{
        const int r = answer->size == 0 ? -ENODATA : secret_new_copy(BYTES(answer->buffer, answer->size), ret);

        secret_wipe(answer, sizeof(*answer));
        tpm_wipe_answer(tpm);
        return r;
}

typedef struct Activation {
        const TpmEk *ek;
        ESYS_TR ak_key, ek_key;
        TPM2B_ID_OBJECT credential;
        TPM2B_ENCRYPTED_SECRET secret;
} Activation;

static int activate(Tpm *tpm, const Activation *a, Secret **ret)
{
        cleanup_esys TPM2B_DIGEST *answer = NULL;
        TpmSession session;
        TSS2_RC rc;
        int r;

        r = tpm_ek_session(tpm, a->ek, a->ek_key, TPMA_SESSION_ENCRYPT, &session);
        if (r != 0) return r;
        rc = Esys_ActivateCredential(tpm->esys, a->ak_key, a->ek_key, ESYS_TR_PASSWORD, session.resource,
                                     ESYS_TR_NONE, &a->credential, &a->secret, &answer);
        if (tpm_rc_of_contents(rc))
                return error_set(TPM_E_BLOB, "the credential is not for this EK and AK (code 0x%03x)", rc);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "ActivateCredential", rc);
        tpm_session_used(tpm, &session);
        return secret_take(tpm, answer, ret);
}

int tpm_activate_credential(Tpm *tpm, const TpmObject *ak, const TpmEk *ek, Bytes credential, Bytes secret,
                            Secret **ret)
{
        cleanup_scope TpmScope scope = { 0 };
        Activation a = { .ek = ek,
                         .credential.size = (uint16_t)credential.size,
                         .secret.size = (uint16_t)secret.size };
        int r;

        if (credential.size == 0 || secret.size == 0 || credential.size > sizeof(a.credential.credential) ||
            secret.size > sizeof(a.secret.secret))
                return error_set(TPM_E_BLOB, "a credential of %zu and %zu bytes", credential.size, secret.size);
        memcpy(a.credential.credential, credential.data, credential.size);
        memcpy(a.secret.secret, secret.data, secret.size);
        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = tpm_ek_use(tpm, ek, &a.ek_key);
        if (r != 0) return r;
        r = tpm_object_use(tpm, ak, &a.ak_key);
        if (r != 0) return r;
        return activate(tpm, &a, ret);
}

/* ---- random ---- */

static int random_session(Tpm *tpm, const TpmObject *srk, TpmSession *ret)
{
        ESYS_TR key;
        int r;

        *ret = (TpmSession){ .resource = ESYS_TR_NONE };
        if (!srk) return 0;
        r = tpm_object_use(tpm, srk, &key);
        if (r != 0) return r;
        return tpm_session_start(tpm, key, TPM2_SE_HMAC, TPMA_SESSION_ENCRYPT | TPMA_SESSION_CONTINUESESSION, ret);
}

/* At most as many bytes as the TPM's largest digest come at once. */
static int random_some(Tpm *tpm, ESYS_TR session, uint8_t *to, size_t wanted, size_t *ret)
{
        const uint16_t ask = (uint16_t)MIN(wanted, (size_t)SHA256_SIZE);
        cleanup_esys TPM2B_DIGEST *answer = NULL;
        TSS2_RC rc;

        rc = Esys_GetRandom(tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ask, &answer);
        if (tpm_session_refused(rc)) return tpm_session_unsalted();
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "GetRandom", rc);
        const size_t got = answer->size;
        if (got > 0 && got <= ask) memcpy(to, answer->buffer, got);
        secret_wipe(answer, sizeof(*answer));
        tpm_wipe_answer(tpm);
        if (got == 0 || got > ask) return error_set(-EIO, "TPM GetRandom: %zu bytes instead of %u", got, ask);
        *ret = got;
        return 0;
}

int tpm_random(Tpm *tpm, const TpmObject *srk, size_t size, Secret **ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_secret Secret *secret = NULL;
        TpmSession session;
        size_t got = 0;
        int r;

        if (size == 0 || size > TPM_RANDOM_MAX) return -EINVAL;
        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = secret_new(size, &secret);
        if (r < 0) return r;
        r = random_session(tpm, srk, &session);
        if (r != 0) return r;
        for (size_t at = 0; at < size; at += got) {
                r = random_some(tpm, session.resource, secret->data + at, size - at, &got);
                if (r != 0) return r;
        }
        *ret = TAKE_PTR(secret);
        return 0;
}
