/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a TPM's and a platform's maker left in NV beside the EK certificate (keys.h): bytes for whoever checks
 * them, which is the verifier. */

#include "base/macros.h"
#include "base/reader.h"
#include "tpm/tpm.h"

/* Chains of three certificates are about 4 kB; a TPM's whole NV is rarely above 64. */
enum { TPM_CERTIFICATES_MAX = 65536 };

typedef struct TpmCertificates {
        uint8_t *data;
        size_t size;
} TpmCertificates;
void tpm_certificates_deinit(TpmCertificates *c);
#define cleanup_certificates _cleanup_(tpm_certificates_deinit)

/* What NV holds for a certificate: DER with perhaps the `10 01 00 len len` header of TPM 1.2 before it and filler
 * behind it. *ret is a view of the DER alone, *ret_odd whether anything was left out. -EBADMSG where it is no
 * DER SEQUENCE or does not fit. Sends nothing. */
_must_check_ int tpm_certificate_trim(Bytes nv, Bytes *ret, bool *ret_odd);

/* The EK certificate's issuers, NV 0x01c00100 to 0x01c001ff in ascending order and as one (EK Credential Profile,
 * 2.2.1.5.2). TPM_E_ABSENT where there are none, -EMSGSIZE above TPM_CERTIFICATES_MAX. */
_must_check_ int tpm_ek_chain_read(Tpm *tpm, TpmCertificates *ret);
/* The next of them as a view: -ENOENT where nothing or only filler is left, -EBADMSG where no DER is. */
_must_check_ int tpm_certificates_next(Reader *r, Bytes *ret);

/* The platform certificate, the first index of 0x01c08000 to 0x01c0ffff, cut as above: an attribute certificate
 * (RFC 5755), or what else a maker puts there. TPM_E_ABSENT where there is none. */
_must_check_ int tpm_platform_certificate_read(Tpm *tpm, TpmCertificates *ret, bool *ret_odd);
