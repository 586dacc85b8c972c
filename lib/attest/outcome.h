/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Why evidence was refused. Each check of lib/attest that can fail has an outcome of its own, and each outcome a
 * reason: a slug that is stable (refusals, audit, tests) and a sentence for people.
 *
 * The values themselves are not stable and never go over the wire. */

#include "base/macros.h"

typedef enum AttestOutcome {
        /* what a key may do (public.h) */
        ATTEST_E_AK_TYPE = 1,
        ATTEST_E_AK_NAME_ALG,
        ATTEST_E_AK_NOT_RESTRICTED,
        ATTEST_E_AK_NOT_SIGNING,
        ATTEST_E_AK_DECRYPTS,
        ATTEST_E_AK_NOT_FIXED_TPM,
        ATTEST_E_AK_NOT_FIXED_PARENT,
        ATTEST_E_AK_IMPORTED,
        ATTEST_E_AK_NO_AUTH,
        ATTEST_E_AK_SCHEME,
        ATTEST_E_AK_HASH,
        ATTEST_E_AK_SIZE,
        ATTEST_E_EK_TEMPLATE,
        ATTEST_E_EK_ATTRIBUTES,
        ATTEST_E_EK_POLICY,
        ATTEST_E_EK_CIPHER,
        ATTEST_E_SRK_TYPE,
        ATTEST_E_SRK_ATTRIBUTES,
        ATTEST_E_SRK_CIPHER,
        ATTEST_E_SRK_SIZE,
        /* a signed structure (quote.h), in the order of the checks */
        ATTEST_E_SIGNATURE_FORM,
        ATTEST_E_SIGNATURE_SCHEME,
        ATTEST_E_SIGNATURE,
        ATTEST_E_MAGIC,
        ATTEST_E_TYPE,
        ATTEST_E_EXTRA_DATA,
        ATTEST_E_FORM,
        ATTEST_E_HIERARCHY,
        ATTEST_E_SELECTION,
        ATTEST_E_PCR_MISSING,
        ATTEST_E_PCR_DIGEST,
        ATTEST_E_CERTIFIED_NAME,
        ATTEST_E_CERTIFIED_ATTRIBUTES,
        ATTEST_E_CREATION,
        /* credential activation (credential.h) */
        ATTEST_E_CHALLENGE,
        /* device identities (devid.h) */
        ATTEST_E_DEVID_KEY,
        /* approvals (seal.h) */
        ATTEST_E_APPROVAL_NO_CAP,
        ATTEST_E_APPROVAL_CAP_SET,
        ATTEST_E_APPROVAL_PCR,
        ATTEST_E_APPROVAL_BANK,
        ATTEST_E_APPROVAL_SIGNATURE,
        ATTEST_E_MAX,
} AttestOutcome;

/* "quote-signature" and the like for an outcome, "malformed" for -EBADMSG, "internal" for any other number. */
const char *attest_reason(int r);
/* A sentence without a full stop, for the same numbers. */
const char *attest_sentence(int r);
