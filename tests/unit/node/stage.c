/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/stage.h"

#include "attest/cap.h"
#include "attest/quote.h"
#include "attest/seal.h"
#include "check.h"
#include "proto/message.h"
#include "tpm/pcr.h"

const PrivateKey *stage_policy_key(void)
{
        static PrivateKey *key;

        if (!key) CHECK_OK(private_key_generate(2048, &key));
        return key;
}

/* ---- a boot ---- */

static void write_log(Stage *s)
{
        cleanup_synth Synth log = { 0 };

        synth_init(&log, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot_at_zero(&log, false, "root=UUID=1 ro");
        rig_write(s->rig, "log", synth_bytes(&log));
}

static void run_firmware(Stage *s)
{
        const EventLog *log = s->boot->log;

        for (size_t i = 0; i < log->n_events; i++) {
                Bytes digest;

                if (!eventlog_event_extends(&log->events[i])) continue;
                CHECK_OK(eventlog_event_digest(log, &log->events[i], HASH_SHA256, &digest));
                rig_extend_by(s->rig, log->events[i].pcr, digest.data);
        }
}

void stage_init(Stage *s)
{
        stage_init_on(s, rig_new());
}

void stage_init_on(Stage *s, Rig *rig)
{
        char path[128];

        *s = (Stage){ .rig = rig };
        write_log(s);
        snprintf(path, sizeof(path), "%s/log", rig_dir(s->rig));
        CHECK_OK(node_boot_read(path, &s->boot));
        run_firmware(s);
        CHECK_OK(tpm_open(rig_tcti(s->rig), &s->tpm));
}

void stage_boot(Stage *s)
{
        tpm_close(TAKE_PTR(s->tpm));
        rig_power_cut(s->rig);
        run_firmware(s);
        rig_forget(s->rig);
        CHECK_OK(tpm_open(rig_tcti(s->rig), &s->tpm));
}

void stage_deinit(Stage *s)
{
        secret_free(s->half);
        token_free(s->token);
        node_boot_free(s->boot);
        node_keys_deinit(&s->keys);
        tpm_close(s->tpm);
        rig_free(s->rig);
}

/* ---- enrolment ---- */

static void new_token(Stage *s)
{
        cleanup_public_key PublicKey *key = NULL;
        cleanup_free uint8_t *spki = NULL;
        size_t size;

        CHECK_OK(token_new(&s->token));
        s->token->keyslot = 0;
        snprintf(s->token->role, sizeof(s->token->role), "root");
        memcpy(s->token->node_id, s->keys.node_id, sizeof(s->token->node_id));
        s->token->generation = s->token->epoch = 1;
        s->token->bank = HASH_SHA256;
        CHECK_OK(private_key_public(stage_policy_key(), &key));
        CHECK_OK(public_key_spki(key, &spki, &size));
        CHECK_OK(token_blob_set(&s->token->policy_key, BYTES(spki, size)));
}

static void approve(Stage *s)
{
        uint8_t signature[KEY_RSA_SIZE_MAX];
        AttestApproval a;
        AttestPcrs pcrs;
        size_t size;

        CHECK_OK(attest_approval_pcrs(HASH_SHA256, pcr_value(&s->boot->replayed, ATTEST_SECURE_BOOT_PCR), &pcrs));
        CHECK_OK(attest_approval_make(&pcrs, s->token->node_id, s->token->generation, &a));
        CHECK_OK(attest_approval_sign(&a, stage_policy_key(), signature, &size));
        CHECK_OK(token_add_approval(s->token, a.policy, BYTES(signature, size), BYTES(NULL, 0)));
}

void stage_enrol(Stage *s)
{
        CHECK_OK(node_keys_ensure(s->tpm, &s->keys));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&s->keys.ak.public_area), &s->ak));
        new_token(s);
        CHECK_OK(seal_new_half(s->tpm, &s->keys.srk, &s->half));
        CHECK_OK(seal_make(s->tpm, &s->keys.srk, s->half, s->token));
        approve(s);
}

/* ---- evidence ---- */

AttestContext stage_context(const Stage *s, AttestPurpose purpose)
{
        const Token *const tokens[] = { s->token };
        AttestContext c = { .purpose = purpose, .role = "node", .attempt_id = { 1 }, .exporter = { 2 } };

        memcpy(c.node_id, s->keys.node_id, sizeof(c.node_id));
        CHECK_OK(token_set_hash(tokens, s->token ? 1 : 0, c.tokens_hash));
        return c;
}

int stage_verify(const Stage *s, const AttestContext *context, const halfkey_v1_Evidence *e, AttestQuote *ret)
{
        AttestExtra extra;
        int r;

        CHECK_OK(attest_extra_data(context, &extra));
        r = attest_quote_authenticate(PROTO_BYTES(e->quote), PROTO_BYTES(e->signature), &s->ak, &extra, ret);
        return r == 0 ? attest_quote_check_selection(ret, HASH_SHA256, ATTEST_PCRS) : r;
}

int stage_evidence(Stage *s, AttestPurpose purpose, const Digest *cap, AttestQuote *ret, bool *ret_replays)
{
        const EvidenceParams params = {
                .context = stage_context(s, purpose), .boot = s->boot, .ak = &s->keys.ak, .cap = cap
        };
        halfkey_v1_Evidence e;
        int r;

        r = evidence_make(s->tpm, &params, &e, ret_replays);
        if (r == 0) CHECK_OK(stage_verify(s, &params.context, &e, ret));
        return r;
}

Digest stage_cap(Stage *s, const char *outcome)
{
        Digest event, pcr;

        CHECK_OK(attest_cap_event(HASH_SHA256, outcome, NULL, 0, &event));
        CHECK_OK(tpm_pcr_cap(s->tpm, &event, 1, HASH_SHA256));
        CHECK_OK(attest_cap_pcr(&event, &pcr));
        return pcr;
}
