/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Credential activation from the verifier's side (TPM 2.0 Part 1, "Credential Protection"; Part 3,
 * TPM2_MakeCredential): only the TPM that holds both the EK and the key named by ak_name learns the secret. The
 * node answers with an HMAC under the secret over the TLS exporter, never with the secret itself. */

#include "attest/extra.h"
#include "attest/public.h"

enum {
        ATTEST_SECRET_SIZE = 32,
        /* TPM2B(HMAC of up to 64 bytes) and the encrypted TPM2B(secret) */
        ATTEST_CREDENTIAL_MAX = 2 + HASH_SIZE_MAX + 2 + ATTEST_SECRET_SIZE,
        /* RSA cipher text, or TPMS_ECC_POINT */
        ATTEST_ENCRYPTED_SECRET_MAX = KEY_RSA_SIZE_MAX,
};

/* Both parts without the TPM2B size in front; TPM2_ActivateCredential wants it there. */
typedef struct AttestCredential {
        size_t blob_size;
        uint8_t blob[ATTEST_CREDENTIAL_MAX];
        size_t secret_size;
        uint8_t secret[ATTEST_ENCRYPTED_SECRET_MAX];
} AttestCredential;

/* Makes the challenge for an EK that attest_public_check_ek accepts (RSA 2048..4096, P-256, P-384; its nameAlg
 * and AES size are used): ATTEST_E_EK_* else. -EINVAL for a Name that is none. */
_must_check_ int attest_credential_make(const AttestPublic *ek, const AttestName *ak_name,
                                        const uint8_t secret[static ATTEST_SECRET_SIZE], AttestCredential *ret);

/* HMAC-SHA256(secret, exporter). */
_must_check_ int attest_credential_answer(const uint8_t secret[static ATTEST_SECRET_SIZE],
                                          const uint8_t exporter[static ATTEST_EXPORTER_SIZE],
                                          uint8_t ret[static SHA256_SIZE]);
/* 0 if the answer is that, in constant time; ATTEST_E_CHALLENGE else, an empty answer included. */
_must_check_ int attest_credential_check(const uint8_t secret[static ATTEST_SECRET_SIZE],
                                         const uint8_t exporter[static ATTEST_EXPORTER_SIZE], Bytes answer);
