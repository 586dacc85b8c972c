/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* By its type an event's digest covers its data, a part of it, or something else. Firmwares differ, so each
 * form seen in real logs is tried; the first that matches is it, since no two have the same hash. */

#include "eventlog/proof.h"

#include "eventlog/interpret.h"
#include "eventlog/variable.h"

#include <string.h>

bool prover_matches(Prover *p, const Event *event, const Bytes *parts, size_t n_parts)
{
        uint8_t hash[HASH_SIZE_MAX];
        Bytes digest;

        if (p->error < 0 || eventlog_event_digest(p->log, event, p->bank, &digest) != 0) return false;
        p->error = hasher_digest(p->hasher, parts, n_parts, hash);
        if (p->error < 0) return false;
        return bytes_equal(digest, BYTES(hash, hash_size((uint16_t)p->bank)));
}

bool prover_matches_bytes(Prover *p, const Event *event, Bytes b)
{
        return prover_matches(p, event, &b, 1);
}

static Bytes without_nul(Bytes b)
{
        if (b.size > 0 && b.data[b.size - 1] == 0) b.size--;
        return b;
}

/* What follows the first occurrence of the mark; empty if there is none. */
static Bytes behind(Bytes b, const char *mark)
{
        const uint8_t *found = memmem(b.data, b.size, mark, strlen(mark));

        if (!found) return (Bytes){ 0 };
        found += strlen(mark);
        return BYTES(found, b.size - (size_t)(found - b.data));
}

bool prover_string(Prover *p, const Event *event, Bytes *ret)
{
        const Bytes text = without_nul(event->data);
        /* "grub_cmd: set x=1" since GRUB 2.04; "grub_cmd set x=1" in older patches of distributions. */
        const Bytes candidates[] = { behind(text, ": "), behind(text, " "), text, event->data };

        for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
                if (candidates[i].size == 0 || !prover_matches_bytes(p, event, candidates[i])) continue;
                *ret = candidates[i];
                return true;
        }
        return false;
}

static bool is_variable(uint32_t type)
{
        return type == EV_EFI_VARIABLE_DRIVER_CONFIG || type == EV_EFI_VARIABLE_BOOT ||
               type == EV_EFI_VARIABLE_BOOT2 || type == EV_EFI_VARIABLE_AUTHORITY;
}

/* Types of which PFP 1.06 table 27 says that the digest is that of the event data. */
static bool covers_data(uint32_t type)
{
        return is_variable(type) || type == EV_SEPARATOR || type == EV_ACTION || type == EV_EFI_ACTION ||
               type == EV_S_CRTM_VERSION || type == EV_EFI_GPT_EVENT || type == EV_EFI_GPT_EVENT2;
}

/* What an event turned out to be, and which part of its data the digest covers. */
typedef struct Verdict {
        EventlogProof proof;
        Bytes covered;
} Verdict;

static Verdict verdict(EventlogProof proof, Bytes covered)
{
        return (Verdict){ .proof = proof, .covered = covered };
}

static Verdict prove_variable(Prover *p, const Event *event)
{
        const Bytes all = event->data;
        Variable v;

        if (variable_parse(all, &v) < 0) return verdict(EVENTLOG_PROOF_CONTRADICTED, (Bytes){ 0 });
        if (prover_matches_bytes(p, event, v.value)) return verdict(EVENTLOG_PROOF_PARTIAL, v.value);
        /* Old shims measured all of their event but its last byte, which is none of the variable's. */
        if (v.trailing > 0 && prover_matches_bytes(p, event, BYTES(all.data, all.size - 1)))
                return verdict(EVENTLOG_PROOF_PROVEN, BYTES(all.data, all.size - 1));
        return verdict(EVENTLOG_PROOF_CONTRADICTED, (Bytes){ 0 });
}

/* systemd-stub names a section of its image in UTF-16LE, and measures the name in ASCII with its NUL before the
 * section's content, which has the same event data. */
static bool is_section_name(Prover *p, const Event *event)
{
        uint8_t name[64];
        size_t n = event->data.size / 2;

        if (n == 0 || n > sizeof(name) || event->data.size % 2 != 0) return false;
        for (size_t i = 0; i < n; i++) {
                if (event->data.data[2 * i + 1] != 0) return false;
                name[i] = event->data.data[2 * i];
        }
        return prover_matches_bytes(p, event, BYTES(name, n));
}

static Verdict prove_ipl(Prover *p, const Event *event)
{
        static const uint8_t nul[2];
        /* systemd-boot's event ends in one byte of the two of its NUL, and its digest covers both. */
        const Bytes whole[] = { event->data, BYTES(nul, 1) };
        Bytes string;

        if (prover_string(p, event, &string))
                return verdict(string.size + 1 >= event->data.size ? EVENTLOG_PROOF_PROVEN
                                                                   : EVENTLOG_PROOF_PARTIAL,
                               string);
        if (is_section_name(p, event) || prover_matches(p, event, whole, ARRAY_SIZE(whole)))
                return verdict(EVENTLOG_PROOF_PROVEN, event->data);
        return verdict(EVENTLOG_PROOF_UNKNOWABLE, (Bytes){ 0 });
}

static Verdict prove(Prover *p, const Event *event)
{
        Bytes digest;

        if (!eventlog_event_extends(event) || eventlog_event_digest(p->log, event, p->bank, &digest) != 0)
                return verdict(EVENTLOG_PROOF_NONE, (Bytes){ 0 });
        if (prover_matches_bytes(p, event, event->data)) return verdict(EVENTLOG_PROOF_PROVEN, event->data);
        if (is_variable(event->type)) return prove_variable(p, event);
        if (event->type == EV_IPL) return prove_ipl(p, event);
        return verdict(covers_data(event->type) ? EVENTLOG_PROOF_CONTRADICTED : EVENTLOG_PROOF_UNKNOWABLE,
                       (Bytes){ 0 });
}

int eventlog_event_proof(const EventLog *log, const Event *event, Hasher *hasher, HashAlg bank, EventlogProof *ret)
{
        Prover p = { .log = log, .bank = bank, .hasher = hasher };
        const Verdict v = prove(&p, event);

        if (p.error < 0) return p.error;
        *ret = v.proof;
        return 0;
}

int eventlog_event_covered(const EventLog *log, const Event *event, Hasher *hasher, HashAlg bank, Bytes *ret)
{
        Prover p = { .log = log, .bank = bank, .hasher = hasher };
        const Verdict v = prove(&p, event);

        if (p.error < 0) return p.error;
        *ret = v.covered;
        return 0;
}

const char *eventlog_proof_name(EventlogProof proof)
{
        static const char *const names[] = {
                [EVENTLOG_PROOF_PROVEN] = "proven",
                [EVENTLOG_PROOF_PARTIAL] = "partial",
                [EVENTLOG_PROOF_UNKNOWABLE] = "cannot be proven",
                [EVENTLOG_PROOF_CONTRADICTED] = "contradicted",
                [EVENTLOG_PROOF_NONE] = "none",
        };

        return proof < ARRAY_SIZE(names) ? names[proof] : "none";
}
