/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The enrolment boot (DESIGN, "Enrolment"): an image's volume, open to whoever built the image, becomes this
 * node's own. Each step is proven before the next one relies on it, and the installer's key opens the volume until
 * a later boot was opened by attestation. A run that was interrupted starts over; where its token stands already,
 * the verifier gives the same half again and only what followed the token is done anew. */

#include "attest/seal.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "crypto/cms.h"
#include "crypto/compare.h"
#include "initramfs/attempt.h"
#include "node/call.h"
#include "node/open.h"
#include "node/pcrsig.h"
#include "node/register.h"
#include "node/seal.h"
#include "proto/message.h"
#include "unlock/combine.h"
#include "unlock/enrol.h"
#include "unlock/open.h"
#include "unlock/recovery-key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct Enrolment {
        Session *s;
        NodeKeys keys;
        Registered *registered;
        Secret *node_half;
        halfkey_v1_EnrolCommit *commit;
        halfkey_v1_Refusal refusal;
} Enrolment;

static void enrolment_deinit(Enrolment *e)
{
        node_keys_deinit(&e->keys);
        registered_free(TAKE_PTR(e->registered));
        secret_free(TAKE_PTR(e->node_half));
        free(e->commit);
}

/* The installer's key: a credential, else the file that the initrd's crypttab names, else what was typed. */
static int installer_key(const Session *s, const OwnVolume *v, Secret **ret)
{
        const char *folder = getenv("CREDENTIALS_DIRECTORY");
        char path[512];
        int r = -ENOENT;

        if (folder) {
                (void)snprintf(path, sizeof(path), "%s/halfkey.installer-key", folder);
                r = file_read_secret(path, ret);
        }
        if (r == -ENOENT && v->key_file) r = file_read_secret(v->key_file, ret);
        if (r == -ENOENT && s->installer_key) return secret_new_copy(secret_bytes(s->installer_key), ret);
        if (r == -ENOENT)
                return error_set(-ENOKEY,
                                 "no installer's key for volume '%s' in a credential or in the initrd's crypttab: "
                                 "type a passphrase that opens it",
                                 v->setting->name);
        return r;
}

static int show_progress(uint64_t done, uint64_t total, void *user_data)
{
        unsigned *said = user_data;
        const unsigned percent = total > 0 ? (unsigned)(done * 100 / total) : 100;

        if (percent / 10 > *said / 10 || (percent == 100 && *said != 100)) {
                log_notice("re-encrypting with a fresh volume key: %u %% of %llu MB", percent,
                           (unsigned long long)total / 1000000);
                *said = percent;
        }
        return 0;
}

static RegisterParams params_of(const Enrolment *e)
{
        return (RegisterParams){
                .tpm = e->s->tpm,
                .config = e->s->config,
                .boot = e->s->boot,
                .keys = &e->keys,
                .attempt_id = e->s->attempt_id,
        };
}

static int register_node(Enrolment *e)
{
        cleanup_rpc_channel RpcChannel *channel = NULL;
        const RegisterParams params = params_of(e);
        int r;

        r = call_connect(e->s->config, &channel);
        if (r < 0) return r;
        (void)snprintf(e->s->verifier, sizeof(e->s->verifier), "%s", rpc_channel_address(channel));
        r = node_register(channel, &params, &e->registered, &e->refusal);
        if (r != 0) return r;
        (void)snprintf(e->s->node_name, sizeof(e->s->node_name), "%s", e->registered->result.node_name);
        log_notice("registered with %s as %s", e->s->verifier, e->s->node_name);
        timeline_note(&e->s->timeline, "registered");
        return 0;
}

/* The volume in session terms is read anew after each step that changed its header underneath. */
static int reopen(OwnVolume *v, HeaderUse use)
{
        cleanup_volume Volume *fresh = NULL;
        int r;

        r = volume_open(v->device, &fresh);
        if (r == 0) r = volume_check(fresh, use);
        if (r != 0) return r;
        volume_free(v->volume);
        v->volume = TAKE_PTR(fresh);
        return 0;
}

static int reencrypt(Enrolment *e, OwnVolume *v, const Secret *key)
{
        unsigned said = 0;
        int r;

        log_notice("volume '%s' came with an image: its volume key is replaced; this may take a while and may be "
                   "interrupted",
                   v->setting->name);
        r = enrol_reencrypt(v->device, key, show_progress, &said);
        if (r != 0) return error_prefix(r, "re-encryption");
        timeline_note(&e->s->timeline, "re-encrypted");
        return 0;
}

/* Who says in which boots the TPM opens the seal: the cluster's policy key, with an approval of this one; or the
 * maker of the UKIs, by the key that this one, which is measured, brought along. */
static int set_authority(const Enrolment *e, Token *t)
{
        const halfkey_v1_RegisterResult *result = &e->registered->result;
        cleanup_free uint8_t *spki = NULL;
        size_t size;
        int r;

        if (e->s->settings.seal_pcrsig) {
                r = pcrsig_read_key(&spki, &size);
                return r == 0 ? token_blob_set(&t->pcrsig_key, BYTES(spki, size)) : r;
        }
        r = token_blob_set(&t->policy_key, PROTO_BYTES(result->policy_key));
        if (r == 0 && (!result->has_approval || result->approval.policy_digest.size != TOKEN_POLICY_SIZE))
                r = error_set(-EPROTO, "the verifier approved no boot state");
        return r < 0 ? r
                     : token_add_approval(t, result->approval.policy_digest.bytes,
                                          PROTO_BYTES(result->approval.signature), BYTES(NULL, 0));
}

/* The token but for its keyslots, which only the re-encrypted header can tell. */
static int new_token(const Enrolment *e, const OwnVolume *v, Token **ret)
{
        const halfkey_v1_RegisterResult *result = &e->registered->result;
        cleanup_token Token *t = NULL;
        int r;

        r = token_new(&t);
        if (r < 0) return r;
        t->generation = result->generation;
        t->epoch = 1;
        t->bank = e->s->boot->bank;
        (void)snprintf(t->role, sizeof(t->role), "%s", v->setting->role);
        memcpy(t->node_id, e->keys.node_id, sizeof(t->node_id));
        r = random_bytes(t->volume_id, sizeof(t->volume_id));
        if (r == 0) r = set_authority(e, t);
        if (r < 0) return r;
        *ret = TAKE_PTR(t);
        return 0;
}

/* Seals, and believes in the seal only after the TPM has opened it. */
static int seal_and_prove(Enrolment *e, Token *t)
{
        cleanup_secret Secret *again = NULL;
        int r = 0;

        if (!e->node_half) r = seal_new_half(e->s->tpm, &e->keys.srk, &e->node_half);
        if (r == 0) r = seal_make(e->s->tpm, &e->keys.srk, e->node_half, t);
        if (r == 0) r = seal_open(e->s->tpm, t, e->s->boot, &again);
        if (r != 0) return error_prefix(r, "sealing the node's half");
        return 0;
}

static int recovery_for_site(const Enrolment *e, const Secret *recovery, halfkey_v1_Volume *ret)
{
        const halfkey_v1_RegisterResult *result = &e->registered->result;
        Bytes recipients[ARRAY_SIZE(result->recovery_certificate)];
        cleanup_free uint8_t *cms = NULL;
        size_t size;
        int r;

        for (size_t i = 0; i < result->recovery_certificate_count; i++)
                recipients[i] = PROTO_BYTES(result->recovery_certificate[i]);
        r = cms_encrypt(recipients, result->recovery_certificate_count, secret_bytes(recovery), &cms, &size);
        if (r < 0) return r;
        return PROTO_SET(ret->recovery_key, BYTES(cms, size));
}

/* Certificates that nothing can be encrypted to must not cost a re-encryption at every try. */
static int check_recipients(const Enrolment *e)
{
        cleanup_free halfkey_v1_Volume *scratch = calloc(1, sizeof(*scratch));
        cleanup_secret Secret *nothing = NULL;
        int r;

        if (!scratch) return -ENOMEM;
        r = recovery_key_generate(&nothing);
        return r == 0 ? recovery_for_site(e, nothing, scratch) : r;
}

static int header_key_of(const Enrolment *e, const Token *t, Secret **ret)
{
        return unlock_header_key(e->node_half, e->registered->cluster_half, t, ret);
}

static int add_keyslots(Enrolment *e, OwnVolume *v, const EnrolPlan *plan, Token *t, const Secret *volume_key,
                        halfkey_v1_Volume *ret)
{
        cleanup_secret Secret *passphrase = NULL, *header_key = NULL, *recovery = NULL, *proven = NULL;
        EnrolKeys keys = { .volume_key = volume_key };
        int r;

        t->keyslot = plan->keyslot;
        t->recovery_keyslot = plan->recovery_keyslot;
        r = unlock_volume_passphrase(e->node_half, e->registered->cluster_half, t, &passphrase);
        if (r == 0) r = enrol_add_keyslot(v->volume, volume_key, plan->keyslot, passphrase);
        if (r == 0) r = recovery_key_generate(&recovery);
        if (r == 0) r = enrol_add_keyslot(v->volume, volume_key, plan->recovery_keyslot, recovery);
        if (r == 0) r = recovery_for_site(e, recovery, ret);
        if (r == 0) r = header_key_of(e, t, &header_key);
        keys.header_key = header_key;
        if (r == 0) r = enrol_record(v->volume, &keys, t);
        if (r == 0) r = enrol_write_token(v->volume, t);
        if (r == 0) r = enrol_prove(v->device, passphrase, header_key, &proven);
        return r;
}

static int describe(const OwnVolume *v, const Token *t, bool shared, halfkey_v1_Volume *ret)
{
        uint8_t hash[SHA256_SIZE];
        int r;

        ret->generation = t->generation;
        ret->epoch = t->epoch;
        ret->volume_key_shared = shared;
        PROTO_SET_TEXT(ret->role, t->role);
        r = token_hash(t, hash);
        if (r == 0) r = PROTO_SET(ret->volume_id, BYTES_ARRAY(t->volume_id));
        if (r == 0) r = PROTO_SET(ret->token_hash, BYTES_ARRAY(hash));
        if (r == 0) r = PROTO_SET(ret->tag, BYTES_ARRAY(v->tag.tag));
        return r;
}

/* Key and token are proven: says so to the verifier's message and to the session. */
static int take_volume(Enrolment *e, OwnVolume *v, Secret **volume_key, halfkey_v1_Volume *described)
{
        int r;

        secret_free(v->key);
        v->key = TAKE_PTR(*volume_key);
        r = node_volume_tag(v->token, v->key, &v->tag);
        if (r == 0) r = describe(v, v->token, false, described);
        if (r < 0) return r;
        log_notice("volume '%s' is sealed: its token stands, its halves open it", v->setting->name);
        timeline_note(&e->s->timeline, "sealed");
        return 0;
}

static int enrol_volume(Enrolment *e, OwnVolume *v, halfkey_v1_Volume *described)
{
        cleanup_secret Secret *key = NULL, *volume_key = NULL;
        cleanup_token Token *t = NULL;
        EnrolPlan plan;
        int r;

        /* A TPM that cannot seal must not cost a re-encryption at every boot. */
        r = installer_key(e->s, v, &key);
        if (r == 0) r = new_token(e, v, &t);
        if (r == 0) r = seal_and_prove(e, t);
        if (r == 0 && !e->s->config->unique_volume_key) {
                r = check_recipients(e);
                if (r == 0) r = reencrypt(e, v, key);
                if (r == 0) r = reopen(v, HEADER_USE_INSTALLER);
        }
        if (r == 0) r = enrol_begin(v->volume, key, &plan, &volume_key);
        if (r == 0) r = add_keyslots(e, v, &plan, t, volume_key, described);
        if (r == 0) r = reopen(v, HEADER_USE_TOKEN);
        if (r != 0) return r;
        v->token = TAKE_PTR(t);
        return take_volume(e, v, &volume_key, described);
}

/* The half that an earlier run sealed, opened as its token says, or as the verifier approved just now. */
static int open_sealed_half(Enrolment *e, Token *t)
{
        const halfkey_v1_Approval *approval = &e->registered->result.approval;
        int r;

        r = seal_open(e->s->tpm, t, e->s->boot, &e->node_half);
        if (r != TPM_E_POLICY || t->policy_key.size == 0 || approval->policy_digest.size != TOKEN_POLICY_SIZE)
                return r;
        r = token_add_approval(t, approval->policy_digest.bytes, PROTO_BYTES(approval->signature), BYTES(NULL, 0));
        return r == 0 ? seal_open(e->s->tpm, t, e->s->boot, &e->node_half) : r;
}

static int open_sealed(Enrolment *e, OwnVolume *v, Secret **ret_volume_key)
{
        Token *t = v->token;
        int r = 0;

        if (crypto_equal(BYTES_ARRAY(t->node_id), BYTES_ARRAY(e->keys.node_id)) != 0)
                return error_set(VOLUME_E_REFUSED, "its token is of another machine");
        if (t->generation != e->registered->result.generation)
                return error_set(
                        VOLUME_E_REFUSED,
                        "its token was made from generation %llu of the cluster's half, which is now %llu",
                        (unsigned long long)t->generation, (unsigned long long)e->registered->result.generation);
        if (!e->node_half) r = open_sealed_half(e, t);
        if (r != 0) return r;
        return open_by_halves(v->volume, t, e->node_half, e->registered->cluster_half, ret_volume_key);
}

/* The one on the disk: a try in this boot may have written another since. */
static int read_token(OwnVolume *v)
{
        Token *t = NULL;
        const int r = volume_token(v->volume, &t);

        if (r != 0) return r;
        token_free(v->token);
        v->token = t;
        return 0;
}

/* An earlier run got as far as the token. The recovery key that it made reached nobody, so there is a new one. */
static int finish_volume(Enrolment *e, OwnVolume *v, halfkey_v1_Volume *described)
{
        cleanup_secret Secret *volume_key = NULL, *header_key = NULL, *recovery = NULL;
        EnrolKeys keys;
        int r;

        r = reopen(v, HEADER_USE_TOKEN);
        if (r == 0) r = read_token(v);
        if (r == 0) r = open_sealed(e, v, &volume_key);
        if (r == 0) r = header_key_of(e, v->token, &header_key);
        if (r == 0) r = recovery_key_generate(&recovery);
        keys = (EnrolKeys){ .volume_key = volume_key, .header_key = header_key };
        if (r == 0) r = enrol_renew_recovery(v->volume, &keys, v->token, recovery);
        if (r == 0) r = recovery_for_site(e, recovery, described);
        if (r == 0) r = reopen(v, HEADER_USE_TOKEN);
        return r == 0 ? take_volume(e, v, &volume_key, described) : r;
}

static int ready_volume(Enrolment *e, OwnVolume *v)
{
        halfkey_v1_Volume *described = &e->commit->volume[e->commit->volume_count++];
        int r;

        secret_free(TAKE_PTR(v->key)); /* a typed one: of the volume key that goes */
        v->typed = false;
        r = v->token ? finish_volume(e, v, described) : enrol_volume(e, v, described);
        if (r == 0) return 0;
        /* Root's enrolment does not wait for a volume that it can do without. */
        *described = (halfkey_v1_Volume){ 0 };
        e->commit->volume_count--;
        return session_leave(v, error_prefix(r, "volume '%s'", v->setting->name));
}

static int commit(Enrolment *e)
{
        cleanup_rpc_channel RpcChannel *channel = NULL;
        const RegisterParams params = params_of(e);
        const Token *tokens[SETTINGS_VOLUMES_MAX];
        uint8_t hash[SHA256_SIZE];
        size_t n = 0;
        int r;

        for (size_t i = 0; i < e->s->n_volumes; i++)
                if (!e->s->volumes[i].left) tokens[n++] = e->s->volumes[i].token;
        r = token_set_hash(tokens, n, hash);
        if (r == 0) r = call_connect(e->s->config, &channel);
        if (r == 0) r = node_commit(channel, &params, hash, e->commit, &e->refusal);
        if (r != 0) return error_prefix(r, "EnrolCommit");
        timeline_note(&e->s->timeline, "committed");
        return 0;
}

/* The installer's key must open what is to be enrolled. Where power went in the middle of a re-encryption that is
 * finished now: it needs no verifier, and until it is done no key opens the volume. */
static int open_installed(Enrolment *e, OwnVolume *v)
{
        cleanup_secret Secret *key = NULL, *volume_key = NULL;
        EnrolVolumeKey state;
        int keyslot, r;

        r = installer_key(e->s, v, &key);
        if (r == 0) r = reopen(v, HEADER_USE_INSTALLER);
        if (r == 0) r = enrol_volume_key_state(v->volume, &state);
        if (r == 0 && state == ENROL_VOLUME_KEY_IN_PROGRESS) {
                e->s->working = true;
                r = reencrypt(e, v, key);
                if (r == 0) r = reopen(v, HEADER_USE_INSTALLER);
                e->s->working = false;
        }
        if (r == 0) r = volume_try_any_raw(v->volume, key, &keyslot, &volume_key);
        return r == 0 ? 0 : error_prefix(r, "volume '%s'", v->setting->name);
}

/* What can fail without the verifier is tried first: a secret is used up by a Register that leads to something. */
static int prepare(Enrolment *e)
{
        int r = 0;

        if (!e->s->config->secret) return error_set(-EINVAL, "the configuration holds no enrolment secret");
        if (!e->s->esp)
                return error_set(-ENODEV, "no EFI system partition was found, and the next boots read their "
                                          "configuration there");
        for (size_t i = 0; r == 0 && i < e->s->n_volumes; i++) {
                OwnVolume *v = &e->s->volumes[i];

                if (v->left || v->token) continue;
                r = open_installed(e, v);
                /* A key can be typed; what is wrong with the volume itself can wait. */
                if (r != 0 && r != -ENOKEY && r != VOLUME_E_WRONG_KEY) r = session_leave(v, r);
        }
        return r;
}

static int run(Enrolment *e)
{
        int r;

        e->commit = calloc(1, sizeof(*e->commit));
        if (!e->commit) return -ENOMEM;
        r = prepare(e);
        if (r == 0) r = node_keys_ensure(e->s->tpm, &e->keys);
        if (r == 0) r = register_node(e);
        if (r != 0) return r;
        e->s->working = true;
        for (size_t i = 0; r == 0 && i < e->s->n_volumes; i++)
                if (!e->s->volumes[i].left) r = ready_volume(e, &e->s->volumes[i]);
        if (r == 0) r = commit(e);
        if (r == 0) r = session_set_node(e->s, e->keys.node_id, tpm_public_bytes(&e->keys.ak.public_area));
        e->s->working = false;
        return r;
}

void attempt_enrol(Session *s, Report *ret)
{
        Enrolment e = { .s = s };

        error_clear();
        *ret = (Report){ .outcome = ATTEST_CAP_ENROLLED };
        pthread_mutex_lock(&s->lock);
        ret->result = s->cancelled ? -ECANCELED : run(&e);
        s->opened = ret->result == 0;
        if (!s->opened && !s->cancelled) session_drop_keys(s); /* cancelled: they are the main thread's by now */
        /* A passphrase that was typed and opens nothing is asked for again. */
        if (ret->result == VOLUME_E_WRONG_KEY && s->installer_key) {
                secret_free(TAKE_PTR(s->installer_key));
                ret->needs_key = true;
        }
        pthread_mutex_unlock(&s->lock);
        if (ret->result != 0) {
                (void)snprintf(ret->text, sizeof(ret->text), "%s", error_detail(ret->result));
                ret->retry_s = MIN(e.refusal.retry_after_s, (uint32_t)REPORT_RETRY_MAX_S);
                ret->needs_key |= ret->result == -ENOKEY;
        }
        enrolment_deinit(&e);
}
