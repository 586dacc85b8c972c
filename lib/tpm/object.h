/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A persistent key as the node remembers it: handle, public area, Name.
 *
 * With these three a key is used without asking the TPM for it first: no TPM2_ReadPublic is sent. Its Name is
 * always computed from the public area (TPM 2.0 Part 1, 16), never taken from anybody. Whoever answers for
 * another key is found out by what follows: the salt of a session opens only under the pinned key. */

#include "base/macros.h"
#include "base/reader.h"
#include "tpm/tpm.h"

enum {
        TPM_NAME_MAX = 2 + 64,  /* nameAlg and a SHA-512 */
        TPM_PUBLIC_MAX = 1024,  /* TPMT_PUBLIC; RSA 4096 with a SHA-512 policy needs about 620 */
        TPM_PRIVATE_MAX = 1024, /* TPM2B_PRIVATE's contents; of a sealed 32-byte half about 158 */
};

typedef struct TpmName {
        size_t size;
        uint8_t bytes[TPM_NAME_MAX];
} TpmName;

typedef struct TpmPublic {
        size_t size;
        uint8_t bytes[TPM_PUBLIC_MAX]; /* TPMT_PUBLIC, without a size prefix */
} TpmPublic;

typedef struct TpmObject {
        uint32_t handle; /* 0 where the key is not persistent */
        TpmPublic public_area;
        TpmName name;
} TpmObject;

/* An object as it lies outside the TPM: under its parent it is loaded, used and flushed. */
typedef struct TpmBlob {
        size_t private_size;
        uint8_t private_area[TPM_PRIVATE_MAX]; /* TPM2B_PRIVATE without its size; encrypted by the parent */
        TpmPublic public_area;                 /* TPMT_PUBLIC */
} TpmBlob;

static inline Bytes tpm_blob_private(const TpmBlob *b)
{
        return BYTES(b->private_area, b->private_size);
}

static inline Bytes tpm_name_bytes(const TpmName *n)
{
        return BYTES(n->bytes, n->size);
}

static inline Bytes tpm_public_bytes(const TpmPublic *p)
{
        return BYTES(p->bytes, p->size);
}

/* From a TPMT_PUBLIC, which may be hostile: every byte must be used and the same bytes must come out again.
 * -EBADMSG, -EMSGSIZE, -EOPNOTSUPP for a nameAlg we do not know. Sends nothing. */
_must_check_ int tpm_object_init(uint32_t handle, Bytes public_area, TpmObject *ret);

/* 0 if the object has this Name, TPM_E_NAME else. Sends nothing. */
_must_check_ int tpm_object_check_name(const TpmObject *object, Bytes name);

/* Asks the TPM for what is at a handle (TPM 2.0 Part 3, 12.4 TPM2_ReadPublic). TPM_E_ABSENT where nothing is. */
_must_check_ int tpm_object_read(Tpm *tpm, uint32_t handle, TpmObject *ret);

/* For explaining: reads what is at object->handle and compares. 0: it is there. TPM_E_NAME, TPM_E_ABSENT. */
_must_check_ int tpm_object_verify(Tpm *tpm, const TpmObject *object);
