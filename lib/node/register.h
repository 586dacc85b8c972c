/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Enrolment's two calls: Register, which shows who this TPM is and what was booted and brings back a cluster half
 * that protects nothing yet; and EnrolCommit, which says that it now does. */

#include "node/call.h"
#include "node/evidence.h"

/* The node's keys, as Register shows them. */
typedef struct NodeKeys {
        TpmEk ek;
        TpmObject ak, srk;
        uint8_t node_id[SHA256_SIZE];
} NodeKeys;

/* Makes the AK and SRK where they are missing. TPM_E_*. */
_must_check_ int node_keys_ensure(Tpm *tpm, NodeKeys *ret);
void node_keys_deinit(NodeKeys *k);
#define cleanup_node_keys _cleanup_(node_keys_deinit)

typedef struct RegisterParams {
        Tpm *tpm;
        const NodeConfig *config; /* with its secret */
        NodeBoot *boot;
        const NodeKeys *keys;
        const uint8_t *attempt_id; /* ATTEST_ATTEMPT_SIZE bytes */
} RegisterParams;

/* What came back, checked against the configuration: the policy key and each recovery certificate have the
 * hashes it names. */
typedef struct Registered {
        Secret *cluster_half;
        halfkey_v1_RegisterResult result; /* without the half */
} Registered;
void registered_free(Registered *r);
DEFINE_CLEANUP(Registered, registered_free)
#define cleanup_registered _cleanup_(registered_freep)

/* CALL_E_REFUSED fills ret_refusal. */
_must_check_ int node_register(RpcChannel *channel, const RegisterParams *params, Registered **ret,
                               halfkey_v1_Refusal *ret_refusal);

/* `commit` has its volumes; the evidence is filled in here, with tokens_hash over the tokens as written. */
_must_check_ int node_commit(RpcChannel *channel, const RegisterParams *params,
                             const uint8_t tokens_hash[static SHA256_SIZE], halfkey_v1_EnrolCommit *commit,
                             halfkey_v1_Refusal *ret_refusal);
