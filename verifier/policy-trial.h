/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a change of policies or labels would do: the boot that a node was last accepted in, judged as a release
 * would judge it, with the adopted boot and by all policies as they would be then. A policy alone cannot be tried:
 * the PCRs that one covers, or no longer covers, decide what is compared with the adopted boot. */

#include "verifier/service.h"

typedef struct PolicyTrial {
        Service *service;
        PolicySet set;               /* as it would be; it owns nothing */
        const Labels *selections[2]; /* of what goes and what comes; NULL: every other node stays as it is */
} PolicyTrial;

/* `candidate` comes into force, in the place of the policy of its name; or NULL, and the one named `gone` is taken
 * out of force. The trial is a view of it and of the service's policies. -ENOSPC, -ENOENT. */
_must_check_ int policy_trial_init(PolicyTrial *ret, Service *s, PolicyDocument *candidate, const char *gone);
/* Is it an active node that the old or the new selection is for? */
bool policy_trial_concerns(const PolicyTrial *t, const NodeRecord *n);

typedef enum TrialResult {
        TRIAL_ACCEPTED,
        TRIAL_REFUSED,
        TRIAL_UNKNOWN, /* no boot could be judged: the refusal's sentence says why */
} TrialResult;

/* 0, or the verifier's own failure. */
_must_check_ int policy_trial_node(const PolicyTrial *t, const NodeRecord *n, TrialResult *ret,
                                   halfkey_v1_Refusal *refusal);

typedef struct TrialCounts {
        uint32_t nodes, refused, unknown; /* active nodes that the change concerns */
        char first[NODE_TEXT_MAX + 1];    /* the first that is not accepted */
        char why[256];
} TrialCounts;
_must_check_ int policy_trial_all(const PolicyTrial *t, TrialCounts *ret);
/* Of one node, which had the labels `before`: counted where other policies are for it now. */
_must_check_ int policy_trial_labels(Service *s, const NodeRecord *n, const Labels *before, TrialCounts *ret);
