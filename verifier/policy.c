/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/policy.h"

#include "base/error.h"
#include "eventlog/interpret.h"
#include "verifier/command-line.h"

#include <errno.h>
#include <stdio.h>

static int judge_secure_boot(const PolicyInput *in, halfkey_v1_Refusal *refusal, const char **ret_state)
{
        bool on = false;
        int r;

        error_clear();
        r = eventlog_secure_boot(in->log, in->bank, &on);
        if (r < 0) return r;
        *ret_state = r > 0 ? "not proven" : on ? "on" : "off";
        if (!in->secure_boot_required || (r == 0 && on)) return 0;
        if (r == 0)
                return refuse(
                        refusal, REFUSAL_POLICY_SECURE_BOOT,
                        "Secure Boot is off and this cluster requires it: turn it on in the firmware's setup");
        return refuse(refusal, REFUSAL_POLICY_SECURE_BOOT,
                      "Secure Boot is required and the event log does not prove it: %.250s", error_detail(r));
}

static int judge_command_line(const PolicyInput *in, halfkey_v1_Refusal *refusal)
{
        char word[COMMAND_LINE_WORD_MAX];
        int r;

        error_clear();
        r = eventlog_command_line_check(in->log, in->bank, in->command_line, NULL);
        if (r < 0 && r != -EINVAL) return r;
        if (r != 0)
                return refuse(
                        refusal, REFUSAL_POLICY_COMMAND_LINE,
                        "no event proves the kernel command line the node states: %.200s; boot it by a loader "
                        "that measures it",
                        error_detail(r));
        r = command_line_judge(in->command_line, word);
        if (r > 0)
                return refuse(
                        refusal, REFUSAL_POLICY_COMMAND_LINE,
                        "the kernel command line has '%.100s', which no unattended boot may have: boot without "
                        "it",
                        word);
        return r;
}

static int judge_baseline(const PolicyInput *in, uint32_t covered, halfkey_v1_Refusal *refusal)
{
        EventlogDifference d;
        int r;

        if (!in->baseline) return 0;
        if (in->baseline_bank != in->bank)
                return refuse(refusal, REFUSAL_POLICY_CHANGED_BOOT,
                              "this boot was quoted in the %s bank, the adopted one in %s: adopt it with `halfkey "
                              "cluster node approve %s`",
                              hash_name((uint16_t)in->bank), hash_name((uint16_t)in->baseline_bank), in->node);
        r = eventlog_compare(in->baseline, in->log, in->bank, POLICY_PCRS & ~covered, &d);
        if (r == EVENTLOG_E_DIFFERENT)
                return refuse(refusal, REFUSAL_POLICY_CHANGED_BOOT,
                              "this boot is not the adopted one: %.200s. If that is wanted: halfkey cluster node "
                              "approve %s",
                              d.text, in->node);
        if (r > 0)
                return refuse(refusal, REFUSAL_POLICY_CHANGED_BOOT,
                              "this boot cannot be compared with the adopted one: %.200s", error_detail(r));
        return r;
}

int policy_judge(const PolicyInput *in, halfkey_v1_Refusal *refusal, PolicyFloors *ret_floors,
                 char ret_facts[static POLICY_FACTS_MAX])
{
        const PolicyBoot boot = {
                .log = in->log, .bank = in->bank, .command_line = in->command_line, .floors = in->floors
        };
        char names[POLICY_NAMES_MAX];
        PolicyFloors floors = in->floors;
        uint32_t covered = 0;
        const char *secure_boot = NULL;
        int r;

        r = judge_secure_boot(in, refusal, &secure_boot);
        if (r == 0) r = judge_command_line(in, refusal);
        if (r == 0) r = policy_set_judge(in->policies, in->labels, &boot, &floors, refusal, &covered);
        if (r == 0) r = judge_baseline(in, covered, refusal);
        if (r != 0) return r;
        policy_set_names(in->policies, in->labels, names);
        (void)snprintf(ret_facts, POLICY_FACTS_MAX, "Secure Boot %s, command line proven, %s%s%s", secure_boot,
                       in->baseline ? "as the adopted boot" : "by first-boot", names[0] ? ", by policy " : "",
                       names);
        *ret_floors = floors;
        return 0;
}
