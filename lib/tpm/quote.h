/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the AK signs.
 *
 * The only bytes of a caller's choice that ever reach the AK come in as a TpmExtra, and the only programs that
 * fill one copy it from what lib/attest made (AttestExtra): a hash over a structure with a purpose in it. Nothing
 * else in this library takes the AK's handle for signing. */

#include "base/macros.h"
#include "base/reader.h"
#include "crypto/hash.h"
#include "tpm/object.h"
#include "tpm/tpm.h"

typedef struct TpmExtra {
        uint8_t bytes[SHA256_SIZE];
} TpmExtra;

enum {
        TPM_ATTEST_MAX = 1024,   /* a quote is about 145 bytes, a certify about 170 */
        TPM_SIGNATURE_MAX = 600, /* TPMT_SIGNATURE; RSA 4096 needs 518 */
};

typedef struct TpmSigned {
        size_t attest_size;
        uint8_t attest[TPM_ATTEST_MAX]; /* TPMS_ATTEST, exactly the bytes that were signed */
        size_t signature_size;
        uint8_t signature[TPM_SIGNATURE_MAX]; /* TPMT_SIGNATURE */
} TpmSigned;

static inline Bytes tpm_signed_attest(const TpmSigned *s)
{
        return BYTES(s->attest, s->attest_size);
}

static inline Bytes tpm_signed_signature(const TpmSigned *s)
{
        return BYTES(s->signature, s->signature_size);
}

enum {
        TPM_CREATION_DATA_MAX = 512, /* TPMS_CREATION_DATA; without PCRs about 120 bytes */
        TPM_CREATION_TICKET_MAX = 128,
};

/* What Create says beside the key: for certifying that it was created here, and how. */
typedef struct TpmCreation {
        size_t data_size;
        uint8_t data[TPM_CREATION_DATA_MAX]; /* TPMS_CREATION_DATA */
        size_t hash_size;
        uint8_t hash[HASH_SIZE_MAX];
        size_t ticket_size;
        uint8_t ticket[TPM_CREATION_TICKET_MAX]; /* TPMT_TK_CREATION */
} TpmCreation;

static inline Bytes tpm_creation_data(const TpmCreation *c)
{
        return BYTES(c->data, c->data_size);
}

/* One TPM2_Quote (TPM 2.0 Part 3, 18.4) of these PCRs of one bank. One command.
 * TPM_E_ABSENT where the AK is gone: tpm_ak_ensure() brings it back. TPM_E_UNSUPPORTED for a bank that is not
 * there. Nothing is verified here, that is lib/attest's. */
_must_check_ int tpm_quote(Tpm *tpm, const TpmObject *ak, const TpmExtra *extra, HashAlg bank, uint32_t mask,
                           TpmSigned *ret);

/* TPM2_Certify (TPM 2.0 Part 3, 18.2): the AK says that this persistent object is in this TPM. */
_must_check_ int tpm_certify(Tpm *tpm, const TpmObject *ak, const TpmObject *object, const TpmExtra *extra,
                             TpmSigned *ret);

/* TPM2_CertifyCreation (18.3) of the AK by itself: how it was created, in this TPM. CreatePrimary,
 * CertifyCreation. TPM_E_NAME where this TPM makes another AK. */
_must_check_ int tpm_ak_certify_creation(Tpm *tpm, const TpmObject *ak, const TpmExtra *extra,
                                         TpmCreation *ret_creation, TpmSigned *ret);
