/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The endorsement key: TCG EK Credential Profile for TPM Family 2.0, 2.2.1 and annex B. */

#include "tpm/certificate.h"
#include "tpm/internal.h"

#include <errno.h>
#include <string.h>

enum {
        CERTIFICATE_MAX = 8192, /* those seen have 700 to 1,500 bytes; TPMs rarely have indices above 2 kB */
        NONCE_MAX = 512,        /* no longer than the key's unique */
        LOW_ATTRIBUTES = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                         TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
        HIGH_ATTRIBUTES = LOW_ATTRIBUTES | TPMA_OBJECT_USERWITHAUTH,
};

/* PolicyA: PolicySecret(TPM_RH_ENDORSEMENT). PolicyB: that, or what an NV index authorises. */
static const TPM2B_DIGEST policy_a = { .size = 32,
                                       .buffer = "\x83\x71\x97\x67\x44\x84\xb3\xf8\x1a\x90\xcc\x8d\x46"
                                                 "\xa5\xd7\x24\xfd\x52\xd7\x6e\x06\x52\x0b\x64\xf2\xa1"
                                                 "\xda\x1b\x33\x14\x69\xaa" };
static const TPM2B_DIGEST policy_b_256 = { .size = 32,
                                           .buffer = "\xca\x3d\x0a\x99\xa2\xb9\x39\x06\xf7\xa3\x34\x24\x14\xef\xcf"
                                                     "\xb3\xa3\x85\xd4\x4c\xd1\xfd\x45\x90\x89\xd1\x9b\x50\x71\xc0"
                                                     "\xb7\xa0" };
static const TPM2B_DIGEST policy_b_384 = { .size = 48,
                                           .buffer = "\xb2\x6e\x7d\x28\xd1\x1a\x50\xbc\x53\xd8\x82\xbc\xf5\xfd\x3a"
                                                     "\x1a\x07\x41\x48\xbb\x35\xd3\xb4\xe4\xcb\x1c\x0a\xd9\xbd\xe4"
                                                     "\x19\xca\xcb\x47\xba\x09\x69\x96\x46\x15\x0f\x9f\xc0\x00\xf3"
                                                     "\xf8\x0e\x12" };

typedef struct Kind {
        bool rsa;
        uint16_t size; /* RSA bits or curve */
        uint16_t name_alg, aes_bits;
        uint32_t attributes;
        const TPM2B_DIGEST *policy;
        uint16_t unique;                                /* bytes of zeros in it, or in each coordinate */
        uint32_t nv_certificate, nv_nonce, nv_template; /* 0: there is none */
} Kind;

static const Kind kinds[TPM_EK_KINDS] = {
        [TPM_EK_ECC_P256] = { false, TPM2_ECC_NIST_P256, TPM2_ALG_SHA256, 128, LOW_ATTRIBUTES, &policy_a, 32,
                              0x01c0000a, 0x01c0000b, 0x01c0000c },
        [TPM_EK_RSA_2048] = { true, 2048, TPM2_ALG_SHA256, 128, LOW_ATTRIBUTES, &policy_a, 256, 0x01c00002,
                              0x01c00003, 0x01c00004 },
        [TPM_EK_HIGH_ECC_P256] = { false, TPM2_ECC_NIST_P256, TPM2_ALG_SHA256, 128, HIGH_ATTRIBUTES, &policy_b_256,
                                   0, 0x01c00014, 0, 0 },
        [TPM_EK_HIGH_ECC_P384] = { false, TPM2_ECC_NIST_P384, TPM2_ALG_SHA384, 256, HIGH_ATTRIBUTES, &policy_b_384,
                                   0, 0x01c00016, 0, 0 },
        [TPM_EK_HIGH_RSA_2048] = { true, 2048, TPM2_ALG_SHA256, 128, HIGH_ATTRIBUTES, &policy_b_256, 0, 0x01c00012,
                                   0, 0 },
        [TPM_EK_HIGH_RSA_3072] = { true, 3072, TPM2_ALG_SHA384, 256, HIGH_ATTRIBUTES, &policy_b_384, 0, 0x01c0001c,
                                   0, 0 },
        [TPM_EK_HIGH_RSA_4096] = { true, 4096, TPM2_ALG_SHA384, 256, HIGH_ATTRIBUTES, &policy_b_384, 0, 0x01c0001e,
                                   0, 0 },
};

/* ---- templates ---- */

static TPM2B_PUBLIC standard_template(const Kind *k)
{
        const TPMT_SYM_DEF_OBJECT cipher = { .algorithm = TPM2_ALG_AES,
                                             .keyBits.aes = k->aes_bits,
                                             .mode.aes = TPM2_ALG_CFB };
        TPM2B_PUBLIC t = { .publicArea = { .type = k->rsa ? TPM2_ALG_RSA : TPM2_ALG_ECC,
                                           .nameAlg = k->name_alg,
                                           .objectAttributes = k->attributes,
                                           .authPolicy = *k->policy } };

        if (k->rsa) {
                t.publicArea.parameters.rsaDetail = (TPMS_RSA_PARMS){ .symmetric = cipher,
                                                                      .scheme.scheme = TPM2_ALG_NULL,
                                                                      .keyBits = k->size };
                t.publicArea.unique.rsa.size = k->unique;
        } else {
                t.publicArea.parameters.eccDetail = (TPMS_ECC_PARMS){ .symmetric = cipher,
                                                                      .scheme.scheme = TPM2_ALG_NULL,
                                                                      .curveID = k->size,
                                                                      .kdf.scheme = TPM2_ALG_NULL };
                t.publicArea.unique.ecc.x.size = t.publicArea.unique.ecc.y.size = k->unique;
        }
        return t;
}

/* Profile 2.2.1.4: the nonce is the start of unique; what follows stays as it was. */
static int nonce_put(Bytes nonce, TPM2B_PUBLIC *t)
{
        TPM2B_ECC_PARAMETER *x = &t->publicArea.unique.ecc.x, *y = &t->publicArea.unique.ecc.y;
        TPM2B_PUBLIC_KEY_RSA *modulus = &t->publicArea.unique.rsa;

        if (t->publicArea.type == TPM2_ALG_RSA && nonce.size <= modulus->size) {
                memcpy(modulus->buffer, nonce.data, nonce.size);
                return 0;
        }
        if (t->publicArea.type == TPM2_ALG_ECC && nonce.size <= (size_t)x->size + y->size) {
                const size_t n = MIN(nonce.size, (size_t)x->size);
                memcpy(x->buffer, nonce.data, n);
                memcpy(y->buffer, nonce.data + n, nonce.size - n);
                return 0;
        }
        return error_set(-EBADMSG, "the TPM's EK nonce (%zu bytes) does not fit its template", nonce.size);
}

/* What an index holds, where it is there at all. */
static int optional_read(Tpm *tpm, uint32_t index, size_t max, uint8_t **ret, size_t *ret_size)
{
        int r;

        if (index == 0) return TPM_E_ABSENT;
        r = tpm_nv_read(tpm, index, max, ret, ret_size);
        return r == TPM_E_AUTH ? TPM_E_ABSENT : r;
}

/* The manufacturer's template where there is one, else the standard one; with the nonce where there is one. */
static int template_find(Tpm *tpm, const Kind *k, TpmPublic *ret)
{
        cleanup_free uint8_t *own = NULL, *nonce = NULL;
        TPM2B_PUBLIC t = standard_template(k);
        size_t size;
        int r;

        r = optional_read(tpm, k->nv_template, TPM_PUBLIC_MAX, &own, &size);
        if (r == 0) r = tpm_public_parse(BYTES(own, size), &t);
        if (r != 0 && r != TPM_E_ABSENT) return error_prefix(r, "template");
        r = optional_read(tpm, k->nv_nonce, NONCE_MAX, &nonce, &size);
        if (r == 0) r = nonce_put(BYTES(nonce, size), &t);
        if (r != 0 && r != TPM_E_ABSENT) return error_prefix(r, "nonce");
        return tpm_public_write(&t.publicArea, ret);
}

int tpm_ek_make(Tpm *tpm, const TpmEk *ek, ESYS_TR *ret, TpmObject *ret_object)
{
        TPM2B_PUBLIC t;
        int r;

        r = tpm_public_parse(tpm_public_bytes(&ek->template_area), &t);
        if (r < 0) return r;
        return tpm_primary_make(tpm, ESYS_TR_RH_ENDORSEMENT, &t, ret, ret_object);
}

int tpm_ek_use(Tpm *tpm, const TpmEk *ek, ESYS_TR *ret)
{
        TpmObject made;
        int r;

        r = tpm_ek_make(tpm, ek, ret, &made);
        if (r == 0) r = tpm_object_check_name(&made, tpm_name_bytes(&ek->object.name));
        return r == 0 ? 0 : error_prefix(r, "endorsement key");
}

/* The low range wants PolicySecret(endorsement); the high range is used with its empty password, which spares the
 * branches of PolicyB. */
int tpm_ek_session(Tpm *tpm, const TpmEk *ek, ESYS_TR key, TPMA_SESSION attributes, TpmSession *ret)
{
        TPM2B_PUBLIC t;
        TSS2_RC rc;
        int r;

        r = tpm_public_parse(tpm_public_bytes(&ek->object.public_area), &t);
        if (r < 0) return r;
        if (t.publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH)
                return tpm_session_start(tpm, key, TPM2_SE_HMAC, attributes, ret);
        r = tpm_session_start(tpm, key, TPM2_SE_POLICY, attributes, ret);
        if (r != 0) return r;
        rc = Esys_PolicySecret(tpm->esys, ESYS_TR_RH_ENDORSEMENT, ret->resource, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                               ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);
        return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(tpm, "PolicySecret", rc);
}

/* ---- certificate ---- */

static int certificate_read(Tpm *tpm, TpmEk *ek)
{
        cleanup_free uint8_t *nv = NULL;
        size_t size;
        Bytes der;
        int r;

        r = tpm_nv_read(tpm, kinds[ek->kind].nv_certificate, CERTIFICATE_MAX, &nv, &size);
        if (r != 0) return r;
        r = tpm_certificate_trim(BYTES(nv, size), &der, &ek->certificate_odd);
        if (r < 0) return r;
        memmove(nv, der.data, der.size);
        ek->certificate = TAKE_PTR(nv);
        ek->certificate_size = der.size;
        return 0;
}

/* One that cannot be read is as good as none; the verifier, not this, insists on one. */
static int certificate_try(Tpm *tpm, TpmEk *ek)
{
        const int r = certificate_read(tpm, ek);

        return r == TPM_E_GONE || r == TPM_E_BUSY || r == -ENOMEM ? r : 0;
}

/* Which kind, by which certificate there is. */
static int certificate_find(Tpm *tpm, TpmEk *ek)
{
        for (unsigned kind = 0; kind < TPM_EK_KINDS; kind++) {
                ek->kind = (TpmEkKind)kind;
                const int r = certificate_try(tpm, ek);
                if (r != 0 || ek->certificate) return r;
        }
        ek->kind = TPM_EK_ECC_P256;
        return 0;
}

void tpm_ek_deinit(TpmEk *ek)
{
        free(ek->certificate);
        *ek = (TpmEk){ 0 };
}

/* The public part of the kind that *ek has. */
static int ek_fill(Tpm *tpm, TpmEk *ek)
{
        ESYS_TR primary;
        int r;

        r = template_find(tpm, &kinds[ek->kind], &ek->template_area);
        return r == 0 ? tpm_ek_make(tpm, ek, &primary, &ek->object) : r;
}

static int ek_read(Tpm *tpm, TpmEk *ek)
{
        int r;

        r = certificate_find(tpm, ek);
        if (r == 0) r = ek_fill(tpm, ek);
        if (r == TPM_E_UNSUPPORTED && !ek->certificate) {
                ek->kind = TPM_EK_RSA_2048;
                r = ek_fill(tpm, ek);
        }
        return r;
}

static int ek_read_kind(Tpm *tpm, TpmEk *ek)
{
        const int r = certificate_try(tpm, ek);

        return r == 0 ? ek_fill(tpm, ek) : r;
}

static int ek_take(Tpm *tpm, int (*read)(Tpm *tpm, TpmEk *ek), TpmEkKind kind, TpmEk *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_ek TpmEk ek = { .kind = kind };
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = read(tpm, &ek);
        if (r != 0) return error_prefix(r, "endorsement key");
        *ret = TAKE(ek, (TpmEk){ 0 });
        return 0;
}

int tpm_ek_read(Tpm *tpm, TpmEk *ret)
{
        return ek_take(tpm, ek_read, TPM_EK_ECC_P256, ret);
}

int tpm_ek_read_kind(Tpm *tpm, TpmEkKind kind, TpmEk *ret)
{
        if ((unsigned)kind >= TPM_EK_KINDS) return -EINVAL;
        return ek_take(tpm, ek_read_kind, kind, ret);
}
