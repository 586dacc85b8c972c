/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a boot is judged by: the built-in policy, and the documents whose labels match the node. Pure: a log that
 * gave the values of a verified quote goes in, a verdict comes out.
 *
 * Without a baseline a boot is judged by `first-boot`: Secure Boot as the cluster asks for it, the kernel command
 * line proven by an event and free of what command-line.h lists; the rest is recorded. With a baseline it must
 * also be that boot, event by event, in POLICY_PCRS.
 *
 * A document takes the place of the adopted boot in the PCRs it covers; in the others that boot still counts.
 *
 * POLICY_PCRS are those of the quote but the cap's. Nothing in them changes by itself from boot to boot: boot
 * order and boot variables (PCR 1) and partition tables (PCR 5) are measured, and three boots of one OVMF machine,
 * the first with fresh NVRAM among them, had equal events in all PCRs. Phase words are no events, so that the
 * booted host's log and the initrd's are the same one.
 */

#include "eventlog/compare.h"
#include "verifier/policy-set.h"

enum { POLICY_PCRS = 0x007bff, POLICY_FACTS_MAX = 320 };

typedef struct PolicyInput {
        const EventLog *log;
        HashAlg bank;
        const char *command_line;
        bool secure_boot_required;
        const EventLog *baseline; /* NULL: first-boot */
        HashAlg baseline_bank;
        const char *node; /* its name, for the sentence */
        const PolicySet *policies;
        const Labels *labels;
        PolicyFloors floors; /* of the node */
} PolicyInput;

/* VERIFIER_E_REFUSED: policy-*. On 0 ret_facts says in words what was found and by which policies, for the audit,
 * and *ret_floors is what the node is held to from now on. */
_must_check_ int policy_judge(const PolicyInput *in, halfkey_v1_Refusal *refusal, PolicyFloors *ret_floors,
                              char ret_facts[static POLICY_FACTS_MAX]);
