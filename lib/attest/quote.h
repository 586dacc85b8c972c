/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the AK signed (TPM 2.0 Part 2, TPMS_ATTEST and TPMT_SIGNATURE), checked in this order: the AK's own
 * attributes, signature, magic, type, extraData, form. Nothing of the structure is given out before all of that
 * held. Every refusal has an outcome of its own; see outcome.h for the reasons. */

#include "attest/extra.h"
#include "attest/pcrs.h"
#include "attest/public.h"

enum {
        ATTEST_STRUCTURE_MAX = 1024, /* a TPMS_ATTEST; 16 selections, two Names and two digests are under 400 */
        ATTEST_SIGNATURE_MAX = 1024, /* a TPMT_SIGNATURE; RSA-4096 is 518 bytes */
        ATTEST_SELECTIONS_MAX = 16,  /* HASH_COUNT of the reference implementation is below this */
};

typedef struct AttestSelection {
        uint16_t bank;
        uint32_t mask;
} AttestSelection;

/* The part every attestation structure has. */
typedef struct AttestClock {
        uint64_t clock;
        uint32_t reset_count;
        uint32_t restart_count;
        bool safe;
        uint64_t firmware_version;
        AttestName signer; /* qualifiedSigner */
} AttestClock;

typedef struct AttestQuote {
        HashAlg hash; /* of the AK's scheme, and so of pcr_digest */
        AttestClock at;
        size_t n_selections;
        AttestSelection selections[ATTEST_SELECTIONS_MAX];
        Digest pcr_digest;
} AttestQuote;

/* What a TPM signed: TPMS_ATTEST and TPMT_SIGNATURE, neither with a size in front. */
typedef struct AttestSigned {
        Bytes structure, signature;
} AttestSigned;

/* `quote` is a TPMS_ATTEST and `signature` a TPMT_SIGNATURE, neither with a size in front.
 * ATTEST_E_AK_*, ATTEST_E_SIGNATURE_FORM, _SIGNATURE_SCHEME (not the AK's), _SIGNATURE, _MAGIC, _TYPE,
 * _EXTRA_DATA (compared in constant time), _FORM (anything else in the structure, bytes left over included). */
_must_check_ int attest_quote_authenticate(Bytes quote, Bytes signature, const AttestPublic *ak,
                                           const AttestExtra *expected, AttestQuote *ret);

/* Exactly one selection, of this bank, with exactly these PCRs. ATTEST_E_SELECTION. */
_must_check_ int attest_quote_check_selection(const AttestQuote *q, HashAlg bank, uint32_t mask);

/* The quoted PCRs have these values: `pcrs` is of the quoted bank (ATTEST_E_SELECTION), has every quoted PCR
 * (ATTEST_E_PCR_MISSING; others are ignored), and their digest is the quote's (ATTEST_E_PCR_DIGEST). */
_must_check_ int attest_quote_check_pcrs(const AttestQuote *q, const AttestPcrs *pcrs);

/* The AK is a primary of the endorsement hierarchy, which alone reports the true counters and firmware version.
 * ATTEST_E_HIERARCHY. */
_must_check_ int attest_clock_check_hierarchy(const AttestClock *at, const AttestPublic *ak);

/* TPM2_Certify of `subject` by the AK (the SRK at Register): as above with type certify, and the certified Name
 * is the subject's: ATTEST_E_CERTIFIED_NAME. ret_at may be NULL. */
_must_check_ int attest_certify_verify(Bytes certify, Bytes signature, const AttestPublic *ak,
                                       const AttestExtra *expected, const AttestPublic *subject,
                                       AttestClock *ret_at);
