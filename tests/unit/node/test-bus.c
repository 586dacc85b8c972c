/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who listens on the TPM's bus learns no secret, and who sits in the middle of it with a storage key of his own
 * is refused by name. */

#include "attest/cap.h"
#include "attest/credential.h"
#include "attest/quote.h"
#include "check.h"
#include "node/stage.h"
#include "proto/message.h"
#include "tpm/pcr.h"

/* ---- listening ---- */

/* All that Register asks of the TPM; the challenge's secret is the verifier's. */
static void register_with(Stage *s, const uint8_t secret[static ATTEST_SECRET_SIZE])
{
        cleanup_secret Secret *solved = NULL;
        AttestContext context = stage_context(s, ATTEST_PURPOSE_CERTIFY);
        AttestCredential c;
        AttestPublic ek;
        AttestName name;
        AttestExtra extra;
        TpmExtra to_sign;
        TpmSigned proof;

        CHECK_OK(attest_public_parse(tpm_public_bytes(&s->keys.ek.object.public_area), &ek));
        CHECK_OK(attest_public_name(&s->ak, &name));
        CHECK_OK(attest_credential_make(&ek, &name, secret, &c));
        CHECK_OK(tpm_activate_credential(s->tpm, &s->keys.ak, &s->keys.ek, BYTES(c.blob, c.blob_size),
                                         BYTES(c.secret, c.secret_size), &solved));
        CHECK_BYTES(secret_bytes(solved), BYTES(secret, ATTEST_SECRET_SIZE));
        CHECK_OK(attest_extra_data(&context, &extra));
        memcpy(to_sign.bytes, extra.bytes, sizeof(to_sign.bytes));
        CHECK_OK(tpm_certify(s->tpm, &s->keys.ak, &s->keys.srk, &to_sign, &proof));
}

static void attest(Stage *s, AttestPurpose purpose, const Digest *cap)
{
        AttestQuote q;
        bool replays = false;

        CHECK_OK(stage_evidence(s, purpose, cap, &q, &replays));
        CHECK(replays);
}

static void check_unseen(Stage *s, const Secret *half, const Secret *random, const uint8_t *challenge)
{
        CHECK(rig_commands(s->rig) > 0);
        CHECK(!rig_saw_piece(s->rig, secret_bytes(half)));
        CHECK(!rig_saw_piece(s->rig, secret_bytes(random)));
        CHECK(!rig_saw_piece(s->rig, BYTES(challenge, ATTEST_SECRET_SIZE)));
}

static void no_secret_crosses_the_bus(void)
{
        cleanup_stage Stage s;
        cleanup_secret Secret *random = NULL, *opened = NULL, *none = NULL;
        uint8_t challenge[ATTEST_SECRET_SIZE];
        Digest cap;

        CHECK_OK(random_bytes(challenge, sizeof(challenge)));
        stage_init(&s);
        rig_forget(s.rig);
        stage_enrol(&s);
        CHECK_OK(tpm_random(s.tpm, &s.keys.srk, 64, &random));
        register_with(&s, challenge);
        attest(&s, ATTEST_PURPOSE_REGISTER, NULL);
        check_unseen(&s, s.half, random, challenge);

        stage_boot(&s);
        attest(&s, ATTEST_PURPOSE_UNLOCK, NULL);
        CHECK_OK(seal_open(s.tpm, s.token, s.boot, &opened));
        CHECK_BYTES(secret_bytes(opened), secret_bytes(s.half));
        cap = stage_cap(&s, ATTEST_CAP_ATTESTED);
        check_unseen(&s, s.half, random, challenge);

        rig_forget(s.rig);
        attest(&s, ATTEST_PURPOSE_REATTEST, &cap);
        CHECK_RESULT(seal_open(s.tpm, s.token, s.boot, &none), TPM_E_CAPPED);
        check_unseen(&s, s.half, random, challenge);
}

/* The search would have found them: the same operations without an encrypted session, by other tools. */
static void the_search_finds_what_is_not_encrypted(void)
{
        static const uint8_t challenge[ATTEST_SECRET_SIZE] = "thirty-two bytes that are secret";
        cleanup_stage Stage s;
        cleanup_secret Secret *random = NULL, *half = NULL;

        stage_init(&s);
        CHECK_OK(secret_new_random(32, &half));
        rig_write(s.rig, "half", secret_bytes(half));
        rig_write(s.rig, "challenge", BYTES_ARRAY(challenge));
        rig_forget(s.rig);
        CHECK(!rig_saw_piece(s.rig, secret_bytes(half)));
        rig_run(s.rig, "tpm2_createprimary -Q -C o -c srk && tpm2_create -Q -C srk -i half -u u -r r && "
                       "tpm2_flushcontext -t && tpm2_load -Q -C srk -u u -r r -c sealed && tpm2_flushcontext -t");
        CHECK(rig_saw_piece(s.rig, secret_bytes(half))); /* on its way in */
        rig_forget(s.rig);
        rig_run(s.rig, "tpm2_unseal -c sealed -o opened && tpm2_flushcontext -t");
        CHECK(rig_saw_piece(s.rig, secret_bytes(half))); /* and out */
        CHECK(rig_saw_piece(s.rig, BYTES(half->data + 13, 9)));
        rig_forget(s.rig);
        rig_run(s.rig, "tpm2_createek -Q -G ecc -c ek -u ek.pub && tpm2_flushcontext -t && "
                       "tpm2_createak -Q -C ek -c ak -G ecc -g sha256 -s ecdsa -n ak.name && tpm2_flushcontext -t "
                       "&& tpm2_makecredential -Q -T none -u ek.pub -s challenge "
                       "-n $(xxd -p -c 99 ak.name) -o credential && "
                       "tpm2_startauthsession --policy-session -S s && tpm2_policysecret -Q -S s -c e && "
                       "tpm2_activatecredential -Q -c ak -C ek -i credential -o solved -P session:s");
        CHECK(rig_saw_piece(s.rig, BYTES_ARRAY(challenge)));
        rig_run(s.rig, "tpm2_flushcontext s; tpm2_flushcontext -t");
        rig_forget(s.rig);
        CHECK_OK(tpm_random(s.tpm, NULL, 32, &random));
        CHECK(rig_saw_piece(s.rig, secret_bytes(random)));
}

/* ---- in the middle ---- */

/* He answers whatever has to do with the storage key from a TPM of his own, in the same state and with a half of
 * his own sealed in it under the same policy, and lets the rest pass, so that quotes stay genuine. */
typedef struct Interposer {
        Stage own;
        bool swaps_blobs; /* loads his own blob where the node asks for the genuine one */
        bool answers;     /* gives it the genuine one's Name, and makes up the answer to Unseal */
        TpmName name;     /* of the genuine blob */
} Interposer;

static uint16_t code_of(Bytes command)
{
        return (uint16_t)(command.data[8] << 8 | command.data[9]);
}

static size_t load_his_own(const Interposer *i, uint8_t *response)
{
        uint8_t command[1024];
        Writer w = WRITER_FIXED(command);
        Bytes b;

        writer_be16(&w, 0x8002);
        writer_be32(&w, 0);
        writer_be32(&w, 0x157);
        writer_be32(&w, TPM_HANDLE_SRK);
        writer_be32(&w, 9);
        writer_be32(&w, 0x40000009);
        writer_bytes(&w, BYTES("\0\0\1\0\0", 5));
        writer_bytes(&w, token_blob_bytes(&i->own.token->seal_private));
        writer_bytes(&w, token_blob_bytes(&i->own.token->seal_public));
        CHECK_OK(writer_finish(&w, &b));
        command[4] = (uint8_t)(b.size >> 8);
        command[5] = (uint8_t)b.size;
        const size_t size = rig_exchange(i->own.rig, b, response);
        /* handle, size of the parameters, Name */
        if (i->answers) memcpy(response + 10 + 4 + 4 + 2, i->name.bytes, i->name.size);
        return size;
}

/* TPM2_Unseal's answer with his half in the clear and an HMAC of zeros. */
static size_t made_up(const Interposer *i, uint8_t *response)
{
        static const uint8_t zeros[32];
        Writer w = { .data = response, .capacity = 256, .max = 256, .fixed = true };
        Bytes b;

        writer_be16(&w, 0x8002);
        writer_be32(&w, 14 + 34 + 34 + 1 + 34);
        writer_be32(&w, 0);
        writer_be32(&w, 34);
        writer_tpm2b(&w, secret_bytes(i->own.half));
        writer_tpm2b(&w, BYTES_ARRAY(zeros));
        writer_u8(&w, 0x40);
        writer_tpm2b(&w, BYTES_ARRAY(zeros));
        CHECK_OK(writer_finish(&w, &b));
        return b.size;
}

static size_t from_his_own(void *userdata, Bytes command, uint8_t *response)
{
        const Interposer *i = userdata;

        switch (code_of(command)) {
        case 0x158: /* Quote */
        case 0x148: /* Certify */
        case 0x182: /* PCR_Extend */ return 0;
        case 0x157: /* Load */
                if (i->swaps_blobs) return load_his_own(i, response);
                break;
        case 0x15e: /* Unseal */
                if (i->answers) return made_up(i, response);
                break;
        default: break;
        }
        return rig_exchange(i->own.rig, command, response);
}

static void interposer_init(Interposer *i)
{
        *i = (Interposer){ .swaps_blobs = true };
        stage_init(&i->own);
        stage_enrol(&i->own);
}

static void interposer_deinit(Interposer *i)
{
        stage_deinit(&i->own);
}
#define cleanup_interposer _cleanup_(interposer_deinit)

/* A node enrolled with the genuine storage key, booted with him in the middle. */
static void interposed(Stage *s, Interposer *i)
{
        interposer_init(i);
        stage_init(s);
        stage_enrol(s);
        /* his seal is for the same policyRef */
        memcpy(i->own.token->node_id, s->token->node_id, sizeof(s->token->node_id));
        CHECK_OK(seal_make(i->own.tpm, &i->own.keys.srk, i->own.half, i->own.token));
        const Bytes genuine = token_blob_bytes(&s->token->seal_public);
        TpmObject blob;
        CHECK_OK(tpm_object_init(0, BYTES(genuine.data + 2, genuine.size - 2), &blob));
        i->name = blob.name;
        stage_boot(s);
        rig_hook(s->rig, from_his_own, i);
}

static void an_interposer_with_a_key_of_his_own_is_named(void)
{
        for (int way = 0; way < 3; way++) {
                cleanup_interposer Interposer i;
                cleanup_stage Stage s;
                Secret *half = NULL;

                interposed(&s, &i);
                i.swaps_blobs = way > 0;
                i.answers = way == 2;
                CHECK_RESULT(seal_open(s.tpm, s.token, s.boot, &half), TPM_E_NAME);
                CHECK(strstr(error_detail(TPM_E_NAME), "pinned"));
                CHECK(!half);
                rig_hook(s.rig, NULL, NULL);
                CHECK_OK(seal_open(s.tpm, s.token, s.boot, &half));
                CHECK_BYTES(secret_bytes(half), secret_bytes(s.half));
                CHECK(rig_loaded(s.rig) == 0);
                secret_free(half);
        }
}

/* Sealing would hand him a fresh half, asking for random bytes a known one. */
static void an_interposer_gets_no_new_secret(void)
{
        cleanup_interposer Interposer i;
        cleanup_stage Stage s;
        cleanup_secret Secret *half = NULL;
        Secret *none = NULL;

        interposed(&s, &i);
        CHECK_OK(secret_new_random(SEAL_HALF_SIZE, &half));
        CHECK_RESULT(seal_make(s.tpm, &s.keys.srk, half, s.token), TPM_E_NAME);
        CHECK_RESULT(tpm_random(s.tpm, &s.keys.srk, 32, &none), TPM_E_NAME);
        CHECK(!none && !rig_saw_piece(s.rig, secret_bytes(half)));
}

static void put_blob(TokenBlob *to, const TokenBlob *from)
{
        CHECK_OK(token_blob_set(to, token_blob_bytes(from)));
}

/* The pin edited on the disk. Half an edit is told at once. With a whole one the node speaks with him and takes
 * his half for its own; but its evidence, whose extraData covers the token, is not what the verifier expects, so
 * the cluster's half never comes. */
static void an_edited_pin_is_told(void)
{
        cleanup_interposer Interposer i;
        cleanup_stage Stage s;
        cleanup_secret Secret *his = NULL;
        halfkey_v1_Evidence e;
        Secret *none = NULL;
        AttestQuote q;
        bool replays;

        interposed(&s, &i);
        const AttestContext enrolled = stage_context(&s, ATTEST_PURPOSE_UNLOCK);
        put_blob(&s.token->srk_public, &i.own.token->srk_public);
        CHECK_RESULT(seal_open(s.tpm, s.token, s.boot, &none), TPM_E_NAME);
        CHECK(strstr(error_detail(TPM_E_NAME), "the token's storage key"));
        put_blob(&s.token->srk_name, &i.own.token->srk_name);
        CHECK(seal_open(s.tpm, s.token, s.boot, &none) > 0);
        CHECK(!none);
        put_blob(&s.token->seal_private, &i.own.token->seal_private);
        put_blob(&s.token->seal_public, &i.own.token->seal_public);
        CHECK_OK(seal_open(s.tpm, s.token, s.boot, &his));
        CHECK_BYTES(secret_bytes(his), secret_bytes(i.own.half));
        const EvidenceParams params = { .context = stage_context(&s, ATTEST_PURPOSE_UNLOCK),
                                        .boot = s.boot,
                                        .ak = &s.keys.ak };
        CHECK_OK(evidence_make(s.tpm, &params, &e, &replays));
        CHECK_OK(stage_verify(&s, &params.context, &e, &q));
        CHECK_RESULT(stage_verify(&s, &enrolled, &e, &q), ATTEST_E_EXTRA_DATA);
        CHECK_TEXT(attest_sentence(ATTEST_E_EXTRA_DATA),
                   "the evidence was made for another connection, node, purpose or configuration");
}

/* At enrolment he shows his own storage key: the genuine AK certifies the genuine one. */
static void a_false_storage_key_is_not_certified(void)
{
        cleanup_interposer Interposer i;
        cleanup_stage Stage s;
        AttestPublic shown;
        AttestExtra extra;
        TpmExtra to_sign;
        TpmSigned proof;

        interposer_init(&i);
        stage_init(&s);
        CHECK_OK(node_keys_ensure(s.tpm, &s.keys));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&s.keys.ak.public_area), &s.ak));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&i.own.keys.srk.public_area), &shown));
        const AttestContext context = stage_context(&s, ATTEST_PURPOSE_CERTIFY);
        CHECK_OK(attest_extra_data(&context, &extra));
        memcpy(to_sign.bytes, extra.bytes, sizeof(to_sign.bytes));
        rig_hook(s.rig, from_his_own, &i);
        CHECK_OK(tpm_srk_ensure(s.tpm, &s.keys.srk));
        CHECK_BYTES(tpm_name_bytes(&s.keys.srk.name), tpm_name_bytes(&i.own.keys.srk.name));
        CHECK_OK(tpm_certify(s.tpm, &s.keys.ak, &s.keys.srk, &to_sign, &proof));
        CHECK_OK(attest_public_check_srk(&shown));
        CHECK_RESULT(attest_certify_verify(tpm_signed_attest(&proof), tpm_signed_signature(&proof), &s.ak, &extra,
                                           &shown, NULL),
                     ATTEST_E_CERTIFIED_NAME);
}

/* A storage key whose private part he knows, brought into the genuine TPM. */
static void an_imported_storage_key_is_refused(void)
{
        cleanup_stage Stage s;
        TpmObject there, srk;
        AttestPublic p;

        stage_init(&s);
        rig_run(s.rig,
                "openssl ecparam -name prime256v1 -genkey -noout -out known.pem && "
                "tpm2_createprimary -Q -C o -c parent && tpm2_flushcontext -t && "
                "tpm2_import -Q -C parent -G ecc:null:aes128cfb -i known.pem -u u -r r "
                "-a 'userwithauth|noda|restricted|decrypt' && tpm2_flushcontext -t && "
                "tpm2_load -Q -C parent -u u -r r -c known && tpm2_evictcontrol -Q -C o -c known 0x81000001 "
                "&& tpm2_flushcontext -t");
        CHECK_RESULT(tpm_srk_ensure(s.tpm, &srk), TPM_E_OCCUPIED);
        CHECK_OK(tpm_object_read(s.tpm, TPM_HANDLE_SRK, &there));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&there.public_area), &p));
        CHECK_RESULT(attest_public_check_srk(&p), ATTEST_E_SRK_ATTRIBUTES);
}

int main(void)
{
        RUN(no_secret_crosses_the_bus);
        RUN(the_search_finds_what_is_not_encrypted);
        RUN(an_interposer_with_a_key_of_his_own_is_named);
        RUN(an_interposer_gets_no_new_secret);
        RUN(an_edited_pin_is_told);
        RUN(a_false_storage_key_is_not_certified);
        RUN(an_imported_storage_key_is_refused);
        return 0;
}
