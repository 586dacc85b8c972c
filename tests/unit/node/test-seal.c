/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The seals a token describes, opened in one step and in two. */

#include "attest/cap.h"
#include "check.h"
#include "node/stage.h"

#include <errno.h>

static void opens(Stage *s, const char *commands)
{
        cleanup_secret Secret *half = NULL;
        cleanup_free char *list = NULL;
        const size_t mark = tpm_commands_count(s->tpm);

        CHECK_OK(seal_open(s->tpm, s->token, s->boot, &half));
        CHECK_BYTES(secret_bytes(half), secret_bytes(s->half));
        CHECK_OK(tpm_commands_list(s->tpm, mark, &list));
        CHECK_TEXT(list, commands);
        CHECK(rig_loaded(s->rig) == 0);
}

static void refused(Stage *s, int outcome)
{
        Secret *none = NULL;

        CHECK_RESULT(seal_open(s->tpm, s->token, s->boot, &none), outcome);
        CHECK(!none && rig_loaded(s->rig) == 0);
}

static void make_literal(Stage *s)
{
        stage_init(s);
        stage_enrol(s);
        CHECK_OK(seal_make_literal(s->tpm, &s->keys.srk, s->half, s->boot, s->token));
        CHECK(s->token->policy_key.size == 0);
}

static void a_literal_seal_opens_until_the_cap(void)
{
        cleanup_stage Stage s;

        make_literal(&s);
        opens(&s, "StartAuthSession PolicyPCR Load Unseal FlushContext");
        stage_cap(&s, ATTEST_CAP_FALLBACK);
        refused(&s, TPM_E_CAPPED);
        stage_boot(&s);
        opens(&s, "StartAuthSession PolicyPCR Load Unseal FlushContext");
        rig_extend(s.rig, 7);
        refused(&s, TPM_E_POLICY);
}

/* It was made for the boot that the log tells of, whatever the PCRs hold. */
static void a_literal_seal_is_for_the_log(void)
{
        cleanup_stage Stage s;

        stage_init(&s);
        stage_enrol(&s);
        rig_extend(s.rig, 7);
        CHECK_OK(seal_make_literal(s.tpm, &s.keys.srk, s.half, s.boot, s.token));
        refused(&s, TPM_E_POLICY);
        stage_boot(&s);
        opens(&s, "StartAuthSession PolicyPCR Load Unseal FlushContext");
        s.token->bank = HASH_SHA384;
        refused(&s, TPM_E_POLICY);
        CHECK_RESULT(seal_make_literal(s.tpm, &s.keys.srk, s.half, s.boot, s.token), -EINVAL);
}

/* A ticket comes with the first opening; one of another TPM's is passed over for the signature. */
static void a_ticket_is_used_and_replaced(void)
{
        static const char by_ticket[] = "StartAuthSession PolicyPCR PolicyAuthorize Load Unseal FlushContext";
        cleanup_seal_opening SealOpening *o = NULL;
        cleanup_stage Stage s;
        TokenBlob *ticket;

        stage_init(&s);
        stage_enrol(&s);
        CHECK_OK(seal_prepare(s.tpm, s.token, s.boot, &o));
        ticket = &s.token->approvals[0].ticket;
        CHECK(seal_ticket(o).size > 0);
        CHECK_OK(token_blob_set(ticket, seal_ticket(o)));
        seal_opening_free(TAKE_PTR(o));
        opens(&s, by_ticket);
        stage_boot(&s);
        opens(&s, by_ticket); /* it outlives a power cut */
        ticket->data[ticket->size - 1] ^= 1;
        opens(&s, "StartAuthSession PolicyPCR PolicyAuthorize LoadExternal VerifySignature PolicyAuthorize "
                  "FlushContext Load Unseal FlushContext");
        CHECK_OK(seal_prepare(s.tpm, s.token, s.boot, &o));
        CHECK_OK(token_blob_set(ticket, seal_ticket(o)));
        seal_opening_free(TAKE_PTR(o));
        opens(&s, by_ticket);
}

static void without_an_approval_the_tpm_is_not_asked(void)
{
        cleanup_stage Stage s;

        stage_init(&s);
        stage_enrol(&s);
        s.token->approvals[0].policy[0] ^= 1;
        const size_t mark = tpm_commands_count(s.tpm);
        refused(&s, TPM_E_POLICY);
        CHECK(tpm_commands_count(s.tpm) == mark);
        CHECK(strstr(error_detail(TPM_E_POLICY), "none of the cluster's approvals"));
}

int main(void)
{
        RUN(a_literal_seal_opens_until_the_cap);
        RUN(a_literal_seal_is_for_the_log);
        RUN(a_ticket_is_used_and_replaced);
        RUN(without_an_approval_the_tpm_is_not_asked);
        return 0;
}
