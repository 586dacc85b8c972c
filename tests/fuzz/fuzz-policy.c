/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A policy as an administrator may write it, and what it says of one boot. */

#include "fuzz.h"

#include "synth.h"
#include "verifier/policy-judge.h"

#include <stdlib.h>

static const EventLog *made_up_boot(void)
{
        static EventLog *log;
        static Synth s;

        if (log) return log;
        synth_init(&s, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot(&s, false, "root=1 ro");
        if (eventlog_parse(synth_bytes(&s), &log) != 0) abort();
        return log;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_policy_document PolicyDocument *p = NULL;
        halfkey_v1_Refusal refusal = { 0 };
        PolicyFloors found = { 0 };
        PolicyBoot boot = { .log = made_up_boot(), .bank = HASH_SHA256, .command_line = "root=1 ro" };
        int r;

        if (policy_document_parse(BYTES(data, size), &p) < 0) return 0;
        if (!policy_name_is_good(p->name) || (p->pcrs & ~(uint32_t)POLICY_DOCUMENT_PCRS)) abort();
        r = policy_document_judge(p, &boot, &found, &refusal);
        if (r != 0 && (r != VERIFIER_E_REFUSED || !refusal.reason[0] || !refusal.sentence[0])) abort();
        return 0;
}
