/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Refusals: a slug for machines, a sentence that says what to do next, an id that node and verifier both log.
 *
 * Functions of the verifier that judge return VERIFIER_E_REFUSED and fill in a refusal, or a negative errno where
 * the verifier itself failed (which nodes are told without details). */

#include "base/macros.h"
#include "proto/node.pb.h"

enum { VERIFIER_E_REFUSED = 1 };

typedef enum RefusalReason {
        REFUSAL_VERSION,
        REFUSAL_NODE_UNKNOWN,
        REFUSAL_NODE_PENDING,
        REFUSAL_NODE_QUARANTINED,
        REFUSAL_NODE_EXISTS,
        REFUSAL_NODE_NOT_ENROLLED,
        REFUSAL_EVIDENCE, /* "evidence-" and the slug of lib/attest */
        REFUSAL_EVIDENCE_FORM,
        REFUSAL_EVIDENCE_NODE_ID,
        REFUSAL_EVIDENCE_TAKEN,
        REFUSAL_EVIDENCE_EK_CERTIFICATE,
        REFUSAL_EK_NOT_LISTED,
        REFUSAL_EK_CERTIFICATE_MISSING,
        REFUSAL_EK_CERTIFICATE_INVALID,
        REFUSAL_EK_CERTIFICATE_ISSUER,
        REFUSAL_PLATFORM_MISSING,
        REFUSAL_PLATFORM_INVALID,
        REFUSAL_PLATFORM_OTHER_TPM,
        REFUSAL_PLATFORM_ISSUER,
        REFUSAL_PLATFORM_DATES,
        REFUSAL_PCR_SELECTION,
        REFUSAL_CAP_NOT_ZERO,
        REFUSAL_CAP_SEEN,
        REFUSAL_CAP_MISMATCH,
        REFUSAL_COUNTERS_WENT_BACK,
        REFUSAL_LOG_MALFORMED,
        REFUSAL_LOG_DOES_NOT_REPLAY,
        REFUSAL_POLICY_SECURE_BOOT,
        REFUSAL_POLICY_COMMAND_LINE,
        REFUSAL_POLICY_CHANGED_BOOT,
        REFUSAL_POLICY_EVENT,
        REFUSAL_POLICY_AUTHORITY,
        REFUSAL_POLICY_IMAGE,
        REFUSAL_POLICY_FILE,
        REFUSAL_POLICY_UKI,
        REFUSAL_POLICY_DBX,
        REFUSAL_POLICY_SBAT,
        REFUSAL_POLICY_FIRMWARE,
        REFUSAL_POLICY_PCR,
        REFUSAL_SECRET_UNKNOWN,
        REFUSAL_SECRET_USED,
        REFUSAL_SECRET_EXPIRED,
        REFUSAL_SECRET_EK,
        REFUSAL_COMMIT_INVALID,
        REFUSAL_RELEASE_LIMIT,
        REFUSAL_TOKEN_GENERATION,
        REFUSAL_TOKEN_HASH,
        REFUSAL_TOKEN_EPOCH,
        REFUSAL_VOLUME_UNKNOWN,
        REFUSAL_UNSEAL_POSSIBLE,
        REFUSAL_BUSY,
        REFUSAL_COUNT,
} RefusalReason;

/* The slug. */
const char *refusal_slug(RefusalReason reason);

/* Fills *ret with a fresh id and returns VERIFIER_E_REFUSED, so that `return refuse(...)` reads as one step; a
 * negative errno where no id could be drawn. The sentence is printable UTF-8 whatever it quotes. */
int refuse(halfkey_v1_Refusal *ret, RefusalReason reason, const char *fmt, ...) _printf_(3, 4);
/* For an outcome of lib/attest: its own slug and sentence, or -errno passed through. 0 stays 0. */
int refuse_evidence(halfkey_v1_Refusal *ret, int attest_outcome);
/* 16 hex digits of randomness. */
_must_check_ int refusal_id(char ret[static 17]);
