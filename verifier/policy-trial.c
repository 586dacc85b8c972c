/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/policy-trial.h"

#include "base/error.h"
#include "verifier/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int policy_trial_init(PolicyTrial *ret, Service *s, PolicyDocument *candidate, const char *gone)
{
        const PolicyDocument *old = policy_set_find(&s->policies, candidate ? candidate->name : gone);
        int r = 0;

        if (!candidate && !old) return error_set(-ENOENT, "no policy '%s': see halfkey cluster policy list", gone);
        *ret = (PolicyTrial){ .service = s, .set = s->policies };
        if (old) policy_set_forget(&ret->set, old->name);
        if (candidate) r = policy_set_put(&ret->set, candidate);
        ret->selections[0] = old ? &old->nodes : NULL;
        ret->selections[1] = candidate ? &candidate->nodes : NULL;
        return r;
}

bool policy_trial_concerns(const PolicyTrial *t, const NodeRecord *n)
{
        for (size_t i = 0; i < ARRAY_SIZE(t->selections) && n->state == NODE_ACTIVE; i++)
                if (t->selections[i] && labels_match(&n->labels, t->selections[i])) return true;
        return false;
}

/* ---- one node ------------------------------------------------------------------------------------------- */

/* A stored boot. */
typedef struct Stored {
        uint8_t *bytes;
        char *line;
        EventLog *log;
} Stored;

static void stored_deinit(Stored *b)
{
        eventlog_free(b->log);
        free(b->line);
        free(b->bytes);
}
#define cleanup_stored _cleanup_(stored_deinit)

/* 0, -errno, or STORE_E_ABSENT where there is none that could be judged: one damaged log is a node of which
 * nothing can be told, and no reason to change no policy any more. */
static int stored_load(Service *s, const NodeBoot *boot, Stored *ret)
{
        size_t size = 0;
        int r;

        r = store_boot_get(s->store, boot->log_hash, &ret->bytes, &size, &ret->line);
        if (r == 0) r = eventlog_parse(BYTES(ret->bytes, size), &ret->log);
        return r > 0 || r == -EBADMSG || r == -EFBIG ? STORE_E_ABSENT : r;
}

static int cannot_tell(halfkey_v1_Refusal *refusal, TrialResult *ret, const char *why)
{
        *refusal = (halfkey_v1_Refusal){ .reason = "unknown" };
        (void)snprintf(refusal->sentence, sizeof(refusal->sentence), "%s", why);
        *ret = TRIAL_UNKNOWN;
        return 0;
}

/* What is judged is the next boot: one that is adopted anew is compared with nothing. */
static bool will_be_compared(const NodeRecord *n)
{
        return node_has_baseline_for(n, (BootCounters){ .reset = n->seen.reset + 1 });
}

int policy_trial_node(const PolicyTrial *t, const NodeRecord *n, TrialResult *ret, halfkey_v1_Refusal *refusal)
{
        const NodeBoot *b = n->last.present ? &n->last : &n->baseline;
        const bool compared = will_be_compared(n);
        cleanup_stored Stored boot = { 0 }, adopted = { 0 };
        char facts[POLICY_FACTS_MAX];
        PolicyFloors floors;
        PolicyInput in;
        int r;

        if (!b->present) return cannot_tell(refusal, ret, "no boot of it was ever accepted");
        r = stored_load(t->service, b, &boot);
        if (r == 0 && compared) r = stored_load(t->service, &n->baseline, &adopted);
        if (r < 0) return r;
        if (r > 0) return cannot_tell(refusal, ret, "the log of its last or adopted boot is not here, or damaged");
        if (!boot.line[0])
                return cannot_tell(
                        refusal, ret,
                        "the command line of its last boot was not kept; it is with the next attestation");
        in = (PolicyInput){ .log = boot.log,
                            .bank = (HashAlg)b->bank,
                            .command_line = boot.line,
                            .secure_boot_required = t->service->settings->secure_boot_required,
                            .baseline = compared ? adopted.log : NULL,
                            .baseline_bank = (HashAlg)n->baseline.bank,
                            .node = n->name,
                            .policies = &t->set,
                            .labels = &n->labels,
                            .floors = n->floors };
        r = policy_judge(&in, refusal, &floors, facts);
        if (r < 0) return r;
        *ret = r == VERIFIER_E_REFUSED ? TRIAL_REFUSED : TRIAL_ACCEPTED;
        return 0;
}

/* ---- all ------------------------------------------------------------------------------------------------ */

typedef struct Counting {
        const PolicyTrial *trial;
        TrialCounts *counts;
} Counting;

static int count_node(const PolicyTrial *t, const NodeRecord *n, TrialCounts *c)
{
        TrialResult result = TRIAL_ACCEPTED;
        halfkey_v1_Refusal refusal;
        int r;

        r = policy_trial_node(t, n, &result, &refusal);
        if (r < 0) return r;
        c->nodes++;
        c->refused += result == TRIAL_REFUSED;
        c->unknown += result == TRIAL_UNKNOWN;
        if (result == TRIAL_ACCEPTED || c->first[0]) return 0;
        memcpy(c->first, n->name, sizeof(c->first));
        (void)snprintf(c->why, sizeof(c->why), "%.250s", refusal.sentence);
        return 0;
}

static int visit_node(const NodeRecord *n, void *userdata)
{
        const Counting *c = userdata;

        return policy_trial_concerns(c->trial, n) ? count_node(c->trial, n, c->counts) : 0;
}

int policy_trial_all(const PolicyTrial *t, TrialCounts *ret)
{
        TrialCounts counts = { 0 };
        const int r = store_node_each(t->service->store, visit_node, &(Counting){ t, &counts });

        if (r == 0) *ret = counts;
        return r > 0 ? -EIO : r;
}

int policy_trial_labels(Service *s, const NodeRecord *n, const Labels *before, TrialCounts *ret)
{
        const PolicyTrial t = { .service = s, .set = s->policies };
        bool changed = false;

        *ret = (TrialCounts){ 0 };
        for (size_t i = 0; i < t.set.n; i++)
                changed |= labels_match(before, &t.set.policy[i]->nodes) !=
                           labels_match(&n->labels, &t.set.policy[i]->nodes);
        return changed && n->state == NODE_ACTIVE ? count_node(&t, n, ret) : 0;
}
