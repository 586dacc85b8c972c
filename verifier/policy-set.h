/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The policies in force, parsed, in the order of their names. All that match a node's labels apply to it: adding
 * one never lets through what another refuses. */

#include "verifier/policy-judge.h"

enum { POLICIES_MAX = 64 };

typedef struct PolicySet {
        size_t n;
        PolicyDocument *policy[POLICIES_MAX];
} PolicySet;

/* Puts it in the place of the one of its name, or adds it; the set owns it on 0. -ENOSPC. */
_must_check_ int policy_set_put(PolicySet *s, PolicyDocument *p);
/* NULL where there is none. */
const PolicyDocument *policy_set_find(const PolicySet *s, const char *name);
/* Takes it out without freeing it: it is another set's too. */
void policy_set_forget(PolicySet *s, const char *name);
void policy_set_remove(PolicySet *s, const char *name);
void policy_set_deinit(PolicySet *s);

enum { POLICY_NAMES_MAX = 160 };
/* Judges by all that match. *ret_pcrs: those they cover; ret_names: "web@3, base@1", "" where none matches. */
_must_check_ int policy_set_judge(const PolicySet *s, const Labels *labels, const PolicyBoot *boot,
                                  PolicyFloors *found, halfkey_v1_Refusal *refusal, uint32_t *ret_pcrs);
void policy_set_names(const PolicySet *s, const Labels *labels, char ret[static POLICY_NAMES_MAX]);
