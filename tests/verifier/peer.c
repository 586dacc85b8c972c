/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The node's side of the protocol, with the least code: what halfkey-unlock does, without disks. */

#include "world.h"

#include "attest/cap.h"
#include "attest/credential.h"
#include "attest/pcrs.h"
#include "attest/public.h"
#include "attest/seal.h"
#include "eventlog/replay.h"
#include "synth.h"
#include "tpm/pcr.h"
#include "tpm/quote.h"

enum { CALL_MS = 60000 };

static const char *const phases[] = { "enter-initrd", "leave-initrd", "sysinit", "ready" };

static void extend(Peer *p, unsigned pcr, Bytes digest)
{
        Digest d = { .alg = HASH_SHA256, .size = digest.size };

        memcpy(d.bytes, digest.data, digest.size);
        CHECK_OK(tpm_pcr_extend(p->tpm, pcr, &d, 1));
}

/* The log of a direct kernel, and what firmware would have done to the PCRs meanwhile. */
static void run_firmware(Peer *p)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;

        synth_init(&s, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_data(&s, 0, EV_S_CRTM_VERSION, BYTES("1\0.\0\0\0", 6));
        synth_variable(&s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", BYTES("\1", 1));
        synth_variable(&s, 1, EV_EFI_VARIABLE_BOOT, "BootOrder", BYTES("\0\0\1\0", 4));
        synth_separators(&s);
        synth_image(&s, 4, "\\EFI\\BOOT\\BOOTX64.EFI");
        synth_load_options(&s, p->command_line, true);
        synth_text(&s, 5, EV_EFI_ACTION, "Exit Boot Services Invocation");
        p->log_size = synth_bytes(&s).size;
        p->log = realloc(p->log, p->log_size);
        CHECK(p->log);
        memcpy(p->log, synth_bytes(&s).data, p->log_size);
        CHECK_OK(eventlog_parse(BYTES(p->log, p->log_size), &log));
        for (size_t i = 0; i < log->n_events; i++) {
                Bytes digest;

                if (!eventlog_event_extends(&log->events[i])) continue;
                CHECK_OK(eventlog_event_digest(log, &log->events[i], HASH_SHA256, &digest));
                extend(p, log->events[i].pcr, digest);
        }
}

void peer_phase(Peer *p)
{
        uint8_t digest[SHA256_SIZE];

        CHECK_OK(hash_sha256(BYTES(phases[p->words], strlen(phases[p->words])), digest));
        extend(p, EVENTLOG_WORD_PCR, BYTES_ARRAY(digest));
        p->words++;
}

void peer_boot(Peer *p, const char *command_line)
{
        if (p->tpm) {
                tpm_close(p->tpm);
                rig_power_cut(p->rig);
        }
        CHECK_OK(tpm_open(rig_tcti(p->rig), &p->tpm));
        (void)snprintf(p->command_line, sizeof(p->command_line), "%s", command_line);
        p->words = 0;
        run_firmware(p);
        peer_phase(p);
}

void peer_init(Peer *p)
{
        AttestPublic ek;

        *p = (Peer){ .rig = rig_new() };
        peer_boot(p, "root=UUID=1 ro");
        CHECK_OK(tpm_ek_read(p->tpm, &p->ek));
        CHECK_OK(tpm_ak_ensure(p->tpm, &p->ak));
        CHECK_OK(tpm_srk_ensure(p->tpm, &p->srk));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&p->ek.object.public_area), &ek));
        CHECK_OK(attest_public_node_id(&ek, p->id));
        CHECK_OK(random_bytes(p->volume_key, sizeof(p->volume_key)));
}

void peer_deinit(Peer *p)
{
        secret_free(p->half);
        tpm_ek_deinit(&p->ek);
        tpm_close(p->tpm);
        rig_free(p->rig);
        free(p->log);
}

static void volume_of(const Peer *p, AttestVolume *ret)
{
        *ret = (AttestVolume){ .role = "root" };
        memset(ret->id, 0x33, sizeof(ret->id));
        CHECK_OK(attest_volume_tag(BYTES_ARRAY(p->volume_key), ret->id, ret->role, ret->tag));
}

void peer_cap(Peer *p, const char *outcome)
{
        AttestVolume volume;
        Digest event;

        volume_of(p, &volume);
        CHECK_OK(attest_cap_event(HASH_SHA256, outcome, &volume, strcmp(outcome, ATTEST_CAP_FALLBACK) != 0,
                                  &event));
        extend(p, ATTEST_CAP_PCR, digest_bytes(&event));
}

static TpmExtra extra_of(const Peer *p, AttestPurpose purpose, const RpcChannel *channel)
{
        AttestContext c = { .purpose = purpose, .role = "node" };
        AttestExtra extra;
        TpmExtra ret;

        memcpy(c.node_id, p->claim_id ? p->claim_id : p->id, sizeof(c.node_id));
        memset(c.config_hash, 1, sizeof(c.config_hash));
        memset(c.tokens_hash, 2, sizeof(c.tokens_hash));
        memset(c.attempt_id, 3, sizeof(c.attempt_id));
        CHECK_OK(rpc_channel_exporter(channel, c.exporter));
        CHECK_OK(attest_extra_data(&c, &extra));
        memcpy(ret.bytes, extra.bytes, sizeof(ret.bytes));
        return ret;
}

static void fill_evidence(Peer *p, AttestPurpose purpose, const RpcChannel *channel, halfkey_v1_Evidence *e)
{
        const TpmExtra extra = extra_of(p, purpose, channel);
        TpmSigned quote;

        CHECK_OK(tpm_quote(p->tpm, &p->ak, &extra, HASH_SHA256, ATTEST_PCRS, &quote));
        e->version = 1;
        e->bank = HASH_SHA256;
        CHECK_OK(PROTO_SET(e->quote, tpm_signed_attest(&quote)));
        CHECK_OK(PROTO_SET(e->signature, tpm_signed_signature(&quote)));
        CHECK_OK(PROTO_SET(e->node_id, BYTES(p->claim_id ? p->claim_id : p->id, 32)));
        memset(e->config_hash.bytes, 1, e->config_hash.size = SHA256_SIZE);
        memset(e->tokens_hash.bytes, 2, e->tokens_hash.size = SHA256_SIZE);
        memset(e->attempt_id.bytes, 3, e->attempt_id.size = ATTEST_ATTEMPT_SIZE);
        PROTO_SET_TEXT(e->command_line, p->command_line);
        for (unsigned i = 0; i < p->words; i++) {
                e->phase_words[i].pcr = EVENTLOG_WORD_PCR;
                PROTO_SET_TEXT(e->phase_words[i].word, phases[i]);
        }
        e->phase_words_count = (pb_size_t)p->words;
        if (p->replay) *e = *p->replay;
        p->last = *e;
}

static void fill_volume(const Peer *p, halfkey_v1_Volume *v)
{
        AttestVolume volume;

        volume_of(p, &volume);
        CHECK_OK(PROTO_SET(v->volume_id, BYTES_ARRAY(volume.id)));
        PROTO_SET_TEXT(v->role, volume.role);
        v->generation = p->generation;
        v->epoch = 1;
        memset(v->token_hash.bytes, 4, v->token_hash.size = SHA256_SIZE);
        CHECK_OK(PROTO_SET(v->tag, BYTES_ARRAY(volume.tag)));
}

/* One call on a connection of its own. */
typedef struct Call {
        RpcChannel *channel;
        RpcStream *stream;
} Call;

static void call_open(Call *c, const World *w, const char *path)
{
        *c = (Call){ 0 };
        CHECK_OK(rpc_channel_open(&(RpcClientConfig){ .addresses = (const char *const[]){ w->address },
                                                      .n_addresses = 1,
                                                      .pins = &w->pin,
                                                      .n_pins = 1 },
                                  &c->channel));
        CHECK_OK(rpc_stream_start(c->channel, path, CALL_MS, 0, &c->stream));
}

static void call_send(Call *c, const pb_msgdesc_t *fields, const void *message, bool last)
{
        uint8_t *data = NULL;
        size_t size = 0;

        CHECK_OK(proto_encode(fields, message, &data, &size));
        CHECK_OK(rpc_stream_send(c->stream, BYTES(data, size), last));
        proto_free(data, size);
}

static void call_receive(Call *c, const pb_msgdesc_t *fields, void *message)
{
        cleanup_rpc_buffer RpcBuffer b = { 0 };

        CHECK_OK(rpc_stream_receive(c->stream, CALL_MS, &b));
        CHECK_OK(proto_decode(fields, rpc_buffer_bytes(&b), message));
}

static void call_close(Call *c, Answer *a)
{
        CHECK_OK(rpc_stream_finish(c->stream, &a->status));
        rpc_channel_close(c->channel);
        CHECK(a->status.code == RPC_OK);
}

static void keep_refusal(const halfkey_v1_Refusal *r, Answer *a)
{
        memcpy(a->reason, r->reason, sizeof(a->reason));
        memcpy(a->sentence, r->sentence, sizeof(a->sentence));
        fprintf(stderr, "  refused: %s: %s\n", r->reason, r->sentence);
}

static void answer_challenge(Peer *p, Call *c, const halfkey_v1_RegisterChallenge *challenge,
                             halfkey_v1_RegisterProof *proof)
{
        cleanup_secret Secret *secret = NULL;
        uint8_t exporter[RPC_EXPORTER_SIZE];

        CHECK_OK(tpm_activate_credential(p->tpm, &p->ak, &p->ek, PROTO_BYTES(challenge->credential),
                                         PROTO_BYTES(challenge->encrypted_secret), &secret));
        CHECK(secret->size == ATTEST_SECRET_SIZE);
        CHECK_OK(rpc_channel_exporter(c->channel, exporter));
        CHECK_OK(attest_credential_answer(secret->data, exporter, proof->challenge_answer.bytes));
        proof->challenge_answer.size = SHA256_SIZE;
}

static void fill_hello(const Peer *p, const uint8_t *secret, halfkey_v1_RegisterHello *h)
{
        h->version = 1;
        CHECK_OK(PROTO_SET(h->secret, BYTES(secret, 32)));
        CHECK_OK(PROTO_SET(h->ek_public, tpm_public_bytes(&p->ek.object.public_area)));
        CHECK_OK(PROTO_SET(h->ek_certificate, BYTES(p->ek.certificate, p->ek.certificate_size)));
        CHECK_OK(PROTO_SET(h->ak_public, tpm_public_bytes(&p->ak.public_area)));
        CHECK_OK(PROTO_SET(h->srk_public, tpm_public_bytes(&p->srk.public_area)));
        PROTO_SET_TEXT(h->hostname, "peer");
        PROTO_SET_TEXT(h->serial, "SN-1");
}

static void fill_proof(Peer *p, Call *c, const halfkey_v1_RegisterChallenge *challenge,
                       halfkey_v1_RegisterProof *proof)
{
        const TpmExtra extra = extra_of(p, ATTEST_PURPOSE_CERTIFY, c->channel);
        TpmSigned certify;

        answer_challenge(p, c, challenge, proof);
        proof->has_evidence = true;
        fill_evidence(p, ATTEST_PURPOSE_REGISTER, c->channel, &proof->evidence);
        CHECK_OK(tpm_certify(p->tpm, &p->ak, &p->srk, &extra, &certify));
        CHECK_OK(PROTO_SET(proof->srk_certify, tpm_signed_attest(&certify)));
        CHECK_OK(PROTO_SET(proof->srk_certify_signature, tpm_signed_signature(&certify)));
}

Answer peer_register(Peer *p, const World *w, const uint8_t secret[static 32])
{
        static halfkey_v1_RegisterRequest in;
        static halfkey_v1_RegisterResponse out;
        Answer a = { 0 };
        Call c;

        call_open(&c, w, "/halfkey.v1.NodeManagement/Register");
        in = (halfkey_v1_RegisterRequest){ .which_step = halfkey_v1_RegisterRequest_hello_tag };
        fill_hello(p, secret, &in.step.hello);
        call_send(&c, halfkey_v1_RegisterRequest_fields, &in, false);
        in = (halfkey_v1_RegisterRequest){ .which_step = halfkey_v1_RegisterRequest_log_tag };
        CHECK_OK(PROTO_SET(in.step.log, BYTES(p->log, p->log_size)));
        call_send(&c, halfkey_v1_RegisterRequest_fields, &in, false);
        call_receive(&c, halfkey_v1_RegisterResponse_fields, &out);
        if (out.which_step == halfkey_v1_RegisterResponse_challenge_tag) {
                in = (halfkey_v1_RegisterRequest){ .which_step = halfkey_v1_RegisterRequest_proof_tag };
                fill_proof(p, &c, &out.step.challenge, &in.step.proof);
                call_send(&c, halfkey_v1_RegisterRequest_fields, &in, true);
                call_receive(&c, halfkey_v1_RegisterResponse_fields, &out);
        }
        if (out.which_step == halfkey_v1_RegisterResponse_refusal_tag) {
                keep_refusal(&out.step.refusal, &a);
        } else {
                CHECK(out.which_step == halfkey_v1_RegisterResponse_result_tag);
                p->registered = out.step.result;
                p->generation = out.step.result.generation;
                memcpy(a.half, out.step.result.cluster_half.bytes, 32);
        }
        call_close(&c, &a);
        return a;
}

Answer peer_commit(Peer *p, const World *w, Bytes recovery_cms)
{
        static halfkey_v1_EnrolCommitRequest in;
        static halfkey_v1_EnrolCommitResponse out;
        Answer a = { 0 };
        Call c;

        call_open(&c, w, "/halfkey.v1.NodeManagement/EnrolCommit");
        in = (halfkey_v1_EnrolCommitRequest){ .which_step = halfkey_v1_EnrolCommitRequest_log_tag };
        CHECK_OK(PROTO_SET(in.step.log, BYTES(p->log, p->log_size)));
        call_send(&c, halfkey_v1_EnrolCommitRequest_fields, &in, false);
        in = (halfkey_v1_EnrolCommitRequest){ .which_step = halfkey_v1_EnrolCommitRequest_commit_tag };
        in.step.commit.has_evidence = true;
        fill_evidence(p, ATTEST_PURPOSE_COMMIT, c.channel, &in.step.commit.evidence);
        fill_volume(p, &in.step.commit.volume[0]);
        CHECK_OK(PROTO_SET(in.step.commit.volume[0].recovery_key, recovery_cms));
        in.step.commit.volume_count = 1;
        call_send(&c, halfkey_v1_EnrolCommitRequest_fields, &in, true);
        call_receive(&c, halfkey_v1_EnrolCommitResponse_fields, &out);
        if (out.which_step == halfkey_v1_EnrolCommitResponse_refusal_tag) keep_refusal(&out.step.refusal, &a);
        call_close(&c, &a);
        return a;
}

Answer peer_unlock(Peer *p, const World *w)
{
        static halfkey_v1_UnlockRequest in;
        static halfkey_v1_UnlockResponse out;
        Answer a = { 0 };
        Call c;

        call_open(&c, w, "/halfkey.v1.NodeManagement/Unlock");
        in = (halfkey_v1_UnlockRequest){ .which_step = halfkey_v1_UnlockRequest_log_tag };
        CHECK_OK(PROTO_SET(in.step.log, BYTES(p->log, p->log_size)));
        call_send(&c, halfkey_v1_UnlockRequest_fields, &in, false);
        in = (halfkey_v1_UnlockRequest){ .which_step = halfkey_v1_UnlockRequest_proof_tag };
        in.step.proof.has_evidence = true;
        fill_evidence(p, ATTEST_PURPOSE_UNLOCK, c.channel, &in.step.proof.evidence);
        fill_volume(p, &in.step.proof.volume[0]);
        in.step.proof.volume_count = 1;
        call_send(&c, halfkey_v1_UnlockRequest_fields, &in, true);
        call_receive(&c, halfkey_v1_UnlockResponse_fields, &out);
        if (out.which_step == halfkey_v1_UnlockResponse_refusal_tag) {
                keep_refusal(&out.step.refusal, &a);
        } else {
                CHECK(out.step.result.half_count == 1);
                memcpy(a.half, out.step.result.half[0].half.bytes, 32);
        }
        call_close(&c, &a);
        return a;
}

Answer peer_reattest(Peer *p, const World *w, const char *outcome)
{
        static halfkey_v1_ReattestRequest in;
        static halfkey_v1_ReattestResponse out;
        Answer a = { 0 };
        Call c;

        call_open(&c, w, "/halfkey.v1.NodeManagement/Reattest");
        in = (halfkey_v1_ReattestRequest){ .which_step = halfkey_v1_ReattestRequest_log_tag };
        CHECK_OK(PROTO_SET(in.step.log, BYTES(p->log, p->log_size)));
        call_send(&c, halfkey_v1_ReattestRequest_fields, &in, false);
        in = (halfkey_v1_ReattestRequest){ .which_step = halfkey_v1_ReattestRequest_proof_tag };
        in.step.proof.has_evidence = true;
        fill_evidence(p, ATTEST_PURPOSE_REATTEST, c.channel, &in.step.proof.evidence);
        fill_volume(p, &in.step.proof.volume[0]);
        in.step.proof.volume_count = 1;
        in.step.proof.unseal_refused = peer_unseal(p) != 0;
        PROTO_SET_TEXT(in.step.proof.outcome, outcome);
        call_send(&c, halfkey_v1_ReattestRequest_fields, &in, true);
        call_receive(&c, halfkey_v1_ReattestResponse_fields, &out);
        if (out.which_step == halfkey_v1_ReattestResponse_refusal_tag) {
                keep_refusal(&out.step.refusal, &a);
        } else {
                a.baseline = out.step.result.baseline;
                a.clean_up = out.step.result.clean_up;
        }
        call_close(&c, &a);
        return a;
}

void peer_seal(Peer *p)
{
        uint8_t ref[SHA256_SIZE], policy[SHA256_SIZE];
        AttestPublic key;
        AttestName name;

        CHECK_OK(attest_public_policy_key(PROTO_BYTES(p->registered.policy_key), &key));
        CHECK_OK(attest_public_name(&key, &name));
        CHECK_OK(attest_policy_ref(p->id, p->generation, ref));
        CHECK_BYTES(BYTES_ARRAY(ref), PROTO_BYTES(p->registered.approval.policy_ref));
        CHECK_OK(attest_policy_authorize(&name, ref, policy));
        CHECK_OK(secret_new_random(32, &p->half));
        CHECK_OK(tpm_seal(p->tpm, &p->srk, BYTES_ARRAY(policy), p->half, &p->sealed));
}

int peer_unseal(Peer *p)
{
        const halfkey_v1_Approval *approval = &p->registered.approval;
        cleanup_secret Secret *got = NULL;
        AttestPublic key;
        TpmApproval signed_by;
        int r;

        CHECK_OK(attest_public_policy_key(PROTO_BYTES(p->registered.policy_key), &key));
        signed_by = (TpmApproval){ .key_public = BYTES(key.encoded, key.encoded_size),
                                   .policy = PROTO_BYTES(approval->policy_digest),
                                   .policy_ref = PROTO_BYTES(approval->policy_ref),
                                   .signature = PROTO_BYTES(approval->signature) };
        r = tpm_unseal(p->tpm,
                       &(TpmUnsealParams){ .srk = &p->srk,
                                           .private_area = BYTES(p->sealed.private_area, p->sealed.private_size),
                                           .public_area = tpm_public_bytes(&p->sealed.public_area),
                                           .bank = HASH_SHA256,
                                           .mask = TPM_PCR_MASK(7) | TPM_PCR_MASK(TPM_PCR_CAP),
                                           .approval = &signed_by },
                       &got);
        if (r == 0) CHECK_BYTES(secret_bytes(got), secret_bytes(p->half));
        return r;
}
