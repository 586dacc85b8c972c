/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What enrolment does to a volume, step by step (DESIGN, "Enrolment", and "power lost" in its table).
 *
 * After each step, and at any instant inside one, the installer's key or the new keys open the volume; a step
 * that was interrupted is run again from the start of the list. The order of a whole enrolment:
 *   enrol_reencrypt()      fresh volume key; resumes what was interrupted
 *   enrol_begin()          opens with the installer's key, clears what an interrupted run left, plans keyslots
 *   enrol_add_keyslot()    twice: passphrase from the halves, recovery key; each is proven by opening it
 *   enrol_record()         the header as it now is, into the token, under its two tags
 *   enrol_write_token()    from here on the volume is ours; read back from disk, compared, opened
 * and later, on the host, without a key:
 *   enrol_remove_installer()
 *
 * A mark, a token of type "halfkey-enrol", remembers which keyslot is the installer's and which numbers were
 * planned. It is public and unauthenticated: it can only make us remove keyslots other than those that the
 * halfkey token names and the one in use. */

#include "base/macros.h"
#include "base/secret.h"
#include "unlock/token.h"
#include "unlock/volume.h"

/* Called about once a hot zone; done and total in bytes. A non-zero answer stops at the next safe point
 * (-ECANCELED), to be resumed later. */
typedef int (*EnrolProgress)(uint64_t done, uint64_t total, void *user_data);

typedef enum EnrolVolumeKey {
        ENROL_VOLUME_KEY_SHARED, /* to be replaced, or nobody knows */
        ENROL_VOLUME_KEY_IN_PROGRESS,
} EnrolVolumeKey;

/* Whether a re-encryption is under way (it must be finished before anything else). */
_must_check_ int enrol_volume_key_state(Volume *v, EnrolVolumeKey *ret);

/* Gives the volume at path a fresh volume key, offline, in place: resilience "checksum", hot zone 16 MiB.
 * One that was interrupted is repaired and resumed instead of started. The installer's key keeps opening the
 * volume throughout, though its keyslot's number changes; all other keyslots and their passphrases end with
 * the old volume key, since nobody can carry them over. Refuses a volume with a halfkey token
 * (VOLUME_E_REFUSED). VOLUME_E_WRONG_KEY. The volume must not be mapped. */
_must_check_ int enrol_reencrypt(const char *path, const Secret *installer_key, EnrolProgress progress,
                                 void *user_data);

typedef struct EnrolPlan {
        int installer_keyslot;
        int keyslot;          /* free: for the passphrase from the halves */
        int recovery_keyslot; /* free: for the recovery key */
} EnrolPlan;

/* Opens with the installer's key, removes what the mark of an interrupted run lists, writes a new mark.
 * VOLUME_E_REFUSED (also: a halfkey token, a re-encryption in progress), VOLUME_E_WRONG_KEY, -ENOSPC. */
_must_check_ int enrol_begin(Volume *v, const Secret *installer_key, EnrolPlan *ret, Secret **ret_volume_key);

/* Adds a keyslot of that number for 256 random bits (PBKDF2-SHA256, 1,000 iterations: the format's least),
 * then opens it from a second, fresh reading of the header and compares the volume key. -EEXIST: taken. */
_must_check_ int enrol_add_keyslot(Volume *v, const Secret *volume_key, int keyslot, const Secret *passphrase);

typedef struct EnrolKeys {
        const Secret *volume_key;
        const Secret *header_key; /* unlock_header_key() */
} EnrolKeys;

/* Reads the header afresh and puts its record and tags into t (unlock/record.h); after all keyslots are there. */
_must_check_ int enrol_record(const Volume *v, const EnrolKeys *keys, Token *t);

/* Writes the token, in place of the halfkey token there is, and reads it back from the disk through
 * header check and parser: any difference is an error. The keyslot must exist. Also used to store approvals
 * and tickets, which need no key. */
_must_check_ int enrol_write_token(Volume *v, const Token *t);

/* A new recovery key for a volume that has its token: adds a keyslot for it, names that one in t and in the
 * header, then removes the old one. At each instant the token's recovery keyslot is there. After a failure the
 * token on the disk may be the old or the new one: it is to be read again. */
_must_check_ int enrol_renew_recovery(Volume *v, const EnrolKeys *keys, Token *t, const Secret *recovery);

/* Opens path afresh as the next boot will: check for HEADER_USE_TOKEN, the header's tag, the token's keyslot with
 * this passphrase; and then the tag that a typed key relies on. Returns the volume key. */
_must_check_ int enrol_prove(const char *path, const Secret *passphrase, const Secret *header_key,
                             Secret **ret_volume_key);

/* On the host, after the first accepted re-attestation, without a key: removes the keyslots that the mark
 * names as the installer's, then the mark. Keyslots that the halfkey token names always stay. Nothing to do
 * is 0. ret_removed counts keyslots. VOLUME_E_REFUSED without a valid halfkey token. */
_must_check_ int enrol_remove_installer(const char *path, size_t *ret_removed);

/* Removes all keyslots but those listed. Refuses (-EINVAL) an empty list, one without the halfkey token's
 * keyslot, or one that names a keyslot that is not there. That what stays can be opened is the caller's to
 * prove first. */
_must_check_ int enrol_remove_keyslots_except(Volume *v, const int *keep, size_t n_keep);
/* Removes one keyslot; refuses the ones that the halfkey token names and the last one. 0 where it is gone. */
_must_check_ int enrol_remove_keyslot(Volume *v, int keyslot);
