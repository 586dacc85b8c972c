/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The policies of a running verifier: those of the store. */

#include "verifier/policy-trial.h"

/* Reads all of them into s->policies. -EBADMSG names the policy: a verifier must not run without one that it
 * cannot read. */
_must_check_ int policies_load(Service *s);

/* Stores the next version of the policy and puts it in force; p is the service's on 0. `by` and the counts are for
 * the audit. -EAGAIN, -ENOSPC. */
_must_check_ int policies_put(Service *s, PolicyDocument *p, Bytes document, const char *by,
                              const TrialCounts *counts);
/* -ENOENT. */
_must_check_ int policies_remove(Service *s, const char *name, const char *by, const TrialCounts *counts);
