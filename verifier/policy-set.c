/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/policy-set.h"

#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static size_t place_of(const PolicySet *s, const char *name)
{
        size_t i = 0;

        while (i < s->n && strcmp(s->policy[i]->name, name) < 0) i++;
        return i;
}

const PolicyDocument *policy_set_find(const PolicySet *s, const char *name)
{
        const size_t i = place_of(s, name);

        return i < s->n && strcmp(s->policy[i]->name, name) == 0 ? s->policy[i] : NULL;
}

int policy_set_put(PolicySet *s, PolicyDocument *p)
{
        const size_t i = place_of(s, p->name);

        if (policy_set_find(s, p->name)) {
                policy_document_free(s->policy[i]);
        } else {
                if (s->n == POLICIES_MAX) return error_set(-ENOSPC, "more than %d policies", POLICIES_MAX);
                for (size_t k = s->n; k > i; k--) s->policy[k] = s->policy[k - 1];
                s->n++;
        }
        s->policy[i] = p;
        return 0;
}

void policy_set_forget(PolicySet *s, const char *name)
{
        const size_t i = place_of(s, name);

        if (!policy_set_find(s, name)) return;
        s->n--;
        for (size_t k = i; k < s->n; k++) s->policy[k] = s->policy[k + 1];
}

void policy_set_remove(PolicySet *s, const char *name)
{
        PolicyDocument *p = policy_set_find(s, name) ? s->policy[place_of(s, name)] : NULL;

        policy_set_forget(s, name);
        policy_document_free(p);
}

void policy_set_deinit(PolicySet *s)
{
        for (size_t i = 0; i < s->n; i++) policy_document_free(s->policy[i]);
        *s = (PolicySet){ 0 };
}

int policy_set_judge(const PolicySet *s, const Labels *labels, const PolicyBoot *boot, PolicyFloors *found,
                     halfkey_v1_Refusal *refusal, uint32_t *ret_pcrs)
{
        uint32_t pcrs = 0;
        int r = 0;

        for (size_t i = 0; i < s->n && r == 0; i++) {
                if (!labels_match(labels, &s->policy[i]->nodes)) continue;
                r = policy_document_judge(s->policy[i], boot, found, refusal);
                pcrs |= s->policy[i]->pcrs;
        }
        if (r == 0) *ret_pcrs = pcrs;
        return r;
}

void policy_set_names(const PolicySet *s, const Labels *labels, char ret[static POLICY_NAMES_MAX])
{
        size_t at = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < s->n && at < POLICY_NAMES_MAX; i++) {
                int n;

                if (!labels_match(labels, &s->policy[i]->nodes)) continue;
                n = snprintf(ret + at, POLICY_NAMES_MAX - at, "%s%s@%" PRIu64, at ? ", " : "", s->policy[i]->name,
                             s->policy[i]->version);
                at += n > 0 ? (size_t)n : 0;
        }
}
