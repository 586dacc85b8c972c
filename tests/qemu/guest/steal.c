/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an attacker with root on a booted machine would try: unseal the victim's half with the victim's token, and
 * ask the victim's cluster for the other half with the machine's own TPM. Prints one line each:
 *
 *   unseal: opened | refused: SENTENCE
 *   unlock: released | refused: REASON | failed: SENTENCE
 *
 * With EVENT-LOG, TCTI and COMMAND-LINE it is that TPM, just reset, the genuine log is first replayed into it, and
 * the genuine command line is what the verifier is told.
 *
 * Exit code 0 where both were refused, 1 where a half came out, 2 where it could not be tried. */

#include "base/error.h"
#include "base/fd.h"
#include "node/call.h"
#include "node/evidence.h"
#include "node/seal.h"
#include "proto/message.h"
#include "tpm/pcr.h"
#include "unlock/volume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Thief {
        Tpm *tpm;
        NodeBoot *boot;
        NodeConfig *config;
        Token *token;
        TpmObject ak;
} Thief;

static int replay(Thief *t)
{
        int r = 0;

        for (size_t i = 0; i < t->boot->log->n_events && r == 0; i++) {
                const Event *e = &t->boot->log->events[i];
                Digest d = { .alg = t->boot->bank };
                Bytes digest;

                if (!eventlog_event_extends(e)) continue;
                r = eventlog_event_digest(t->boot->log, e, t->boot->bank, &digest);
                if (r != 0) return r;
                d.size = digest.size;
                memcpy(d.bytes, digest.data, digest.size);
                r = tpm_pcr_extend(t->tpm, e->pcr, &d, 1);
        }
        return r;
}

static int claim(Thief *t, const char *command_line)
{
        free(t->boot->command_line);
        t->boot->command_line = strdup(command_line);
        return t->boot->command_line ? 0 : -ENOMEM;
}

static int prepare(Thief *t, const char *header, const char *config, const char *log, const char *tcti)
{
        cleanup_volume Volume *volume = NULL;
        cleanup_free uint8_t *text = NULL;
        size_t size;
        int r;

        r = volume_open(header, &volume);
        if (r == 0) r = volume_token(volume, &t->token);
        if (r == 0) r = file_read(config, CONFIG_FILE_MAX, &text, &size);
        if (r == 0) r = config_parse(BYTES(text, size), &t->config);
        if (r == 0) r = node_boot_read(log, &t->boot);
        if (r == 0) r = tpm_open(tcti, &t->tpm);
        if (r == 0 && tcti) r = replay(t);
        if (r == 0)
                r = tpm_object_init(TPM_HANDLE_AK, BYTES(t->config->ak_public, t->config->ak_public_size), &t->ak);
        return r;
}

/* Whether a half came out. */
static bool unseal(Thief *t)
{
        cleanup_secret Secret *half = NULL;
        const int r = seal_open(t->tpm, t->token, t->boot, &half);

        if (r == 0) printf("unseal: opened\n");
        else printf("unseal: refused: %s\n", error_detail(r));
        return r == 0;
}

static int send_proof(Thief *t, RpcChannel *channel, RpcStream *stream)
{
        static halfkey_v1_UnlockRequest request;
        halfkey_v1_UnlockProof *proof = &request.step.proof;
        const Token *tokens[] = { t->token };
        EvidenceParams params = { .boot = t->boot, .ak = &t->ak };
        TpmPcrValues values;
        Digest cap;
        bool replays;
        int r;

        request.which_step = halfkey_v1_UnlockRequest_proof_tag;
        proof->has_evidence = true;
        params.context.purpose = ATTEST_PURPOSE_UNLOCK;
        params.context.role = "node";
        memcpy(params.context.node_id, t->token->node_id, sizeof(params.context.node_id));
        r = random_bytes(params.context.attempt_id, sizeof(params.context.attempt_id));
        if (r == 0) r = config_hash(t->config, params.context.config_hash);
        if (r == 0) r = token_set_hash(tokens, 1, params.context.tokens_hash);
        if (r == 0) r = rpc_channel_exporter(channel, params.context.exporter);
        if (r == 0) r = evidence_add_volumes(tokens, 1, proof->volume, &proof->volume_count);
        if (r == 0) r = tpm_pcr_read(t->tpm, t->boot->bank, TPM_PCR_MASK(TPM_PCR_CAP), &values);
        if (r != 0) return r;
        cap = (Digest){ .alg = t->boot->bank, .size = hash_size((uint16_t)t->boot->bank) };
        memcpy(cap.bytes, values.value[TPM_PCR_CAP], cap.size);
        params.cap = &cap;
        r = evidence_make(t->tpm, &params, &proof->evidence, &replays);
        if (r != 0) return r;
        return call_send(stream, halfkey_v1_UnlockRequest_fields, &request, true);
}

static int ask(Thief *t, halfkey_v1_UnlockResponse *ret)
{
        cleanup_rpc_channel RpcChannel *channel = NULL;
        cleanup_rpc_stream RpcStream *stream = NULL;
        int r;

        r = call_connect(t->config, &channel);
        if (r == 0) r = call_start(channel, "Unlock", &stream);
        if (r == 0) r = call_send_log(stream, t->boot, halfkey_v1_UnlockRequest_log_tag);
        if (r == 0) r = send_proof(t, channel, stream);
        if (r == 0) r = call_receive(&stream, halfkey_v1_UnlockResponse_fields, ret);
        return r;
}

/* 0: refused, 1: released, 2: could not be tried. */
static int unlock(Thief *t)
{
        static halfkey_v1_UnlockResponse response;
        const int r = ask(t, &response);

        if (r != 0) {
                printf("unlock: failed: %s\n", error_detail(r));
                return 2;
        }
        if (response.which_step == halfkey_v1_UnlockResponse_result_tag) {
                printf("unlock: released\n");
                return 1;
        }
        printf("unlock: refused: %s\n", response.step.refusal.reason);
        return 0;
}

int main(int argc, char **argv)
{
        Thief t = { 0 };
        bool opened;
        int r;

        if (argc != 3 && argc != 6) {
                fprintf(stderr, "usage: steal HEADER NODE-CONFIG [EVENT-LOG TCTI COMMAND-LINE]\n");
                return 2;
        }
        r = prepare(&t, argv[1], argv[2], argc == 6 ? argv[3] : NULL, argc == 6 ? argv[4] : NULL);
        if (r == 0 && argc == 6) r = claim(&t, argv[5]);
        if (r != 0) {
                printf("cannot try: %s\n", error_detail(r));
                return 2;
        }
        opened = unseal(&t);
        r = unlock(&t);
        return opened ? 1 : r;
}
