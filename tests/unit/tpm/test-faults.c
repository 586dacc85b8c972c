/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every command of every sequence fails once, in every way there is. Whatever the sequence then says, the TPM has
 * nothing loaded, no memory holds a secret, and the next run works. */

#include "attest/credential.h"
#include "base/writer.h"
#include "check.h"
#include "tpm/audit.h"
#include "tpm/internal.h"
#include "tpm/key.h"
#include "tpm/memory.h"
#include "tpm/scene.h"

typedef struct Setting {
        Scene scene;
        Approved approved, pcrsig;
        uint8_t ticket[TPM_TICKET_MAX];
        size_t ticket_size;
        TpmSealed sealed[3]; /* literal, signed, pcrsig */
        TpmEk ek;
        AttestCredential challenge;
        Hidden half, challenge_secret;
        TpmParent srk, under_ek;
        TpmBlob ak, signer, mac, imported;
        TpmCreation creation;
        Bytes r, u, s; /* of tpm2_duplicate */
} Setting;

typedef struct Sequence {
        const char *name;
        void (*prepare)(Setting *t);
        int (*run)(Setting *t);
        bool forgives; /* tcti-device's probe asks whether somebody answers, not what */
} Sequence;

/* ---- sequences ---- */

static int run_open(Setting *t)
{
        cleanup_tpm Tpm *tpm = NULL;

        return tpm_open(rig_tcti(t->scene.rig), &tpm);
}

static int run_ek(Setting *t)
{
        cleanup_ek TpmEk ek = { 0 };

        return tpm_ek_read(t->scene.tpm, &ek);
}

static void evict(Setting *t, const char *handle)
{
        IGNORE_RESULT(
                rig_try(t->scene.rig, "tpm2_evictcontrol -Q -C o -c %s", handle)); /* it may be gone already */
}

static void prepare_ak(Setting *t)
{
        evict(t, "0x8101484b");
}

static int run_ak(Setting *t)
{
        TpmObject ak;

        return tpm_ak_ensure(t->scene.tpm, &ak);
}

static void prepare_srk(Setting *t)
{
        evict(t, "0x81000001");
}

static int run_srk(Setting *t)
{
        TpmObject srk;

        return tpm_srk_ensure(t->scene.tpm, &srk);
}

static int run_quote(Setting *t)
{
        const TpmExtra extra = { { 1 } };
        TpmSigned quote;

        return tpm_quote(t->scene.tpm, &t->scene.ak, &extra, HASH_SHA256, 0xfbff, &quote);
}

static int run_certify(Setting *t)
{
        const TpmExtra extra = { { 1 } };
        TpmSigned certified;

        return tpm_certify(t->scene.tpm, &t->scene.ak, &t->scene.srk, &extra, &certified);
}

static int run_random(Setting *t)
{
        cleanup_secret Secret *got = NULL;

        return tpm_random(t->scene.tpm, &t->scene.srk, 40, &got);
}

static int run_pcrs(Setting *t)
{
        TpmPcrValues values;
        TpmBanks banks;
        TpmLockout lockout;
        int r;

        r = tpm_pcr_read(t->scene.tpm, HASH_SHA256, 0xffffff, &values);
        if (r == 0) r = tpm_banks_read(t->scene.tpm, &banks);
        return r == 0 ? tpm_lockout_read(t->scene.tpm, &lockout) : r;
}

static int run_extend(Setting *t)
{
        const Digest d = { .alg = HASH_SHA256, .size = 32, .bytes = { 1 } };

        return tpm_pcr_extend(t->scene.tpm, 16, &d, 1);
}

static int run_seal(Setting *t)
{
        cleanup_secret Secret *half = NULL;
        TpmSealed sealed;
        int r;

        CHECK_OK(secret_new_random(32, &half));
        t->half = hide(secret_bytes(half));
        r = tpm_seal(t->scene.tpm, &t->scene.srk, BYTES(t->approved.policy.bytes, 32), half, &sealed);
        return r;
}

static int unseal(Setting *t, size_t which, const TpmApproval *approval, uint32_t mask, uint32_t after)
{
        const TpmSealed *sealed = &t->sealed[which];
        const TpmUnsealParams params = { .srk = &t->scene.srk,
                                         .private_area = BYTES(sealed->private_area, sealed->private_size),
                                         .public_area = tpm_public_bytes(&sealed->public_area),
                                         .bank = HASH_SHA256,
                                         .mask = mask,
                                         .approval = approval,
                                         .mask_after = after };
        cleanup_secret Secret *got = NULL;

        return tpm_unseal(t->scene.tpm, &params, &got);
}

static int run_literal(Setting *t)
{
        return unseal(t, 0, NULL, SCENE_MASK, 0);
}

static int run_signed(Setting *t)
{
        t->approved.approval.ticket = BYTES(NULL, 0);
        return unseal(t, 1, &t->approved.approval, SCENE_MASK, 0);
}

static int run_ticket(Setting *t)
{
        t->approved.approval.ticket = BYTES(t->ticket, t->ticket_size);
        return unseal(t, 1, &t->approved.approval, SCENE_MASK, 0);
}

static int run_pcrsig(Setting *t)
{
        return unseal(t, 2, &t->pcrsig.approval, TPM_PCR_MASK(11), TPM_PCR_MASK(TPM_PCR_CAP));
}

static int run_activate(Setting *t)
{
        cleanup_secret Secret *got = NULL;

        return tpm_activate_credential(t->scene.tpm, &t->scene.ak, &t->ek,
                                       BYTES(t->challenge.blob, t->challenge.blob_size),
                                       BYTES(t->challenge.secret, t->challenge.secret_size), &got);
}

static int run_create(Setting *t)
{
        TpmCreation creation;
        TpmBlob blob;

        return tpm_key_create(t->scene.tpm, &t->under_ek, TPM_KEY_SIGN_P256, &blob, &creation);
}

static int run_certify_creation(Setting *t)
{
        const TpmKey ak = { .parent = t->under_ek, .blob = &t->ak },
                     key = { .parent = t->srk, .blob = &t->signer };
        TpmSigned s;

        return tpm_key_certify_creation(t->scene.tpm, &ak, &key, &t->creation, BYTES("x", 1), &s);
}

static int run_import(Setting *t)
{
        const TpmDuplicate d = { .duplicate = BYTES(t->r.data + 2, t->r.size - 2),
                                 .public_area = BYTES(t->u.data + 2, t->u.size - 2),
                                 .encrypted_seed = BYTES(t->s.data + 2, t->s.size - 2) };

        return tpm_import(t->scene.tpm, &t->srk, &d, &t->imported);
}

static int run_sign(Setting *t)
{
        const TpmKey key = { .parent = t->srk, .blob = &t->imported, .bank = HASH_SHA256, .mask = SCENE_MASK };
        uint8_t digest[32] = { 1 }, signature[TPM_SIGNATURE_MAX];
        size_t size;

        return tpm_key_sign(t->scene.tpm, &key, HASH_SHA256, BYTES_ARRAY(digest), signature, &size);
}

static int run_hmac(Setting *t)
{
        const TpmKey key = { .parent = t->srk, .blob = &t->mac };
        cleanup_secret Secret *data = NULL, *got = NULL;

        CHECK_OK(secret_new_random(64, &data));
        t->half = hide(secret_bytes(data));
        return tpm_key_hmac(t->scene.tpm, &key, data, &got);
}

static int run_audit(Setting *t)
{
        const TpmKey ak = { .parent = t->under_ek, .blob = &t->ak };
        static const uint32_t code = TPM2_CC_GetRandom;
        TpmAuditedRead audited;
        TpmSigned s;
        int r;

        r = tpm_audit_commands(t->scene.tpm, &code, 1, NULL, 0);
        if (r == 0) r = tpm_audit_read(t->scene.tpm, &ak, BYTES("x", 1), &s);
        return r == 0 ? tpm_audit_pcr_read(t->scene.tpm, &ak, BYTES("x", 1), HASH_SHA256, SCENE_MASK, &audited)
                      : r;
}

static const Sequence sequences[] = {
        { "open", NULL, run_open, true },
        { "ek", NULL, run_ek },
        { "ak", prepare_ak, run_ak },
        { "srk", prepare_srk, run_srk },
        { "quote", NULL, run_quote },
        { "certify", NULL, run_certify },
        { "random", NULL, run_random },
        { "pcrs", NULL, run_pcrs },
        { "extend", NULL, run_extend },
        { "seal", NULL, run_seal },
        { "unseal, literal", NULL, run_literal },
        { "unseal, signed", NULL, run_signed },
        { "unseal, ticket", NULL, run_ticket },
        { "unseal, pcrsig", NULL, run_pcrsig },
        { "activate", NULL, run_activate },
        { "key: create", NULL, run_create },
        { "key: certify creation", NULL, run_certify_creation },
        { "key: import", NULL, run_import },
        { "key: sign", NULL, run_sign },
        { "key: HMAC", NULL, run_hmac },
        { "audits", NULL, run_audit },
};

/* ---- the TPM it all runs on ---- */

static void prepare_seals(Setting *t, Secret *half)
{
        Scene *s = &t->scene;
        Policy policy = policy_pcr_now(s->tpm, HASH_SHA256, SCENE_MASK);
        TpmPcrValues cap;

        CHECK_OK(tpm_seal(s->tpm, &s->srk, BYTES_ARRAY(policy.bytes), half, &t->sealed[0]));
        approve(policy_key(), &policy, 1, SHA256_SIZE, &t->approved);
        policy = policy_authorized(policy_key(), t->approved.approval.policy_ref);
        CHECK_OK(tpm_seal(s->tpm, &s->srk, BYTES_ARRAY(policy.bytes), half, &t->sealed[1]));
        policy = policy_pcr_now(s->tpm, HASH_SHA256, TPM_PCR_MASK(11));
        approve(policy_key(), &policy, 0, 0, &t->pcrsig);
        policy = policy_authorized(policy_key(), BYTES(NULL, 0));
        CHECK_OK(tpm_pcr_read(s->tpm, HASH_SHA256, TPM_PCR_MASK(TPM_PCR_CAP), &cap));
        policy = policy_pcr_of(&policy, &cap);
        CHECK_OK(tpm_seal(s->tpm, &s->srk, BYTES_ARRAY(policy.bytes), half, &t->sealed[2]));
}

static void prepare_ticket(Setting *t)
{
        const TpmUnsealParams params = { .srk = &t->scene.srk,
                                         .private_area = BYTES(t->sealed[1].private_area,
                                                               t->sealed[1].private_size),
                                         .public_area = tpm_public_bytes(&t->sealed[1].public_area),
                                         .bank = HASH_SHA256,
                                         .mask = SCENE_MASK,
                                         .approval = &t->approved.approval };
        cleanup_unseal TpmUnseal *u = NULL;

        CHECK_OK(tpm_unseal_start(t->scene.tpm, &params, &u));
        t->ticket_size = tpm_unseal_ticket(u).size;
        CHECK(t->ticket_size > 0 && t->ticket_size <= sizeof(t->ticket));
        memcpy(t->ticket, tpm_unseal_ticket(u).data, t->ticket_size);
}

static void prepare_challenge(Setting *t)
{
        uint8_t secret[ATTEST_SECRET_SIZE];
        AttestPublic ek;
        AttestName name = { .size = t->scene.ak.name.size };

        CHECK_OK(random_bytes(secret, sizeof(secret)));
        CHECK_OK(tpm_ek_read(t->scene.tpm, &t->ek));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&t->ek.object.public_area), &ek));
        memcpy(name.bytes, t->scene.ak.name.bytes, name.size);
        CHECK_OK(attest_credential_make(&ek, &name, secret, &t->challenge));
        t->challenge_secret = hide(BYTES_ARRAY(secret));
        secret_wipe(secret, sizeof(secret));
}

static void prepare_workload(Setting *t)
{
        Tpm *tpm = t->scene.tpm;
        cleanup_writer Writer parent = WRITER_INIT(4096);
        Bytes b;

        t->srk = (TpmParent){ .srk = &t->scene.srk };
        t->under_ek = (TpmParent){ .ek = &t->ek };
        CHECK_OK(tpm_key_create(tpm, &t->under_ek, TPM_KEY_ATTEST_P256, &t->ak, NULL));
        CHECK_OK(tpm_key_create(tpm, &t->srk, TPM_KEY_SIGN_P256, &t->signer, &t->creation));
        CHECK_OK(tpm_key_create(tpm, &t->srk, TPM_KEY_HMAC_SHA256, &t->mac, NULL));
        writer_tpm2b(&parent, tpm_public_bytes(&t->scene.srk.public_area));
        CHECK_OK(writer_finish(&parent, &b));
        rig_write(t->scene.rig, "parent", b);
        const Policy policy = policy_pcr_now(tpm, HASH_SHA256, SCENE_MASK);
        rig_write(t->scene.rig, "policy", BYTES_ARRAY(policy.bytes));
        rig_run(t->scene.rig, "openssl ecparam -name prime256v1 -genkey -noout -out k.pem && "
                              "tpm2_duplicate -T none -U parent -k k.pem -G ecc -L policy -r r -u u -s s");
        t->r = rig_read(t->scene.rig, "r");
        t->u = rig_read(t->scene.rig, "u");
        t->s = rig_read(t->scene.rig, "s");
        CHECK_OK(run_import(t));
}

static void setting_init(Setting *t)
{
        cleanup_secret Secret *half = NULL;

        scene_init(&t->scene);
        /* a certificate, so that there is something to read */
        rig_run(t->scene.rig, "printf '\\060\\001\\000' >der && tpm2_nvdefine -Q -C p -s 3 "
                              "-a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate' 0x1c0000a && "
                              "tpm2_nvwrite -Q -C p -i der 0x1c0000a");
        CHECK_OK(secret_new_random(32, &half));
        t->half = hide(secret_bytes(half));
        prepare_seals(t, half);
        prepare_ticket(t);
        prepare_challenge(t);
        prepare_workload(t);
}

static void setting_deinit(Setting *t)
{
        free((void *)t->r.data);
        free((void *)t->u.data);
        free((void *)t->s.data);
        tpm_ek_deinit(&t->ek);
        scene_deinit(&t->scene);
}
#define cleanup_setting _cleanup_(setting_deinit)

/* ---- faults ---- */

static const struct {
        RigFault fault;
        uint32_t rc;
        bool again; /* a sequence may try again and succeed */
} faults[] = {
        { RIG_FAULT_CODE, TPM2_RC_FAILURE, false },
        { RIG_FAULT_CODE, TPM2_RC_LOCKOUT, false },
        { RIG_FAULT_CODE, TPM2_RC_VALUE | TPM2_RC_P | TPM2_RC_4, true }, /* of a ticket */
        { RIG_FAULT_CODE, TPM2_RC_HANDLE, true },                        /* of a key: then it is made */
        { RIG_FAULT_CODE, TPM2_RC_AUTH_FAIL | TPM2_RC_S | TPM2_RC_1, false },
        { RIG_FAULT_CODE, TPM2_RC_PCR_CHANGED, true },
        { RIG_FAULT_CODE, 0x3ff, false },
        { RIG_FAULT_BEND, 0, true }, /* of a part that nobody looks at */
        { RIG_FAULT_EMPTY, 0, true },
        { RIG_FAULT_GARBAGE, 0, true },
};

/* After success without a handle nobody can know what to flush; no TPM answers like that. */
static bool hides_handles(RigFault fault)
{
        return fault == RIG_FAULT_EMPTY || fault == RIG_FAULT_GARBAGE;
}

static bool forgives(uint32_t code)
{
        /* FlushContext is sent again; no certificate is as good as an unreadable one */
        return code == TPM2_CC_FlushContext || code == TPM2_CC_NV_Read || code == TPM2_CC_NV_ReadPublic;
}

static void fail_once(Setting *t, const Sequence *q, unsigned k, uint32_t code, size_t f)
{
        int r;

        if (q->prepare) q->prepare(t);
        rig_fault(t->scene.rig, k, faults[f].fault, faults[f].rc);
        r = q->run(t);
        if (!rig_fault_done(t->scene.rig) || (r == 0 && !faults[f].again && !q->forgives && !forgives(code))) {
                fprintf(stderr, "%s: command %u (%s), fault %zu: %d\n", q->name, k, tpm_command_name(code), f, r);
                CHECK(false);
        }
        if (r != 0) CHECK(error_detail(r)[0] != '\0');
        if (!hides_handles(faults[f].fault) && rig_loaded(t->scene.rig) != 0) {
                fprintf(stderr, "%s: command %u (%s), fault %zu leaves %zu loaded\n", q->name, k,
                        tpm_command_name(code), f, rig_loaded(t->scene.rig));
                CHECK(false);
        }
        if (memory_count(&t->half) != 0 || memory_count(&t->challenge_secret) != 0) {
                fprintf(stderr, "%s: command %u (%s), fault %zu leaves a secret\n", q->name, k,
                        tpm_command_name(code), f);
                CHECK(false);
        }
}

static void fail_everywhere(Setting *t, const Sequence *q)
{
        RigPassed passed[RIG_PASSED_MAX];
        size_t n;

        if (q->prepare) q->prepare(t);
        rig_forget(t->scene.rig);
        CHECK_OK(q->run(t));
        n = rig_passed(t->scene.rig, passed, RIG_PASSED_MAX);
        CHECK(n > 0);
        for (unsigned k = 0; k < n; k++)
                for (size_t f = 0; f < ARRAY_SIZE(faults); f++) {
                        fail_once(t, q, k, passed[k].code, f);
                        if (hides_handles(faults[f].fault))
                                rig_run(t->scene.rig,
                                        "tpm2_flushcontext -t; tpm2_flushcontext -l; tpm2_flushcontext -s");
                }
        if (q->prepare) q->prepare(t);
        CHECK_OK(q->run(t));
        CHECK(rig_loaded(t->scene.rig) == 0);
        fprintf(stderr, "  %s: %zu commands, %zu faults each\n", q->name, n, ARRAY_SIZE(faults));
}

static void every_command_of_every_sequence_fails(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
                cleanup_setting Setting t = { 0 };

                setting_init(&t);
                fail_everywhere(&t, &sequences[i]);
        }
}

int main(void)
{
        RUN(every_command_of_every_sequence_fails);
        return 0;
}
