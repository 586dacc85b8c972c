/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Audit digests (TPM 2.0 Part 1, 30): the TPM's own account of which commands it answered, signed by an
 * attestation key of key.h; lib/attest checks and recomputes them. */

#include "tpm/key.h"
#include "tpm/pcr.h"

enum { TPM_AUDIT_CODES_MAX = 256 };

/* TPM2_SetCommandCodeAuditStatus (TPM 2.0 Part 3, 21.2) by the owner: these commands are audited from now on,
 * those not any more. The command itself always is. At most TPM_AUDIT_CODES_MAX codes each. TPM_E_AUTH where the
 * owner hierarchy has a password, TPM_E_UNSUPPORTED for a command the TPM does not have. */
_must_check_ int tpm_audit_commands(Tpm *tpm, const uint32_t *add, size_t n_add, const uint32_t *remove,
                                    size_t n_remove);

/* TPM2_GetCommandAuditDigest (18.6). With an ak the digest is signed and starts anew, and the next audited command
 * raises the counter; without (NULL) it stays, unsigned: the signature is empty. An ak under the EK reports the
 * true resetCount. TPM_E_AUTH where the endorsement hierarchy has a password. */
_must_check_ int tpm_audit_read(Tpm *tpm, const TpmKey *ak, Bytes qualifying, TpmSigned *ret);

/* PCRs read in a session that is audited, and the TPM's word for it. */
typedef struct TpmAuditedRead {
        TpmPcrValues values;
        uint8_t parameters[16]; /* of the PCR_Read, as they are hashed */
        size_t parameters_size;
        uint8_t response[600]; /* and its answer's: update counter, selection, digests */
        size_t response_size;
        TpmSigned audit; /* TPM2_GetSessionAuditDigest (18.5) of exactly this one command */
} TpmAuditedRead;

/* At most eight PCRs, what one PCR_Read gives; -EINVAL else. */
_must_check_ int tpm_audit_pcr_read(Tpm *tpm, const TpmKey *ak, Bytes qualifying, HashAlg bank, uint32_t mask,
                                    TpmAuditedRead *ret);
