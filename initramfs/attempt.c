/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Attested unlocking (DESIGN, boot steps 2 to 6): node/unlock.h gets both halves, here they open the volumes. */

#include "initramfs/attempt.h"

#include "attest/seal.h"
#include "base/error.h"
#include "base/log.h"
#include "initramfs/order.h"
#include "node/open.h"
#include "node/seal.h"
#include "node/unlock.h"
#include "proto/message.h"
#include "unlock/enrol.h"
#include "unlock/open.h"
#include "unlock/rekey.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What one attempt carries from step to step. */
typedef struct Attempt {
        Session *s;
        OwnVolume *volumes[SETTINGS_VOLUMES_MAX]; /* that are attested: root's first, all that can be opened */
        Token *tokens[SETTINGS_VOLUMES_MAX];      /* copies: the main thread reads headers anew for a typed key */
        Token *planned[SETTINGS_VOLUMES_MAX]; /* what an order to rekey would make of them; NULL: it cannot be */
        size_t n;
        bool learnt; /* the first volume's token has an approval or a ticket that its header lacks */
        Unlocked *unlocked;
        halfkey_v1_Refusal refusal;
} Attempt;

static void attempt_deinit(Attempt *a)
{
        for (size_t i = 0; i < ARRAY_SIZE(a->tokens); i++) {
                token_free(a->tokens[i]);
                token_free(a->planned[i]);
        }
        unlocked_free(a->unlocked);
}

/* Before keys are used the header may have been read anew for a typed key: it must still have the token that was
 * attested. */
static int check_token(const OwnVolume *v, const Token *attested)
{
        uint8_t was[SHA256_SIZE], is[SHA256_SIZE];
        int r;

        r = token_hash(attested, was);
        if (r == 0) r = token_hash(v->token, is);
        if (r < 0 || bytes_equal(BYTES_ARRAY(is), BYTES_ARRAY(was))) return r;
        return error_set(VOLUME_E_REFUSED, "its token changed since it was attested");
}

/* What is announced before an answer can order it; a volume that has no room for it is opened all the same. */
static void plan(Attempt *a)
{
        for (size_t i = 0; i < a->n; i++) {
                const int r = rekey_plan(a->volumes[i]->volume, a->tokens[i], &a->planned[i]);

                if (r < 0)
                        log_info("volume '%s' could not be rekeyed: %s", a->volumes[i]->setting->name,
                                 error_detail(r));
        }
}

static int check_header(const OwnVolume *v)
{
        int r;

        if (!v->token) return error_set(-ENOKEY, "it is not enrolled");
        r = volume_check(v->volume, HEADER_USE_TOKEN);
        if (r == 0) r = volume_compare_record(v->volume, v->token);
        return r == 0 ? session_check_role(v) : r;
}

/* What to attest, with the lock held. One that was never enrolled may be so by this very boot yet: it is passed
 * over, not left. */
static int choose_volumes(Attempt *a)
{
        for (size_t i = 0; i < a->s->n_volumes; i++) {
                OwnVolume *v = &a->s->volumes[i];
                int r;

                if (v->left || (!v->setting->essential && !v->token)) continue;
                r = check_header(v);
                if (r == 0) r = token_copy(v->token, &a->tokens[a->n]);
                if (r == 0) a->volumes[a->n++] = v;
                else r = session_leave(v, error_prefix(r, "volume '%s'", v->setting->name));
                if (r != 0) return r;
        }
        return 0;
}

static void note(const char *step, void *userdata)
{
        timeline_note(userdata, step);
}

static int talk(Attempt *a)
{
        Session *s = a->s;
        const UnlockParams params = { .tpm = s->tpm,
                                      .config = s->config,
                                      .boot = s->boot,
                                      .tokens = (const Token *const *)a->tokens,
                                      .n_tokens = a->n,
                                      .planned = (const Token *const *)a->planned,
                                      .attempt_id = s->attempt_id,
                                      .half = &s->node_half,
                                      .lock = &s->lock,
                                      .cancelled = &s->cancelled,
                                      .note = note,
                                      .userdata = &s->timeline,
                                      .verifier = s->verifier };

        return node_unlock(&params, &a->unlocked, &a->refusal);
}

static int check_again(const Attempt *a, size_t i)
{
        const int r = check_header(a->volumes[i]);

        return r == 0 ? check_token(a->volumes[i], a->tokens[i]) : r;
}

static int open_one(Attempt *a, size_t i)
{
        cleanup_secret Secret *half = NULL;
        OwnVolume *v = a->volumes[i];
        int r;

        r = check_again(a, i);
        if (r == 0) r = unlocked_half(a->unlocked, v->token, &half);
        secret_free(TAKE_PTR(v->key)); /* a typed key may have opened some, not all */
        v->typed = false;
        if (r == 0) r = open_by_halves(v->volume, v->token, a->s->node_half, half, &v->key);
        if (r == 0) r = node_volume_tag(v->token, v->key, &v->tag);
        return r == 0 ? 0 : session_leave(v, error_prefix(r, "volume '%s'", v->setting->name));
}

/* The TPM refused what it knew of; the verifier may have approved the state it is in. */
static int use_approval(Attempt *a)
{
        const halfkey_v1_UnlockResult *result = &a->unlocked->result;
        Token *token = a->s->volumes[0].token;
        int r;

        if (token->policy_key.size == 0 || !result->has_approval ||
            result->approval.policy_digest.size != TOKEN_POLICY_SIZE)
                return error_set(a->unlocked->unsealed, "%s", a->unlocked->unseal_text);
        r = token_add_approval(token, result->approval.policy_digest.bytes,
                               PROTO_BYTES(result->approval.signature), BYTES(NULL, 0));
        if (r == 0) r = seal_open(a->s->tpm, token, a->s->boot, &a->s->node_half);
        if (r != 0) return r;
        log_notice("the cluster approved the state of this boot");
        a->learnt = true;
        return 0;
}

/* Where the seal was opened by a signature, the TPM gave a ticket for it. Without it later boots take longer. */
static void take_ticket(Attempt *a)
{
        const Bytes ticket = BYTES(a->unlocked->ticket, a->unlocked->ticket_size);
        int r;

        if (ticket.size == 0) return;
        r = seal_keep_ticket(a->s->volumes[0].token, a->s->boot, ticket);
        if (r == 0) a->learnt = true;
        else log_warning("the TPM's ticket is not kept: %s", error_detail(r));
}

/* For the boots to come; where it cannot be written they ask the cluster again, or the TPM. The header is then the
 * new one, and is checked like any. */
static int keep_token(Attempt *a)
{
        OwnVolume *v = &a->s->volumes[0];
        int r;

        r = enrol_write_token(v->volume, v->token);
        if (r != 0) log_warning("an approval or its ticket is not kept: %s", error_detail(r));
        r = volume_check(v->volume, HEADER_USE_TOKEN);
        return r == 0 ? volume_compare_record(v->volume, v->token) : r;
}

/* Last, when all else is done: nothing here can keep the volumes from being opened. */
static void carry_out_orders(Attempt *a)
{
        for (size_t i = 0; i < a->n; i++) {
                const OwnVolume *v = a->volumes[i];
                cleanup_secret Secret *half = NULL;

                if (!v->key || unlocked_half(a->unlocked, v->token, &half) != 0) continue;
                order_finish_accept(v, a->s->node_half, half);
                order_carry_out(v, a->planned[i], a->s->node_half, half, a->unlocked);
        }
}

static int open_all(Attempt *a)
{
        int r;

        r = check_again(a, 0); /* its token is the one that approval and ticket go to */
        if (r != 0) return error_prefix(r, "volume '%s'", a->volumes[0]->setting->name);
        (void)snprintf(a->s->node_name, sizeof(a->s->node_name), "%s", a->unlocked->result.node_name);
        (void)snprintf(a->s->release_id, sizeof(a->s->release_id), "%s", a->unlocked->result.release_id);
        if (!a->s->node_half) r = use_approval(a);
        for (size_t i = 0; r == 0 && i < a->n; i++) r = open_one(a, i);
        if (r == 0) take_ticket(a);
        if (r == 0 && a->learnt) r = keep_token(a);
        if (r != 0) return r;
        timeline_note(&a->s->timeline, "keys known");
        carry_out_orders(a);
        /* Power was lost between the end of the enrolment and its last write. */
        if (!a->s->config->enrolled)
                r = session_set_node(a->s, a->s->volumes[0].token->node_id,
                                     tpm_public_bytes(&a->unlocked->ak.public_area));
        return r;
}

static int run(Attempt *a, Report *report)
{
        int r;

        pthread_mutex_lock(&a->s->lock);
        r = choose_volumes(a);
        if (r == 0) plan(a);
        pthread_mutex_unlock(&a->s->lock);
        if (r != 0) {
                report->final = true;
                return r;
        }
        r = talk(a);
        if (r != 0) {
                report->retry_s = MIN(a->refusal.retry_after_s, (uint32_t)REPORT_RETRY_MAX_S);
                report->unfinished = r == CALL_E_REFUSED && strcmp(a->refusal.reason, PROTO_REASON_PENDING) != 0 &&
                                     strcmp(a->refusal.reason, PROTO_REASON_QUARANTINED) != 0;
                return r;
        }
        pthread_mutex_lock(&a->s->lock);
        r = a->s->cancelled ? -ECANCELED : open_all(a);
        if (r == 0) a->s->opened = true;
        else if (!a->s->cancelled) session_drop_keys(a->s); /* cancelled: they are the main thread's by now */
        pthread_mutex_unlock(&a->s->lock);
        return r;
}

/* The verifier named one volume that it will not open, and root can do without it. */
static bool leave_refused(Attempt *a, int result)
{
        bool left = false;

        if (result != CALL_E_REFUSED || !a->refusal.role[0]) return false;
        pthread_mutex_lock(&a->s->lock);
        for (size_t i = 0; i < a->n; i++)
                if (strcmp(a->tokens[i]->role, a->refusal.role) == 0)
                        left = session_leave(a->volumes[i], result) == 0;
        pthread_mutex_unlock(&a->s->lock);
        return left;
}

void attempt_unlock(Session *s, Report *ret)
{
        bool again;

        do {
                Attempt a = { .s = s };

                error_clear();
                *ret = (Report){ .outcome = ATTEST_CAP_ATTESTED };
                ret->result = run(&a, ret);
                if (ret->result != 0)
                        (void)snprintf(ret->text, sizeof(ret->text), "%s", error_detail(ret->result));
                again = leave_refused(&a, ret->result); /* at most once a volume */
                attempt_deinit(&a);
        } while (again);
}
