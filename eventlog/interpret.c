/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Secure Boot from PCR 7. Labels are looked at only to word a refusal: what counts is that the digest of the
 * first event is the hash of a SecureBoot variable, because later software can append events but not put one
 * in front. */

#include "eventlog/interpret.h"

#include "base/error.h"
#include "eventlog/describe.h"
#include "eventlog/proof.h"
#include "eventlog/variable.h"

enum { SECURE_BOOT_PCR = 7 };

/* PFP 1.06 section 3.3.4.8: the actions that may stand before SecureBoot in PCR 7. */
static bool is_early_action(Prover *p, const Event *event)
{
        static const char *const actions[] = { "UEFI Debug Mode", "DMA Protection Disabled" };

        for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
                Bytes text = BYTES(actions[i], __builtin_strlen(actions[i]));

                if (prover_matches_bytes(p, event, text)) return true;
                text.size++; /* some count the NUL */
                if (prover_matches_bytes(p, event, text)) return true;
        }
        return false;
}

static int refuse(int outcome, const EventLog *log, const Event *event, const char *why)
{
        char name[EVENTLOG_TEXT_SIZE];

        eventlog_event_name(log, event, name);
        return error_set(outcome, "%s: %s", name, why);
}

/* The state of a proven SecureBoot variable: 1, or 0 for off and for a variable that is not set. */
static int state_of(const EventLog *log, const Event *event, const Variable *v, bool *ret)
{
        if (v->value.size > 1 || (v->value.size == 1 && v->value.data[0] > 1))
                return refuse(EVENTLOG_E_CONTRADICTED, log, event, "SecureBoot is neither on nor off");
        *ret = v->value.size == 1 && v->value.data[0] == 1;
        return 0;
}

/* The first event of PCR 7 that is none of the early actions. */
static int first_state(Prover *p, const Event *event, bool *ret)
{
        const bool proven = prover_matches_bytes(p, event, event->data);
        Variable v;

        if (variable_parse(event->data, &v) < 0 || !variable_is_global(&v, "SecureBoot")) {
                if (proven && event->type == EV_SEPARATOR)
                        return refuse(EVENTLOG_E_NOT_MEASURED, p->log, event, "nothing was measured before it");
                return refuse(EVENTLOG_E_UNPROVEN, p->log, event, "comes where SecureBoot has to be");
        }
        if (proven) return state_of(p->log, event, &v, ret);
        if (prover_matches_bytes(p, event, v.value))
                return refuse(EVENTLOG_E_UNPROVEN, p->log, event, "its digest covers the value, not the name");
        return refuse(EVENTLOG_E_CONTRADICTED, p->log, event, "its digest is not that of its data");
}

/* A later event may repeat the state, never change it. */
static int later_state(Prover *p, const Event *event, bool on)
{
        bool again = on;
        Variable v;
        int r;

        if (variable_parse(event->data, &v) < 0 || !variable_is_global(&v, "SecureBoot")) return 0;
        if (!prover_matches_bytes(p, event, event->data)) return 0;
        r = state_of(p->log, event, &v, &again);
        if (r == 0 && again != on) r = refuse(EVENTLOG_E_CONTRADICTED, p->log, event, "SecureBoot changed");
        return r;
}

static int secure_boot(Prover *p, bool *ret_on)
{
        bool found = false, on = false;

        for (size_t i = 0; i < p->log->n_events; i++) {
                const Event *event = &p->log->events[i];
                int r;

                if (event->pcr != SECURE_BOOT_PCR || !eventlog_event_extends(event)) continue;
                if (!found && is_early_action(p, event)) continue;
                r = found ? later_state(p, event, on) : first_state(p, event, &on);
                if (r != 0) return r;
                found = true;
        }
        if (!found) return error_set(EVENTLOG_E_NOT_MEASURED, "no event in PCR %d", SECURE_BOOT_PCR);
        *ret_on = on;
        return 0;
}

int eventlog_secure_boot(const EventLog *log, HashAlg bank, bool *ret_on)
{
        cleanup_hasher Hasher *hasher = NULL;
        Prover p = { .log = log, .bank = bank };
        bool on = false;
        int r;

        if (log->format == EVENTLOG_FORMAT_CCEL) return error_set(EVENTLOG_E_NOT_MEASURED, "a CCEL has no PCR 7");
        r = hasher_new(bank, &hasher);
        if (r < 0) return r;
        p.hasher = hasher;
        r = secure_boot(&p, &on);
        if (p.error < 0) return p.error;
        if (r == 0) *ret_on = on;
        return r;
}
