/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a boot was, as far as its log proves it. To be asked of a log that was parsed with 0 and whose replay in
 * the same bank gave the values of a verified quote.
 *
 * An event's type and data are claims of whoever hands the log over; only digests and their order in one PCR
 * are measured. So a function here answers 0 only where the digest is the hash of the very data, and where no
 * other event of that PCR can be the true one under another label. */

#include "eventlog/eventlog.h"

typedef enum EventlogProof {
        EVENTLOG_PROOF_PROVEN,     /* the digest is the hash of what the event says */
        EVENTLOG_PROOF_PARTIAL,    /* the digest is the hash of a part of it (a variable's value, not its name) */
        EVENTLOG_PROOF_UNKNOWABLE, /* a digest of something that is not in the log (an image, a file) */
        EVENTLOG_PROOF_CONTRADICTED, /* by its type the digest covers the data, and it does not */
        EVENTLOG_PROOF_NONE,         /* not extended, or no digest in this bank */
} EventlogProof;

/* How the event's digest in this bank relates to its data. 0, or a failure of the hasher. */
_must_check_ int eventlog_event_proof(const EventLog *log, const Event *event, Hasher *hasher, HashAlg bank,
                                      EventlogProof *ret);
/* The part of the event's data that the digest in this bank is the hash of: all of it, some, or nothing (also
 * where that cannot be known). A view into the event. */
_must_check_ int eventlog_event_covered(const EventLog *log, const Event *event, Hasher *hasher, HashAlg bank,
                                        Bytes *ret);
/* "proven", "partial", "cannot be proven", "contradicted", "none". */
const char *eventlog_proof_name(EventlogProof proof);

/* Whether firmware enforced Secure Boot: the variable SecureBoot, which PFP 3.3.4.8 has measured into PCR 7
 * before all else but the debug and DMA actions. 0: *ret_on is proven. EVENTLOG_E_CONTRADICTED: its event's
 * digest is not that of its data, or events disagree; EVENTLOG_E_UNPROVEN: the digest does not cover the name,
 * or an event that is not understood comes first; EVENTLOG_E_NOT_MEASURED. The detail names the event. */
_must_check_ int eventlog_secure_boot(const EventLog *log, HashAlg bank, bool *ret_on);

/* Whether the kernel command line was `text` (as in /proc/cmdline; white space at both ends does not count).
 * What proves it:
 * - PCR 9: its first event has the digest of the text in UTF-16LE, with or without a NUL: the load options,
 *   measured by the kernel's EFI stub before all else (EV_EVENT_TAG 0x8f3b22ed "LOADED_IMAGE::LoadOptions");
 * - PCR 8: GRUB measured it. All events of PCR 8 are proven strings, and each that begins as a kernel line does
 *   ('/' or '(') whatever its label, is the text, before which the kernel itself puts BOOT_IMAGE=;
 * - PCR 12: systemd-boot or systemd-stub measured it as UTF-16LE with its NUL; only where PCR 9 has no events,
 *   for any kernel that measures its load options would show them there.
 * That PCR 8 is GRUB's and PCR 9 the kernel's is for the policy to see in PCR 4, which says what was loaded:
 * software that runs later can append events, but not put one before those.
 *
 * 0: proven, *ret_event (may be NULL) is the event that does. EVENTLOG_E_CONTRADICTED: an event has another
 * command line. EVENTLOG_E_UNPROVEN: an event matches, or is said to, but another one may be the true one.
 * EVENTLOG_E_NOT_MEASURED. -EINVAL: the text is no UTF-8 or longer than a kernel takes. The detail names the
 * event. */
_must_check_ int eventlog_command_line_check(const EventLog *log, HashAlg bank, const char *text,
                                             const Event **ret_event);
