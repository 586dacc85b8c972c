/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The extends of a log, in order. Nothing here depends on what an event says it is, but for the two that set
 * PCR 0's start: StartupLocality and the H-CRTM. */

#include "eventlog/replay.h"
#include "eventlog/locality.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

enum { DRTM_FIRST = 17, DRTM_LAST = 22, LOCALITY_HCRTM = 4 };

static const char *const words[] = { "enter-initrd", "leave-initrd", "sysinit", "ready", "shutdown", "final" };

/* PTP table 6: PCRs 17 to 22 are reset to ones by a TPM restart, all others to zero. */
static void start_values(HashAlg bank, PcrValues *ret)
{
        const size_t size = hash_size((uint16_t)bank);

        *ret = (PcrValues){ .bank = bank };
        for (uint32_t pcr = DRTM_FIRST; pcr <= DRTM_LAST; pcr++) memset(ret->value[pcr], 0xff, size);
}

static int extend(PcrValues *values, Hasher *hasher, uint32_t pcr, Bytes digest)
{
        const Bytes parts[] = { pcr_value(values, pcr), digest };

        values->extended |= UINT32_C(1) << pcr;
        return hasher_digest(hasher, parts, ARRAY_SIZE(parts), values->value[pcr]);
}

/* PCR 0 starts at its locality in the last byte (TPM 2.0 Part 3, TPM2_Startup; PFP 10.4.5.3). */
static void start_pcr0(PcrValues *values, uint8_t locality)
{
        if (values->extended & 1) return;
        values->value[0][hash_size((uint16_t)values->bank) - 1] = locality;
}

/* An H-CRTM event says as much as a StartupLocality of 4 (PFP 2.3.4.1), before its own extend. */
static bool sets_locality(const Event *event, uint8_t *ret)
{
        if (eventlog_startup_locality(event, ret)) return true;
        if (event->type != EV_EFI_HCRTM_EVENT || event->pcr != 0) return false;
        *ret = LOCALITY_HCRTM;
        return true;
}

void eventlog_start_value(const EventLog *log, HashAlg bank, uint32_t pcr, uint8_t ret[static HASH_SIZE_MAX])
{
        PcrValues values;
        bool extended = false;

        start_values(bank, &values);
        for (size_t i = 0; i < log->n_events && !extended && pcr == 0; i++) {
                uint8_t locality;

                if (sets_locality(&log->events[i], &locality)) start_pcr0(&values, locality);
                extended = log->events[i].pcr == 0 && eventlog_event_extends(&log->events[i]);
        }
        memcpy(ret, values.value[pcr], HASH_SIZE_MAX);
}

static int replay_event(const EventLog *log, const Event *event, Hasher *hasher, PcrValues *values)
{
        uint8_t locality = 0;
        Bytes digest;

        if (sets_locality(event, &locality)) start_pcr0(values, locality);
        if (!eventlog_event_extends(event)) return 0;
        if (eventlog_event_digest(log, event, values->bank, &digest) != 0) {
                values->incomplete |= UINT32_C(1) << event->pcr;
                return 0;
        }
        return extend(values, hasher, event->pcr, digest);
}

bool eventlog_startup_locality(const Event *event, uint8_t *ret)
{
        static const char signature[16] = "StartupLocality";

        if (event->type != EV_NO_ACTION || event->pcr != 0) return false;
        if (event->data.size != sizeof(signature) + 1) return false;
        if (!bytes_equal(BYTES(event->data.data, sizeof(signature)), BYTES_ARRAY(signature))) return false;
        *ret = event->data.data[sizeof(signature)];
        return true;
}

int eventlog_replay_with(const EventLog *log, HashAlg bank, Hasher *hasher, PcrValues *ret)
{
        bool present = false;
        PcrValues values;

        for (size_t i = 0; i < log->n_banks; i++) present = present || log->banks[i] == bank;
        if (!present) {
                const char *name = hash_name((uint16_t)bank);

                return error_set(EVENTLOG_E_NO_BANK, "the log has no %s digests", name ? name : "such");
        }
        start_values(bank, &values);
        for (size_t i = 0; i < log->n_events; i++) {
                int r = replay_event(log, &log->events[i], hasher, &values);

                if (r < 0) return r;
        }
        *ret = values;
        return 0;
}

int eventlog_replay(const EventLog *log, HashAlg bank, PcrValues *ret)
{
        cleanup_hasher Hasher *hasher = NULL;
        int r;

        r = hasher_new(bank, &hasher);
        if (r < 0) return r;
        return eventlog_replay_with(log, bank, hasher, ret);
}

int eventlog_replay_onto(const EventLog *log, PcrValues *values)
{
        cleanup_hasher Hasher *hasher = NULL;
        PcrValues next = *values;
        int r;

        r = hasher_new(values->bank, &hasher);
        for (size_t i = 0; i < log->n_events && r == 0; i++) {
                const Event *event = &log->events[i];
                Bytes digest;

                if (!eventlog_event_extends(event)) continue;
                if (eventlog_event_digest(log, event, values->bank, &digest) == 0)
                        r = extend(&next, hasher, event->pcr, digest);
                else next.incomplete |= UINT32_C(1) << event->pcr;
        }
        if (r == 0) *values = next;
        return r;
}

int eventlog_word_check(uint32_t pcr, Bytes word)
{
        for (size_t i = 0; pcr == EVENTLOG_WORD_PCR && i < ARRAY_SIZE(words); i++)
                if (bytes_equal(word, BYTES(words[i], strlen(words[i])))) return 0;
        return error_set(EVENTLOG_E_WORD, "a stated extend of PCR %u that is not on the list of accepted words",
                         (unsigned)pcr);
}

int eventlog_replay_extend_word(PcrValues *values, uint32_t pcr, Bytes word)
{
        uint8_t digest[HASH_SIZE_MAX];
        int r;

        r = eventlog_word_check(pcr, word);
        if (r != 0) return r;
        r = hash_bytes(values->bank, word, digest);
        if (r < 0) return r;
        return eventlog_replay_extend(values, pcr, BYTES(digest, hash_size((uint16_t)values->bank)));
}

int eventlog_replay_extend(PcrValues *values, uint32_t pcr, Bytes digest)
{
        cleanup_hasher Hasher *hasher = NULL;
        int r;

        if (pcr >= EVENTLOG_PCRS || digest.size != hash_size((uint16_t)values->bank))
                return error_set(-EINVAL, "cannot extend PCR %u with %zu bytes", (unsigned)pcr, digest.size);
        r = hasher_new(values->bank, &hasher);
        if (r < 0) return r;
        return extend(values, hasher, pcr, digest);
}
