/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* extraData of everything the AK signs (DESIGN, boot step 3). It binds a structure to its purpose, to the node
 * and its configuration, and to the TLS connection it travels on. The AK signs nothing else, so that no
 * signature made for one purpose is good for another. */

#include "crypto/hash.h"

typedef enum AttestPurpose {
        ATTEST_PURPOSE_REGISTER = 1, /* the quote of Register */
        ATTEST_PURPOSE_COMMIT,       /* the quote of EnrolCommit */
        ATTEST_PURPOSE_UNLOCK,
        ATTEST_PURPOSE_REATTEST,
        ATTEST_PURPOSE_CERTIFY, /* TPM2_Certify of the SRK */
} AttestPurpose;

enum { ATTEST_ATTEMPT_SIZE = 16, ATTEST_EXPORTER_SIZE = 32, ATTEST_ROLE_MAX = 32 };

/* All zeros where a thing does not exist yet, for example the tokens at Register. */
typedef struct AttestContext {
        AttestPurpose purpose;
        const char *role; /* who speaks: "node" */
        uint8_t node_id[SHA256_SIZE];
        uint8_t config_hash[SHA256_SIZE]; /* the configuration without its secret */
        uint8_t tokens_hash[SHA256_SIZE]; /* the LUKS2 tokens as used */
        uint8_t attempt_id[ATTEST_ATTEMPT_SIZE];
        uint8_t exporter[ATTEST_EXPORTER_SIZE]; /* RFC 9266 style exporter of this TLS connection */
} AttestContext;

typedef struct AttestExtra {
        uint8_t bytes[SHA256_SIZE];
} AttestExtra;

/* SHA-256 over the be32 length-prefixed strings "halfkey v1", purpose name, role, node id, configuration hash,
 * tokens hash, attempt id, exporter. -EINVAL for an unknown purpose, a role that is empty or too long, and an
 * exporter of zeros (an unset one). */
_must_check_ int attest_extra_data(const AttestContext *c, AttestExtra *ret);

/* "register", "commit", "unlock", "reattest", "certify"; NULL for another number. */
const char *attest_purpose_name(AttestPurpose p);
