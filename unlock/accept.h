/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A header that was changed on purpose (cryptsetup refresh --persistent, say) no longer is what its token records,
 * and is refused by the next boot. Whoever has the volume key may accept the change:
 *
 *   host    accept_header(): the old record was halfkey's, by its volume-key tag; the token is as it was; the new
 *           record goes into the token under a new volume-key tag. The tag by the halves becomes zeros, which no
 *           key gives: the halves are not to be had on a host.
 *   initrd  open_by_halves() opens such a header by the volume-key tag alone, and accept_finish() makes the tag by
 *           the halves anew.
 *
 * Without the volume key nobody makes that tag, and a keyslot that the halves open gives no other volume key than
 * the one that enrolment put into it: so zeros in place of a tag get an attacker nothing. */

#include "base/secret.h"
#include "unlock/volume.h"

/* The host has accepted a change, and no boot has signed it with the halves yet. */
bool accept_is_pending(const Token *t);

/* What the header has and the token's record has not; v is checked. Calls `each` for every field. The number of
 * them, or VOLUME_E_* as a negative -EBADMSG where the two cannot be compared. */
_must_check_ int accept_changes(const Volume *v, const Token *t, RecordEach each, void *userdata);

/* Writes the header as it is into the token. `v` is checked for HEADER_USE_TYPED and was opened by volume_key;
 * afterwards it has to be checked again. VOLUME_E_REFUSED: the record was not ours, or the token itself was
 * changed, which nobody can accept. */
_must_check_ int accept_header(Volume *v, const Secret *volume_key);

/* In the initrd, once the volume is open: signs the accepted header with both keys. It is read afresh from path
 * and must be the one that was opened, `was`. */
_must_check_ int accept_finish(const char *path, const Header *was, const Secret *header_key,
                               const Secret *volume_key);
