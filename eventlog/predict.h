/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The PCRs of the next boot: today's log, with the events that will be others.
 *
 * A prediction starts as today's events. Each change below replaces, adds or drops some, each under a rule of who
 * measures what (firmware: PFP 1.06; shim, GRUB, systemd-boot, systemd-stub, the kernel's EFI stub: what they
 * do). Where a rule cannot be applied - a file is not given, an event of today does not fit the rule - the event
 * is marked unknown with the reason, and its PCR is then unknown, never guessed.
 *
 * A change that names the file (or text) of today as well is exact by construction: the rule must first yield
 * today's digest before it is trusted with tomorrow's. Without it, the event is found by its path and the rule is
 * taken to hold.
 *
 * What is not looked at stays as it is today: firmware, its settings, boot order, hardware. All bytes and texts
 * that are passed in outlive the prediction. */

#include "eventlog/replay.h"

enum {
        /* Events that a prediction can change or add: a UKI has about 15 sections, a GRUB boot some hundred
         * commands; 512 bytes of digests each. */
        PREDICTION_CHANGES_MAX = 4096,
        PREDICTION_TEXT_SIZE = 320,
};

typedef enum PredictedKind {
        PREDICTED_SAME,    /* as today */
        PREDICTED_CHANGED, /* another digest in the place of today's event */
        PREDICTED_ADDED,   /* no event of today in this place */
        PREDICTED_GONE,    /* today's event will not be there */
        PREDICTED_UNKNOWN, /* why: text */
} PredictedKind;

typedef struct PredictedEvent {
        PredictedKind kind;
        uint32_t pcr;
        const Event *today; /* NULL for an added one */
        const char *text;   /* what it is, or why it is unknown; empty for PREDICTED_SAME */
} PredictedEvent;

typedef struct Prediction Prediction;
/* The log outlives the prediction; it was parsed with 0 (-EINVAL for a faulty one). -EOPNOTSUPP where none of its
 * banks can be computed. */
_must_check_ int prediction_new(const EventLog *log, Prediction **ret);
void prediction_free(Prediction *p);
DEFINE_CLEANUP(Prediction, prediction_free)
#define cleanup_prediction _cleanup_(prediction_freep)

/* ---- changes ------------------------------------------------------------------------------------------------
 * Each returns 0, EVENTLOG_E_NOT_MEASURED where no event of the log is what changes, EVENTLOG_E_CONTRADICTED where
 * `was` is given and is not what the log measured, -EBADMSG for a file that does not parse, -E2BIG above
 * PREDICTION_CHANGES_MAX, -EINVAL for a text that is no UTF-8 or a name that a loader would not take. The detail
 * says which. After a failure the prediction is of no use. */

/* What a loader loads: by whom is found in the log. */
typedef enum PredictedImage {
        PREDICT_IMAGE,        /* any; `path` says which */
        PREDICT_SHIM,         /* loaded by firmware, a name with "shim", else the first image before GRUB */
        PREDICT_GRUB,         /* a name with "grub" */
        PREDICT_SYSTEMD_BOOT, /* a name with "systemd-boot", else the first of two images before a kernel */
        PREDICT_KERNEL,       /* an image with the kernel's EFI stub, not in a UKI */
        PREDICT_UKI,          /* with systemd-stub: its sections in PCR 11, what it starts in PCR 4 and 9 */
} PredictedImage;

typedef struct ImageChange {
        PredictedImage kind;
        Bytes now;        /* the file of the next boot */
        Bytes was;        /* today's, or empty */
        const char *path; /* end of today's device path ("\\EFI\\Linux\\a.efi"), or NULL; / counts as \ */
} ImageChange;

/* PCR 4; for a UKI also PCR 11, 9 and 12; with Secure Boot on, PCR 7 for whoever vouches for the image. Where more
 * than the UKI decides what systemd-stub takes of it (a profile, the hardware, a stub of another version than 252
 * to 259, add-ons, a command line that comes or goes), these PCRs are unknown. */
_must_check_ int prediction_image(Prediction *p, const ImageChange *change);

/* Another command line, for a boot without UKI or with one that has none of its own: PCR 12 (systemd-boot and
 * systemd-stub), 9 (the kernel) and 8 (GRUB). `was` is today's (/proc/cmdline), needed where the log does not hold
 * its text; may be NULL. In GRUB's commands the arguments change where they stand behind the kernel's path, up to
 * the end of a line: an entry with others stays, and where it cannot be told, PCR 8 is unknown. */
_must_check_ int prediction_command_line(Prediction *p, const char *now, const char *was);

/* Another initrd, loaded by name beside the kernel: PCR 9. `was` may be empty; PCR 9 is unknown then under GRUB,
 * and where the kernel was given more than this one file. */
_must_check_ int prediction_initrd(Prediction *p, Bytes now, Bytes was);

/* A file GRUB reads (its configuration, a kernel, an initrd): PCR 9, found by the end of its path. `now` is its
 * new content. Where it holds commands, PCR 8 is unknown unless the texts that change are given, too. */
_must_check_ int prediction_file(Prediction *p, const char *path, Bytes now);
/* A text in GRUB's commands that becomes another one, such as a kernel's version: PCR 8. */
_must_check_ int prediction_text(Prediction *p, const char *was, const char *now);

/* A signature database of PCR 7: "PK", "KEK", "db", "dbx", "dbt", "dbr". The value is an EFI_SIGNATURE_LIST, an
 * efivarfs file (4 bytes of attributes in front) or an authenticated update (its header is taken off). `append`:
 * firmware adds what is not yet there, as an update of dbx does. Once for each database (-EINVAL);
 * -E2BIG where there are too many entries to be compared. */
_must_check_ int prediction_database(Prediction *p, const char *name, Bytes value, bool append);

/* Files that systemd-stub finds beside the UKI or in loader/credentials, all of them as they will be: PCR 12
 * (credentials) or 13 (system extensions), and the initrd in PCR 9. That one is computed from the UKI: where
 * prediction_image() was not given it (as `now` and `was`, if it stays), PCR 9 becomes unknown. */
typedef enum PredictedExtra {
        PREDICT_CREDENTIALS,        /* UKI.efi.extra.d/NAME.cred */
        PREDICT_GLOBAL_CREDENTIALS, /* loader/credentials/NAME.cred */
        PREDICT_EXTENSIONS, /* UKI.efi.extra.d/NAME.raw; PCR 9, 12 and 13 unknown with a NAME.confext.raw */
        PREDICT_EXTRAS,
} PredictedExtra;
typedef struct ExtraFile {
        const char *name; /* ASCII, at most 255 characters */
        Bytes content;
} ExtraFile;
enum { PREDICTION_FILES_MAX = 64 };
_must_check_ int prediction_extras(Prediction *p, PredictedExtra kind, const ExtraFile *files, size_t n_files);

/* Units of the next boot that extend a PCR without logging it, in order: the accepted words of PCR 11. */
_must_check_ int prediction_word(Prediction *p, const char *word);

/* ---- the answer --------------------------------------------------------------------------------------------- */

/* To be called once, after all changes: PCRs that more than one of them has to do with are settled here. */
_must_check_ int prediction_finish(Prediction *p);
/* The i-th event of the next boot, in order within each PCR; false behind the last one. */
bool prediction_event(const Prediction *p, size_t i, PredictedEvent *ret);
/* The digest of a predicted event that is neither unknown nor gone. EVENTLOG_E_NO_DIGEST. */
_must_check_ int prediction_digest(const Prediction *p, size_t i, HashAlg bank, Bytes *ret);

typedef struct PredictedPcrs {
        PcrValues values; /* of the PCRs in `known` */
        uint32_t known;
        uint32_t changed; /* known, and not today's */
        uint32_t unknown;
        size_t why[EVENTLOG_PCRS]; /* number of the first event of each unknown PCR that has no digest */
} PredictedPcrs;
_must_check_ int prediction_pcrs(const Prediction *p, HashAlg bank, PredictedPcrs *ret);
