/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys for workloads: making and using them. A call loads what it needs and leaves nothing. At most three objects
 * are loaded at once, which is what every TPM has room for: a transient EK, an attestation key, a key. */

#include "tpm/key.h"
#include "tpm/key-internal.h"
#include "tpm/policy.h"
#include "tpm/selection.h"

#include <errno.h>
#include <string.h>
#include <tss2/tss2_mu.h>

enum {
        KEY_ATTRIBUTES = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                         TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT,
};

/* ---- parents and loading ---- */

int tpm_parent_use(Tpm *tpm, const TpmParent *parent, ESYS_TR *ret)
{
        if (!parent->srk == !parent->ek) return -EINVAL;
        return parent->srk ? tpm_object_use(tpm, parent->srk, ret) : tpm_ek_use(tpm, parent->ek, ret);
}

int tpm_parent_session(Tpm *tpm, const TpmParent *parent, ESYS_TR key, TPMA_SESSION attributes, TpmSession *ret)
{
        return parent->srk ? tpm_session_start(tpm, key, TPM2_SE_HMAC, attributes, ret)
                           : tpm_ek_session(tpm, parent->ek, key, attributes, ret);
}

int tpm_key_load(Tpm *tpm, const TpmKey *key, ESYS_TR parent, LoadedKey *ret)
{
        LoadedKey l = { .key = key, .parent = parent, .object = ESYS_TR_NONE };
        TpmSession session;
        int r = 0;

        if (parent == ESYS_TR_NONE) r = tpm_parent_use(tpm, &key->parent, &l.parent);
        if (r == 0 && parent == ESYS_TR_NONE && key->parent.ek) l.parent_handle = bus_last_loaded(&tpm->bus);
        if (r == 0) r = tpm_parent_session(tpm, &key->parent, l.parent, 0, &session);
        if (r == 0)
                r = tpm_blob_load(tpm, l.parent, session.resource, tpm_blob_private(key->blob),
                                  tpm_public_bytes(&key->blob->public_area), &l.object);
        if (r != 0) return r;
        tpm_session_used(tpm, &session);
        *ret = l;
        return 0;
}

int tpm_key_session(Tpm *tpm, const LoadedKey *l, TPMA_SESSION attributes, TpmSession *ret)
{
        int r;

        if (l->key->mask == 0) return tpm_session_start(tpm, l->parent, TPM2_SE_HMAC, attributes, ret);
        r = tpm_session_start(tpm, l->parent, TPM2_SE_POLICY, attributes, ret);
        return r == 0 ? policy_pcr(tpm, ret->resource, l->key->bank, l->key->mask) : r;
}

static bool same_parent(const TpmParent *a, const TpmParent *b)
{
        return a->srk == b->srk && a->ek == b->ek;
}

/* Makes room: a persistent parent, too, takes a place while it is used. */
static void parent_drop(Tpm *tpm, LoadedKey *l)
{
        if (l->parent_handle == 0) return;
        bus_flush(&tpm->bus, l->parent_handle);
        tpm_resource_close(tpm, l->parent);
        l->parent = ESYS_TR_NONE;
        l->parent_handle = 0;
}

/* The attestation key and what it is to speak of, which may be itself. */
static int pair_load(Tpm *tpm, const TpmKey *ak, const TpmKey *key, LoadedKey *ret_ak, LoadedKey *ret_key)
{
        int r;

        r = tpm_key_load(tpm, ak, ESYS_TR_NONE, ret_ak);
        if (r != 0) return error_prefix(r, "attestation key");
        if (ak->blob == key->blob) {
                *ret_key = *ret_ak;
                return 0;
        }
        const bool same = same_parent(&ak->parent, &key->parent);
        if (!same) parent_drop(tpm, ret_ak);
        r = tpm_key_load(tpm, key, same ? ret_ak->parent : ESYS_TR_NONE, ret_key);
        return r == 0 ? 0 : error_prefix(r, "key");
}

/* ---- creating ---- */

static TPM2B_PUBLIC ecc_template(TPMI_ECC_CURVE curve, TPMI_ALG_HASH hash)
{
        return (TPM2B_PUBLIC){ .publicArea = {
                                       .type = TPM2_ALG_ECC,
                                       .parameters.eccDetail = { .symmetric.algorithm = TPM2_ALG_NULL,
                                                                 .scheme = { .scheme = TPM2_ALG_ECDSA,
                                                                             .details.ecdsa.hashAlg = hash },
                                                                 .curveID = curve,
                                                                 .kdf.scheme = TPM2_ALG_NULL } } };
}

static TPM2B_PUBLIC rsa_template(TPMI_ALG_RSA_SCHEME scheme)
{
        return (TPM2B_PUBLIC){ .publicArea = { .type = TPM2_ALG_RSA,
                                               .parameters.rsaDetail = {
                                                       .symmetric.algorithm = TPM2_ALG_NULL,
                                                       .scheme = { .scheme = scheme,
                                                                   .details.rsassa.hashAlg = TPM2_ALG_SHA256 },
                                                       .keyBits = 2048 } } };
}

static TPM2B_PUBLIC hmac_template(void)
{
        return (TPM2B_PUBLIC){ .publicArea = { .type = TPM2_ALG_KEYEDHASH,
                                               .parameters.keyedHashDetail.scheme = {
                                                       .scheme = TPM2_ALG_HMAC,
                                                       .details.hmac.hashAlg = TPM2_ALG_SHA256 } } };
}

static int key_template(TpmKeyKind kind, TPM2B_PUBLIC *ret)
{
        switch (kind) {
        case TPM_KEY_ATTEST_P256:
        case TPM_KEY_SIGN_P256: *ret = ecc_template(TPM2_ECC_NIST_P256, TPM2_ALG_SHA256); break;
        case TPM_KEY_ATTEST_P384: *ret = ecc_template(TPM2_ECC_NIST_P384, TPM2_ALG_SHA384); break;
        case TPM_KEY_ATTEST_RSASSA:
        case TPM_KEY_SIGN_RSASSA: *ret = rsa_template(TPM2_ALG_RSASSA); break;
        case TPM_KEY_ATTEST_RSAPSS: *ret = rsa_template(TPM2_ALG_RSAPSS); break;
        case TPM_KEY_HMAC_SHA256: *ret = hmac_template(); break;
        case TPM_KEY_KINDS:
        default: return -EINVAL;
        }
        ret->publicArea.nameAlg = TPM2_ALG_SHA256;
        ret->publicArea.objectAttributes = KEY_ATTRIBUTES;
        if (kind <= TPM_KEY_ATTEST_RSAPSS) ret->publicArea.objectAttributes |= TPMA_OBJECT_RESTRICTED;
        return 0;
}

int tpm_creation_of(const TPM2B_CREATION_DATA *data, const TPM2B_DIGEST *hash, const TPMT_TK_CREATION *ticket,
                    TpmCreation *ret)
{
        TpmCreation c = { .hash_size = hash->size };

        if (hash->size > sizeof(c.hash))
                return error_set(-EIO, "TPM Create: a creation hash of %u bytes", hash->size);
        memcpy(c.hash, hash->buffer, hash->size);
        if (Tss2_MU_TPMS_CREATION_DATA_Marshal(&data->creationData, c.data, sizeof(c.data), &c.data_size) !=
                    TSS2_RC_SUCCESS ||
            Tss2_MU_TPMT_TK_CREATION_Marshal(ticket, c.ticket, sizeof(c.ticket), &c.ticket_size) !=
                    TSS2_RC_SUCCESS)
                return error_set(-EIO, "TPM Create: its creation data cannot be encoded");
        *ret = c;
        return 0;
}

int tpm_creation_ticket(const TpmCreation *creation, TPM2B_DIGEST *ret_hash, TPMT_TK_CREATION *ret)
{
        if (creation->hash_size > sizeof(creation->hash) ||
            Tss2_MU_TPMT_TK_CREATION_Unmarshal(creation->ticket, creation->ticket_size, NULL, ret) !=
                    TSS2_RC_SUCCESS)
                return error_set(-EBADMSG, "not a creation ticket (TPMT_TK_CREATION)");
        *ret_hash = (TPM2B_DIGEST){ .size = (uint16_t)creation->hash_size };
        memcpy(ret_hash->buffer, creation->hash, creation->hash_size);
        return 0;
}

static int create(Tpm *tpm, const TpmParent *parent, const TPM2B_PUBLIC *wanted, TpmBlob *ret,
                  TpmCreation *creation)
{
        static const TPM2B_SENSITIVE_CREATE no_password = { 0 };
        static const TPM2B_DATA no_data = { 0 };
        static const TPML_PCR_SELECTION no_pcrs = { 0 };
        cleanup_esys TPM2B_PRIVATE *private_area = NULL;
        cleanup_esys TPM2B_PUBLIC *public_area = NULL;
        cleanup_esys TPM2B_CREATION_DATA *data = NULL;
        cleanup_esys TPM2B_DIGEST *hash = NULL;
        cleanup_esys TPMT_TK_CREATION *ticket = NULL;
        TpmSession session;
        ESYS_TR key;
        TSS2_RC rc;
        int r;

        r = tpm_parent_use(tpm, parent, &key);
        if (r == 0) r = tpm_parent_session(tpm, parent, key, 0, &session);
        if (r != 0) return r;
        rc = Esys_Create(tpm->esys, key, session.resource, ESYS_TR_NONE, ESYS_TR_NONE, &no_password, wanted,
                         &no_data, &no_pcrs, &private_area, &public_area, &data, &hash, &ticket);
        if (tpm_session_refused(rc)) return tpm_session_unsalted();
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "Create", rc);
        tpm_session_used(tpm, &session);
        r = tpm_creation_of(data, hash, ticket, creation);
        return r == 0 ? tpm_blob_of(private_area, public_area, ret) : r;
}

int tpm_key_create(Tpm *tpm, const TpmParent *parent, TpmKeyKind kind, TpmBlob *ret, TpmCreation *ret_creation)
{
        cleanup_scope TpmScope scope = { 0 };
        TPM2B_PUBLIC wanted;
        TpmCreation creation;
        int r;

        r = key_template(kind, &wanted);
        if (r == 0) r = tpm_scope_begin(tpm, &scope);
        if (r == 0) r = create(tpm, parent, &wanted, ret, &creation);
        if (r != 0) return error_prefix(r, "new key");
        if (ret_creation) *ret_creation = creation;
        return 0;
}

/* ---- attesting ---- */

static const TPMT_SIG_SCHEME scheme_of_key = { .scheme = TPM2_ALG_NULL };

int tpm_qualifying_data(Bytes qualifying, TPM2B_DATA *ret)
{
        if (qualifying.size > TPM_QUALIFYING_MAX) return -EINVAL;
        *ret = (TPM2B_DATA){ .size = (uint16_t)qualifying.size };
        if (qualifying.size > 0) memcpy(ret->buffer, qualifying.data, qualifying.size);
        return 0;
}

int tpm_key_certify_creation(Tpm *tpm, const TpmKey *ak, const TpmKey *key, const TpmCreation *creation,
                             Bytes qualifying, TpmSigned *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_esys TPM2B_ATTEST *attest = NULL;
        cleanup_esys TPMT_SIGNATURE *signature = NULL;
        TPM2B_DIGEST hash;
        TPMT_TK_CREATION ticket;
        LoadedKey signer, subject;
        TPM2B_DATA data;
        TSS2_RC rc;
        int r;

        r = tpm_creation_ticket(creation, &hash, &ticket);
        if (r == 0) r = tpm_qualifying_data(qualifying, &data);
        if (r == 0) r = tpm_scope_begin(tpm, &scope);
        if (r == 0) r = pair_load(tpm, ak, key, &signer, &subject);
        if (r != 0) return r;
        rc = Esys_CertifyCreation(tpm->esys, signer.object, subject.object, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                  ESYS_TR_NONE, &data, &hash, &scheme_of_key, &ticket, &attest, &signature);
        if (tpm_rc_code(rc) == TPM2_RC_TICKET)
                return error_set(TPM_E_BLOB, "the creation data is not of this key, or of another TPM");
        return rc == TSS2_RC_SUCCESS ? tpm_signed_of(attest, signature, ret)
                                     : tpm_fail(tpm, "CertifyCreation", rc);
}

int tpm_key_certify(Tpm *tpm, const TpmKey *ak, const TpmKey *key, Bytes qualifying, TpmSigned *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_esys TPM2B_ATTEST *attest = NULL;
        cleanup_esys TPMT_SIGNATURE *signature = NULL;
        LoadedKey signer, subject;
        TPM2B_DATA data;
        TSS2_RC rc;
        int r;

        r = tpm_qualifying_data(qualifying, &data);
        if (r == 0) r = tpm_scope_begin(tpm, &scope);
        if (r == 0) r = pair_load(tpm, ak, key, &signer, &subject);
        if (r != 0) return r;
        rc = Esys_Certify(tpm->esys, subject.object, signer.object, ESYS_TR_PASSWORD, ESYS_TR_PASSWORD,
                          ESYS_TR_NONE, &data, &scheme_of_key, &attest, &signature);
        return rc == TSS2_RC_SUCCESS ? tpm_signed_of(attest, signature, ret) : tpm_fail(tpm, "Certify", rc);
}

int tpm_key_quote(Tpm *tpm, const TpmKey *ak, Bytes qualifying, HashAlg bank, uint32_t mask, TpmSigned *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_esys TPM2B_ATTEST *attest = NULL;
        cleanup_esys TPMT_SIGNATURE *signature = NULL;
        const TPML_PCR_SELECTION selection = selection_of(bank, mask);
        TPM2B_DATA data;
        LoadedKey signer;
        TSS2_RC rc;
        int r;

        r = tpm_qualifying_data(qualifying, &data);
        if (r == 0) r = tpm_scope_begin(tpm, &scope);
        if (r == 0) r = tpm_key_load(tpm, ak, ESYS_TR_NONE, &signer);
        if (r != 0) return r;
        rc = Esys_Quote(tpm->esys, signer.object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data,
                        &scheme_of_key, &selection, &attest, &signature);
        return rc == TSS2_RC_SUCCESS ? tpm_signed_of(attest, signature, ret) : tpm_fail(tpm, "Quote", rc);
}

/* ---- signing ---- */

/* The key's own scheme, or a plain one where it has none. -EINVAL for what is no free signing key. */
static int sign_scheme(const TpmKey *key, HashAlg alg, TPMT_SIG_SCHEME *ret)
{
        TPM2B_PUBLIC area;
        int r;

        r = tpm_public_parse(tpm_public_bytes(&key->blob->public_area), &area);
        if (r < 0) return r;
        const TPMT_PUBLIC *p = &area.publicArea;
        if (p->objectAttributes & TPMA_OBJECT_RESTRICTED || !(p->objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT))
                return error_set(-EINVAL, "this key does not sign digests of a caller's choice");
        const bool ecc = p->type == TPM2_ALG_ECC;
        if (!ecc && p->type != TPM2_ALG_RSA) return error_set(-EINVAL, "this key makes no signatures");
        const uint16_t own = ecc ? p->parameters.eccDetail.scheme.scheme : p->parameters.rsaDetail.scheme.scheme;
        *ret = (TPMT_SIG_SCHEME){ .scheme = own != TPM2_ALG_NULL ? TPM2_ALG_NULL
                                            : ecc                ? TPM2_ALG_ECDSA
                                                                 : TPM2_ALG_RSASSA };
        ret->details.any.hashAlg = (TPMI_ALG_HASH)alg;
        return 0;
}

static int sign(Tpm *tpm, const LoadedKey *l, const TPM2B_DIGEST *digest, const TPMT_SIG_SCHEME *scheme,
                TPMT_SIGNATURE **ret)
{
        static const TPMT_TK_HASHCHECK no_ticket = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
        TpmSession session;
        TSS2_RC rc;
        int r;

        r = tpm_key_session(tpm, l, 0, &session);
        if (r != 0) return r;
        rc = Esys_Sign(tpm->esys, l->object, session.resource, ESYS_TR_NONE, ESYS_TR_NONE, digest, scheme,
                       &no_ticket, ret);
        if (tpm_session_refused(rc)) return tpm_session_unsalted();
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "Sign", rc);
        tpm_session_used(tpm, &session);
        return 0;
}

int tpm_key_sign(Tpm *tpm, const TpmKey *key, HashAlg alg, Bytes digest, uint8_t ret[static TPM_SIGNATURE_MAX],
                 size_t *ret_size)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_esys TPMT_SIGNATURE *signature = NULL;
        TPM2B_DIGEST wanted = { .size = (uint16_t)digest.size };
        TPMT_SIG_SCHEME scheme;
        uint8_t encoded[TPM_SIGNATURE_MAX];
        size_t size = 0;
        LoadedKey l;
        int r;

        if (digest.size == 0 || digest.size != hash_size(alg)) return -EINVAL;
        memcpy(wanted.buffer, digest.data, digest.size);
        r = sign_scheme(key, alg, &scheme);
        if (r == 0) r = tpm_scope_begin(tpm, &scope);
        if (r == 0) r = tpm_key_load(tpm, key, ESYS_TR_NONE, &l);
        if (r == 0) r = sign(tpm, &l, &wanted, &scheme, &signature);
        if (r != 0) return r;
        if (Tss2_MU_TPMT_SIGNATURE_Marshal(signature, encoded, sizeof(encoded), &size) != TSS2_RC_SUCCESS)
                return error_set(-EIO, "the TPM's signature cannot be encoded");
        memcpy(ret, encoded, size);
        *ret_size = size;
        return 0;
}
