/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates that a TPM's maker left in NV: DER, more or less (TCG EK Credential Profile for TPM
 * Family 2.0, 2.2.1.5; TCG Platform Certificate Profile). Nobody has checked any of them here. */

#include "tpm/certificate.h"
#include "tpm/internal.h"
#include "base/writer.h"

#include <errno.h>
#include <string.h>

enum {
        NV_CHAIN_FIRST = 0x01c00100,
        NV_CHAIN_LAST = 0x01c001ff,
        NV_PLATFORM_FIRST =
                0x01c08000, /* "Registry of Reserved TPM 2.0 Handles and Localities", platform certificates */
        NV_PLATFORM_LAST = 0x01c0ffff,
        INDICES_MAX = 64,
};

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

/* ---- lists of indices ---- */

typedef struct Indices {
        size_t n;
        uint32_t index[INDICES_MAX];
} Indices;

/* TPM2_GetCapability(TPM_CAP_HANDLES), in ascending order. */
static int indices_list(Tpm *tpm, uint32_t first, uint32_t last, Indices *ret)
{
        cleanup_esys TPMS_CAPABILITY_DATA *data = NULL;
        TPMI_YES_NO more;
        TSS2_RC rc;

        *ret = (Indices){ 0 };
        rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first,
                                INDICES_MAX, &more, &data);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "GetCapability", rc);
        if (data->capability != TPM2_CAP_HANDLES)
                return error_set(-EIO, "TPM GetCapability: the answer is to another question");
        for (uint32_t i = 0; i < data->data.handles.count && i < INDICES_MAX; i++) {
                const uint32_t index = data->data.handles.handle[i];
                if (index >= first && index <= last) ret->index[ret->n++] = index;
        }
        return 0;
}

static int index_append(Tpm *tpm, uint32_t index, Writer *w)
{
        cleanup_free uint8_t *nv = NULL;
        size_t size;
        int r;

        r = tpm_nv_read(tpm, index, TPM_CERTIFICATES_MAX, &nv, &size);
        if (r == 0) writer_bytes(w, BYTES(nv, size));
        return r;
}

/* ---- chain ---- */

/* A chain that is longer than one index goes on in the next, in the middle of a certificate (Profile 2.2.1.5.2).
 */
int tpm_ek_chain_read(Tpm *tpm, TpmCertificates *ret)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_writer Writer all = WRITER_INIT(TPM_CERTIFICATES_MAX);
        TpmCertificates c = { 0 };
        Indices indices;
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = indices_list(tpm, NV_CHAIN_FIRST, NV_CHAIN_LAST, &indices);
        for (size_t i = 0; r == 0 && i < indices.n; i++) r = index_append(tpm, indices.index[i], &all);
        if (r == 0 && indices.n == 0) r = error_set(TPM_E_ABSENT, "the TPM holds no certificate chain");
        if (r == 0) r = writer_steal(&all, &c.data, &c.size);
        if (r != 0) return error_prefix(r, "EK certificate chain");
        *ret = c;
        return 0;
}

void tpm_certificates_deinit(TpmCertificates *c)
{
        free(c->data);
        *c = (TpmCertificates){ 0 };
}

/* Filler: what an index that was never written over holds. */
static bool is_filler(Bytes b)
{
        for (size_t i = 0; i < b.size; i++)
                if (b.data[i] != 0x00 && b.data[i] != 0xff) return false;
        return true;
}

int tpm_certificates_next(Reader *r, Bytes *ret)
{
        const Bytes rest = reader_rest(r);
        size_t size;

        if (is_filler(rest)) return -ENOENT;
        if (der_size(rest, &size) < 0)
                return error_set(-EBADMSG, "offset %zu of the certificate chain is not DER", r->at);
        return reader_bytes(r, size, ret);
}

/* ---- platform certificate ---- */

int tpm_platform_certificate_read(Tpm *tpm, TpmCertificates *ret, bool *ret_odd)
{
        cleanup_scope TpmScope scope = { 0 };
        cleanup_free uint8_t *nv = NULL;
        Indices indices;
        size_t size;
        Bytes der;
        int r;

        r = tpm_scope_begin(tpm, &scope);
        if (r < 0) return r;
        r = indices_list(tpm, NV_PLATFORM_FIRST, NV_PLATFORM_LAST, &indices);
        if (r == 0 && indices.n == 0) r = error_set(TPM_E_ABSENT, "the TPM holds none");
        if (r == 0) r = tpm_nv_read(tpm, indices.index[0], TPM_CERTIFICATES_MAX, &nv, &size);
        if (r == 0) r = tpm_certificate_trim(BYTES(nv, size), &der, ret_odd);
        if (r != 0) return error_prefix(r, "platform certificate");
        memmove(nv, der.data, der.size);
        *ret = (TpmCertificates){ .data = TAKE_PTR(nv), .size = der.size };
        return 0;
}
