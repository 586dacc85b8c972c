/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The endorsement key and its certificate: TCG EK Credential Profile for TPM Family 2.0, 2.1.5 and B.3. */

#include "tpm/internal.h"

#include <errno.h>
#include <string.h>

enum {
        NV_CERTIFICATE_RSA_2048 = 0x01c00002,
        NV_CERTIFICATE_ECC_P256 = 0x01c0000a,
        CERTIFICATE_MAX = 8192, /* those seen have 700 to 1,500 bytes; TPMs rarely have indices above 2 kB */
        EK_ATTRIBUTES = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                        TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
};

/* PolicyA: PolicySecret(TPM_RH_ENDORSEMENT) */
#define EK_POLICY                       \
        {                               \
                .size = 32, .buffer = { \
                        0x83,           \
                        0x71,           \
                        0x97,           \
                        0x67,           \
                        0x44,           \
                        0x84,           \
                        0xb3,           \
                        0xf8,           \
                        0x1a,           \
                        0x90,           \
                        0xcc,           \
                        0x8d,           \
                        0x46,           \
                        0xa5,           \
                        0xd7,           \
                        0x24,           \
                        0xfd,           \
                        0x52,           \
                        0xd7,           \
                        0x6e,           \
                        0x06,           \
                        0x52,           \
                        0x0b,           \
                        0x64,           \
                        0xf2,           \
                        0xa1,           \
                        0xda,           \
                        0x1b,           \
                        0x33,           \
                        0x14,           \
                        0x69,           \
                        0xaa            \
                }                       \
        }
#define EK_CIPHER                                                                       \
        {                                                                               \
                .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB \
        }

static const TPM2B_PUBLIC templates[] = {
        [TPM_EK_ECC_P256].publicArea = {
                .type = TPM2_ALG_ECC,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = EK_ATTRIBUTES,
                .authPolicy = EK_POLICY,
                .parameters.eccDetail = {
                        .symmetric = EK_CIPHER,
                        .scheme.scheme = TPM2_ALG_NULL,
                        .curveID = TPM2_ECC_NIST_P256,
                        .kdf.scheme = TPM2_ALG_NULL,
                },
                .unique.ecc = { .x = { .size = 32 }, .y = { .size = 32 } },
        },
        [TPM_EK_RSA_2048].publicArea = {
                .type = TPM2_ALG_RSA,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = EK_ATTRIBUTES,
                .authPolicy = EK_POLICY,
                .parameters.rsaDetail = {
                        .symmetric = EK_CIPHER,
                        .scheme.scheme = TPM2_ALG_NULL,
                        .keyBits = 2048,
                },
                .unique.rsa = { .size = 256 },
        },
};

int tpm_ek_make(Tpm *tpm, TpmEkKind kind, ESYS_TR *ret, TpmObject *ret_object)
{
        return tpm_primary_make(tpm, ESYS_TR_RH_ENDORSEMENT, templates + kind, ret, ret_object);
}

/* ---- certificate ---- */

/* A DER SEQUENCE with a length in one, two or three octets (X.690, 8.1.3); its size with the header. */
static int der_size(Bytes b, size_t *ret)
{
        Reader r = READER_INIT(b);
        uint8_t tag, length, octet;
        size_t size = 0;

        if (reader_u8(&r, &tag) < 0 || reader_u8(&r, &length) < 0 || tag != 0x30) return -EBADMSG;
        if (length < 0x80) {
                size = length;
        } else {
                if (length < 0x81 || length > 0x83) return -EBADMSG;
                for (unsigned i = length & 0x7f; i > 0; i--) {
                        if (reader_u8(&r, &octet) < 0) return -EBADMSG;
                        size = size << 8 | octet;
                }
        }
        if (size == 0 || size > reader_left(&r)) return -EBADMSG;
        *ret = r.at + size;
        return 0;
}

int tpm_certificate_trim(Bytes nv, Bytes *ret, bool *ret_odd)
{
        static const uint8_t full_certificate[] = { 0x10, 0x01, 0x00 }; /* TCPA PC Specific 1.1, 7.3.2 */
        Bytes inner = nv;
        size_t size;

        if (nv.size > 5 && bytes_equal(BYTES(nv.data, 3), BYTES_ARRAY(full_certificate)))
                inner = BYTES(nv.data + 5, nv.size - 5);
        if (der_size(inner, &size) < 0)
                return error_set(-EBADMSG, "the TPM's EK certificate (%zu bytes) is not DER", nv.size);
        *ret = BYTES(inner.data, size);
        *ret_odd = size != nv.size;
        return 0;
}

static int certificate_read(Tpm *tpm, uint32_t index, TpmEk *ek)
{
        cleanup_free uint8_t *nv = NULL;
        size_t size;
        Bytes der;
        int r;

        r = tpm_nv_read(tpm, index, CERTIFICATE_MAX, &nv, &size);
        if (r != 0) return r;
        r = tpm_certificate_trim(BYTES(nv, size), &der, &ek->certificate_odd);
        if (r < 0) return r;
        memmove(nv, der.data, der.size);
        ek->certificate = TAKE_PTR(nv);
        ek->certificate_size = der.size;
        return 0;
}

/* Which kind, by which certificate there is. One that cannot be read is as good as none; the verifier, not this,
 * insists on one. */
static int certificate_find(Tpm *tpm, TpmEk *ek)
{
        int r;

        ek->kind = TPM_EK_ECC_P256;
        r = certificate_read(tpm, NV_CERTIFICATE_ECC_P256, ek);
        if (r == 0 || r == TPM_E_GONE || r == TPM_E_BUSY || r == -ENOMEM) return r;
        r = certificate_read(tpm, NV_CERTIFICATE_RSA_2048, ek);
        if (r == TPM_E_GONE || r == TPM_E_BUSY || r == -ENOMEM) return r;
        if (r == 0) ek->kind = TPM_EK_RSA_2048;
        return 0;
}

void tpm_ek_deinit(TpmEk *ek)
{
        free(ek->certificate);
        *ek = (TpmEk){ 0 };
}

int tpm_ek_read(Tpm *tpm, TpmEk *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_ek TpmEk ek = { 0 };
        ESYS_TR primary;
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = certificate_find(tpm, &ek);
        if (r != 0) return error_prefix(r, "endorsement key");
        r = tpm_ek_make(tpm, ek.kind, &primary, &ek.object);
        if (r == TPM_E_UNSUPPORTED && !ek.certificate) {
                ek.kind = TPM_EK_RSA_2048;
                r = tpm_ek_make(tpm, ek.kind, &primary, &ek.object);
        }
        if (r != 0) return error_prefix(r, "endorsement key");
        *ret = TAKE(ek, (TpmEk){ 0 });
        return 0;
}
