/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside lib/tpm: parents and loaded keys, for who uses keys of key.h. */

#include "tpm/internal.h"
#include "tpm/key.h"

_must_check_ int tpm_parent_use(Tpm *tpm, const TpmParent *parent, ESYS_TR *ret);
/* Authorises one use of the parent; salted to it. */
_must_check_ int tpm_parent_session(Tpm *tpm, const TpmParent *parent, ESYS_TR key, TPMA_SESSION attributes,
                                    TpmSession *ret);

typedef struct LoadedKey {
        const TpmKey *key;
        ESYS_TR parent, object;
        uint32_t parent_handle; /* of a transient one that was loaded with it; 0 */
} LoadedKey;

/* Under a parent that is loaded already; ESYS_TR_NONE: under one that is loaded here. Both end with the scope. */
_must_check_ int tpm_key_load(Tpm *tpm, const TpmKey *key, ESYS_TR parent, LoadedKey *ret);
/* Authorises one use of the key: a policy session over its PCRs, or its empty password. */
_must_check_ int tpm_key_session(Tpm *tpm, const LoadedKey *l, TPMA_SESSION attributes, TpmSession *ret);
/* A caller's extraData: -EINVAL above TPM_QUALIFYING_MAX. */
_must_check_ int tpm_qualifying_data(Bytes qualifying, TPM2B_DATA *ret);

_must_check_ int tpm_creation_of(const TPM2B_CREATION_DATA *data, const TPM2B_DIGEST *hash,
                                 const TPMT_TK_CREATION *ticket, TpmCreation *ret);
/* The other way: what CertifyCreation wants. -EBADMSG. */
_must_check_ int tpm_creation_ticket(const TpmCreation *creation, TPM2B_DIGEST *ret_hash, TPMT_TK_CREATION *ret);
/* tpm_primary_make(), and how it was created where ret_creation is not NULL. */
_must_check_ int tpm_primary_create(Tpm *tpm, ESYS_TR hierarchy, const TPM2B_PUBLIC *wanted, ESYS_TR *ret,
                                    TpmObject *ret_object, TpmCreation *ret_creation);
