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

/* One TPM2_Quote (TPM 2.0 Part 3, 18.4) of these PCRs of one bank. One command.
 * TPM_E_ABSENT where the AK is gone: tpm_ak_ensure() brings it back. TPM_E_UNSUPPORTED for a bank that is not
 * there. Nothing is verified here, that is lib/attest's. */
_must_check_ int tpm_quote(Tpm *tpm, const TpmObject *ak, const TpmExtra *extra, HashAlg bank, uint32_t mask,
                           TpmSigned *ret);

/* TPM2_Certify (TPM 2.0 Part 3, 18.2): the AK says that this persistent object is in this TPM. */
_must_check_ int tpm_certify(Tpm *tpm, const TpmObject *ak, const TpmObject *object, const TpmExtra *extra,
                             TpmSigned *ret);
