/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Keys for workloads: made in the TPM or brought into it, and used there. For services on the booted host.
 *
 * They are children of the SRK or the EK and lie outside the TPM as blobs. Nothing here takes the node's own AK:
 * the attestation keys that sign here are blobs too, so what a caller has them sign is never taken for the node's
 * word. */

#include "base/macros.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "tpm/keys.h"
#include "tpm/object.h"
#include "tpm/quote.h"

/* Exactly one of the two. Children of the SRK report resetCount and firmwareVersion obfuscated in what they sign,
 * those of the EK the true ones (TPM 2.0 Part 1, 36.7). The EK is made anew for each call: 2-10 s where it is RSA.
 */
typedef struct TpmParent {
        const TpmObject *srk;
        const TpmEk *ek;
} TpmParent;

/* A key as it is used. Sessions are salted to its parent, whose Name is pinned. */
typedef struct TpmKey {
        TpmParent parent;
        const TpmBlob *blob;
        HashAlg bank;
        uint32_t mask; /* it opens by PolicyPCR of these; 0: by an empty password */
} TpmKey;

typedef enum TpmKeyKind {
        TPM_KEY_ATTEST_P256, /* restricted, ECDSA-SHA256 */
        TPM_KEY_ATTEST_P384, /* restricted, ECDSA-SHA384 */
        TPM_KEY_ATTEST_RSASSA,
        TPM_KEY_ATTEST_RSAPSS, /* restricted, RSA 2048, SHA-256 */
        TPM_KEY_SIGN_P256,     /* signs any digest: ECDSA-SHA256 */
        TPM_KEY_SIGN_RSASSA,   /* the same, RSA 2048 */
        TPM_KEY_HMAC_SHA256,
        TPM_KEY_KINDS,
} TpmKeyKind;

enum {
        TPM_QUALIFYING_MAX = 50,  /* of a caller's choice; the smallest TPMs take no more (TPM2B_DATA) */
        TPM_HMAC_DATA_MAX = 1024, /* MAX_DIGEST_BUFFER */
};

/* TPM2_Create (TPM 2.0 Part 3, 12.1): fixedTPM, fixedParent, sensitiveDataOrigin, noDA, an empty password.
 * ret_creation may be NULL. TPM_E_UNSUPPORTED, TPM_E_NAME where the parent is not the pinned one. */
_must_check_ int tpm_key_create(Tpm *tpm, const TpmParent *parent, TpmKeyKind kind, TpmBlob *ret,
                                TpmCreation *ret_creation);

/* TPM2_CertifyCreation (18.3): `ak`, one of TPM_KEY_ATTEST_*, says that this TPM created `key` so, with
 * `qualifying` (at most TPM_QUALIFYING_MAX bytes) as extraData. TPM_E_BLOB where creation is not this key's. ak
 * and key may be the same. */
_must_check_ int tpm_key_certify_creation(Tpm *tpm, const TpmKey *ak, const TpmKey *key,
                                          const TpmCreation *creation, Bytes qualifying, TpmSigned *ret);
/* TPM2_Certify (18.2): ak says that key is loaded here. It says nothing of where key came from: its attributes do.
 */
_must_check_ int tpm_key_certify(Tpm *tpm, const TpmKey *ak, const TpmKey *key, Bytes qualifying, TpmSigned *ret);
/* TPM2_Quote (18.4). */
_must_check_ int tpm_key_quote(Tpm *tpm, const TpmKey *ak, Bytes qualifying, HashAlg bank, uint32_t mask,
                               TpmSigned *ret);

/* TPM2_Sign (20.2) of a digest in the key's own scheme, or for an imported key without one RSASSA or ECDSA with
 * `alg`. *ret_size bytes of a TPMT_SIGNATURE. -EINVAL for a restricted key or another digest size. */
_must_check_ int tpm_key_sign(Tpm *tpm, const TpmKey *key, HashAlg alg, Bytes digest,
                              uint8_t ret[static TPM_SIGNATURE_MAX], size_t *ret_size);

/* TPM2_HMAC (15.4) by a TPM_KEY_HMAC_SHA256 over at most TPM_HMAC_DATA_MAX bytes; data and answer cross the bus
 * encrypted. */
_must_check_ int tpm_key_hmac(Tpm *tpm, const TpmKey *key, const Secret *data, Secret **ret);

/* ---- bringing in what was made elsewhere ---- */

/* A duplicate for this parent, from TPM2_Duplicate or made in software (TPM 2.0 Part 1, 23.3), without an inner
 * wrapper. */
typedef struct TpmDuplicate {
        Bytes duplicate;      /* TPM2B(integrity) and the encrypted TPM2B_SENSITIVE; no outer size */
        Bytes encrypted_seed; /* OAEP block or TPMS_ECC_POINT; no size */
        Bytes public_area;    /* TPMT_PUBLIC */
} TpmDuplicate;

/* TPM2_Import (13.3). Only what is bound by a policy, without a password way beside it, and is no parent or
 * decryption key: sealed data, a signing key. Nobody gets to use this as an oracle. TPM_E_BLOB for others, and for
 * what was made for another parent or altered. */
_must_check_ int tpm_import(Tpm *tpm, const TpmParent *parent, const TpmDuplicate *duplicate, TpmBlob *ret);

/* TPM2_Unseal (12.7) of imported data, in an encrypted session. TPM_E_POLICY, TPM_E_PCR_CHANGED: try again. */
_must_check_ int tpm_key_unseal(Tpm *tpm, const TpmKey *key, Secret **ret);
