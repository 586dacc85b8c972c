/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What one event is, as far as its digest proves it: for policies that judge event by event. Labels are not looked
 * at where they are not measured, so that an event is the same under every type. What an event means follows from
 * its place too (what firmware measures ends with the PCR's separator): that is for the caller to see. */

#include "eventlog/eventlog.h"

typedef enum EventlogMeaningKind {
        EVENTLOG_MEANING_OTHER,     /* its digest proves nothing: of an image or a file, or unknown */
        EVENTLOG_MEANING_SEPARATOR, /* of a boot without errors: PFP 1.06 section 10.4.3 */
        EVENTLOG_MEANING_ACTION,    /* one of the few texts that firmware measures in PCR 4 and 5 */
        EVENTLOG_MEANING_VARIABLE,  /* UEFI_VARIABLE_DATA, all of it under the digest */
        EVENTLOG_MEANING_VERSION,   /* EV_S_CRTM_VERSION: a text in UTF-16LE */
        EVENTLOG_MEANING_SECTION,   /* systemd-stub says the name of the section it measures next */
} EventlogMeaningKind;

enum { EVENTLOG_NAME_SIZE = 64 };

typedef struct EventlogMeaning {
        EventlogMeaningKind kind;
        char name[EVENTLOG_NAME_SIZE]; /* the variable's or the section's; "" for a variable whose name is not
                                        * short printable ASCII; a version as UTF-8, "" where it does not fit */
        bool global, security;         /* the variable's owner: EFI global, image security database */
        bool setting; /* one of shim's settings, which vouches for nothing: SbatLevel, MokSBState ... */
        Bytes value;  /* the variable's, a view */
        Bytes data;   /* all of UEFI_VARIABLE_DATA, its owner and name too, a view */
} EventlogMeaning;

/* 0, or a failure of the hasher. */
_must_check_ int eventlog_meaning(const EventLog *log, const Event *event, Hasher *hasher, HashAlg bank,
                                  EventlogMeaning *ret);

/* Whether the event's digest is that of this text (UTF-8) in UTF-16LE, with or without its NUL: what the kernel's
 * EFI stub, systemd-stub and systemd-boot measure of a command line. 0, -EBADMSG for what is no UTF-8, or a
 * failure. */
_must_check_ int eventlog_is_wide_text(const EventLog *log, const Event *event, Hasher *hasher, HashAlg bank,
                                       const char *text, bool *ret);

/* One signature of a database (PK, KEK, db, dbx), or the one of an authority event. */
typedef struct EventlogSignature {
        bool certificate;            /* else the hash of an image, or something else */
        uint8_t sha256[SHA256_SIZE]; /* of the certificate in DER; the SHA-256 Authenticode hash of the image; of
                                      * the entry's data for something else */
} EventlogSignature;

/* Calls visit for each entry of a database's value until it returns something else than 0, and returns that.
 * -EBADMSG where the value is no list of signatures. */
_must_check_ int eventlog_signatures_each(Bytes value, int (*visit)(const EventlogSignature *s, void *userdata),
                                          void *userdata);
/* What an authority event says vouched for an image: firmware measures an entry with its owner, shim the
 * certificate alone, or a variable's text. */
_must_check_ int eventlog_authority(Bytes value, EventlogSignature *ret);
