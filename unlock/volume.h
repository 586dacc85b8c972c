/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Volume: a LUKS2 device whose header was read once.
 *
 * libcryptsetup parses the header at volume_open() into memory; the check, the keyslots and the activation
 * all use that one parsed header, so a disk that shows something else on the second read changes nothing but
 * the data read from it: crypt_dump_json() prints the in-memory header (not the disk), and activation by
 * volume key takes segment, cipher and offset from it. The only later read of the header area is the
 * keyslot's encrypted key material, whose result is verified by the digest in memory.
 *
 * A Volume opens no keyslot and makes no mapping before volume_check() has accepted it. Writing to the header
 * (unlock/enrol.h) takes the acceptance away again.
 *
 * Nothing is printed: libcryptsetup's messages become the error's detail. Token plugins are never loaded.
 * Not thread-safe. The library itself keeps key material in its own wiped memory. */

#include "base/macros.h"
#include "base/secret.h"
#include "unlock/header.h"
#include "unlock/record.h"
#include "unlock/token.h"

enum {
        VOLUME_E_REFUSED = 1,   /* the header is not one that halfkey uses; the detail has JSON path and value */
        VOLUME_E_WRONG_KEY = 2, /* no keyslot that was tried opens with it */
        VOLUME_E_TYPO = 3,      /* typed text that looks like a recovery key with a typing error in it */
};

enum { VOLUME_METADATA_MAX = 256 * 1024 }; /* of one copy; cryptsetup makes 16 KiB, the format allows 4 MiB */

typedef struct Volume Volume;

/* Loads the LUKS2 header of a block device or image file. -ENOTBLK where there is none (LUKS1, plain data),
 * -EBADMSG where both copies are broken or larger than VOLUME_METADATA_MAX, else the machine's errors. An intact
 * second copy repairs a broken first one on disk, as cryptsetup does. */
_must_check_ int volume_open(const char *path, Volume **ret);
void volume_free(Volume *v);
DEFINE_CLEANUP(Volume, volume_free)
#define cleanup_volume _cleanup_(volume_freep)

const char *volume_path(const Volume *v);
const char *volume_uuid(const Volume *v); /* as in the header; at most 39 characters */
uint64_t volume_size(const Volume *v);    /* bytes of the device */

/* The token of type halfkey, the caller's to free. -ENOENT: none. Two are VOLUME_E_REFUSED. Parsing alone
 * believes nothing: volume_check() comes first on every path to a key. */
_must_check_ int volume_token(const Volume *v, Token **ret);
/* 0: the header has at least one token of our type, parsable or not: this volume is only ever unlocked.
 * -ENOENT: none. */
_must_check_ int volume_has_token(const Volume *v);

/* The allow-list over the header in memory (unlock/header.h says what it admits), before any key is asked
 * for: it runs no KDF and reads no keyslot. 0, or VOLUME_E_REFUSED with JSON path and value as detail.
 *   HEADER_USE_TOKEN      unattended: there must be one halfkey token, and its keyslot passes the strict list
 *   HEADER_USE_TYPED      recovery: the same where there is a token; keyslots that may be tried are bounded
 *   HEADER_USE_INSTALLER  enrolment: no halfkey token; a re-encryption in progress is accepted
 * The record of the header and its tags are a check of their own. */
_must_check_ int volume_check(Volume *v, HeaderUse use);
/* The header as volume_check() parsed it, for the canonical encoding; NULL before. Owned by v. */
const Header *volume_header(const Volume *v);

/* The header is the one that halfkey wrote the token t for (unlock/record.h). Without a key: by the token's own
 * record, which finds the field that was changed; with one: by its tag. VOLUME_E_REFUSED; -EPERM before
 * volume_check(). */
_must_check_ int volume_compare_record(const Volume *v, const Token *t);
_must_check_ int volume_verify_record(const Volume *v, const Token *t, RecordTag which, const Secret *key);

/* Opens exactly that keyslot and returns the volume key, verified by the header's digest. No mapping is made.
 * VOLUME_E_WRONG_KEY; -EPERM before volume_check(). After HEADER_USE_TOKEN only the token's keyslot is
 * opened, others are -EPERM. */
_must_check_ int volume_unlock_keyslot(Volume *v, int keyslot, const Secret *passphrase, Secret **ret_key);

/* What a person typed, or the installer's key: as a recovery key if it is one, else as it is; against all
 * keyslots that pass the bounds, lowest number first. VOLUME_E_WRONG_KEY, VOLUME_E_TYPO. Not after
 * HEADER_USE_TOKEN (-EPERM). */
_must_check_ int volume_try_any(Volume *v, const Secret *typed, int *ret_keyslot, Secret **ret_key);
/* The same for one keyslot's worth of raw bytes: no recovery-key reading, for key files. */
_must_check_ int volume_try_any_raw(Volume *v, const Secret *passphrase, int *ret_keyslot, Secret **ret_key);

typedef enum VolumeMapFlags {
        VOLUME_MAP_READONLY = 1 << 0,
        VOLUME_MAP_DISCARDS = 1 << 1,
} VolumeMapFlags;

/* Maps the volume as /dev/mapper/NAME from the header in memory. The key is checked against the header's
 * digest again. -EEXIST, -EBUSY; -EINVAL for a name with '/' or above 127 characters; -EPERM before
 * volume_check() or while a re-encryption is in progress. */
_must_check_ int volume_map(Volume *v, const char *name, const Secret *volume_key, unsigned flags);
/* Removes the mapping; needs no Volume. -ENODEV: there is none. */
_must_check_ int volume_unmap(const char *name);
