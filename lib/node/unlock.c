/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/unlock.h"

#include "base/error.h"
#include "base/log.h"
#include "node/evidence.h"
#include "proto/message.h"
#include "unlock/combine.h"
#include "unlock/volume.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct Attempt {
        const UnlockParams *params;
        Unlocked *unlocked;
        pthread_t preparing;
        SealOpening *opening; /* between preparing and unsealing */
        bool needs_approval;  /* of the state that the log says the TPM is in */
        RpcChannel *channel;
        RpcStream *stream;
        TpmObject ak;
        halfkey_v1_UnlockRequest *request;
        halfkey_v1_UnlockResponse *response;
} Attempt;

void unlocked_free(Unlocked *u)
{
        if (!u) return;
        secret_wipe(u, sizeof(*u));
        free(u);
}

const halfkey_v1_VolumeTerms *unlocked_terms(const Unlocked *u, const Token *t)
{
        for (size_t i = 0; i < u->result.terms_count; i++)
                if (bytes_equal(PROTO_BYTES(u->result.terms[i].volume_id), BYTES_ARRAY(t->volume_id)))
                        return &u->result.terms[i];
        return NULL;
}

static int check_floor(const Unlocked *u, const Token *t)
{
        const halfkey_v1_VolumeTerms *terms = unlocked_terms(u, t);
        const uint64_t floor = terms ? terms->epoch_floor : u->result.epoch_floor;

        if (t->epoch >= floor) return 0;
        return error_set(
                VOLUME_E_REFUSED,
                "header refused: it is an old one put back (epoch %llu, at least %llu): use the recovery key",
                (unsigned long long)t->epoch, (unsigned long long)floor);
}

int unlocked_half(const Unlocked *u, const Token *t, Secret **ret)
{
        const int r = check_floor(u, t);

        if (r != 0) return r;
        for (size_t i = 0; i < u->result.half_count; i++) {
                if (u->result.half[i].generation != t->generation) continue;
                if (u->result.half[i].half.size != COMBINE_HALF_SIZE)
                        return error_set(-EPROTO, "the verifier sent a half of %u bytes",
                                         (unsigned)u->result.half[i].half.size);
                return secret_new_copy(PROTO_BYTES(u->result.half[i].half), ret);
        }
        return error_set(-EPROTO, "the verifier sent no half of generation %llu",
                         (unsigned long long)t->generation);
}

static void attempt_deinit(Attempt *a)
{
        rpc_stream_cancel(TAKE_PTR(a->stream));
        rpc_channel_close(TAKE_PTR(a->channel));
        free(a->request);
        if (a->response) secret_wipe(a->response, sizeof(*a->response));
        free(a->response);
        unlocked_free(a->unlocked);
}

static void note(const Attempt *a, const char *step)
{
        if (a->params->note) a->params->note(step, a->params->userdata);
}

/* ---- the node's half ---- */

/* A failure waits for the answer, which may bring an approval of the state the TPM is in. */
static void keep_unsealed(Attempt *a, int r)
{
        a->unlocked->unsealed = r;
        if (r != 0)
                (void)snprintf(a->unlocked->unseal_text, sizeof(a->unlocked->unseal_text), "%s", error_detail(r));
}

/* In a thread of its own, beside the connection. */
static void *prepare(void *userdata)
{
        Attempt *a = userdata;
        const UnlockParams *p = a->params;

        pthread_mutex_lock(p->lock);
        if (!*p->cancelled && !*p->half)
                keep_unsealed(a, seal_prepare(p->tpm, p->tokens[0], p->boot, &a->opening));
        pthread_mutex_unlock(p->lock);
        return NULL;
}

/* It spares the next boot three commands. */
static void keep_ticket(Attempt *a)
{
        const Bytes ticket = seal_ticket(a->opening);

        if (ticket.size == 0 || ticket.size > sizeof(a->unlocked->ticket)) return;
        memcpy(a->unlocked->ticket, ticket.data, ticket.size);
        a->unlocked->ticket_size = ticket.size;
}

/* In a thread too, while the evidence is made of the quote and sent. */
static void *unseal(void *userdata)
{
        Attempt *a = userdata;

        pthread_mutex_lock(a->params->lock);
        if (a->opening) {
                keep_unsealed(a, seal_read(a->opening, a->params->half));
                keep_ticket(a);
        }
        seal_opening_free(TAKE_PTR(a->opening));
        pthread_mutex_unlock(a->params->lock);
        return NULL;
}

/* ---- evidence ---- */

static int find_ak(Attempt *a)
{
        const NodeConfig *c = a->params->config;

        if (!c->enrolled) return tpm_ak_ensure(a->params->tpm, &a->ak);
        return tpm_object_init(TPM_HANDLE_AK, BYTES(c->ak_public, c->ak_public_size), &a->ak);
}

static int context_of(const Attempt *a, AttestContext *ret)
{
        const UnlockParams *p = a->params;
        AttestContext c = { .purpose = ATTEST_PURPOSE_UNLOCK, .role = "node" };
        int r;

        memcpy(c.node_id, p->tokens[0]->node_id, sizeof(c.node_id));
        memcpy(c.attempt_id, p->attempt_id, sizeof(c.attempt_id));
        r = config_hash(p->config, c.config_hash);
        if (r == 0) r = token_set_hash(p->tokens, p->n_tokens, c.tokens_hash);
        if (r == 0) r = rpc_channel_exporter(a->channel, c.exporter);
        if (r < 0) return r;
        *ret = c;
        return 0;
}

/* An AK that somebody evicted is made again: its template is fixed, so it is the same key. */
static int quote(Attempt *a, const EvidenceParams *params, TpmSigned *ret)
{
        Tpm *tpm = a->params->tpm;
        TpmObject again;
        int r;

        r = evidence_quote(tpm, params, ret);
        if (r != TPM_E_ABSENT) return r;
        r = tpm_ak_ensure(tpm, &again);
        if (r == 0) r = tpm_object_check_name(&again, tpm_name_bytes(&a->ak.name));
        if (r != 0) return error_prefix(r, "the attestation key was gone");
        return evidence_quote(tpm, params, ret);
}

/* The first quote, with the lock held. */
static int quote_first(Attempt *a, EvidenceParams *params, TpmSigned *ret)
{
        int r;

        if (*a->params->cancelled) return -ECANCELED;
        r = find_ak(a);
        if (r == 0) r = context_of(a, &params->context);
        return r == 0 ? quote(a, params, ret) : r;
}

/* What the tokens would be: the verifier orders nothing that it does not know beforehand. */
static int add_plans(const UnlockParams *p, halfkey_v1_UnlockProof *proof)
{
        uint8_t hash[SHA256_SIZE];
        int r = 0;

        for (size_t i = 0; p->planned && i < p->n_tokens && r == 0; i++) {
                halfkey_v1_VolumePlan *plan = &proof->plan[proof->plan_count];

                if (!p->planned[i]) continue;
                r = token_hash(p->planned[i], hash);
                if (r == 0) r = PROTO_SET(plan->volume_id, BYTES_ARRAY(p->planned[i]->volume_id));
                if (r == 0) r = PROTO_SET(plan->token_hash, BYTES_ARRAY(hash));
                proof->plan_count++;
        }
        return r;
}

/* The verifier will refuse: say why here. */
static void warn_no_replay(const Attempt *a)
{
        pthread_mutex_lock(a->params->lock);
        IGNORE_RESULT(evidence_explain(a->params->tpm, a->params->boot));
        pthread_mutex_unlock(a->params->lock);
        log_warning("the event log does not give the TPM's PCRs: %s", error_detail(-EBADMSG));
}

static int send_proof(Attempt *a, const EvidenceParams *params, const TpmSigned *first)
{
        const UnlockParams *p = a->params;
        halfkey_v1_UnlockProof *proof = &a->request->step.proof;
        const size_t sent = p->boot->log_size;
        bool replays = false;
        int r;

        a->request->which_step = halfkey_v1_UnlockRequest_proof_tag;
        proof->has_evidence = true;
        proof->needs_approval = a->needs_approval;
        r = evidence_add_volumes(p->tokens, p->n_tokens, proof->volume, &proof->volume_count);
        if (r == 0) r = add_plans(p, proof);
        if (r == 0) r = evidence_make_of(p->tpm, params, first, &proof->evidence, &replays);
        if (r == 0) r = call_send_log_rest(a->stream, p->boot, halfkey_v1_UnlockRequest_log_tag, sent);
        if (r != 0) return r;
        if (!replays) warn_no_replay(a);
        return call_send(a->stream, halfkey_v1_UnlockRequest_fields, a->request, true);
}

/* ---- the call ---- */

/* Once it is cancelled the caller reads it, with no lock. */
static void note_verifier(const Attempt *a)
{
        const UnlockParams *p = a->params;

        pthread_mutex_lock(p->lock);
        if (!*p->cancelled)
                (void)snprintf(p->verifier, UNLOCK_VERIFIER_SIZE, "%s", rpc_channel_address(a->channel));
        pthread_mutex_unlock(p->lock);
}

static int connect_and_send_log(Attempt *a)
{
        int r;

        r = call_connect(a->params->config, &a->channel);
        if (r < 0) return r;
        note_verifier(a);
        note(a, "connected");
        r = call_start(a->channel, "Unlock", &a->stream);
        return r == 0 ? call_send_log(a->stream, a->params->boot, halfkey_v1_UnlockRequest_log_tag) : r;
}

/* Quotes; then the TPM unseals while the evidence is made and goes out. */
static int attest(Attempt *a)
{
        EvidenceParams params = { .boot = a->params->boot, .ak = &a->ak };
        pthread_t unsealing;
        TpmSigned first;
        int r;

        pthread_mutex_lock(a->params->lock);
        r = quote_first(a, &params, &first);
        pthread_mutex_unlock(a->params->lock);
        if (r != 0) return r;
        r = pthread_create(&unsealing, NULL, unseal, a);
        if (r != 0) return -r;
        params.lock = a->params->lock;
        r = send_proof(a, &params, &first);
        if (r == 0) note(a, "evidence sent");
        pthread_join(unsealing, NULL);
        return r;
}

static int receive(Attempt *a, halfkey_v1_Refusal *ret_refusal)
{
        int r;

        r = call_receive(&a->stream, halfkey_v1_UnlockResponse_fields, a->response);
        if (r < 0) return r;
        if (a->response->which_step == halfkey_v1_UnlockResponse_refusal_tag)
                return call_refused(&a->response->step.refusal, ret_refusal);
        if (a->response->which_step != halfkey_v1_UnlockResponse_result_tag)
                return error_set(-EPROTO, "the verifier's answer is empty");
        note(a, "released");
        a->unlocked->ak = a->ak;
        a->unlocked->result = a->response->step.result;
        return 0;
}

static int run(Attempt *a, halfkey_v1_Refusal *ret_refusal)
{
        int r;

        r = pthread_create(&a->preparing, NULL, prepare, a);
        if (r != 0) return -r;
        r = connect_and_send_log(a);
        pthread_join(a->preparing, NULL);
        a->needs_approval = a->unlocked->unsealed == TPM_E_POLICY && a->params->tokens[0]->policy_key.size > 0;
        if (r == 0) r = attest(a);
        pthread_mutex_lock(a->params->lock);
        seal_opening_free(TAKE_PTR(a->opening)); /* of an attempt that came to nothing */
        pthread_mutex_unlock(a->params->lock);
        return r == 0 ? receive(a, ret_refusal) : r;
}

int node_unlock(const UnlockParams *params, Unlocked **ret, halfkey_v1_Refusal *ret_refusal)
{
        _cleanup_(attempt_deinit) Attempt a = { .params = params };
        int r;

        a.unlocked = calloc(1, sizeof(*a.unlocked));
        a.request = calloc(1, sizeof(*a.request));
        a.response = calloc(1, sizeof(*a.response));
        if (!a.unlocked || !a.request || !a.response) return -ENOMEM;
        r = run(&a, ret_refusal);
        if (r != 0) return r;
        *ret = TAKE_PTR(a.unlocked);
        return 0;
}
