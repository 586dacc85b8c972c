/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The policies of a running verifier: those of the store, and what a candidate would say of the boots in it. */

#include "verifier/service.h"

/* Reads all of them into s->policies. -EBADMSG names the policy: a verifier must not run without one that it
 * cannot read. */
_must_check_ int policies_load(Service *s);

typedef enum TrialResult {
        TRIAL_ACCEPTED,
        TRIAL_REFUSED,
        TRIAL_UNKNOWN, /* no boot could be judged: the refusal's sentence says why */
} TrialResult;

/* The node's last accepted boot under the candidate. 0, or the verifier's own failure. */
_must_check_ int policies_try(Service *s, const PolicyDocument *candidate, const NodeRecord *n, TrialResult *ret,
                              halfkey_v1_Refusal *refusal);

typedef struct TrialCounts {
        uint32_t nodes, refused, unknown; /* active nodes that the candidate is for */
        char first[NODE_TEXT_MAX + 1];    /* the first that is not accepted */
        char why[256];
} TrialCounts;
_must_check_ int policies_try_all(Service *s, const PolicyDocument *candidate, TrialCounts *ret);

/* Stores the next version of the policy and puts it in force; p is the service's on 0. `by` and the counts are for
 * the audit. -EAGAIN, -ENOSPC. */
_must_check_ int policies_put(Service *s, PolicyDocument *p, Bytes document, const char *by,
                              const TrialCounts *counts);
/* -ENOENT. */
_must_check_ int policies_remove(Service *s, const char *name, const char *by);
