/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Rekey (DESIGN, "Keys", Orders): a volume gets a new keyslot and a token of the next epoch, so that the verifier
 * can refuse every header from before. Done in the initrd, between the opening of the keyslot and the cap, where
 * both halves and the volume key are known; what goes goes later, from the host and without a key.
 *
 * The new passphrase is made from the same halves and the next epoch (unlock/combine.h). The new token is the old
 * one but for epoch and keyslot, so that its hash is known before anything is written: the node announces it, and
 * the verifier, which knows the old one, believes in no other.
 *
 * At each instant the token on the disk, old or new, names a keyslot that opens; an interrupted run is done again
 * from the start, with the same keyslot and the same token hash. A mark, a token of type "halfkey-rekey"
 * (enrol-mark.h), remembers the keyslots for that. */

#include "base/macros.h"
#include "base/secret.h"
#include "unlock/token.h"
#include "unlock/volume.h"

/* The token that a rekey would leave behind: t with epoch + 1 and the keyslot that is to be added, the lowest free
 * one, or what an interrupted run has begun. Needs no key and writes nothing. Its record is still t's. -ENOSPC;
 * -ERANGE at the last epoch. */
_must_check_ int rekey_plan(const Volume *v, const Token *t, Token **ret);

typedef struct RekeyKeys {
        const Secret *volume_key;
        const Secret *header_key;      /* unlock_header_key() of the token that there is */
        const Secret *next_passphrase; /* unlock_volume_passphrase() of the planned one */
        const Secret *next_header_key;
} RekeyKeys;

/* Makes the volume at path one with the planned token `next`: keyslot, proof, token, proof. The header is read
 * afresh and must be the one that was opened: `was`, with its tag; approvals that its token learnt meanwhile stay.
 * A keyslot of that number is used where it is what an interrupted run has added, and is never removed: -EEXIST.
 * VOLUME_E_REFUSED and -errno leave a volume that opens by the token that is on the disk. */
_must_check_ int rekey_volume(const char *path, const Header *was, const RekeyKeys *keys, const Token *next);

/* On the host, after a boot that was opened by a token of this epoch, without a key: removes the keyslots that its
 * own has replaced, then the mark; nothing while another rekey is unfinished. Like enrol_remove_installer().
 * Nothing is done where the token on the disk is of another epoch: no boot has used that one yet. */
_must_check_ int rekey_retire(const char *path, uint64_t epoch, size_t *ret_removed);
