/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* PCR values of one bank, and their selection as a mask: bit i is PCR i. */

#include "crypto/hash.h"

enum {
        ATTEST_PCR_COUNT = 24,
        ATTEST_UKI_PCR = 11, /* sections of a UKI and boot phases (systemd-stub(7)) */
        ATTEST_CAP_PCR = 15,
        ATTEST_SECURE_BOOT_PCR = 7,
};

#define ATTEST_PCR_BIT(i) (UINT32_C(1) << (i))
/* What every quote selects (DESIGN, boot step 3): PCR 0-9 and 11-15. 10 is IMA's and moves by itself. */
#define ATTEST_PCRS UINT32_C(0x00fbff)

typedef struct AttestPcrs {
        HashAlg bank;
        uint32_t mask; /* the PCRs that have a value here */
        uint8_t values[ATTEST_PCR_COUNT][HASH_SIZE_MAX];
} AttestPcrs;

/* Sets one value; it has hash_size(bank) bytes and pcr is below ATTEST_PCR_COUNT, else -EINVAL. */
_must_check_ int attest_pcrs_set(AttestPcrs *p, unsigned pcr, Bytes value);
/* A view of one value; empty where it has none. */
Bytes attest_pcrs_get(const AttestPcrs *p, unsigned pcr);

/* Digest of the values of all PCRs in p->mask, ascending, by `alg` (TPM 2.0 Part 2, TPML_PCR_SELECTION and
 * TPMS_QUOTE_INFO: the hash of the signing scheme or session, not of the bank). -EINVAL for an empty mask. */
_must_check_ int attest_pcrs_digest(const AttestPcrs *p, HashAlg alg, uint8_t *ret);

/* TPML_PCR_SELECTION of one bank with a three-byte bitmap, as PolicyPCR hashes it. */
enum { ATTEST_SELECTION_SIZE = 4 + 2 + 1 + 3 };
void attest_pcrs_selection(HashAlg bank, uint32_t mask, uint8_t ret[static ATTEST_SELECTION_SIZE]);
