/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The firmware's event log, parsed: which event extended which PCR with which digest, and what it says it was.
 *
 * A pure library: no I/O, no printing, no exit. Everything in a parsed log is a view into the caller's bytes,
 * which must outlive it; the library allocates one array of events, for JSON one block of the text's size, and
 * nothing else. Nothing in a log is
 * trusted before its replay (eventlog/replay.h) gave the values of a verified quote, and then only digests are:
 * neither the event type nor the data of an event is measured unless eventlog_event_proof() says so.
 *
 * Formats: "TCG PC Client Platform Firmware Profile" (PFP) 1.05 and 1.06, section 10.2 (TCG_PCClientPCREvent:
 * the SHA-1 format of TPM 1.2, and the crypto-agile TCG_PCR_EVENT2 behind a "Spec ID Event03"), and the same
 * records in a confidential VM's CCEL (UEFI 2.10, section 38.4), where an index means a measurement register
 * (1..4 = RTMR0..3) instead of a PCR. Each of them also as JSON, by the TCG's "Canonical Event Log Format" 1.0,
 * and systemd's log of what userspace measured, which is of that kind. */

#include "crypto/hash.h"

enum {
        /* Real logs are 10 to 100 kB, and the largest area a firmware reserves that we have seen is 1 MiB; a
         * log is stored by verifiers, so this bounds what a node can make them keep. */
        EVENTLOG_SIZE_MAX = 16 * 1024 * 1024,
        /* The same written as JSON, with data in hexadecimal and words beside it. */
        EVENTLOG_JSON_SIZE_MAX = 4 * EVENTLOG_SIZE_MAX,
        /* The smallest event with a digest is 38 bytes, a usual one 200; bounds the array of events to 16 MiB. */
        EVENTLOG_EVENTS_MAX = 256 * 1024,
        /* Banks in one log; the TCG registry has fewer hash algorithms that any TPM implements together. */
        EVENTLOG_BANKS_MAX = 8,
        /* PCRs of a PC Client TPM (PTP section 4.6.2). */
        EVENTLOG_PCRS = 24,
        /* Room for one line of eventlog_event_describe() and for any sentence here, NUL included. */
        EVENTLOG_TEXT_SIZE = 512,
};

/* Outcomes of this library; each function names the ones it has. */
enum {
        EVENTLOG_E_MALFORMED = 1, /* the log breaks its format: good to look at, never for a verdict */
        EVENTLOG_E_NO_BANK,       /* the log has no digests of the bank asked for */
        EVENTLOG_E_NO_DIGEST,     /* this event has no digest of the bank asked for */
        EVENTLOG_E_WORD,          /* a stated extend that is not on the fixed list */
        EVENTLOG_E_CONTRADICTED,  /* the log shows that the statement is false */
        EVENTLOG_E_UNPROVEN,      /* there is an event for it, whose digest does not prove it */
        EVENTLOG_E_NOT_MEASURED,  /* there is no event for it */
        EVENTLOG_E_DIFFERENT,     /* two logs, or two sets of PCR values, differ */
};

/* Event types, PFP 1.06 table 27 and section 10.4.1. */
enum {
        EV_PREBOOT_CERT = 0x0,
        EV_POST_CODE = 0x1,
        EV_NO_ACTION = 0x3,
        EV_SEPARATOR = 0x4,
        EV_ACTION = 0x5,
        EV_EVENT_TAG = 0x6,
        EV_S_CRTM_CONTENTS = 0x7,
        EV_S_CRTM_VERSION = 0x8,
        EV_CPU_MICROCODE = 0x9,
        EV_PLATFORM_CONFIG_FLAGS = 0xa,
        EV_TABLE_OF_DEVICES = 0xb,
        EV_COMPACT_HASH = 0xc,
        EV_IPL = 0xd,
        EV_IPL_PARTITION_DATA = 0xe,
        EV_NONHOST_CODE = 0xf,
        EV_NONHOST_CONFIG = 0x10,
        EV_NONHOST_INFO = 0x11,
        EV_OMIT_BOOT_DEVICE_EVENTS = 0x12,
        EV_POST_CODE2 = 0x13,
};
#define EV_EFI_VARIABLE_DRIVER_CONFIG UINT32_C(0x80000001)
#define EV_EFI_VARIABLE_BOOT UINT32_C(0x80000002)
#define EV_EFI_BOOT_SERVICES_APPLICATION UINT32_C(0x80000003)
#define EV_EFI_BOOT_SERVICES_DRIVER UINT32_C(0x80000004)
#define EV_EFI_RUNTIME_SERVICES_DRIVER UINT32_C(0x80000005)
#define EV_EFI_GPT_EVENT UINT32_C(0x80000006)
#define EV_EFI_ACTION UINT32_C(0x80000007)
#define EV_EFI_PLATFORM_FIRMWARE_BLOB UINT32_C(0x80000008)
#define EV_EFI_HANDOFF_TABLES UINT32_C(0x80000009)
#define EV_EFI_PLATFORM_FIRMWARE_BLOB2 UINT32_C(0x8000000a)
#define EV_EFI_HANDOFF_TABLES2 UINT32_C(0x8000000b)
#define EV_EFI_VARIABLE_BOOT2 UINT32_C(0x8000000c)
#define EV_EFI_GPT_EVENT2 UINT32_C(0x8000000d)
#define EV_EFI_HCRTM_EVENT UINT32_C(0x80000010)
#define EV_EFI_VARIABLE_AUTHORITY UINT32_C(0x800000e0)
#define EV_EFI_SPDM_FIRMWARE_BLOB UINT32_C(0x800000e1)
#define EV_EFI_SPDM_FIRMWARE_CONFIG UINT32_C(0x800000e2)
#define EV_EFI_SPDM_DEVICE_POLICY UINT32_C(0x800000e3)
#define EV_EFI_SPDM_DEVICE_AUTHORITY UINT32_C(0x800000e4)
/* Ours, for records of a log in JSON that are not firmware's: systemd's, and all others. */
#define EVENTLOG_TYPE_SYSTEMD UINT32_C(0xfffffff0)
#define EVENTLOG_TYPE_OTHER UINT32_C(0xfffffff1)

typedef enum EventlogFormat {
        EVENTLOG_FORMAT_SHA1, /* TCG_PCClientPCREvent throughout */
        EVENTLOG_FORMAT_AGILE,
        EVENTLOG_FORMAT_CCEL, /* crypto-agile, indices are measurement registers */
        EVENTLOG_FORMAT_CEL,  /* records of userspace (systemd), or of firmware without a Spec ID event */
} EventlogFormat;

/* What a log does that its specification does not say, and that does not stop us. Bit numbers of
 * EventLog.quirks; eventlog_quirk_name() and eventlog_quirk_text() say them. */
typedef enum EventlogQuirk {
        EVENTLOG_QUIRK_PADDING_FF,
        EVENTLOG_QUIRK_PADDING_ZERO,
        EVENTLOG_QUIRK_END_MARK,
        EVENTLOG_QUIRK_VENDOR_INFO,
        EVENTLOG_QUIRK_VENDOR_INFO_MALFORMED,
        EVENTLOG_QUIRK_SPEC_ID_DIGEST,
        EVENTLOG_QUIRK_DIGEST_ORDER,
        EVENTLOG_QUIRK_DIGEST_MISSING,
        EVENTLOG_QUIRK_DIGEST_FOREIGN,
        EVENTLOG_QUIRK_INDEX_ALL_ONES,
        EVENTLOG_QUIRK_NO_ACTION_DIGEST,
        EVENTLOG_QUIRK_UNKNOWN_TYPE,
        EVENTLOG_QUIRK_LATE_LOCALITY,
        EVENTLOG_QUIRK_LARGE,
        EVENTLOG_QUIRK_CCEL_INDICES,
        EVENTLOG_QUIRK_SEPARATOR_ERROR,
        EVENTLOG_QUIRK_SEPARATOR_VALUE,
        EVENTLOG_QUIRK_SEPARATOR_DOUBLED,
        EVENTLOG_QUIRK_SEPARATOR_MISSING,
        EVENTLOG_QUIRK_EXIT_MISSING,
        EVENTLOG_QUIRK_EXIT_DOUBLED,
        EVENTLOG_QUIRK_EXIT_FAILED,
        EVENTLOG_QUIRK_HCRTM,
        EVENTLOG_QUIRK_TRAILING,
        EVENTLOG_QUIRK_POST_CODE_TEXT,
        EVENTLOG_QUIRK_SHA1_FORMAT,
        EVENTLOG_QUIRK_STARTUP_LOCALITY,
        EVENTLOG_QUIRK_SHIM_AUTHORITY,
        EVENTLOG_QUIRK_MOK_NAME,
        EVENTLOG_QUIRK_EVENT_TAG,
        /* known only by hashing: eventlog_content_quirks() */
        EVENTLOG_QUIRK_BOOT_VARIABLE_VALUE,
        EVENTLOG_QUIRK_CONFIG_VARIABLE_VALUE,
        EVENTLOG_QUIRK_ALL_BUT_LAST,
        EVENTLOG_QUIRK_LABEL,
        EVENTLOG_QUIRK_SECTION_NAME,
        EVENTLOG_QUIRK_ACPI_DATA,
        EVENTLOG_QUIRK_CONTRADICTED,
        EVENTLOG_QUIRK_COUNT,
} EventlogQuirk;

typedef struct Event {
        uint32_t index; /* its place in the log, the first record being 0 */
        uint32_t pcr;   /* below EVENTLOG_PCRS wherever eventlog_event_extends(); else whatever the log says */
        uint32_t type;
        uint32_t n_digests;
        size_t offset; /* of the record in the log */
        size_t size;   /* of the record */
        Bytes digests; /* as in the log; read with eventlog_event_digest() */
        Bytes data;
} Event;

typedef struct EventLog {
        Bytes bytes;
        EventlogFormat format;
        HashAlg banks[EVENTLOG_BANKS_MAX]; /* those of the Spec ID that we know, in its order */
        size_t n_banks;
        Event *events;
        size_t n_events;
        uint64_t quirks;                            /* bits EventlogQuirk */
        uint32_t quirk_event[EVENTLOG_QUIRK_COUNT]; /* of each that is set: index of the first event that shows it
                                                     */
        size_t read;                                /* bytes up to where the events (and a named padding) end */
        bool faulty; /* EVENTLOG_E_MALFORMED; the two below say where and why first */
        size_t fault_offset;
        char fault[EVENTLOG_TEXT_SIZE];

        bool json; /* read from JSON: offset and size of an event are those of its record in the text */

        /* Private: what was decoded from JSON; sizes of all digests of the Spec ID, known to us or not. */
        uint8_t *owned;
        bool has_spec_id;
        struct {
                uint16_t alg, size;
        } sizes[EVENTLOG_BANKS_MAX];
        size_t n_sizes;
} EventLog;

/* Parses a binary log. 0: all of it is well-formed, so that a verdict may rest on it (quirks do not matter to
 * that). EVENTLOG_E_MALFORMED: *ret holds the events that could be read, fault_offset and fault say what stopped
 * or broke it. -EBADMSG: not an event log at all (its first record cannot be read), -EFBIG: above
 * EVENTLOG_SIZE_MAX, -ENOMEM; in these *ret is not written. The detail names offset and cause. */
_must_check_ int eventlog_parse(Bytes bytes, EventLog **ret);
/* The same for a binary log or one in JSON, of at most EVENTLOG_JSON_SIZE_MAX: for people's files. What a machine
 * sends about itself is binary, and nobody's JSON is parsed to appraise it. */
_must_check_ int eventlog_parse_any(Bytes bytes, EventLog **ret);
void eventlog_free(EventLog *log);
DEFINE_CLEANUP(EventLog, eventlog_free)
#define cleanup_eventlog _cleanup_(eventlog_freep)

/* The digest of an event in a bank, a view. EVENTLOG_E_NO_DIGEST. */
_must_check_ int eventlog_event_digest(const EventLog *log, const Event *event, HashAlg bank, Bytes *ret);
/* The i-th digest of an event, i < n_digests, whatever its algorithm; alg may be unknown to hash_name(). */
_must_check_ int eventlog_event_digest_at(const EventLog *log, const Event *event, size_t i, uint16_t *ret_alg,
                                          Bytes *ret);
/* Whether the event was extended into its PCR. EV_NO_ACTION never is (PFP 10.4.5.1). */
bool eventlog_event_extends(const Event *event);

/* "EV_SEPARATOR"; NULL for a type we do not know. */
const char *eventlog_type_name(uint32_t type);
/* The reverse; -EINVAL. */
_must_check_ int eventlog_type_from_name(const char *name, uint32_t *ret);
/* A short identifier ("padding-ff"), a sentence, and where it is known from: who does it, or the section of the
 * specification that it departs from. */
const char *eventlog_quirk_name(EventlogQuirk quirk);
const char *eventlog_quirk_text(EventlogQuirk quirk);
const char *eventlog_quirk_source(EventlogQuirk quirk);
/* Adds to log->quirks those that only hashing shows, in this bank. 0, or a failure of the hasher. */
_must_check_ int eventlog_content_quirks(EventLog *log, HashAlg bank);
