/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "softnode.h"

#include "../attest/fixture.h"

#include "attest/cap.h"
#include "base/hex.h"
#include "crypto/cipher.h"
#include "crypto/hmac.h"
#include "crypto/kdf.h"
#include "crypto/x509.h"
#include "eventlog/replay.h"
#include "verifier/policies.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

uint64_t soft_now = 1700000000;

static const char policy_a_hex[] = "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa";
static const char *const phases[] = { "enter-initrd", "leave-initrd", "sysinit", "ready" };

static uint64_t turned_clock(void)
{
        return soft_now;
}

/* Keys take seconds to make: one set for all tests of a program. */
static Keys *shared_keys(void)
{
        static Keys *k;

        cleanup_private_key PrivateKey *recovery = NULL;
        cleanup_public_key PublicKey *public = NULL;
        uint8_t *certificate;
        size_t size;

        if (k) return k;
        k = calloc(1, sizeof(*k));
        CHECK(k);
        CHECK_OK(private_key_generate(2048, &k->policy));
        CHECK_OK(private_key_public(k->policy, &public));
        CHECK_OK(public_key_spki(public, &k->policy_spki, &k->policy_spki_size));
        CHECK_OK(secret_new_random(WRAPPING_KEY_SIZE, &k->wrapping));
        CHECK_OK(private_key_generate(3072, &recovery));
        CHECK_OK(x509_make_recovery(recovery, "recovery", &certificate, &size));
        memcpy(k->recovery[0].der, certificate, size);
        k->recovery[0].size = size;
        k->n_recovery = 1;
        free(certificate);
        return k;
}

static void store_path(const SoftVerifier *v, char ret[static 96])
{
        (void)snprintf(ret, 96, "%s/verifier.db", v->dir);
}

void soft_verifier_init(SoftVerifier *v)
{
        char path[96];

        /* in memory where that is: what is tested here is not the disk's patience */
        *v = (SoftVerifier){ .dir = "/dev/shm/halfkey-verifier-XXXXXX", .settings.name = "test" };
        if (!mkdtemp(v->dir)) {
                (void)snprintf(v->dir, sizeof(v->dir), "/tmp/halfkey-verifier-XXXXXX");
                CHECK(mkdtemp(v->dir));
        }
        v->keys = shared_keys();
        v->service = (Service){
                .settings = &v->settings, .keys = v->keys, .trust = &v->trust, .now = turned_clock
        };
        v->service.pace = pace_new();
        CHECK(v->service.pace);
        v->hold_max = (size_t)16 << 20;
        store_path(v, path);
        CHECK_OK(store_open_sqlite(path, true, &v->service.store));
        memset(v->secret, 7, sizeof(v->secret));
        soft_enrolment(v, "first", v->secret, 2, soft_now + 3600, NULL);
}

void soft_verifier_restart(SoftVerifier *v)
{
        char path[96];

        store_free(v->service.store);
        v->service.store = NULL;
        store_path(v, path);
        CHECK_OK(store_open_sqlite(path, false, &v->service.store));
        policy_set_deinit(&v->service.policies);
        CHECK_OK(policies_load(&v->service));
}

void soft_verifier_deinit(SoftVerifier *v)
{
        char command[128];

        CHECK(v->held == 0);
        pace_free(v->service.pace);
        trust_deinit(&v->trust);
        policy_set_deinit(&v->service.policies);
        store_free(v->service.store);
        (void)snprintf(command, sizeof(command), "rm -rf %s", v->dir);
        CHECK(system(command) == 0);
}

void soft_enrolment(SoftVerifier *v, const char *id, const uint8_t secret[static 32], uint32_t uses,
                    uint64_t expires, const uint8_t *ek)
{
        EnrolmentRecord e = { .uses = uses, .created_at = soft_now, .expires_at = expires, .n_eks = ek ? 1 : 0 };

        (void)snprintf(e.id, sizeof(e.id), "%s", id);
        CHECK_OK(hash_sha256(BYTES(secret, 32), e.secret_hash));
        if (ek) memcpy(e.eks[0], ek, NODE_ID_SIZE);
        CHECK_OK(store_commit(v->service.store, &(StoreChange){ .enrolment = &e }));
}

NodeRecord soft_record(SoftVerifier *v, const uint8_t *id)
{
        NodeRecord n;

        CHECK_OK(store_node_get(v->service.store, id, &n));
        return n;
}

int soft_operator(SoftVerifier *v, const uint8_t *id, int (*verb)(NodeRecord *n))
{
        NodeRecord n = soft_record(v, id);
        const int r = verb(&n);

        if (r == 0) CHECK_OK(store_commit(v->service.store, &(StoreChange){ .node = &n }));
        return r;
}

static int keep_text(const AuditEntry *e, void *userdata)
{
        memcpy(userdata, e->text, sizeof(e->text));
        return 0;
}

const char *soft_last_text(SoftVerifier *v)
{
        static char text[AUDIT_TEXT_MAX + 1];

        CHECK_OK(store_audit_each(v->service.store, 0, keep_text, text));
        return text;
}

static int keep_kind(const AuditEntry *e, void *userdata)
{
        memcpy(userdata, e->kind, sizeof(e->kind));
        return 0;
}

static int count_entry(const AuditEntry *e, void *userdata)
{
        unsigned *n = userdata;

        (void)e;
        ++*n;
        return 0;
}

unsigned soft_audit_size(SoftVerifier *v)
{
        unsigned n = 0;

        CHECK_OK(store_audit_each(v->service.store, 0, count_entry, &n));
        return n;
}

const char *soft_last_kind(SoftVerifier *v)
{
        static char kind[AUDIT_KIND_MAX + 1];

        kind[0] = '\0';
        CHECK_OK(store_audit_each(v->service.store, 0, keep_kind, kind));
        return kind;
}

static PrivateKey *make_key(uint32_t attributes, const char *policy_hex, uint16_t aes, uint16_t scheme,
                            AttestPublic *ret)
{
        PrivateKey *key;

        CHECK_OK(private_key_generate(256, &key));
        *ret = parsed(&(PublicFields){ .type = ATTEST_ALG_ECC,
                                       .name_alg = HASH_SHA256,
                                       .attributes = attributes,
                                       .policy = policy_hex ? vector(policy_hex) : BYTES("", 0),
                                       .aes_bits = aes,
                                       .scheme = scheme,
                                       .scheme_hash = scheme == ATTEST_ALG_NULL ? 0 : HASH_SHA256,
                                       .size = ATTEST_CURVE_P256,
                                       .unique = unique_of(key) });
        return key;
}

void soft_node_init(SoftNode *n, Bytes log, const char *command_line)
{
        *n = (SoftNode){ .log = log,
                         .command_line = command_line,
                         .boot = { 10, 2 },
                         .words = 1,
                         .words_stated = -1,
                         .bank = HASH_SHA256,
                         .mask = ATTEST_PCRS,
                         .version = 1,
                         .epoch = 1 };
        n->ek_key = make_key(EK_LOW_ATTRIBUTES, policy_a_hex, 128, ATTEST_ALG_NULL, &n->ek);
        n->ak_key = make_key(AK_ATTRIBUTES, NULL, 0, ATTEST_ALG_ECDSA, &n->ak);
        n->srk_key = make_key(SRK_ATTRIBUTES, NULL, 128, ATTEST_ALG_NULL, &n->srk);
        CHECK_OK(attest_public_node_id(&n->ek, n->id));
        CHECK_OK(random_bytes(n->volume_key, sizeof(n->volume_key)));
}

void soft_node_deinit(SoftNode *n)
{
        private_key_free(n->ek_key);
        private_key_free(n->ak_key);
        private_key_free(n->srk_key);
}

void soft_boot(SoftNode *n)
{
        n->boot.reset++;
        n->capped = NULL;
        n->words = 1;
}

static void volume_of(const SoftNode *n, AttestVolume *ret)
{
        *ret = (AttestVolume){ .role = "root" };
        memset(ret->id, 0x33, sizeof(ret->id));
        CHECK_OK(attest_volume_tag(BYTES_ARRAY(n->volume_key), ret->id, ret->role, ret->tag));
}

/* The PCRs as this boot's TPM holds them. */
static AttestPcrs pcrs_of(const SoftNode *n)
{
        cleanup_eventlog EventLog *log = NULL;
        AttestPcrs pcrs = { .bank = HASH_SHA256 };
        AttestVolume volume;
        PcrValues values;
        Digest event, cap;

        CHECK(eventlog_parse(n->log, &log) >= 0);
        CHECK_OK(eventlog_replay(log, HASH_SHA256, &values));
        for (unsigned i = 0; i < n->words; i++)
                CHECK_OK(eventlog_replay_extend_word(&values, 11, BYTES(phases[i], strlen(phases[i]))));
        for (unsigned i = 0; i < ATTEST_PCR_COUNT; i++)
                if (n->mask & ATTEST_PCR_BIT(i)) CHECK_OK(attest_pcrs_set(&pcrs, i, pcr_value(&values, i)));
        if (!n->capped) return pcrs;
        volume_of(n, &volume);
        CHECK_OK(attest_cap_event(HASH_SHA256, n->capped, &volume, strcmp(n->capped, "fallback") != 0, &event));
        CHECK_OK(attest_cap_pcr(&event, &cap));
        CHECK_OK(attest_pcrs_set(&pcrs, ATTEST_CAP_PCR, digest_bytes(&cap)));
        return pcrs;
}

static AttestExtra extra_of(const SoftNode *n, AttestPurpose purpose, const uint8_t *exporter)
{
        AttestContext c = { .purpose = n->purpose ? n->purpose : purpose, .role = "node" };
        AttestExtra extra;

        memcpy(c.node_id, n->other_id ? n->other_id : n->id, sizeof(c.node_id));
        memset(c.config_hash, 1, sizeof(c.config_hash));
        memset(c.tokens_hash, 2, sizeof(c.tokens_hash));
        memset(c.attempt_id, 3, sizeof(c.attempt_id));
        memcpy(c.exporter, n->other_exporter ? n->other_exporter : exporter, sizeof(c.exporter));
        CHECK_OK(attest_extra_data(&c, &extra));
        return extra;
}

static Bytes signed_structure(const SoftNode *n, uint16_t type, const AttestExtra *extra, Bytes attested,
                              uint8_t ret[static ATTEST_STRUCTURE_MAX])
{
        AttestName signer;

        CHECK_OK(attest_public_qualified_name(&n->ak, &signer));
        return encode_attest(&(AttestFields){ .magic = 0xff544347,
                                              .type = type,
                                              .signer = attest_name_bytes(&signer),
                                              .extra = BYTES_ARRAY(extra->bytes),
                                              .reset_count = n->boot.reset,
                                              .restart_count = n->boot.restart,
                                              .safe = 1,
                                              .attested = attested },
                             ret);
}

static Bytes signature_of(const SoftNode *n, Bytes structure, uint8_t ret[static ATTEST_SIGNATURE_MAX])
{
        const Ak ak = { n->ak_key, n->ak };
        const Bytes b = sign(&ak, structure, ret);

        if (n->bad_signature) ret[b.size - 1] ^= 1;
        return b;
}

static void fill_evidence(const SoftNode *n, AttestPurpose purpose, const uint8_t *exporter,
                          halfkey_v1_Evidence *e)
{
        const AttestPcrs pcrs = pcrs_of(n);
        const AttestExtra extra = extra_of(n, purpose, exporter);
        uint8_t structure[ATTEST_STRUCTURE_MAX], signature[ATTEST_SIGNATURE_MAX], info[256], digest[HASH_SIZE_MAX];
        uint8_t selection[ATTEST_SELECTION_SIZE];
        const unsigned words = n->words_stated >= 0 ? (unsigned)n->words_stated : n->words;
        Writer w = WRITER_FIXED(info);
        Bytes b;

        attest_pcrs_selection(pcrs.bank, pcrs.mask, selection);
        CHECK_OK(attest_pcrs_digest(&pcrs, HASH_SHA256, digest));
        writer_bytes(&w, BYTES_ARRAY(selection));
        writer_tpm2b(&w, BYTES(digest, SHA256_SIZE));
        CHECK_OK(writer_finish(&w, &b));
        b = signed_structure(n, 0x8018, &extra, b, structure);
        CHECK_OK(PROTO_SET(e->quote, b));
        CHECK_OK(PROTO_SET(e->signature, signature_of(n, b, signature)));
        e->version = n->version;
        e->bank = n->bank;
        CHECK_OK(PROTO_SET(e->node_id, BYTES(n->other_id ? n->other_id : n->id, NODE_ID_SIZE)));
        memset(e->config_hash.bytes, 1, e->config_hash.size = SHA256_SIZE);
        memset(e->tokens_hash.bytes, 2, e->tokens_hash.size = SHA256_SIZE);
        memset(e->attempt_id.bytes, 3, e->attempt_id.size = ATTEST_ATTEMPT_SIZE);
        PROTO_SET_TEXT(e->command_line, n->command_line);
        for (unsigned i = 0; i < words; i++) {
                e->phase_words[i].pcr = 11;
                PROTO_SET_TEXT(e->phase_words[i].word, phases[i]);
        }
        e->phase_words_count = (pb_size_t)words;
        if (n->bend_evidence) n->bend_evidence(e);
}

static void fill_volume(const SoftNode *n, bool commit, halfkey_v1_Volume *v)
{
        AttestVolume volume;

        volume_of(n, &volume);
        CHECK_OK(PROTO_SET(v->volume_id, BYTES_ARRAY(volume.id)));
        PROTO_SET_TEXT(v->role, volume.role);
        v->generation = n->generation;
        v->epoch = n->epoch;
        memset(v->token_hash.bytes, 0x44 ^ (int)n->bad_token, v->token_hash.size = SHA256_SIZE);
        if (n->token_hash) CHECK_OK(PROTO_SET(v->token_hash, BYTES(n->token_hash, SHA256_SIZE)));
        if (!commit) return;
        CHECK_OK(PROTO_SET(v->tag, BYTES_ARRAY(volume.tag)));
        CHECK_OK(PROTO_SET(v->recovery_key, BYTES_LITERAL("not really cms")));
}

/* TPM2_ActivateCredential, and the answer. */
static void answer_challenge(const SoftNode *n, const halfkey_v1_RegisterChallenge *c, const uint8_t *exporter,
                             uint8_t ret[static SHA256_SIZE])
{
        Reader point = READER_INIT(PROTO_BYTES(c->encrypted_secret)),
               blob = READER_INIT(PROTO_BYTES(c->credential));
        cleanup_public_key PublicKey *ephemeral = NULL;
        cleanup_secret Secret *z = NULL, *seed = NULL, *key = NULL;
        uint8_t identity[2 + ATTEST_SECRET_SIZE];
        AttestName name;
        Bytes x, y, mac;

        CHECK_OK(reader_tpm2b(&point, &x));
        CHECK_OK(reader_tpm2b(&point, &y));
        CHECK_OK(reader_tpm2b(&blob, &mac));
        CHECK(reader_left(&blob) == sizeof(identity));
        CHECK_OK(attest_public_name(&n->ak, &name));
        CHECK_OK(public_key_new_ec(KEY_P256, x, y, &ephemeral));
        CHECK_OK(private_key_agree(n->ek_key, ephemeral, &z));
        CHECK_OK(kdf_kdfe(&(KdfTpm){ .alg = HASH_SHA256,
                                     .key = secret_bytes(z),
                                     .label = "IDENTITY",
                                     .u = x,
                                     .v = BYTES(n->ek.x, n->ek.x_size),
                                     .bits = 256 },
                          &seed));
        CHECK_OK(kdf_kdfa(&(KdfTpm){ .alg = HASH_SHA256,
                                     .key = secret_bytes(seed),
                                     .label = "STORAGE",
                                     .u = attest_name_bytes(&name),
                                     .bits = 128 },
                          &key));
        CHECK_OK(cipher_cfb_decrypt(secret_bytes(key), reader_rest(&blob), identity));
        CHECK_OK(attest_credential_answer(identity + 2, exporter, ret));
        if (n->bad_answer) ret[0] ^= 1;
}

static void keep_refusal(const halfkey_v1_Refusal *r, SoftReply *ret)
{
        memcpy(ret->role, r->role, sizeof(r->role));
        memcpy(ret->reason, r->reason, sizeof(r->reason));
        memcpy(ret->sentence, r->sentence, sizeof(r->sentence));
        memcpy(ret->id, r->id, sizeof(r->id));
        ret->retry_after_s = r->retry_after_s;
        CHECK(strlen(ret->id) == 16 && ret->sentence[0]);
}

typedef struct Dialogue {
        SoftVerifier *verifier;
        Session *session;
        uint8_t exporter[ATTEST_EXPORTER_SIZE];
        size_t held;
        SessionReply reply;
} Dialogue;

static int hold(void *userdata, size_t n)
{
        Dialogue *d = userdata;

        if (n > d->verifier->hold_max - d->verifier->held) return -ENOBUFS;
        d->verifier->held += n;
        d->held += n;
        return 0;
}

static void dialogue_init(Dialogue *d, SoftVerifier *v, SessionKind kind)
{
        *d = (Dialogue){ .verifier = v };
        if (!v->one_connection || v->quotes.n == 0) {
                v->quotes.n = 0;
                CHECK_OK(random_bytes(v->exporter, sizeof(v->exporter)));
        }
        memcpy(d->exporter, v->exporter, sizeof(d->exporter));
        CHECK_OK(session_new(&v->service, kind,
                             &(SessionPeer){ .exporter = d->exporter,
                                             .address = "192.0.2.1:1234",
                                             .quotes = &v->quotes,
                                             .hold = hold,
                                             .userdata = d },
                             &d->session));
}

static void dialogue_deinit(Dialogue *d)
{
        session_reply_deinit(&d->reply);
        session_free(d->session);
        d->verifier->held -= d->held;
}

static int say(Dialogue *d, const pb_msgdesc_t *fields, const void *message)
{
        uint8_t *data = NULL;
        size_t size = 0;
        int r;

        CHECK_OK(proto_encode(fields, message, &data, &size));
        session_reply_deinit(&d->reply);
        r = session_message(d->session, BYTES(data, size), &d->reply);
        proto_free(data, size);
        return r;
}

/* The log in pieces; `field` is its number in the request message. */
static void say_log(Dialogue *d, Bytes log, uint8_t field)
{
        for (size_t at = 0; at < log.size;) {
                const size_t n = MIN(log.size - at, (size_t)5000);
                cleanup_writer Writer w = WRITER_INIT(8192);
                Bytes message;

                writer_u8(&w, (uint8_t)(field << 3 | 2));
                writer_u8(&w, (uint8_t)(0x80 | (n & 0x7f)));
                writer_u8(&w, (uint8_t)(n >> 7));
                writer_bytes(&w, BYTES(log.data + at, n));
                CHECK_OK(writer_finish(&w, &message));
                session_reply_deinit(&d->reply);
                CHECK_OK(session_message(d->session, message, &d->reply));
                if (d->reply.data) return; /* refused */
                at += n;
        }
}

static Bytes sent_log(const SoftNode *n)
{
        return n->sent.size > 0 ? n->sent : n->log;
}

static void fill_hello(const SoftNode *n, const uint8_t *secret, halfkey_v1_RegisterHello *h)
{
        h->version = n->version;
        CHECK_OK(PROTO_SET(h->secret, BYTES(secret, 32)));
        CHECK_OK(PROTO_SET(h->ek_public, BYTES(n->ek.encoded, n->ek.encoded_size)));
        CHECK_OK(PROTO_SET(h->ak_public, BYTES(n->ak.encoded, n->ak.encoded_size)));
        CHECK_OK(PROTO_SET(h->srk_public, BYTES(n->srk.encoded, n->srk.encoded_size)));
        PROTO_SET_TEXT(h->hostname, "soft");
        PROTO_SET_TEXT(h->serial, "SN1");
        if (n->bend_hello) n->bend_hello(h);
}

static void fill_certify(const SoftNode *n, const uint8_t *exporter, halfkey_v1_RegisterProof *p)
{
        const AttestExtra extra = extra_of(n, ATTEST_PURPOSE_CERTIFY, exporter);
        uint8_t structure[ATTEST_STRUCTURE_MAX], signature[ATTEST_SIGNATURE_MAX], info[256];
        Writer w = WRITER_FIXED(info);
        AttestName name, qualified;
        Bytes b;

        CHECK_OK(attest_public_name(&n->srk, &name));
        CHECK_OK(attest_public_qualified_name(&n->srk, &qualified));
        writer_tpm2b(&w, attest_name_bytes(&name));
        writer_tpm2b(&w, attest_name_bytes(&qualified));
        CHECK_OK(writer_finish(&w, &b));
        b = signed_structure(n, 0x8017, &extra, b, structure);
        CHECK_OK(PROTO_SET(p->srk_certify, b));
        CHECK_OK(PROTO_SET(p->srk_certify_signature, signature_of(n, b, signature)));
}

static void read_register(Dialogue *d, SoftReply *ret, halfkey_v1_RegisterResponse *out)
{
        CHECK_OK(proto_decode(halfkey_v1_RegisterResponse_fields, BYTES(d->reply.data, d->reply.size), out));
        if (out->which_step == halfkey_v1_RegisterResponse_refusal_tag) keep_refusal(&out->step.refusal, ret);
}

static void prove(SoftNode *n, Dialogue *d, const halfkey_v1_RegisterChallenge *challenge, SoftReply *ret)
{
        static halfkey_v1_RegisterRequest in;
        static halfkey_v1_RegisterResponse out;

        in = (halfkey_v1_RegisterRequest){ .which_step = halfkey_v1_RegisterRequest_proof_tag };
        in.step.proof.challenge_answer.size = SHA256_SIZE;
        answer_challenge(n, challenge, d->exporter, in.step.proof.challenge_answer.bytes);
        in.step.proof.has_evidence = true;
        fill_evidence(n, ATTEST_PURPOSE_REGISTER, d->exporter, &in.step.proof.evidence);
        fill_certify(n, d->exporter, &in.step.proof);
        if (n->bend_proof) n->bend_proof(&in.step.proof);
        CHECK_OK(say(d, halfkey_v1_RegisterRequest_fields, &in));
        read_register(d, ret, &out);
        if (ret->reason[0]) return;
        CHECK(out.which_step == halfkey_v1_RegisterResponse_result_tag && out.step.result.cluster_half.size == 32);
        memcpy(ret->half, out.step.result.cluster_half.bytes, 32);
        ret->generation = n->generation = out.step.result.generation;
        ret->has_approval = out.step.result.has_approval;
}

SoftReply soft_register(SoftVerifier *v, SoftNode *n, const uint8_t secret[static 32])
{
        static halfkey_v1_RegisterRequest in;
        static halfkey_v1_RegisterResponse out;
        SoftReply ret = { 0 };
        Dialogue d;

        dialogue_init(&d, v, SESSION_REGISTER);
        in = (halfkey_v1_RegisterRequest){ .which_step = halfkey_v1_RegisterRequest_hello_tag };
        fill_hello(n, secret, &in.step.hello);
        CHECK_OK(say(&d, halfkey_v1_RegisterRequest_fields, &in));
        read_register(&d, &ret, &out);
        if (!ret.reason[0]) {
                CHECK(!d.reply.last);
                say_log(&d, sent_log(n), 2);
                prove(n, &d, &out.step.challenge, &ret);
        }
        CHECK(d.reply.last);
        dialogue_deinit(&d);
        return ret;
}

SoftReply soft_commit(SoftVerifier *v, SoftNode *n)
{
        static halfkey_v1_EnrolCommitRequest in;
        static halfkey_v1_EnrolCommitResponse out;
        SoftReply ret = { 0 };
        Dialogue d;

        dialogue_init(&d, v, SESSION_COMMIT);
        in = (halfkey_v1_EnrolCommitRequest){ .which_step = halfkey_v1_EnrolCommitRequest_commit_tag };
        in.step.commit.has_evidence = true;
        fill_evidence(n, ATTEST_PURPOSE_COMMIT, d.exporter, &in.step.commit.evidence);
        fill_volume(n, true, &in.step.commit.volume[0]);
        in.step.commit.volume_count = 1;
        say_log(&d, sent_log(n), 1);
        CHECK_OK(say(&d, halfkey_v1_EnrolCommitRequest_fields, &in));
        CHECK_OK(proto_decode(halfkey_v1_EnrolCommitResponse_fields, BYTES(d.reply.data, d.reply.size), &out));
        if (out.which_step == halfkey_v1_EnrolCommitResponse_refusal_tag) keep_refusal(&out.step.refusal, &ret);
        dialogue_deinit(&d);
        return ret;
}

SoftReply soft_unlock(SoftVerifier *v, SoftNode *n)
{
        static halfkey_v1_UnlockRequest in;
        static halfkey_v1_UnlockResponse out;
        SoftReply ret = { 0 };
        Dialogue d;

        dialogue_init(&d, v, SESSION_UNLOCK);
        in = (halfkey_v1_UnlockRequest){ .which_step = halfkey_v1_UnlockRequest_proof_tag };
        in.step.proof.has_evidence = true;
        fill_evidence(n, ATTEST_PURPOSE_UNLOCK, d.exporter, &in.step.proof.evidence);
        fill_volume(n, false, &in.step.proof.volume[0]);
        in.step.proof.volume_count = 1;
        in.step.proof.needs_approval = n->needs_approval;
        if (n->planned) {
                in.step.proof.plan_count = 1;
                CHECK_OK(PROTO_SET(in.step.proof.plan[0].volume_id,
                                   PROTO_BYTES(in.step.proof.volume[0].volume_id)));
                CHECK_OK(PROTO_SET(in.step.proof.plan[0].token_hash, BYTES(n->planned, SHA256_SIZE)));
        }
        say_log(&d, sent_log(n), 1);
        if (!d.reply.data) ret.result = say(&d, halfkey_v1_UnlockRequest_fields, &in);
        if (ret.result != 0) {
                dialogue_deinit(&d);
                return ret;
        }
        CHECK_OK(proto_decode(halfkey_v1_UnlockResponse_fields, BYTES(d.reply.data, d.reply.size), &out));
        if (out.which_step == halfkey_v1_UnlockResponse_refusal_tag) {
                keep_refusal(&out.step.refusal, &ret);
        } else {
                CHECK(out.step.result.half_count == 1 && out.step.result.half[0].half.size == 32);
                memcpy(ret.half, out.step.result.half[0].half.bytes, 32);
                ret.generation = out.step.result.half[0].generation;
                ret.has_approval = out.step.result.has_approval;
                memcpy(ret.release_id, out.step.result.release_id, sizeof(ret.release_id));
                CHECK(out.step.result.terms_count == 1);
                ret.floor = out.step.result.terms[0].epoch_floor;
                ret.rekey_to = out.step.result.terms[0].rekey_to;
                CHECK(out.step.result.epoch_floor == ret.floor);
        }
        dialogue_deinit(&d);
        return ret;
}

SoftReply soft_reattest(SoftVerifier *v, SoftNode *n, const char *outcome)
{
        static halfkey_v1_ReattestRequest in;
        static halfkey_v1_ReattestResponse out;
        SoftReply ret = { 0 };
        Dialogue d;

        dialogue_init(&d, v, SESSION_REATTEST);
        in = (halfkey_v1_ReattestRequest){ .which_step = halfkey_v1_ReattestRequest_proof_tag };
        in.step.proof.has_evidence = true;
        fill_evidence(n, ATTEST_PURPOSE_REATTEST, d.exporter, &in.step.proof.evidence);
        PROTO_SET_TEXT(in.step.proof.outcome, outcome);
        in.step.proof.unseal_refused = !n->unseal_possible;
        in.step.proof.command_line_changed = n->command_line_changed;
        if (strcmp(outcome, ATTEST_CAP_FALLBACK) != 0) {
                fill_volume(n, false, &in.step.proof.volume[0]);
                in.step.proof.volume_count = n->without_volumes ? 0 : 1;
                in.step.proof.opened_count = in.step.proof.volume_count;
                CHECK_OK(PROTO_SET(in.step.proof.opened[0].volume_id,
                                   PROTO_BYTES(in.step.proof.volume[0].volume_id)));
                in.step.proof.opened[0].epoch = n->opened_epoch ? n->opened_epoch : n->epoch;
        }
        say_log(&d, sent_log(n), 1);
        CHECK_OK(say(&d, halfkey_v1_ReattestRequest_fields, &in));
        CHECK_OK(proto_decode(halfkey_v1_ReattestResponse_fields, BYTES(d.reply.data, d.reply.size), &out));
        if (out.which_step == halfkey_v1_ReattestResponse_refusal_tag) {
                keep_refusal(&out.step.refusal, &ret);
        } else {
                ret.baseline = out.step.result.baseline;
                ret.clean_up = out.step.result.clean_up;
                if (out.step.result.terms_count > 0) ret.floor = out.step.result.terms[0].epoch_floor;
        }
        dialogue_deinit(&d);
        return ret;
}

void soft_enrol(SoftVerifier *v, SoftNode *n)
{
        CHECK_TEXT(soft_register(v, n, v->secret).reason, "");
        CHECK_TEXT(soft_commit(v, n).reason, "");
        CHECK_OK(soft_operator(v, n->id, node_approve));
        soft_boot(n);
}

void soft_adopt_boot(SoftVerifier *v, SoftNode *n)
{
        SoftReply reply;

        CHECK_TEXT(soft_unlock(v, n).reason, "");
        n->capped = ATTEST_CAP_ATTESTED;
        n->words = 4;
        reply = soft_reattest(v, n, ATTEST_CAP_ATTESTED);
        CHECK_TEXT(reply.reason, "");
        CHECK(reply.baseline && reply.clean_up);
}
