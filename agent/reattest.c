/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "agent/reattest.h"

#include "agent/cleanup.h"
#include "attest/cap.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "node/call.h"
#include "node/evidence.h"
#include "node/seal.h"
#include "node/state.h"
#include "proto/message.h"
#include "tpm/pcr.h"
#include "unlock/accept.h"
#include "unlock/volume.h"

#include <errno.h>
#include <string.h>

typedef struct Reattest {
        State state;
        NodeConfig *config;
        NodeBoot *boot;
        Tpm *tpm;
        TpmObject ak;
        Digest cap;
        Token *tokens[STATE_VOLUMES_MAX];
        size_t n_tokens;
        RpcChannel *channel;
        RpcStream *stream;
        halfkey_v1_ReattestRequest *request;
} Reattest;

static void reattest_deinit(Reattest *a)
{
        rpc_stream_cancel(a->stream);
        rpc_channel_close(a->channel);
        for (size_t i = 0; i < a->n_tokens; i++) token_free(a->tokens[i]);
        config_free(a->config);
        node_boot_free(a->boot);
        tpm_close(a->tpm);
        free(a->request);
}

static int read_config(Reattest *a)
{
        cleanup_free uint8_t *text = NULL;
        size_t size;
        int r;

        r = file_read(STATE_NODE_CONFIG_PATH, CONFIG_FILE_MAX, &text, &size);
        if (r < 0) return r;
        r = config_parse(BYTES(text, size), &a->config);
        if (r < 0) return error_prefix(r, STATE_NODE_CONFIG_PATH);
        return a->config->enrolled ? 0
                                   : error_set(-EBADMSG, STATE_NODE_CONFIG_PATH ": not a node's configuration");
}

/* No key is needed to see that the header is no longer what the token records; the next boot would refuse it. */
static void judge_header(const StateVolume *v, Volume *volume, const Token *t)
{
        int r;

        r = volume_check(volume, HEADER_USE_TOKEN);
        if (r != 0) {
                log_warning("volume '%s': the next boot will not open it: %s", v->name, error_detail(r));
                return;
        }
        r = volume_compare_record(volume, t);
        if (r != 0)
                log_warning("volume '%s': the next boot will not open it: %s. If that change was meant: halfkey "
                            "accept "
                            "%s",
                            v->name, error_detail(r), v->device);
        else if (accept_is_pending(t))
                log_info("volume '%s': its accepted header waits for the next boot", v->name);
}

static int read_tokens(Reattest *a)
{
        for (size_t i = 0; i < a->state.n_volumes; i++) {
                const StateVolume *v = &a->state.volumes[i];
                cleanup_volume Volume *volume = NULL;
                int r;

                if (!v->enrolled) continue;
                r = volume_open(v->device, &volume);
                if (r == 0) r = volume_token(volume, &a->tokens[a->n_tokens]);
                if (r != 0) return error_prefix(r, "volume '%s' (%s)", v->name, v->device);
                judge_header(v, volume, a->tokens[a->n_tokens]);
                a->n_tokens++;
        }
        return a->n_tokens > 0 ? 0 : error_set(-ENOENT, "no volume of this boot is halfkey's");
}

/* PCR 15 as it is: what it should be only the verifier can say, which knows the volumes' tags. */
static int read_cap(Reattest *a)
{
        TpmPcrValues values;
        int r;

        r = tpm_pcr_read(a->tpm, a->boot->bank, TPM_PCR_MASK(TPM_PCR_CAP), &values);
        if (r != 0) return r;
        a->cap = (Digest){ .alg = a->boot->bank, .size = hash_size((uint16_t)a->boot->bank) };
        memcpy(a->cap.bytes, values.value[TPM_PCR_CAP], a->cap.size);
        return 0;
}

static int prepare(Reattest *a)
{
        int r;

        r = state_read(STATE_PATH, &a->state);
        if (r == -ENOENT) return error_set(r, "this boot was not opened by halfkey: there is no " STATE_PATH);
        if (r == 0) r = read_config(a);
        if (r == 0) r = read_tokens(a);
        if (r == 0) r = node_boot_read(NULL, &a->boot);
        if (r == 0) r = tpm_open(NULL, &a->tpm);
        if (r == 0) r = read_cap(a);
        if (r == 0)
                r = tpm_object_init(TPM_HANDLE_AK, BYTES(a->config->ak_public, a->config->ak_public_size), &a->ak);
        return r;
}

/* The proof that the cap holds: our half must not open any more. */
static bool unseal_refused(Reattest *a)
{
        cleanup_secret Secret *half = NULL;
        const int r = seal_open(a->tpm, a->tokens[0], a->boot, &half);

        if (r == TPM_E_CAPPED || r == TPM_E_POLICY) {
                log_info("tried to unseal the node's half, and it no longer opens: %s", error_detail(r));
                return true;
        }
        if (r == 0) log_error("the node's half opens on the booted host: the cap does not hold");
        else log_error("cannot tell whether the node's half opens: %s", error_detail(r));
        return false;
}

static int context_of(Reattest *a, AttestContext *ret)
{
        AttestContext c = { .purpose = ATTEST_PURPOSE_REATTEST, .role = "node" };
        int r;

        memcpy(c.node_id, a->config->node_id, sizeof(c.node_id));
        r = random_bytes(c.attempt_id, sizeof(c.attempt_id));
        if (r == 0) r = config_hash(a->config, c.config_hash);
        if (r == 0) r = token_set_hash((const Token *const *)a->tokens, a->n_tokens, c.tokens_hash);
        if (r == 0) r = rpc_channel_exporter(a->channel, c.exporter);
        if (r < 0) return r;
        *ret = c;
        return 0;
}

/* By which epoch of its header each volume was opened: the one on the disk may be a newer one by now. */
static int add_opened(const State *state, halfkey_v1_ReattestProof *proof)
{
        int r = 0;

        for (size_t i = 0; i < state->n_volumes && r == 0; i++) {
                halfkey_v1_OpenedVolume *opened = &proof->opened[proof->opened_count];

                if (!state->volumes[i].enrolled) continue;
                r = PROTO_SET(opened->volume_id, BYTES_ARRAY(state->volumes[i].id));
                opened->epoch = state->volumes[i].epoch;
                proof->opened_count++;
        }
        return r;
}

static int send_proof(Reattest *a)
{
        EvidenceParams params = { .boot = a->boot, .ak = &a->ak, .cap = &a->cap };
        halfkey_v1_ReattestProof *proof;
        const size_t sent = a->boot->log_size;
        bool replays = false;
        int r;

        a->request = calloc(1, sizeof(*a->request));
        if (!a->request) return -ENOMEM;
        a->request->which_step = halfkey_v1_ReattestRequest_proof_tag;
        proof = &a->request->step.proof;
        proof->has_evidence = true;
        proof->unseal_refused = unseal_refused(a);
        PROTO_SET_TEXT(proof->outcome, a->state.outcome);
        r = evidence_add_volumes((const Token *const *)a->tokens, a->n_tokens, proof->volume,
                                 &proof->volume_count);
        if (r == 0) r = add_opened(&a->state, proof);
        if (r == 0) r = context_of(a, &params.context);
        if (r == 0) r = evidence_make(a->tpm, &params, &proof->evidence, &replays);
        if (r == 0) r = call_send_log_rest(a->stream, a->boot, halfkey_v1_ReattestRequest_log_tag, sent);
        if (r != 0) return r;
        if (!replays) {
                IGNORE_RESULT(evidence_explain(a->tpm, a->boot)); /* the verifier will refuse: say why here */
                log_warning("the event log does not give the TPM's PCRs: %s", error_detail(-EBADMSG));
        }
        return call_send(a->stream, halfkey_v1_ReattestRequest_fields, a->request, true);
}

static int talk(Reattest *a, halfkey_v1_ReattestResponse *ret)
{
        halfkey_v1_Refusal refusal;
        int r;

        r = call_connect(a->config, &a->channel);
        if (r == 0) r = call_start(a->channel, "Reattest", &a->stream);
        if (r == 0) r = call_send_log(a->stream, a->boot, halfkey_v1_ReattestRequest_log_tag);
        if (r == 0) r = send_proof(a);
        if (r == 0) r = call_receive(&a->stream, halfkey_v1_ReattestResponse_fields, ret);
        if (r != 0) return r;
        if (ret->which_step == halfkey_v1_ReattestResponse_refusal_tag)
                return call_refused(&ret->step.refusal, &refusal);
        if (ret->which_step != halfkey_v1_ReattestResponse_result_tag)
                return error_set(-EPROTO, "the verifier's answer is empty");
        return 0;
}

static int attest(Reattest *a)
{
        halfkey_v1_ReattestResponse response;
        int r;

        r = talk(a, &response);
        if (r == CALL_E_REFUSED) {
                log_error("refused by %s: %s", rpc_channel_address(a->channel), error_detail(r));
                return REATTEST_E_REFUSED;
        }
        if (r != 0) return r < 0 ? r : -EIO; /* an outcome of the TPM's: its detail says which */
        log_info("attested to %s as %s%s", rpc_channel_address(a->channel), response.step.result.node_name,
                 response.step.result.baseline ? "; this boot is the baseline" : "");
        r = cleanup_rekeyed(&a->state, &response.step.result);
        if (response.step.result.clean_up) {
                const int cleaned = cleanup_enrolment(&a->state);

                if (r == 0) r = cleaned;
        }
        return r;
}

int reattest_run(void)
{
        _cleanup_(reattest_deinit) Reattest a = { 0 };
        int r;

        r = prepare(&a);
        if (r != 0) return r < 0 ? r : -EIO;
        return attest(&a);
}
