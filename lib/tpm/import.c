/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bringing in what was made elsewhere, and what comes out of a key encrypted: unsealed data, HMACs. */

#include "tpm/key-internal.h"

#include <errno.h>
#include <string.h>

/* ---- what may come in ---- */

/* A signing key may have the attribute to decrypt as well, as tpm2_duplicate makes them: nothing here decrypts. */
static int import_check(const TPMT_PUBLIC *p)
{
        const uint32_t uses = p->objectAttributes & (TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT);

        if (p->objectAttributes & TPMA_OBJECT_RESTRICTED)
                return error_set(TPM_E_BLOB,
                                 "the duplicate is a parent or an attestation key, which is not brought "
                                 "in");
        if (p->authPolicy.size == 0 || p->objectAttributes & TPMA_OBJECT_USERWITHAUTH)
                return error_set(TPM_E_BLOB, "the duplicate is not bound to PCRs: it has %s",
                                 p->authPolicy.size == 0 ? "no policy" : "a password beside its policy");
        switch (p->type) {
        case TPM2_ALG_KEYEDHASH:
                if (uses == 0 && p->parameters.keyedHashDetail.scheme.scheme == TPM2_ALG_NULL) return 0;
                break;
        case TPM2_ALG_RSA:
        case TPM2_ALG_ECC:
                if (uses & TPMA_OBJECT_SIGN_ENCRYPT) return 0;
                break;
        default: break;
        }
        return error_set(TPM_E_BLOB, "the duplicate is neither sealed data nor a signing key");
}

typedef struct Import {
        TPM2B_PRIVATE duplicate;
        TPM2B_ENCRYPTED_SECRET seed;
        TPM2B_PUBLIC area;
} Import;

static int import_take(const TpmDuplicate *d, Import *ret)
{
        Import i = { .duplicate.size = (uint16_t)d->duplicate.size,
                     .seed.size = (uint16_t)d->encrypted_seed.size };
        int r;

        if (d->duplicate.size == 0 || d->duplicate.size > sizeof(i.duplicate.buffer) ||
            d->encrypted_seed.size == 0 || d->encrypted_seed.size > sizeof(i.seed.secret))
                return error_set(TPM_E_BLOB, "a duplicate of %zu and %zu bytes", d->duplicate.size,
                                 d->encrypted_seed.size);
        memcpy(i.duplicate.buffer, d->duplicate.data, d->duplicate.size);
        memcpy(i.seed.secret, d->encrypted_seed.data, d->encrypted_seed.size);
        r = tpm_public_parse(d->public_area, &i.area);
        if (r == 0) r = import_check(&i.area.publicArea);
        if (r != 0) return r;
        *ret = i;
        return 0;
}

static int import(Tpm *tpm, const TpmParent *parent, const Import *i, TpmBlob *ret)
{
        static const TPM2B_DATA no_inner_key = { 0 };
        static const TPMT_SYM_DEF_OBJECT no_inner_wrapper = { .algorithm = TPM2_ALG_NULL };
        cleanup_esys TPM2B_PRIVATE *private_area = NULL;
        TpmSession session;
        ESYS_TR key;
        TSS2_RC rc;
        int r;

        r = tpm_parent_use(tpm, parent, &key);
        if (r == 0) r = tpm_parent_session(tpm, parent, key, 0, &session);
        if (r != 0) return r;
        rc = Esys_Import(tpm->esys, key, session.resource, ESYS_TR_NONE, ESYS_TR_NONE, &no_inner_key, &i->area,
                         &i->duplicate, &i->seed, &no_inner_wrapper, &private_area);
        if (tpm_session_refused(rc)) return tpm_session_unsalted();
        if (tpm_rc_of_contents(rc))
                return error_set(TPM_E_BLOB, "the duplicate is not for this parent, or was altered (code 0x%03x)",
                                 rc);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "Import", rc);
        tpm_session_used(tpm, &session);
        return tpm_blob_of(private_area, &i->area, ret);
}

int tpm_import(Tpm *tpm, const TpmParent *parent, const TpmDuplicate *duplicate, TpmBlob *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        Import i;
        int r;

        r = import_take(duplicate, &i);
        if (r == 0) r = tpm_scope_begin(tpm, &scope);
        if (r == 0) r = import(tpm, parent, &i, ret);
        return r == 0 ? 0 : error_prefix(r, "import");
}

/* ---- secret answers ---- */

static int unseal(Tpm *tpm, const LoadedKey *l, Secret **ret)
{
        cleanup_esys TPM2B_SENSITIVE_DATA *data = NULL;
        TpmSession session;
        TSS2_RC rc;
        int r;

        r = tpm_key_session(tpm, l, TPMA_SESSION_ENCRYPT, &session);
        if (r != 0) return r;
        rc = Esys_Unseal(tpm->esys, l->object, session.resource, ESYS_TR_NONE, ESYS_TR_NONE, &data);
        if (tpm_session_refused(rc)) return tpm_session_unsalted();
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "Unseal", rc);
        tpm_session_used(tpm, &session);
        r = data->size == 0 ? -ENODATA : secret_new_copy(BYTES(data->buffer, data->size), ret);
        secret_wipe(data, sizeof(*data));
        tpm_wipe_answer(tpm);
        return r;
}

int tpm_key_unseal(Tpm *tpm, const TpmKey *key, Secret **ret)
{
        cleanup_scope TpmScope scope = { 0 };
        LoadedKey l;
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r == 0) r = tpm_key_load(tpm, key, ESYS_TR_NONE, &l);
        if (r == 0) r = unseal(tpm, &l, ret);
        return r == 0 ? 0 : error_prefix(r, "unsealing");
}

static void buffer_wipe(TPM2B_MAX_BUFFER *b)
{
        secret_wipe(b, sizeof(*b));
}

static int hmac(Tpm *tpm, const LoadedKey *l, const TPM2B_MAX_BUFFER *data, Secret **ret)
{
        cleanup_esys TPM2B_DIGEST *answer = NULL;
        TpmSession session;
        TSS2_RC rc;
        int r;

        r = tpm_key_session(tpm, l, TPMA_SESSION_ENCRYPT | TPMA_SESSION_DECRYPT, &session);
        if (r != 0) return r;
        rc = Esys_HMAC(tpm->esys, l->object, session.resource, ESYS_TR_NONE, ESYS_TR_NONE, data, TPM2_ALG_NULL,
                       &answer);
        if (tpm_session_refused(rc)) return tpm_session_unsalted();
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "HMAC", rc);
        tpm_session_used(tpm, &session);
        r = answer->size == 0 ? -ENODATA : secret_new_copy(BYTES(answer->buffer, answer->size), ret);
        secret_wipe(answer, sizeof(*answer));
        tpm_wipe_answer(tpm);
        return r;
}

int tpm_key_hmac(Tpm *tpm, const TpmKey *key, const Secret *data, Secret **ret)
{
        cleanup_scope TpmScope scope = { 0 };
        _cleanup_(buffer_wipe) TPM2B_MAX_BUFFER buffer = { 0 };
        LoadedKey l;
        int r;

        if (data->size > TPM_HMAC_DATA_MAX) return -EINVAL;
        buffer.size = (uint16_t)data->size;
        memcpy(buffer.buffer, data->data, data->size);
        r = tpm_scope_begin(tpm, &scope);
        if (r == 0) r = tpm_key_load(tpm, key, ESYS_TR_NONE, &l);
        if (r == 0) r = hmac(tpm, &l, &buffer, ret);
        return r == 0 ? 0 : error_prefix(r, "HMAC");
}
