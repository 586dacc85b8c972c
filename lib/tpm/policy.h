/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside lib/tpm: policy commands on a session (TPM 2.0 Part 3, 23). */

#include "tpm/internal.h"
#include "tpm/seal.h"

typedef struct PolicyTicket {
        size_t size; /* 0: none */
        uint8_t bytes[TPM_TICKET_MAX];
} PolicyTicket;

/* TPM2_PolicyPCR with the values that the PCRs have now. */
_must_check_ int policy_pcr(Tpm *tpm, ESYS_TR session, HashAlg bank, uint32_t mask);

/* TPM2_PolicyAuthorize with the ticket: *ticket, else the approval's. Where there is none or the TPM does not take
 * it, with the signature; *ticket is then the new one. TPM_E_POLICY where the session is not in the approved
 * state, TPM_E_SIGNATURE. */
_must_check_ int policy_authorize(Tpm *tpm, ESYS_TR session, const TpmApproval *approval, PolicyTicket *ticket);
