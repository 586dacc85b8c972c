/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "life.h"

#include "attest/cap.h"
#include "base/fd.h"
#include "crypto/cms.h"
#include "proto/message.h"

static const uint8_t attempt_id[ATTEST_ATTEMPT_SIZE] = { 1 };

/* The log is of a made-up boot; so is the command line that it proves. */
static void set_command_line(Life *l)
{
        free(l->stage.boot->command_line);
        l->stage.boot->command_line = strdup("root=UUID=1 ro");
        CHECK(l->stage.boot->command_line);
}

static void read_config(Life *l)
{
        cleanup_free uint8_t *text = NULL;
        uint8_t secret[32];
        char path[96];
        size_t size;

        world_secret(&l->world, "--uses 1", secret);
        snprintf(path, sizeof(path), "%s/enrolment.json", l->world.dir);
        CHECK_OK(file_read(path, CONFIG_FILE_MAX, &text, &size));
        CHECK_OK(config_parse(BYTES(text, size), &l->config));
        life_connect_by(l, l->world.address);
}

void life_connect_by(Life *l, const char *address)
{
        CHECK(l->config->n_addresses == 1);
        free(l->config->addresses[0]);
        l->config->addresses[0] = strdup(address);
        CHECK(l->config->addresses[0]);
}

static void new_token(Life *l, const halfkey_v1_RegisterResult *result)
{
        Stage *s = &l->stage;
        Token *t;

        CHECK_OK(token_new(&t));
        t->keyslot = 0;
        t->generation = result->generation;
        t->epoch = 1;
        t->bank = HASH_SHA256;
        snprintf(t->role, sizeof(t->role), "root");
        memcpy(t->node_id, s->keys.node_id, sizeof(t->node_id));
        CHECK_OK(random_bytes(t->volume_id, sizeof(t->volume_id)));
        CHECK_OK(token_blob_set(&t->policy_key, PROTO_BYTES(result->policy_key)));
        CHECK(result->has_approval && result->approval.policy_digest.size == TOKEN_POLICY_SIZE);
        CHECK_OK(token_add_approval(t, result->approval.policy_digest.bytes,
                                    PROTO_BYTES(result->approval.signature), BYTES(NULL, 0)));
        CHECK_OK(seal_new_half(s->tpm, &s->keys.srk, &s->half));
        CHECK_OK(seal_make(s->tpm, &s->keys.srk, s->half, t));
        s->token = t;
}

static void describe(const Life *l, const halfkey_v1_RegisterResult *result, halfkey_v1_Volume *ret)
{
        const Bytes recipient = PROTO_BYTES(result->recovery_certificate[0]);
        const Token *t = l->stage.token;
        cleanup_free uint8_t *cms = NULL;
        uint8_t hash[SHA256_SIZE];
        size_t size;

        ret->generation = t->generation;
        ret->epoch = t->epoch;
        PROTO_SET_TEXT(ret->role, t->role);
        CHECK_OK(token_hash(t, hash));
        CHECK_OK(PROTO_SET(ret->volume_id, BYTES_ARRAY(t->volume_id)));
        CHECK_OK(PROTO_SET(ret->token_hash, BYTES_ARRAY(hash)));
        CHECK_OK(PROTO_SET(ret->tag, BYTES_ARRAY(hash)));
        CHECK_OK(cms_encrypt(&recipient, 1, BYTES_LITERAL("cbdefghi-cbdefghi"), &cms, &size));
        CHECK_OK(PROTO_SET(ret->recovery_key, BYTES(cms, size)));
}

static void enrol(Life *l)
{
        Stage *s = &l->stage;
        const RegisterParams params = {
                .tpm = s->tpm, .config = l->config, .boot = s->boot, .keys = &s->keys, .attempt_id = attempt_id
        };
        const Token *tokens[1];
        cleanup_registered Registered *registered = NULL;
        cleanup_free halfkey_v1_EnrolCommit *commit = calloc(1, sizeof(*commit));
        halfkey_v1_Refusal refusal;
        uint8_t hash[SHA256_SIZE];
        RpcChannel *channel;

        CHECK(commit);
        CHECK_OK(node_keys_ensure(s->tpm, &s->keys));
        CHECK_OK(call_connect(l->config, &channel));
        CHECK_OK(node_register(channel, &params, &registered, &refusal));
        rpc_channel_close(channel);
        memcpy(l->cluster_half, registered->cluster_half->data, sizeof(l->cluster_half));
        new_token(l, &registered->result);
        describe(l, &registered->result, &commit->volume[commit->volume_count++]);
        tokens[0] = s->token;
        CHECK_OK(token_set_hash(tokens, 1, hash));
        CHECK_OK(call_connect(l->config, &channel));
        CHECK_OK(node_commit(channel, &params, hash, commit, &refusal));
        rpc_channel_close(channel);
        CHECK_OK(config_set_node(l->config, s->keys.node_id, tpm_public_bytes(&s->keys.ak.public_area)));
        CHECK(world_cluster(&l->world, "node approve %s --reason test", registered->result.node_name) == 0);
}

void life_init(Life *l, const char *verifier, const char *halfkey)
{
        *l = (Life){ 0 };
        CHECK(pthread_mutex_init(&l->lock, NULL) == 0);
        world_init(&l->world, verifier, halfkey);
        stage_init(&l->stage);
        set_command_line(l);
        read_config(l);
        enrol(l);
        life_boot(l);
}

void life_deinit(Life *l)
{
        config_free(l->config);
        stage_deinit(&l->stage);
        world_deinit(&l->world);
}

void life_boot(Life *l)
{
        stage_boot(&l->stage);
}

UnlockParams life_unlock_params(Life *l, const Token **token, Secret **half, char *verifier)
{
        *token = l->stage.token;
        return (UnlockParams){ .tpm = l->stage.tpm,
                               .config = l->config,
                               .boot = l->stage.boot,
                               .tokens = token,
                               .n_tokens = 1,
                               .attempt_id = attempt_id,
                               .half = half,
                               .lock = &l->lock,
                               .cancelled = &l->cancelled,
                               .verifier = verifier };
}
