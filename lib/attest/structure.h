/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside lib/attest: what every structure that an AK signs has in common. */

#include "attest/quote.h"

/* TPM 2.0 Part 2, TPM_ST */
enum {
        ATTEST_TYPE_COMMAND_AUDIT = 0x8015,
        ATTEST_TYPE_SESSION_AUDIT = 0x8016,
        ATTEST_TYPE_CERTIFY = 0x8017,
        ATTEST_TYPE_QUOTE = 0x8018,
        ATTEST_TYPE_CREATION = 0x801a,
};

/* Checks the AK's attributes, signature, magic, type and extraData, in this order; *ret then stands at the
 * `attested` part, of which nothing has been looked at. */
_must_check_ int attest_structure_open(const AttestSigned *s, const AttestPublic *ak, uint16_t type,
                                       Bytes expected, Reader *ret, AttestClock *ret_at);
/* TPM2B_NAME */
_must_check_ int attest_parse_name(Reader *r, AttestName *ret);
