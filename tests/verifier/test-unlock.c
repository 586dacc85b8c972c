/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* node_unlock() against the real daemon: both halves come, in the fewest TPM commands, in their order; refusals
 * and a dead verifier leave nothing loaded. */

#include "life.h"

#include "attest/cap.h"

#include <limits.h>
#include <signal.h>

static Life life;

static int unlock(Secret **half, Unlocked **ret, halfkey_v1_Refusal *refusal)
{
        char verifier[UNLOCK_VERIFIER_SIZE] = "";
        const Token *token;
        const UnlockParams params = life_unlock_params(&life, &token, half, verifier);

        return node_unlock(&params, ret, refusal);
}

static uint8_t ticket[TOKEN_TICKET_MAX]; /* of the last release */
static size_t ticket_size;

static void check_released(const char *commands)
{
        cleanup_secret Secret *half = NULL;
        cleanup_unlocked Unlocked *u = NULL;
        cleanup_free char *list = NULL;
        halfkey_v1_Refusal refusal;

        life_boot(&life);
        const size_t mark = tpm_commands_count(life.stage.tpm);
        CHECK_OK(unlock(&half, &u, &refusal));
        CHECK(u->unsealed == 0 && u->result.half_count == 1);
        CHECK_BYTES(secret_bytes(half), secret_bytes(life.stage.half));
        CHECK_BYTES(BYTES(u->result.half[0].half.bytes, 32), BYTES_ARRAY(life.cluster_half));
        CHECK_OK(tpm_commands_list(life.stage.tpm, mark, &list));
        CHECK_TEXT(list, commands);
        CHECK(!rig_saw_piece(life.stage.rig, secret_bytes(half)));
        CHECK(rig_loaded(life.stage.rig) == 0);
        memcpy(ticket, u->ticket, u->ticket_size);
        ticket_size = u->ticket_size;
}

static void both_halves_come(void)
{
        check_released("StartAuthSession PolicyPCR LoadExternal VerifySignature PolicyAuthorize FlushContext Load "
                       "Quote Unseal FlushContext");
}

static void a_ticket_spares_three_commands(void)
{
        CHECK(ticket_size > 0); /* of the boot before */
        CHECK_OK(seal_keep_ticket(life.stage.token, life.stage.boot, BYTES(ticket, ticket_size)));
        check_released("StartAuthSession PolicyPCR PolicyAuthorize Load Quote Unseal FlushContext");
        CHECK(ticket_size == 0); /* it is in the token already */
}

static void a_known_half_is_not_unsealed_again(void)
{
        cleanup_secret Secret *half = NULL;
        cleanup_unlocked Unlocked *u = NULL;
        cleanup_free char *list = NULL;
        halfkey_v1_Refusal refusal;

        CHECK_OK(secret_new_copy(secret_bytes(life.stage.half), &half));
        const size_t mark = tpm_commands_count(life.stage.tpm);
        CHECK_OK(unlock(&half, &u, &refusal));
        CHECK_OK(tpm_commands_list(life.stage.tpm, mark, &list));
        CHECK_TEXT(list, "Quote");
}

/* An edited token: the verifier says no by name, and the half that was unsealed meanwhile is kept for the next
 * try. */
static void an_edited_token_is_refused_by_name(void)
{
        cleanup_secret Secret *half = NULL;
        Unlocked *u = NULL;
        halfkey_v1_Refusal refusal;

        life_boot(&life);
        life.stage.token->epoch = 2;
        CHECK_RESULT(unlock(&half, &u, &refusal), CALL_E_REFUSED);
        life.stage.token->epoch = 1;
        CHECK_TEXT(refusal.reason, "token-hash");
        CHECK(half && !u && rig_loaded(life.stage.rig) == 0);
}

static void after_the_cap_neither_opens(void)
{
        cleanup_secret Secret *half = NULL;
        Unlocked *u = NULL;
        halfkey_v1_Refusal refusal;

        life_boot(&life);
        stage_cap(&life.stage, ATTEST_CAP_FALLBACK);
        CHECK_RESULT(unlock(&half, &u, &refusal), CALL_E_REFUSED);
        CHECK_TEXT(refusal.reason, "cap-not-zero");
        CHECK(!half && !u && rig_loaded(life.stage.rig) == 0);
}

static void a_tpm_that_fails_leaves_nothing(void)
{
        life_boot(&life);
        for (unsigned k = 0; k < 6; k++) {
                cleanup_secret Secret *half = NULL;
                cleanup_unlocked Unlocked *u = NULL;
                halfkey_v1_Refusal refusal;
                int r;

                rig_fault(life.stage.rig, k, RIG_FAULT_CODE, 0x101);
                r = unlock(&half, &u, &refusal);
                CHECK(rig_fault_done(life.stage.rig));
                CHECK(r != 0 || (u->unsealed != 0 && u->unseal_text[0] && !half));
                CHECK(rig_loaded(life.stage.rig) == 0);
        }
}

static void a_dead_verifier_leaves_nothing(void)
{
        cleanup_secret Secret *half = NULL;
        Unlocked *u = NULL;
        halfkey_v1_Refusal refusal;

        life_boot(&life);
        CHECK(world_stop(&life.world, SIGTERM) == 0);
        CHECK(unlock(&half, &u, &refusal) < 0);
        CHECK(!half && !u && rig_loaded(life.stage.rig) == 0);
}

int main(int argc, char **argv)
{
        static char verifier[PATH_MAX], halfkey[PATH_MAX];

        CHECK(argc == 3 && realpath(argv[1], verifier) && realpath(argv[2], halfkey));
        life_init(&life, verifier, halfkey);
        RUN(both_halves_come);
        RUN(a_ticket_spares_three_commands);
        RUN(a_known_half_is_not_unsealed_again);
        RUN(an_edited_token_is_refused_by_name);
        RUN(after_the_cap_neither_opens);
        RUN(a_tpm_that_fails_leaves_nothing);
        RUN(a_dead_verifier_leaves_nothing);
        life_deinit(&life);
        return 0;
}
