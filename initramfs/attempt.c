/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Attested unlocking (DESIGN, boot steps 2 to 6). The order of things is the point: the log is on its way while
 * the TPM quotes, and the node's half is unsealed while the verifier thinks. */

#include "initramfs/attempt.h"

#include "attest/seal.h"
#include "base/error.h"
#include "base/log.h"
#include "node/seal.h"
#include "node/call.h"
#include "node/evidence.h"
#include "proto/message.h"
#include "unlock/combine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What one attempt carries from step to step. */
typedef struct Attempt {
        Session *s;
        RpcChannel *channel;
        RpcStream *stream;
        TpmObject ak;
        const Token *root; /* the token whose node id, generation and seal speak for the node */
        halfkey_v1_UnlockRequest *request;
        halfkey_v1_UnlockResponse *response;
        halfkey_v1_Refusal refusal;
        int unsealed; /* outcome of unsealing our own half */
        char unseal_text[256];
} Attempt;

static void attempt_deinit(Attempt *a)
{
        rpc_stream_cancel(TAKE_PTR(a->stream));
        rpc_channel_close(TAKE_PTR(a->channel));
        free(a->request);
        if (a->response) secret_wipe(a->response, sizeof(*a->response));
        free(a->response);
}

static int check_headers(Session *s)
{
        for (size_t i = 0; i < s->n_volumes; i++) {
                OwnVolume *v = &s->volumes[i];
                int r;

                if (!v->token) return error_set(-ENOKEY, "volume '%s' is not enrolled", v->setting->name);
                r = volume_check(v->volume, HEADER_USE_TOKEN);
                if (r != 0) return error_prefix(r, "volume '%s': header refused", v->setting->name);
                if (strcmp(v->token->role, v->setting->role) != 0)
                        return error_set(VOLUME_E_REFUSED, "volume '%s' has the role '%s', expected '%s'",
                                         v->setting->name, v->token->role, v->setting->role);
        }
        return 0;
}

static int find_ak(Attempt *a)
{
        const NodeConfig *c = a->s->config;

        if (!c->enrolled) return tpm_ak_ensure(a->s->tpm, &a->ak);
        return tpm_object_init(TPM_HANDLE_AK, BYTES(c->ak_public, c->ak_public_size), &a->ak);
}

static int context_of(Attempt *a, const Token *const *tokens, AttestContext *ret)
{
        AttestContext c = { .purpose = ATTEST_PURPOSE_UNLOCK, .role = "node" };
        int r;

        memcpy(c.node_id, a->root->node_id, sizeof(c.node_id));
        memcpy(c.attempt_id, a->s->attempt_id, sizeof(c.attempt_id));
        r = config_hash(a->s->config, c.config_hash);
        if (r == 0) r = token_set_hash(tokens, a->s->n_volumes, c.tokens_hash);
        if (r == 0) r = rpc_channel_exporter(a->channel, c.exporter);
        if (r < 0) return r;
        *ret = c;
        return 0;
}

/* An AK that somebody evicted is made again: its template is fixed, so it is the same key. */
static int make_evidence(Attempt *a, const EvidenceParams *params, halfkey_v1_Evidence *ret, bool *ret_replays)
{
        TpmObject again;
        int r;

        r = evidence_make(a->s->tpm, params, ret, ret_replays);
        if (r != TPM_E_ABSENT) return r;
        r = tpm_ak_ensure(a->s->tpm, &again);
        if (r == 0) r = tpm_object_check_name(&again, tpm_name_bytes(&a->ak.name));
        if (r != 0) return error_prefix(r, "the attestation key was gone");
        return evidence_make(a->s->tpm, params, ret, ret_replays);
}

static int send_proof(Attempt *a)
{
        halfkey_v1_UnlockProof *proof = &a->request->step.proof;
        EvidenceParams params = { .boot = a->s->boot, .ak = &a->ak };
        const Token *tokens[SETTINGS_VOLUMES_MAX];
        const size_t sent = a->s->boot->log_size;
        bool replays = false;
        int r;

        for (size_t i = 0; i < a->s->n_volumes; i++) tokens[i] = a->s->volumes[i].token;

        a->request->which_step = halfkey_v1_UnlockRequest_proof_tag;
        proof->has_evidence = true;
        r = context_of(a, tokens, &params.context);
        if (r == 0) r = evidence_add_volumes(tokens, a->s->n_volumes, proof->volume, &proof->volume_count);
        if (r == 0) r = make_evidence(a, &params, &proof->evidence, &replays);
        if (r == 0) r = call_send_log_rest(a->stream, a->s->boot, halfkey_v1_UnlockRequest_log_tag, sent);
        if (r != 0) return r;
        if (!replays) {
                IGNORE_RESULT(
                        evidence_explain(a->s->tpm, a->s->boot)); /* the verifier will refuse: say why here */
                log_warning("the event log does not give the TPM's PCRs: %s", error_detail(-EBADMSG));
        }
        return call_send(a->stream, halfkey_v1_UnlockRequest_fields, a->request, true);
}

/* Our half does not depend on the answer: open it while that is under way. A failure waits for the answer too,
 * which may bring an approval of the state the TPM is in. */
static void unseal_meanwhile(Attempt *a)
{
        if (a->s->node_half) {
                a->unsealed = 0;
                return;
        }
        a->unsealed = seal_open(a->s->tpm, a->root, a->s->boot, &a->s->node_half);
        if (a->unsealed != 0)
                (void)snprintf(a->unseal_text, sizeof(a->unseal_text), "%s", error_detail(a->unsealed));
}

static int talk(Attempt *a)
{
        int r;

        r = call_connect(a->s->config, &a->channel);
        if (r < 0) return r;
        (void)snprintf(a->s->verifier, sizeof(a->s->verifier), "%s", rpc_channel_address(a->channel));
        timeline_note(&a->s->timeline, "connected");
        r = call_start(a->channel, "Unlock", &a->stream);
        if (r == 0) r = call_send_log(a->stream, a->s->boot, halfkey_v1_UnlockRequest_log_tag);
        if (r < 0) return r;

        pthread_mutex_lock(&a->s->lock);
        r = a->s->cancelled ? -ECANCELED : find_ak(a);
        if (r == 0) r = send_proof(a);
        if (r == 0) timeline_note(&a->s->timeline, "evidence sent");
        if (r == 0) unseal_meanwhile(a);
        pthread_mutex_unlock(&a->s->lock);
        if (r != 0) return r;

        r = call_receive(&a->stream, halfkey_v1_UnlockResponse_fields, a->response);
        if (r < 0) return r;
        if (a->response->which_step == halfkey_v1_UnlockResponse_refusal_tag)
                return call_refused(&a->response->step.refusal, &a->refusal);
        if (a->response->which_step != halfkey_v1_UnlockResponse_result_tag)
                return error_set(-EPROTO, "the verifier's answer is empty");
        timeline_note(&a->s->timeline, "released");
        return 0;
}

static int half_of(const halfkey_v1_UnlockResult *result, uint64_t generation, Secret **ret)
{
        for (size_t i = 0; i < result->half_count; i++)
                if (result->half[i].generation == generation) {
                        if (result->half[i].half.size != COMBINE_HALF_SIZE)
                                return error_set(-EPROTO, "the verifier sent a half of %u bytes",
                                                 (unsigned)result->half[i].half.size);
                        return secret_new_copy(PROTO_BYTES(result->half[i].half), ret);
                }
        return error_set(-EPROTO, "the verifier sent no half of generation %llu", (unsigned long long)generation);
}

static int open_one(Attempt *a, OwnVolume *v)
{
        cleanup_secret Secret *half = NULL, *passphrase = NULL;
        int r;

        r = half_of(&a->response->step.result, v->token->generation, &half);
        if (r == 0)
                r = unlock_volume_passphrase(a->s->node_half, half, v->token->volume_id, v->token->role,
                                             v->token->node_id, &passphrase);
        if (r == 0) r = volume_unlock_keyslot(v->volume, v->token->keyslot, passphrase, &v->key);
        if (r == 0) r = session_set_tag(v);
        return r == 0 ? 0 : error_prefix(r, "volume '%s'", v->setting->name);
}

/* The TPM refused what it knew of; the verifier may have approved the state it is in. */
static int use_approval(Attempt *a)
{
        const halfkey_v1_UnlockResult *result = &a->response->step.result;
        Token *token = a->s->volumes[0].token;
        int r;

        if (!result->has_approval || result->approval.policy_digest.size != TOKEN_POLICY_SIZE)
                return error_set(a->unsealed, "%s", a->unseal_text);
        r = token_add_approval(token, result->approval.policy_digest.bytes,
                               PROTO_BYTES(result->approval.signature), BYTES(NULL, 0));
        if (r == 0) r = seal_open(a->s->tpm, token, a->s->boot, &a->s->node_half);
        if (r != 0) return r;
        log_notice("the cluster approved the state of this boot");
        return 0;
}

static int open_all(Attempt *a)
{
        int r = 0;

        (void)snprintf(a->s->node_name, sizeof(a->s->node_name), "%s", a->response->step.result.node_name);
        (void)snprintf(a->s->release_id, sizeof(a->s->release_id), "%s", a->response->step.result.release_id);
        if (a->unsealed != 0) r = use_approval(a);
        for (size_t i = 0; r == 0 && i < a->s->n_volumes; i++) r = open_one(a, &a->s->volumes[i]);
        if (r != 0) return r;
        timeline_note(&a->s->timeline, "keys known");
        /* Power was lost between the end of the enrolment and its last write. */
        if (!a->s->config->enrolled)
                r = session_set_node(a->s, a->root->node_id, tpm_public_bytes(&a->ak.public_area));
        return r;
}

static int run(Attempt *a, Report *report)
{
        int r;

        r = check_headers(a->s);
        if (r != 0) {
                report->final = true;
                return r;
        }
        a->root = a->s->volumes[0].token;
        a->request = calloc(1, sizeof(*a->request));
        a->response = calloc(1, sizeof(*a->response));
        if (!a->request || !a->response) return -ENOMEM;
        r = talk(a);
        if (r != 0) {
                report->retry_s = a->refusal.retry_after_s;
                report->unfinished = strcmp(a->refusal.reason, PROTO_REASON_NOT_ENROLLED) == 0;
                return r;
        }
        pthread_mutex_lock(&a->s->lock);
        r = a->s->cancelled ? -ECANCELED : open_all(a);
        pthread_mutex_unlock(&a->s->lock);
        return r;
}

void attempt_unlock(Session *s, Report *ret)
{
        Attempt a = { .s = s };

        error_clear();
        *ret = (Report){ .outcome = ATTEST_CAP_ATTESTED };
        ret->result = run(&a, ret);
        if (ret->result != 0) (void)snprintf(ret->text, sizeof(ret->text), "%s", error_detail(ret->result));
        attempt_deinit(&a);
}
