/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What other attestation keys than the node's sign for services: key creation, audits. The same order of checks as
 * for quotes (quote.h), but extraData is whatever the service agreed on with its client, a nonce of both say, and
 * `expected` here. Outcomes as there; see each function for its own. */

#include "attest/quote.h"

/* TPMS_CREATION_DATA (TPM 2.0 Part 2, 15.1), as far as it is of use. */
typedef struct AttestCreation {
        AttestClock at;
        AttestName parent;           /* a handle, four bytes, where the key is a primary */
        AttestName parent_qualified; /* says in which hierarchy */
        Bytes outside_info;          /* a view into what was given */
} AttestCreation;

/* TPM2_CertifyCreation of `subject`: that it was created in the TPM of the AK, from creation_data.
 * ATTEST_E_CERTIFIED_NAME where it speaks of another key, ATTEST_E_CREATION where creation_data is not what was
 * certified. That subject cannot leave the TPM its attributes say, which are the caller's to check. */
_must_check_ int attest_creation_verify(const AttestSigned *s, const AttestPublic *ak, Bytes expected,
                                        const AttestPublic *subject, Bytes creation_data, AttestCreation *ret);

/* TPM2_Certify of `subject`, as attest_certify_verify(). It proves nothing for a key that was made elsewhere:
 * ATTEST_E_CERTIFIED_ATTRIBUTES unless subject is fixedTPM, fixedParent and sensitiveDataOrigin. */
_must_check_ int attest_key_verify(const AttestSigned *s, const AttestPublic *ak, Bytes expected,
                                   const AttestPublic *subject, AttestClock *ret_at);

/* TPMS_COMMAND_AUDIT_INFO. */
typedef struct AttestCommandAudit {
        AttestClock at; /* reset_count belongs to it: a reset TPM replays a log of the same commands */
        uint64_t counter;
        Digest audit;    /* all audited commands since the counter moved, in order */
        Digest commands; /* which ones are audited: attest_audited_commands() */
} AttestCommandAudit;
_must_check_ int attest_command_audit_verify(const AttestSigned *s, const AttestPublic *ak, Bytes expected,
                                             AttestCommandAudit *ret);

/* TPMS_SESSION_AUDIT_INFO. */
typedef struct AttestSessionAudit {
        AttestClock at;
        bool exclusive; /* nothing else was done in between */
        Digest digest;
} AttestSessionAudit;
_must_check_ int attest_session_audit_verify(const AttestSigned *s, const AttestPublic *ak, Bytes expected,
                                             AttestSessionAudit *ret);

/* A command and its answer as they are hashed: parameters unencrypted, without handles and sessions. `names` are
 * the Names of the command's handles one after the other, a hierarchy's its handle (TPM 2.0 Part 1, 16). */
typedef struct AttestCommand {
        uint32_t code;
        Bytes names;
        Bytes parameters;
        Bytes response; /* parameters of the successful answer */
} AttestCommand;

/* digest = H(digest || cpHash || rpHash), TPM 2.0 Part 1, 30.3; digest->alg and ->size are set, the start is
 * zeros. */
_must_check_ int attest_audit_extend(Digest *digest, const AttestCommand *command);
/* H of the audited command codes, ascending. */
_must_check_ int attest_audited_commands(HashAlg alg, const uint32_t *codes, size_t n, Digest *ret);
