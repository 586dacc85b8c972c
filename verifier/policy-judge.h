/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One boot against one policy document. Pure: the log gave the values of a verified quote, and its command line
 * was proven by it (policy.h does that before).
 *
 * A rule makes the PCR it is about strict, covered or not: an event there that no digest proves to be what the
 * rule knows is refused. Where an event belongs follows from its place: variables of firmware's configuration come
 * before the separator of PCR 7, once each; whatever comes later in that form is an authority, and has to be
 * allowed as one. */

#include "eventlog/replay.h"
#include "verifier/policy-document.h"
#include "verifier/policy-floors.h"
#include "verifier/refusal.h"

typedef struct PolicyBoot {
        const EventLog *log;
        HashAlg bank;
        const char *command_line;
        PolicyFloors floors; /* of the node */
} PolicyBoot;

/* VERIFIER_E_REFUSED; the sentence names the policy, the rule and the event. On 0 what the monotonic rules of the
 * document found is raised in *found. */
_must_check_ int policy_document_judge(const PolicyDocument *p, const PolicyBoot *boot, PolicyFloors *found,
                                       halfkey_v1_Refusal *refusal);
