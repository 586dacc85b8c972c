/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unlock-run.h"

#include "attest/cap.h"
#include "proto/message.h"
#include "tpm/pcr.h"
#include "unlock/combine.h"

#include <time.h>

/* ---- how long commands take ---- */

enum {
        CC_START = 0x176,
        CC_POLICY_PCR = 0x17f,
        CC_POLICY_AUTHORIZE = 0x16a,
        CC_LOAD = 0x157,
        CC_QUOTE = 0x158,
        CC_UNSEAL = 0x15e,
        CC_EXTEND = 0x182,
};

typedef struct Latency {
        unsigned start, policy, load, quote, unseal, extend, other; /* milliseconds */
} Latency;

static unsigned latency_of(const Latency *l, uint32_t code)
{
        switch (code) {
        case CC_START: return l->start * 1000;
        case CC_POLICY_PCR:
        case CC_POLICY_AUTHORIZE: return l->policy * 1000;
        case CC_LOAD: return l->load * 1000;
        case CC_QUOTE: return l->quote * 1000;
        case CC_UNSEAL: return l->unseal * 1000;
        case CC_EXTEND: return l->extend * 1000;
        default: return l->other * 1000;
        }
}

/* Of hardware a salted session is known to take 60 to 250 ms, an ECDSA quote 20 to 200, and the whole of an unseal
 * about 1.4 s on a slow discrete TPM. The other two lie in the lower half of that. */
static unsigned slow_discrete(uint32_t code)
{
        static const Latency l = { 250, 60, 350, 200, 450, 60, 60 };

        return latency_of(&l, code);
}

static unsigned fast_discrete(uint32_t code)
{
        static const Latency l = { 120, 15, 70, 80, 100, 15, 8 };

        return latency_of(&l, code);
}

static unsigned firmware(uint32_t code)
{
        static const Latency l = { 80, 8, 40, 40, 50, 10, 6 };

        return latency_of(&l, code);
}

const Profile profiles[PROFILES] = { { "slow-discrete", slow_discrete },
                                     { "fast-discrete", fast_discrete },
                                     { "firmware", firmware } };

static uint64_t now_us(void)
{
        struct timespec t;

        CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- the bound ---- */

static bool weight_of(uint32_t code, GraphWeight *ret)
{
        switch (code) {
        case CC_START: *ret = WEIGHT_START_SESSION; return true;
        case CC_POLICY_PCR: *ret = WEIGHT_POLICY_PCR; return true;
        case CC_POLICY_AUTHORIZE: *ret = WEIGHT_POLICY_AUTHORIZE; return true;
        case CC_LOAD: *ret = WEIGHT_LOAD; return true;
        case CC_QUOTE: *ret = WEIGHT_QUOTE; return true;
        case CC_UNSEAL: *ret = WEIGHT_UNSEAL; return true;
        case CC_EXTEND: *ret = WEIGHT_EXTEND; return true;
        default: return false;
        }
}

static void bound_of(Life *l, Relay *relay, unsigned round_trip_us, UnlockRun *run)
{
        const RelayService service = relay_service(relay);
        uint64_t weight[WEIGHTS] = { [WEIGHT_ROUND_TRIP] = round_trip_us,
                                     [WEIGHT_HALF] = round_trip_us / 2,
                                     [WEIGHT_TLS] = service.handshake,
                                     [WEIGHT_ANSWER] = service.answer };
        RigPassed passed[RIG_PASSED_MAX];
        GraphWeight w;

        run->commands = rig_passed(l->stage.rig, passed, RIG_PASSED_MAX);
        for (size_t i = 0; i < run->commands; i++) {
                const uint64_t took = passed[i].answered - passed[i].arrived;

                weight[WEIGHT_WHOLE_TPM] += took;
                if (weight_of(passed[i].code, &w)) weight[w] = took;
        }
        run->bound = graph_longest(weight, run->path);
}

/* ---- the order of things, put together again ---- */

typedef struct Preparing {
        Life *life;
        SealOpening *opening;
} Preparing;

static void *prepare(void *userdata)
{
        Preparing *p = userdata;

        CHECK_OK(seal_prepare(p->life->stage.tpm, p->life->stage.token, p->life->stage.boot, &p->opening));
        return NULL;
}

static void quote_and_send(Life *l, RpcChannel *channel, RpcStream *stream, const UnlockParams *p)
{
        EvidenceParams e = { .context = { .purpose = ATTEST_PURPOSE_UNLOCK, .role = "node" },
                             .boot = p->boot,
                             .ak = &l->stage.keys.ak };
        cleanup_free halfkey_v1_UnlockRequest *request = calloc(1, sizeof(*request));
        halfkey_v1_UnlockProof *proof = &request->step.proof;
        bool replays;

        request->which_step = halfkey_v1_UnlockRequest_proof_tag;
        proof->has_evidence = true;
        memcpy(e.context.node_id, p->tokens[0]->node_id, sizeof(e.context.node_id));
        memcpy(e.context.attempt_id, p->attempt_id, sizeof(e.context.attempt_id));
        CHECK_OK(config_hash(p->config, e.context.config_hash));
        CHECK_OK(token_set_hash(p->tokens, 1, e.context.tokens_hash));
        CHECK_OK(rpc_channel_exporter(channel, e.context.exporter));
        CHECK_OK(evidence_add_volumes(p->tokens, 1, proof->volume, &proof->volume_count));
        CHECK_OK(evidence_make(p->tpm, &e, &proof->evidence, &replays));
        CHECK(replays);
        CHECK_OK(call_send(stream, halfkey_v1_UnlockRequest_fields, request, true));
}

static void read_half(Preparing *p, Secret **half)
{
        CHECK_OK(seal_read(p->opening, half));
        seal_opening_free(TAKE_PTR(p->opening));
}

static void rebuilt(Life *l, const UnlockParams *p, bool swapped, halfkey_v1_UnlockResult *ret)
{
        Preparing preparing = { .life = l };
        static halfkey_v1_UnlockResponse response;
        RpcChannel *channel;
        RpcStream *stream;
        pthread_t thread;

        CHECK(pthread_create(&thread, NULL, prepare, &preparing) == 0);
        CHECK_OK(call_connect(p->config, &channel));
        CHECK_OK(call_start(channel, "Unlock", &stream));
        CHECK_OK(call_send_log(stream, p->boot, halfkey_v1_UnlockRequest_log_tag));
        pthread_join(thread, NULL);
        if (swapped) read_half(&preparing, p->half);
        quote_and_send(l, channel, stream, p);
        if (!swapped) read_half(&preparing, p->half);
        CHECK_OK(call_receive(&stream, halfkey_v1_UnlockResponse_fields, &response));
        CHECK(response.which_step == halfkey_v1_UnlockResponse_result_tag);
        *ret = response.step.result;
        rpc_stream_cancel(stream);
        rpc_channel_close(channel);
}

/* ---- a run ---- */

static void product(const UnlockParams *p, halfkey_v1_UnlockResult *ret)
{
        cleanup_unlocked Unlocked *u = NULL;
        halfkey_v1_Refusal refusal;

        CHECK_OK(node_unlock(p, &u, &refusal));
        CHECK(u->unsealed == 0);
        *ret = u->result;
}

/* Both halves to the passphrase, and the cap, without a disk: its key stands for the volume's. */
static void combine_and_cap(Life *l, const Secret *node_half, const halfkey_v1_UnlockResult *result)
{
        cleanup_secret Secret *cluster_half = NULL, *passphrase = NULL;
        const Token *t = l->stage.token;
        AttestVolume volume = { .role = "root" };
        Digest event;

        CHECK_OK(secret_new_copy(PROTO_BYTES(result->half[0].half), &cluster_half));
        CHECK_OK(unlock_volume_passphrase(node_half, cluster_half, t, &passphrase));
        memcpy(volume.id, t->volume_id, sizeof(volume.id));
        CHECK_OK(attest_volume_tag(secret_bytes(passphrase), volume.id, volume.role, volume.tag));
        CHECK_OK(attest_cap_event(HASH_SHA256, ATTEST_CAP_ATTESTED, &volume, 1, &event));
        CHECK_OK(tpm_pcr_cap(l->stage.tpm, &event, 1, HASH_SHA256));
}

UnlockRun unlock_run(Life *l, Relay *relay, const Profile *profile, unsigned round_trip_us, Order order)
{
        static halfkey_v1_UnlockResult result;
        char verifier[UNLOCK_VERIFIER_SIZE];
        cleanup_secret Secret *half = NULL;
        UnlockRun run = { 0 };
        const Token *token;

        life_boot(l);
        const UnlockParams p = life_unlock_params(l, &token, &half, verifier);
        rig_forget(l->stage.rig);
        rig_latency(l->stage.rig, profile->delay_us);
        relay_begin(relay, round_trip_us);
        const uint64_t start = now_us();
        if (order == ORDER_PRODUCT) product(&p, &result);
        else rebuilt(l, &p, order == ORDER_SWAPPED, &result);
        combine_and_cap(l, half, &result);
        run.took = now_us() - start;
        rig_latency(l->stage.rig, NULL);
        bound_of(l, relay, round_trip_us, &run);
        CHECK_BYTES(secret_bytes(half), secret_bytes(l->stage.half));
        CHECK_BYTES(PROTO_BYTES(result.half[0].half), BYTES_ARRAY(l->cluster_half));
        return run;
}

void unlock_store_ticket(Life *l)
{
        cleanup_seal_opening SealOpening *o = NULL;
        Token *t = l->stage.token;

        CHECK_OK(seal_prepare(l->stage.tpm, t, l->stage.boot, &o));
        CHECK_OK(token_blob_set(&t->approvals[0].ticket, seal_ticket(o)));
}
