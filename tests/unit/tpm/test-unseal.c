/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Unsealing: how many commands, what opens a seal, what does not, and that nothing stays loaded. */

#include "base/writer.h"
#include "check.h"
#include "tpm/internal.h"
#include "tpm/scene.h"

#include <errno.h>

static void opens(Scene *s)
{
        cleanup_secret Secret *got = NULL;

        CHECK_OK(tpm_unseal(s->tpm, &s->params, &got));
        CHECK_BYTES(secret_bytes(got), secret_bytes(s->half));
        CHECK(rig_loaded(s->rig) == 0);
}

static void refused(Scene *s, int outcome)
{
        Secret *got = (Secret *)0x5a5a;

        CHECK_RESULT(tpm_unseal(s->tpm, &s->params, &got), outcome);
        CHECK(got == (Secret *)0x5a5a);
        CHECK(rig_loaded(s->rig) == 0);
}

static void cap(Scene *s)
{
        const Digest d = { .alg = HASH_SHA256, .size = 32, .bytes = { 1 } };

        CHECK_OK(tpm_pcr_cap(s->tpm, &d, 1, HASH_SHA256));
}

/* ---- the fewest commands: DESIGN, "Boot, step by step" ---- */

/* All that a boot sends, counted by the library and on the wire. */
static void boot(Scene *s, const char *commands, uint8_t *ticket, size_t *ret_ticket)
{
        cleanup_free char *list = NULL;

        scene_unlock(s, ticket, ret_ticket);
        CHECK_OK(tpm_commands_list(s->tpm, 0, &list));
        CHECK_TEXT(list, commands);
        CHECK(tpm_commands_repeated(s->tpm) == 0);
        CHECK(rig_commands(s->rig) == tpm_commands_count(s->tpm));
        CHECK(!rig_saw(s->rig, BYTES(s->half->data, 8)));
        CHECK(rig_loaded(s->rig) == 0);
        const size_t all = rig_commands(s->rig);
        tpm_close(TAKE_PTR(s->tpm));
        CHECK(rig_commands(s->rig) == all);
        CHECK_OK(tpm_open(rig_tcti(s->rig), &s->tpm));
}

static void test_count_literal_8(void)
{
        cleanup_scene Scene s;
        uint8_t ticket[TPM_TICKET_MAX];
        size_t size;

        scene_literal(&s);
        boot(&s, "GetRandom StartAuthSession PolicyPCR Load Quote Unseal FlushContext PCR_Extend", ticket, &size);
        CHECK(size == 0);
}

static void test_count_signed_12_then_ticket_9(void)
{
        cleanup_scene Scene s;
        Approved approved;
        uint8_t ticket[TPM_TICKET_MAX], again[TPM_TICKET_MAX];
        size_t size, none;

        scene_signed(&s, &approved);
        boot(&s,
             "GetRandom StartAuthSession PolicyPCR LoadExternal VerifySignature PolicyAuthorize FlushContext Load "
             "Quote Unseal FlushContext PCR_Extend",
             ticket, &size);
        CHECK(size > 0);
        approved.approval.ticket = BYTES(ticket, size);
        for (int i = 0; i < 2; i++) {
                boot(&s,
                     "GetRandom StartAuthSession PolicyPCR PolicyAuthorize Load Quote Unseal FlushContext "
                     "PCR_Extend",
                     again, &none);
                CHECK(none == 0);
        }
}

static void test_count_pcrsig_13(void)
{
        cleanup_scene Scene s;
        Approved approved;
        uint8_t ticket[TPM_TICKET_MAX];
        size_t size;

        scene_pcrsig(&s, &approved);
        boot(&s,
             "GetRandom StartAuthSession PolicyPCR LoadExternal VerifySignature PolicyAuthorize FlushContext "
             "PolicyPCR Load Quote Unseal FlushContext PCR_Extend",
             ticket, &size);
        refused(&s, TPM_E_CAPPED);
}

/* ---- the policy ---- */

static void test_after_the_cap(void)
{
        Approved approved;

        for (int i = 0; i < 2; i++) {
                cleanup_scene Scene s;

                if (i == 0) scene_literal(&s);
                else scene_signed(&s, &approved);
                opens(&s);
                cap(&s);
                refused(&s, TPM_E_CAPPED);
                CHECK(strstr(error_detail(TPM_E_CAPPED), "PCR 15 is not zero"));
        }
}

static void test_pcr_7_differs(void)
{
        Approved approved;

        for (int i = 0; i < 2; i++) {
                cleanup_scene Scene s;

                if (i == 0) scene_literal(&s);
                else scene_signed(&s, &approved);
                rig_extend(s.rig, 7);
                refused(&s, TPM_E_POLICY);
        }
}

static void test_other_banks(void)
{
        cleanup_scene Scene s;

        scene_init(&s);
        const Policy policy = policy_pcr_now(s.tpm, HASH_SHA384, SCENE_MASK);
        scene_seal(&s, &policy);
        refused(&s, TPM_E_POLICY);
        s.params.bank = HASH_SHA384;
        opens(&s);
        s.params.bank = HASH_SM3_256;
        CHECK(tpm_unseal(s.tpm, &s.params, &s.half) != 0);
        CHECK(rig_loaded(s.rig) == 0);
}

static void test_no_password_path(void)
{
        cleanup_scene Scene s;
        TPM2B_PUBLIC area;
        cleanup_writer Writer w = WRITER_INIT(4096);
        Bytes b;

        scene_literal(&s);
        CHECK_OK(tpm_public_parse(tpm_public_bytes(&s.sealed.public_area), &area));
        CHECK(area.publicArea.objectAttributes == 0x492);
        writer_tpm2b(&w, s.params.private_area);
        CHECK_OK(writer_finish(&w, &b));
        rig_write(s.rig, "private", b);
        w.size = 0;
        writer_tpm2b(&w, s.params.public_area);
        CHECK_OK(writer_finish(&w, &b));
        rig_write(s.rig, "public", b);
        rig_run(s.rig, "tpm2_load -Q -C 0x81000001 -u public -r private -c half && tpm2_flushcontext -t");
        CHECK(rig_try(s.rig, "tpm2_unseal -c half") != 0);
        rig_run(s.rig, "tpm2_unseal -c half -p pcr:sha256:7,15 && tpm2_flushcontext -t && tpm2_flushcontext -l && "
                       "test -z \"$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)\"");
}

/* ---- approvals ---- */

static void test_wrong_signature(void)
{
        cleanup_scene Scene s;
        Approved approved;

        scene_signed(&s, &approved);
        approved.signature[100] ^= 1;
        refused(&s, TPM_E_SIGNATURE);
        approved.signature[100] ^= 1;
        opens(&s);
        approved.approval.signature.size = 255;
        refused(&s, TPM_E_SIGNATURE);
        approved.approval.signature.size = 0;
        refused(&s, TPM_E_SIGNATURE);
}

static void test_approval_of_another_node(void)
{
        cleanup_scene Scene s;
        Approved ours, theirs;

        scene_signed(&s, &ours);
        approve(policy_key(), &ours.policy, 2, SHA256_SIZE, &theirs);
        s.params.approval = &theirs.approval;
        refused(&s, TPM_E_SIGNATURE);
        CHECK(strstr(error_detail(TPM_E_SIGNATURE), "another node"));
        /* with our policyRef put in, its signature is over something else */
        theirs.approval.policy_ref = ours.approval.policy_ref;
        refused(&s, TPM_E_SIGNATURE);
}

static void test_approval_by_another_key(void)
{
        cleanup_scene Scene s;
        cleanup_private_key PrivateKey *key = NULL;
        Approved ours, theirs;

        scene_signed(&s, &ours);
        CHECK_OK(private_key_generate(2048, &key));
        approve(key, &ours.policy, 1, SHA256_SIZE, &theirs);
        s.params.approval = &theirs.approval;
        refused(&s, TPM_E_SIGNATURE);
}

static void test_approval_of_another_state(void)
{
        cleanup_scene Scene s;
        Approved approved;

        scene_signed(&s, &approved);
        approved.policy.bytes[0] ^= 1;
        refused(&s, TPM_E_SIGNATURE); /* the signature is looked at first */
        approve(policy_key(), &approved.policy, 1, SHA256_SIZE, &approved);
        refused(&s, TPM_E_POLICY);
}

static void test_ticket_refused(void)
{
        cleanup_scene Scene s;
        Approved approved;
        uint8_t ticket[TPM_TICKET_MAX];

        scene_signed(&s, &approved);
        for (int i = 0; i < 3; i++) {
                cleanup_unseal TpmUnseal *u = NULL;

                approved.approval.ticket = BYTES(ticket, 0);
                CHECK_OK(tpm_unseal_start(s.tpm, &s.params, &u));
                const Bytes fresh = tpm_unseal_ticket(u);
                memcpy(ticket, fresh.data, fresh.size);
                if (i == 0) ticket[fresh.size - 1] ^= 1;      /* not this TPM's */
                if (i == 1) memset(ticket, 0xff, fresh.size); /* not a ticket */
                approved.approval.ticket = BYTES(ticket, i == 2 ? 5 : fresh.size);
                tpm_unseal_free(TAKE_PTR(u));
                CHECK_OK(tpm_unseal_start(s.tpm, &s.params, &u));
                CHECK(tpm_unseal_ticket(u).size > 0);
                tpm_unseal_free(TAKE_PTR(u));
                opens(&s);
        }
}

/* ---- the storage key ---- */

static void test_not_the_pinned_srk(void)
{
        cleanup_rig Rig *rig = rig_new();
        cleanup_tpm Tpm *tpm = NULL;
        cleanup_scene Scene s;
        TpmObject other;
        TpmSealed sealed = { .private_size = 0x5a };

        CHECK_OK(tpm_open(rig_tcti(rig), &tpm));
        CHECK_OK(tpm_srk_ensure(tpm, &other));
        scene_literal(&s);
        s.params.srk = &other;
        refused(&s, TPM_E_NAME);
        CHECK(strstr(error_detail(TPM_E_NAME), "not the pinned one"));
        CHECK_RESULT(tpm_seal(s.tpm, &other, BYTES(s.params.public_area.data, 32), s.half, &sealed), TPM_E_NAME);
        CHECK(sealed.private_size == 0x5a);
        CHECK(rig_loaded(s.rig) == 0);
        CHECK(!rig_saw(s.rig, BYTES(s.half->data, 8)));
}

static void test_tpm_cleared(void)
{
        cleanup_scene Scene s;
        TpmObject fresh;

        scene_literal(&s);
        rig_run(s.rig, "tpm2_clear");
        refused(&s, TPM_E_ABSENT);
        CHECK(strstr(error_detail(TPM_E_ABSENT), "was it cleared?"));
        CHECK_OK(tpm_srk_ensure(s.tpm, &fresh));
        refused(&s, TPM_E_NAME);
        s.params.srk = &fresh;
        refused(&s, TPM_E_BLOB);
}

static void test_answer_altered_on_the_bus(void)
{
        cleanup_scene Scene s;
        TpmSealed sealed;

        scene_literal(&s);
        rig_bend(s.rig, TPM2_CC_Unseal);
        refused(&s, TPM_E_NAME);
        opens(&s);
        rig_bend(s.rig, TPM2_CC_Create);
        CHECK_RESULT(tpm_seal(s.tpm, &s.srk, BYTES(s.params.public_area.data, 32), s.half, &sealed), TPM_E_NAME);
        opens(&s);
}

/* ---- blobs ---- */

static void test_altered_blob(void)
{
        cleanup_scene Scene s;

        scene_literal(&s);
        s.sealed.private_area[40] ^= 1;
        refused(&s, TPM_E_BLOB);
        s.sealed.private_area[40] ^= 1;
        s.params.private_area.size--;
        refused(&s, TPM_E_BLOB);
        s.params.private_area = BYTES(s.sealed.private_area, 0);
        CHECK(tpm_unseal(s.tpm, &s.params, &s.half) != 0);
        s.params.private_area = BYTES(s.sealed.private_area, s.sealed.private_size);
        s.sealed.public_area.bytes[20] ^= 1; /* in authPolicy */
        refused(&s, TPM_E_BLOB);
        s.sealed.public_area.bytes[20] ^= 1;
        s.params.public_area.size--;
        refused(&s, -EBADMSG);
        s.params.public_area.size++;
        opens(&s);
}

static void test_what_may_be_sealed(void)
{
        cleanup_scene Scene s;
        cleanup_secret Secret *big = NULL, *largest = NULL, *got = NULL;
        TpmSealed sealed;

        scene_literal(&s);
        CHECK_OK(secret_new_random(TPM_SEAL_MAX + 1, &big));
        CHECK_OK(secret_new_random(TPM_SEAL_MAX, &largest));
        const Policy policy = policy_pcr_now(s.tpm, HASH_SHA256, SCENE_MASK);
        CHECK_RESULT(tpm_seal(s.tpm, &s.srk, BYTES_ARRAY(policy.bytes), big, &sealed), -EINVAL);
        CHECK_RESULT(tpm_seal(s.tpm, &s.srk, BYTES(policy.bytes, 31), largest, &sealed), -EINVAL);
        CHECK_OK(tpm_seal(s.tpm, &s.srk, BYTES_ARRAY(policy.bytes), largest, &sealed));
        s.params.private_area = BYTES(sealed.private_area, sealed.private_size);
        s.params.public_area = tpm_public_bytes(&sealed.public_area);
        CHECK_OK(tpm_unseal(s.tpm, &s.params, &got));
        CHECK_BYTES(secret_bytes(got), secret_bytes(largest));
        CHECK(!rig_saw(s.rig, BYTES(largest->data, 8)) && !rig_saw(s.rig, BYTES(s.half->data, 8)));
}

/* ---- PCRs that move ---- */

static void test_pcr_moves_before_unseal(void)
{
        Approved approved;

        for (int i = 0; i < 2; i++) {
                cleanup_scene Scene s;
                cleanup_unseal TpmUnseal *u = NULL;
                cleanup_secret Secret *got = NULL;
                cleanup_free char *list = NULL;

                if (i == 0) scene_literal(&s);
                else scene_signed(&s, &approved);
                CHECK_OK(tpm_unseal_start(s.tpm, &s.params, &u));
                rig_extend(s.rig, 10);
                const size_t mark = tpm_commands_count(s.tpm);
                CHECK_OK(tpm_unseal_read(u, &got));
                CHECK_BYTES(secret_bytes(got), secret_bytes(s.half));
                CHECK_OK(tpm_commands_list(s.tpm, mark, &list));
                CHECK_TEXT(list, i == 0 ? "Unseal PolicyRestart PolicyPCR Unseal"
                                        : "Unseal PolicyRestart PolicyPCR PolicyAuthorize Unseal");
                tpm_unseal_free(TAKE_PTR(u));
                CHECK(rig_loaded(s.rig) == 0);
        }
}

static void test_pcrs_keep_moving(void)
{
        cleanup_scene Scene s;

        scene_literal(&s);
        rig_inject(s.rig, TPM2_CC_Unseal, 0, TPM_UNSEAL_TRIES, TPM2_RC_PCR_CHANGED);
        opens(&s);
        rig_inject(s.rig, TPM2_CC_Unseal, 0, TPM_UNSEAL_TRIES + 1, TPM2_RC_PCR_CHANGED);
        refused(&s, TPM_E_PCR_CHANGED);
        opens(&s);
}

/* ---- failures ---- */

static void test_every_command_fails(void)
{
        static const uint32_t codes[] = {
                TPM2_CC_StartAuthSession, TPM2_CC_PolicyPCR, TPM2_CC_LoadExternal, TPM2_CC_VerifySignature,
                TPM2_CC_PolicyAuthorize,  TPM2_CC_Load,      TPM2_CC_Unseal
        };
        static const uint32_t faults[] = { TPM2_RC_FAILURE, TPM2_RC_LOCKOUT, TPM2_RC_VALUE, TPM2_RC_HANDLE,
                                           0x3ff };
        cleanup_scene Scene s;
        Approved approved;

        scene_signed(&s, &approved);
        for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
                for (size_t k = 0; k < ARRAY_SIZE(faults); k++) {
                        Secret *got = NULL;

                        rig_inject(s.rig, codes[i], 0, 1, faults[k]);
                        CHECK(tpm_unseal(s.tpm, &s.params, &got) != 0);
                        CHECK(!got);
                        CHECK(rig_loaded(s.rig) == 0);
                }
        opens(&s);
}

static void test_power_cut_in_the_middle(void)
{
        cleanup_scene Scene s;
        cleanup_unseal TpmUnseal *u = NULL;
        Secret *got = NULL;

        scene_literal(&s);
        CHECK_OK(tpm_unseal_start(s.tpm, &s.params, &u));
        rig_power_cut(s.rig);
        CHECK(tpm_unseal_read(u, &got) != 0);
        tpm_unseal_free(TAKE_PTR(u));
        CHECK(rig_loaded(s.rig) == 0);
        rig_extend(s.rig, 7);
        opens(&s);
        CHECK_OK(tpm_unseal_start(s.tpm, &s.params, &u));
        rig_kill(s.rig);
        CHECK_RESULT(tpm_unseal_read(u, &got), TPM_E_GONE);
        CHECK(tpm_unseal_read(u, &got) < 0);
        CHECK(!got);
}

static void test_closing_leaves_nothing(void)
{
        cleanup_scene Scene s;
        cleanup_unseal TpmUnseal *u = NULL;
        TpmUnseal *other = NULL;

        scene_literal(&s);
        CHECK_OK(tpm_unseal_start(s.tpm, &s.params, &u));
        CHECK_OK(tpm_unseal_start(s.tpm, &s.params, &other));
        CHECK(rig_loaded(s.rig) == 4);
        tpm_unseal_free(TAKE_PTR(u));
        CHECK(rig_loaded(s.rig) == 2);
        tpm_close(TAKE_PTR(s.tpm));
        CHECK(rig_loaded(s.rig) == 0);
        free(other);
}

int main(void)
{
        RUN(test_count_literal_8);
        RUN(test_count_signed_12_then_ticket_9);
        RUN(test_count_pcrsig_13);
        RUN(test_after_the_cap);
        RUN(test_pcr_7_differs);
        RUN(test_other_banks);
        RUN(test_no_password_path);
        RUN(test_wrong_signature);
        RUN(test_approval_of_another_node);
        RUN(test_approval_by_another_key);
        RUN(test_approval_of_another_state);
        RUN(test_ticket_refused);
        RUN(test_not_the_pinned_srk);
        RUN(test_tpm_cleared);
        RUN(test_answer_altered_on_the_bus);
        RUN(test_altered_blob);
        RUN(test_what_may_be_sealed);
        RUN(test_pcr_moves_before_unseal);
        RUN(test_pcrs_keep_moving);
        RUN(test_every_command_fails);
        RUN(test_power_cut_in_the_middle);
        RUN(test_closing_leaves_nothing);
        return 0;
}
