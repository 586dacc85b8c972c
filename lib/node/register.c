/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/register.h"

#include "attest/credential.h"
#include "base/error.h"
#include "base/log.h"
#include "crypto/compare.h"
#include "proto/message.h"
#include "tpm/certificate.h"

#include <errno.h>
#include <string.h>

int node_keys_ensure(Tpm *tpm, NodeKeys *ret)
{
        cleanup_node_keys NodeKeys keys = { 0 };
        AttestPublic ek;
        int r;

        r = tpm_ek_read(tpm, &keys.ek);
        if (r == 0) r = tpm_ak_ensure(tpm, &keys.ak);
        if (r == 0) r = tpm_srk_ensure(tpm, &keys.srk);
        if (r == 0) r = attest_public_parse(tpm_public_bytes(&keys.ek.object.public_area), &ek);
        if (r == 0) r = attest_public_node_id(&ek, keys.node_id);
        if (r != 0) return r;
        *ret = keys;
        keys = (NodeKeys){ 0 };
        return 0;
}

void node_keys_deinit(NodeKeys *k)
{
        tpm_ek_deinit(&k->ek);
}

void registered_free(Registered *r)
{
        if (!r) return;
        secret_free(r->cluster_half);
        free(r);
}

static int context_of(RpcChannel *channel, const RegisterParams *p, AttestPurpose purpose, AttestContext *ret)
{
        AttestContext c = { .purpose = purpose, .role = "node" };
        int r;

        memcpy(c.node_id, p->keys->node_id, sizeof(c.node_id));
        memcpy(c.attempt_id, p->attempt_id, sizeof(c.attempt_id));
        r = config_hash(p->config, c.config_hash);
        if (r == 0) r = rpc_channel_exporter(channel, c.exporter);
        if (r < 0) return r;
        *ret = c;
        return 0;
}

static int quote(const RegisterParams *p, const AttestContext *context, halfkey_v1_Evidence *ret)
{
        const EvidenceParams params = { .context = *context, .boot = p->boot, .ak = &p->keys->ak };
        bool replays;
        int r;

        r = evidence_make(p->tpm, &params, ret, &replays);
        if (r != 0) return r;
        /* An enrolment that the verifier would refuse anyway had better say here which event it is. */
        return replays ? 0 : evidence_explain(p->tpm, p->boot);
}

/* What the maker left beside the EK is for the verifier to judge, where it asks for it at all: what is not there
 * or cannot be read is not sent, and a TPM that fails is found by the commands that matter. */
static int skip(int r, const char *what)
{
        if (r == TPM_E_ABSENT || r == 0) return 0;
        if (r > 0) return r;
        log_warning("%s: %s; the verifier does not get it", what, error_detail(r));
        return 0;
}

static int put_issuers(Tpm *tpm, halfkey_v1_RegisterHello *hello)
{
        cleanup_certificates TpmCertificates chain = { 0 };
        Reader rest;
        Bytes one;
        int r;

        r = tpm_ek_chain_read(tpm, &chain);
        if (r != 0) return skip(r, "EK certificate chain");
        rest = READER_INIT(BYTES(chain.data, chain.size));
        while (hello->ek_issuer_count < ARRAY_SIZE(hello->ek_issuer) && tpm_certificates_next(&rest, &one) == 0) {
                r = PROTO_SET(hello->ek_issuer[hello->ek_issuer_count], one);
                if (r < 0) return skip(r, "EK certificate chain");
                hello->ek_issuer_count++;
        }
        return 0;
}

static int put_platform(Tpm *tpm, halfkey_v1_RegisterHello *hello)
{
        cleanup_certificates TpmCertificates platform = { 0 };
        bool odd;
        int r;

        r = tpm_platform_certificate_read(tpm, &platform, &odd);
        if (r == 0) r = PROTO_SET(hello->platform_certificate, BYTES(platform.data, platform.size));
        return skip(r, "platform certificate");
}

static int send_hello(RpcStream *stream, const RegisterParams *p)
{
        cleanup_free halfkey_v1_RegisterRequest *request = calloc(1, sizeof(*request));
        halfkey_v1_RegisterHello *hello;
        int r = 0;

        if (!request) return -ENOMEM;
        request->which_step = halfkey_v1_RegisterRequest_hello_tag;
        hello = &request->step.hello;
        hello->version = 1;
        r = PROTO_SET(hello->secret, secret_bytes(p->config->secret));
        if (r == 0) r = PROTO_SET(hello->ek_public, tpm_public_bytes(&p->keys->ek.object.public_area));
        if (r == 0)
                r = PROTO_SET(hello->ek_certificate, BYTES(p->keys->ek.certificate, p->keys->ek.certificate_size));
        if (r == 0) r = put_issuers(p->tpm, hello);
        if (r == 0) r = put_platform(p->tpm, hello);
        if (r == 0) r = PROTO_SET(hello->ak_public, tpm_public_bytes(&p->keys->ak.public_area));
        if (r == 0) r = PROTO_SET(hello->srk_public, tpm_public_bytes(&p->keys->srk.public_area));
        PROTO_SET_TEXT(hello->hostname, p->boot->hostname);
        PROTO_SET_TEXT(hello->serial, p->boot->serial);
        if (r == 0) r = call_send(stream, halfkey_v1_RegisterRequest_fields, request, false);
        secret_wipe(request, sizeof(*request));
        return r;
}

static int certify_srk(const RegisterParams *p, const AttestContext *context, halfkey_v1_RegisterProof *ret)
{
        AttestContext certify = *context;
        AttestExtra extra;
        TpmExtra to_sign;
        TpmSigned proof;
        int r;

        certify.purpose = ATTEST_PURPOSE_CERTIFY;
        r = attest_extra_data(&certify, &extra);
        if (r < 0) return r;
        memcpy(to_sign.bytes, extra.bytes, sizeof(to_sign.bytes));
        r = tpm_certify(p->tpm, &p->keys->ak, &p->keys->srk, &to_sign, &proof);
        if (r == 0) r = PROTO_SET(ret->srk_certify, tpm_signed_attest(&proof));
        if (r == 0) r = PROTO_SET(ret->srk_certify_signature, tpm_signed_signature(&proof));
        return r;
}

static int answer_challenge(const RegisterParams *p, const AttestContext *context,
                            const halfkey_v1_RegisterChallenge *challenge, halfkey_v1_RegisterProof *ret)
{
        cleanup_secret Secret *secret = NULL;
        uint8_t answer[SHA256_SIZE];
        int r;

        r = tpm_activate_credential(p->tpm, &p->keys->ak, &p->keys->ek, PROTO_BYTES(challenge->credential),
                                    PROTO_BYTES(challenge->encrypted_secret), &secret);
        if (r != 0) return r;
        if (secret->size != ATTEST_SECRET_SIZE)
                return error_set(-EPROTO, "the verifier's challenge holds %zu bytes, expected %d", secret->size,
                                 ATTEST_SECRET_SIZE);
        r = attest_credential_answer(secret->data, context->exporter, answer);
        if (r < 0) return r;
        return PROTO_SET(ret->challenge_answer, BYTES_ARRAY(answer));
}

static int send_proof(RpcStream *stream, const RegisterParams *p, const AttestContext *context,
                      const halfkey_v1_RegisterChallenge *challenge)
{
        cleanup_free halfkey_v1_RegisterRequest *request = calloc(1, sizeof(*request));
        const size_t sent = p->boot->log_size;
        halfkey_v1_RegisterProof *proof;
        int r;

        if (!request) return -ENOMEM;
        request->which_step = halfkey_v1_RegisterRequest_proof_tag;
        proof = &request->step.proof;
        proof->has_evidence = true;
        r = answer_challenge(p, context, challenge, proof);
        if (r == 0) r = certify_srk(p, context, proof);
        if (r == 0) r = quote(p, context, &proof->evidence);
        if (r == 0) r = call_send_log_rest(stream, p->boot, halfkey_v1_RegisterRequest_log_tag, sent);
        if (r == 0) r = call_send(stream, halfkey_v1_RegisterRequest_fields, request, true);
        return r;
}

static int check_hash(Bytes what, const uint8_t expected[static SHA256_SIZE])
{
        uint8_t hash[SHA256_SIZE];
        const int r = hash_sha256(what, hash);

        return r < 0 ? r : crypto_equal(BYTES_ARRAY(hash), BYTES(expected, SHA256_SIZE));
}

/* The configuration names what the verifier may send: another policy key or recovery recipient would hand the
 * site's keys to somebody else. */
static int check_result(const NodeConfig *config, const halfkey_v1_RegisterResult *result)
{
        if (result->cluster_half.size != 32) return error_set(-EPROTO, "the verifier sent no cluster half");
        if (check_hash(PROTO_BYTES(result->policy_key), config->policy_key_sha256) < 0)
                return error_set(-EPROTO, "the verifier's policy key is not the one the configuration names");
        if (result->recovery_certificate_count != config->n_recovery)
                return error_set(-EPROTO,
                                 "the verifier sent %u recovery certificates, the configuration names %zu",
                                 (unsigned)result->recovery_certificate_count, config->n_recovery);
        for (size_t i = 0; i < config->n_recovery; i++)
                if (check_hash(PROTO_BYTES(result->recovery_certificate[i]), config->recovery_sha256[i]) < 0)
                        return error_set(-EPROTO,
                                         "recovery certificate %zu is not the one the configuration names", i);
        return 0;
}

static int take_result(const NodeConfig *config, halfkey_v1_RegisterResult *result, Registered **ret)
{
        cleanup_registered Registered *registered = calloc(1, sizeof(*registered));
        int r;

        if (!registered) return -ENOMEM;
        r = check_result(config, result);
        if (r < 0) return r;
        r = secret_new_copy(PROTO_BYTES(result->cluster_half), &registered->cluster_half);
        if (r < 0) return r;
        secret_wipe(&result->cluster_half, sizeof(result->cluster_half));
        registered->result = *result;
        *ret = TAKE_PTR(registered);
        return 0;
}

static int receive_step(RpcStream **stream, pb_size_t wanted, halfkey_v1_RegisterResponse *response,
                        halfkey_v1_Refusal *ret_refusal)
{
        int r;

        r = call_receive(stream, halfkey_v1_RegisterResponse_fields, response);
        if (r < 0) return r;
        if (response->which_step == halfkey_v1_RegisterResponse_refusal_tag)
                return call_refused(&response->step.refusal, ret_refusal);
        if (response->which_step != wanted) return error_set(-EPROTO, "the verifier answered out of turn");
        return 0;
}

int node_register(RpcChannel *channel, const RegisterParams *params, Registered **ret,
                  halfkey_v1_Refusal *ret_refusal)
{
        cleanup_free halfkey_v1_RegisterResponse *response = calloc(1, sizeof(*response));
        cleanup_rpc_stream RpcStream *stream = NULL;
        AttestContext context;
        int r;

        if (!response) return -ENOMEM;
        r = context_of(channel, params, ATTEST_PURPOSE_REGISTER, &context);
        if (r == 0) r = call_start(channel, "Register", &stream);
        if (r == 0) r = send_hello(stream, params);
        if (r == 0) r = call_send_log(stream, params->boot, halfkey_v1_RegisterRequest_log_tag);
        if (r == 0) r = receive_step(&stream, halfkey_v1_RegisterResponse_challenge_tag, response, ret_refusal);
        if (r == 0) r = send_proof(stream, params, &context, &response->step.challenge);
        if (r == 0) r = receive_step(&stream, halfkey_v1_RegisterResponse_result_tag, response, ret_refusal);
        if (r == 0) r = take_result(params->config, &response->step.result, ret);
        secret_wipe(response, sizeof(*response));
        return r;
}

static int send_commit(RpcStream *stream, halfkey_v1_EnrolCommit *commit)
{
        cleanup_free halfkey_v1_EnrolCommitRequest *request = calloc(1, sizeof(*request));

        if (!request) return -ENOMEM;
        request->which_step = halfkey_v1_EnrolCommitRequest_commit_tag;
        request->step.commit = *commit;
        return call_send(stream, halfkey_v1_EnrolCommitRequest_fields, request, true);
}

int node_commit(RpcChannel *channel, const RegisterParams *params, const uint8_t tokens_hash[static SHA256_SIZE],
                halfkey_v1_EnrolCommit *commit, halfkey_v1_Refusal *ret_refusal)
{
        const size_t sent = params->boot->log_size;
        halfkey_v1_EnrolCommitResponse response;
        cleanup_rpc_stream RpcStream *stream = NULL;
        AttestContext context;
        int r;

        r = context_of(channel, params, ATTEST_PURPOSE_COMMIT, &context);
        if (r < 0) return r;
        memcpy(context.tokens_hash, tokens_hash, sizeof(context.tokens_hash));
        commit->has_evidence = true;
        r = call_start(channel, "EnrolCommit", &stream);
        if (r == 0) r = call_send_log(stream, params->boot, halfkey_v1_EnrolCommitRequest_log_tag);
        if (r == 0) r = quote(params, &context, &commit->evidence);
        if (r == 0) r = call_send_log_rest(stream, params->boot, halfkey_v1_EnrolCommitRequest_log_tag, sent);
        if (r == 0) r = send_commit(stream, commit);
        if (r == 0) r = call_receive(&stream, halfkey_v1_EnrolCommitResponse_fields, &response);
        if (r != 0) return r;
        if (response.which_step == halfkey_v1_EnrolCommitResponse_refusal_tag)
                return call_refused(&response.step.refusal, ret_refusal);
        if (response.which_step != halfkey_v1_EnrolCommitResponse_committed_tag || !response.step.committed)
                return error_set(-EPROTO, "the verifier did not confirm the enrolment");
        return 0;
}
