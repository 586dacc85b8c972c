/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Public areas, Names, and keys that ESYS is told of without a command. */

#include "tpm/internal.h"

#include "base/hex.h"
#include "base/writer.h"
#include "crypto/hash.h"

#include <errno.h>
#include <string.h>
#include <tss2/tss2_mu.h>

int tpm_public_write(const TPMT_PUBLIC *area, TpmPublic *ret)
{
        TpmPublic made = { 0 };

        if (Tss2_MU_TPMT_PUBLIC_Marshal(area, made.bytes, sizeof(made.bytes), &made.size) != TSS2_RC_SUCCESS)
                return error_set(-EBADMSG, "a public area cannot be encoded");
        *ret = made;
        return 0;
}

/* One public area has one encoding: what does not come out again byte by byte has something in it that we would
 * not see, and another Name than we would compute. */
int tpm_public_parse(Bytes b, TPM2B_PUBLIC *ret)
{
        TPM2B_PUBLIC parsed = { 0 };
        TpmPublic again;
        size_t used = 0;
        int r;

        if (b.size > TPM_PUBLIC_MAX) return error_set(-EMSGSIZE, "a public area of %zu bytes is too long", b.size);
        if (Tss2_MU_TPMT_PUBLIC_Unmarshal(b.data, b.size, &used, &parsed.publicArea) != TSS2_RC_SUCCESS)
                return error_set(-EBADMSG, "not a public area (TPMT_PUBLIC)");
        r = tpm_public_write(&parsed.publicArea, &again);
        if (r < 0) return r;
        if (!bytes_equal(b, tpm_public_bytes(&again)))
                return error_set(-EBADMSG, "a public area with bytes that do not belong to it");
        *ret = parsed;
        return 0;
}

static int name_compute(uint16_t alg, Bytes area, TpmName *ret)
{
        const size_t size = hash_size(alg);
        TpmName name = { 0 };
        int r;

        if (size == 0) return error_set(-EOPNOTSUPP, "a public area with the unknown nameAlg 0x%04x", alg);
        name.bytes[0] = (uint8_t)(alg >> 8);
        name.bytes[1] = (uint8_t)alg;
        name.size = 2 + size;
        r = hash_bytes((HashAlg)alg, area, name.bytes + 2);
        if (r < 0) return r;
        *ret = name;
        return 0;
}

int tpm_object_of(uint32_t handle, const TPM2B_PUBLIC *area, TpmObject *ret)
{
        TpmObject object = { .handle = handle };
        int r;

        r = tpm_public_write(&area->publicArea, &object.public_area);
        if (r < 0) return r;
        r = name_compute(area->publicArea.nameAlg, tpm_public_bytes(&object.public_area), &object.name);
        if (r < 0) return r;
        *ret = object;
        return 0;
}

int tpm_object_init(uint32_t handle, Bytes public_area, TpmObject *ret)
{
        TPM2B_PUBLIC area;
        int r;

        r = tpm_public_parse(public_area, &area);
        if (r < 0) return r;
        return tpm_object_of(handle, &area, ret);
}

int tpm_object_check_name(const TpmObject *object, Bytes name)
{
        char have[2 * TPM_NAME_MAX + 1];

        if (bytes_equal(tpm_name_bytes(&object->name), name)) return 0;
        hex_encode(tpm_name_bytes(&object->name), have);
        return error_set(TPM_E_NAME, "the key at 0x%08x has the Name %s, which is not the pinned one",
                         object->handle, have);
}

/* ESYS learns of a key by sending a ReadPublic; the bus answers that one itself, see bus.c. */
int tpm_object_use(Tpm *tpm, const TpmObject *object, ESYS_TR *ret)
{
        ESYS_TR resource = ESYS_TR_NONE;
        TSS2_RC rc;

        tpm->bus.remembered = object;
        rc = Esys_TR_FromTPMPublic(tpm->esys, object->handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &resource);
        tpm->bus.remembered = NULL;
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "key", rc);
        tpm_resource_note(tpm, resource);
        *ret = resource;
        return 0;
}

/* Past ESYS, which would keep what it was told of this handle before. */
int tpm_object_read(Tpm *tpm, uint32_t handle, TpmObject *ret)
{
        Bytes answer, area;
        TSS2_RC rc;

        rc = bus_exchange(&tpm->bus, TPM2_CC_ReadPublic, handle, &answer);
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "ReadPublic", rc);
        Reader r = READER_INIT(answer);
        if (reader_tpm2b(&r, &area) < 0) return error_set(-EIO, "TPM ReadPublic: a short answer");
        return tpm_object_init(handle, area, ret);
}

int tpm_object_verify(Tpm *tpm, const TpmObject *object)
{
        TpmObject there;
        int r;

        r = tpm_object_read(tpm, object->handle, &there);
        if (r == TPM_E_ABSENT)
                return error_set(r, "the TPM has no key at 0x%08x; was it cleared?", object->handle);
        if (r != 0) return r;
        return tpm_object_check_name(&there, tpm_name_bytes(&object->name));
}

int tpm_object_explain(Tpm *tpm, const TpmObject *object, int r)
{
        cleanup_free char *detail = strdup(error_detail(r));
        const int found = tpm_object_verify(tpm, object);

        if (found == TPM_E_NAME || found == TPM_E_ABSENT) return found;
        return error_set(r, "%s", detail ? detail : "");
}

/* ---- blobs ---- */

int tpm_blob_of(const TPM2B_PRIVATE *private_area, const TPM2B_PUBLIC *public_area, TpmBlob *ret)
{
        TpmBlob blob = { .private_size = private_area->size };
        int r;

        if (private_area->size > sizeof(blob.private_area))
                return error_set(-EMSGSIZE, "the TPM made a blob of %u bytes", private_area->size);
        memcpy(blob.private_area, private_area->buffer, private_area->size);
        r = tpm_public_write(&public_area->publicArea, &blob.public_area);
        if (r < 0) return r;
        *ret = blob;
        return 0;
}

int tpm_blob_load(Tpm *tpm, ESYS_TR parent, ESYS_TR session, Bytes private_area, Bytes public_area, ESYS_TR *ret)
{
        TPM2B_PRIVATE private_part = { .size = (uint16_t)private_area.size };
        TPM2B_PUBLIC public_part;
        TSS2_RC rc;
        int r;

        if (private_area.size == 0 || private_area.size > sizeof(private_part.buffer))
                return error_set(TPM_E_BLOB, "a blob of %zu bytes", private_area.size);
        memcpy(private_part.buffer, private_area.data, private_area.size);
        r = tpm_public_parse(public_area, &public_part);
        if (r < 0) return error_prefix(r, "blob");
        rc = Esys_Load(tpm->esys, parent, session, ESYS_TR_NONE, ESYS_TR_NONE, &private_part, &public_part, ret);
        if (rc == TSS2_ESYS_RC_MALFORMED_RESPONSE) {
                tpm->broken = true;
                return error_set(TPM_E_NAME,
                                 "the TPM says that it loaded another object; whatever answers does not "
                                 "hold the storage key that is pinned");
        }
        if (rc != TSS2_RC_SUCCESS) return tpm_fail(tpm, "Load", rc);
        tpm_resource_note(tpm, *ret);
        return 0;
}
