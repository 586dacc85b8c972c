/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Evidence: a quote that is bound to its purpose, to this node and its configuration, and to the TLS connection
 * it is about to travel on, with what a verifier needs to replay it. */

#include "attest/extra.h"
#include "node/boot.h"
#include "proto/node.pb.h"
#include "tpm/keys.h"
#include "tpm/quote.h"
#include "unlock/token.h"

#include <pthread.h>

typedef struct EvidenceParams {
        AttestContext context; /* purpose, hashes, attempt, exporter */
        NodeBoot *boot;        /* follows the log where that moved */
        const TpmObject *ak;
        const Digest *cap;     /* what PCR 15 holds, or NULL for zero */
        pthread_mutex_t *lock; /* held while the TPM is used; NULL: the caller sees to it */
} EvidenceParams;

/* Quotes, and finds out which of the extends that nobody logs (systemd's boot phases) have happened by asking
 * which of the possible sequences gives the quoted digest: no PCR is read. Where none does, the log is read again,
 * and if it grew the TPM quotes again, EVIDENCE_QUOTES_MAX times in all; the caller sends what came to it. Where
 * log and quote still differ the evidence is made all the same, since it is the verifier who says no: *ret_replays
 * tells, and the caller explains with evidence_explain(). TPM_E_* of tpm_quote(), -ESTALE of node_boot_follow().
 */
enum { EVIDENCE_QUOTES_MAX = 3 };
_must_check_ int evidence_make(Tpm *tpm, const EvidenceParams *params, halfkey_v1_Evidence *ret,
                               bool *ret_replays);

/* The same in two steps, so that the TPM is free for other things while the rest is done: its first quote alone,
 * then all else, which uses the TPM only where it must quote again. */
_must_check_ int evidence_quote(Tpm *tpm, const EvidenceParams *params, TpmSigned *ret);
_must_check_ int evidence_make_of(Tpm *tpm, const EvidenceParams *params, const TpmSigned *quote,
                                  halfkey_v1_Evidence *ret, bool *ret_replays);

/* The word of the i-th phase a boot reaches, in order; NULL behind the last. */
const char *evidence_phase(size_t i);

/* Reads the PCRs and says which PCR and event differ from the log, as a detail: always an error. */
int evidence_explain(Tpm *tpm, const NodeBoot *boot);

/* Appends what the evidence is about, a volume a token: id, role, generation, epoch, token hash. */
_must_check_ int evidence_add_volumes(const Token *const *tokens, size_t n, halfkey_v1_Volume *volumes,
                                      pb_size_t *n_volumes);
