/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of eventlog/predict*.c share. */

#include "base/writer.h"
#include "eventlog/interpret.h"
#include "eventlog/pe.h"
#include "eventlog/predict.h"
#include "eventlog/proof.h"
#include "eventlog/text.h"

enum {
        PCR_CONFIGURATION = 1,
        PCR_FIRMWARE_IMAGES = 2,
        PCR_IMAGES = 4,
        PCR_SECURE_BOOT = 7,
        PCR_GRUB_TEXT = 8,
        PCR_KERNEL = 9, /* GRUB's files, and what the kernel's EFI stub measures */
        PCR_UKI = 11,
        PCR_OPTIONS = 12,
        PCR_EXTENSIONS = 13,
        PCR_SHIM = 14,
        PREDICTION_IMAGES_MAX = 16,
};

/* Something that can be hashed in each bank; object is what the function takes. */
typedef struct Measured {
        int (*digest)(const void *object, HashAlg alg, uint8_t *ret);
        const void *object;
} Measured;

typedef struct Parts {
        const Bytes *parts;
        size_t n;
} Parts;
int measured_parts(const void *object, HashAlg alg, uint8_t *ret);        /* of Parts */
int measured_authenticode(const void *object, HashAlg alg, uint8_t *ret); /* of PeImage */
int measured_section(const void *object, HashAlg alg, uint8_t *ret);      /* of PeSection */

/* The new digests of one event. */
typedef struct Change {
        uint8_t digest[EVENTLOG_BANKS_MAX][HASH_SIZE_MAX]; /* in the order of the log's banks */
        char text[PREDICTION_TEXT_SIZE];
        char *string; /* what GRUB will hash here, or NULL */
} Change;

typedef struct Slot {
        PredictedKind kind;
        uint32_t pcr;
        const Event *today;
        Change *change; /* NULL exactly for PREDICTED_SAME */
} Slot;

/* An image that was changed, kept for what is settled at the end. */
typedef struct NewImage {
        PredictedImage kind;
        PeImage now, was;
        bool has_was;
        size_t slot;
} NewImage;

struct Prediction {
        const EventLog *log;
        Prover prover[EVENTLOG_BANKS_MAX]; /* of each bank of the log; no hasher where the library lacks it */
        Slot *slots;
        size_t n, capacity, n_changes;
        NewImage images[PREDICTION_IMAGES_MAX];
        size_t n_images;
        Bytes databases[2]; /* db and dbx as they will be; views into the log or `owned` */
        Bytes old_db;
        bool database_changed[2], database_appended[2];
        uint32_t databases_given; /* one bit each, in the order of their names */
        struct {
                bool given;
                const ExtraFile *files;
                size_t n;
        } extras[PREDICT_EXTRAS];
        bool grub_text_changed, grub_configuration_changed;
        void *owned[PREDICTION_IMAGES_MAX]; /* buffers that views point into */
        size_t n_owned;
};
enum { DATABASE_DB, DATABASE_DBX };

/* ---- slots ------------------------------------------------------------------------------------------------ */

/* Whether today's event has this digest, in every bank that can be computed. False for a slot without an event;
 * a failure of the hasher is sticky in the provers and comes out of prediction_finish(). */
bool slot_was(Prediction *p, const Slot *slot, Measured m);
bool slot_was_bytes(Prediction *p, const Slot *slot, Bytes b);
bool slot_was_parts(Prediction *p, const Slot *slot, const Bytes *parts, size_t n);
/* Whether the slot is an event of this PCR and type that is still to happen. */
bool slot_is(const Slot *slot, uint32_t pcr, uint32_t type);
/* Whether it is an EV_EVENT_TAG of this tag: of the kernel's EFI stub in PCR 9, of systemd-stub in PCR 12. */
#define TAG_INITRD UINT32_C(0x8f3b22ec)
#define TAG_LOAD_OPTIONS UINT32_C(0x8f3b22ed)
#define TAG_PROFILE UINT32_C(0x13aed6db)
#define TAG_ADDON_DEVICE_TREE UINT32_C(0x6c46f751)
#define TAG_ADDON_INITRD UINT32_C(0x49dffe0f)
#define TAG_ADDON_MICROCODE UINT32_C(0xdac08e1a)
bool slot_is_tagged(const Slot *slot, uint32_t pcr, uint32_t tag);
/* Whether it is the name or the content of a UKI's section, in PCR 11. */
bool slot_is_section(const Slot *slot);
/* Whether it is a command line in PCR 12, proven by its digest: appends its text and a NUL. */
bool slot_options(Prediction *p, const Slot *slot, Writer *out);

_must_check_ int slot_put(Prediction *p, size_t i, PredictedKind kind, Measured m, const char *text);
_must_check_ int slot_put_parts(Prediction *p, size_t i, const Bytes *parts, size_t n, const char *text);
_must_check_ int slot_unknown(Prediction *p, size_t i, const char *fmt, ...) _printf_(3, 4);
_must_check_ int slot_gone(Prediction *p, size_t i, const char *text);
/* A new slot before the i-th, of kind PREDICTED_ADDED, without digests until slot_put(). */
_must_check_ int slot_insert(Prediction *p, size_t i, uint32_t pcr);
/* A PCR of which nothing can be said: an unknown event behind the others. */
_must_check_ int pcr_unknown(Prediction *p, uint32_t pcr, const char *fmt, ...) _printf_(3, 4);
/* Keeps memory until the prediction is freed. */
_must_check_ int prediction_own(Prediction *p, void *memory);

/* ---- images ----------------------------------------------------------------------------------------------- */

/* The device path of an image load event as text; false for another event. */
bool event_image_path(const Event *event, char *ret, size_t size);
/* Whether it is the kernel that systemd-stub starts out of its own memory. */
bool event_is_stub_payload(const Event *event);
/* An application or driver that was loaded: PCR 4, or 2 for option ROMs. */
bool slot_is_image(const Slot *slot);
/* Whether GRUB measured files: what it reads is in PCR 9 twice, once more as the kernel measures it. */
bool grub_reads_files(const Prediction *p);

/* ---- systemd-stub -----------------------------------------------------------------------------------------
 */

enum { STUB_SECTIONS_MAX = 15 };

/* Why a UKI alone does not say what of it is measured, from none to most. */
typedef enum StubDoubt {
        STUB_DOUBT_NONE,
        STUB_DOUBT_HARDWARE, /* PCR 11 depends on the machine */
        STUB_DOUBT_CONTENT,  /* any section may be one of several: the kernel, PCR 9, 11 and 12 */
        STUB_DOUBT_VERSION,  /* the stub's rules are not known here: PCR 1 and 13 as well */
} StubDoubt;
StubDoubt stub_doubt(const PeImage *uki, char ret[static PREDICTION_TEXT_SIZE]);
/* From .sdmagic: "#### LoaderInfo: systemd-stub 252.39-1~deb12u1 ####" is 252; 0 if it does not say. */
unsigned stub_version(const PeImage *uki);
/* The sections that it measures, in order, of a UKI without doubt; their number. */
size_t stub_sections(const PeImage *uki, const PeSection *ret[static STUB_SECTIONS_MAX]);

/* ---- parts of prediction_image() and prediction_finish() -----------------------------------------------------
 */

_must_check_ int predict_uki(Prediction *p, const NewImage *image);
_must_check_ int predict_uki_line(Prediction *p, const NewImage *image);
_must_check_ int settle_initrd(Prediction *p);
_must_check_ int settle_authorities(Prediction *p);
_must_check_ int settle_grub(Prediction *p);
