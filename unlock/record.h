/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The header's record: what a volume's header was when halfkey wrote its token, and two keyed tags over it.
 *
 * The record is a canonical encoding of the values that decide what is mapped: segment, digest, activation flags,
 * sizes of the areas, our keyslot, the token's hash (role, epoch and seal included). Other keyslots, other tokens
 * and approvals are not in it, so that adding a passphrase breaks nothing. The token carries it beside the tags:
 * a header that was changed is refused by the name of the field, before any key is asked for.
 *
 * Whoever writes the header can write a fitting record; only the keys make a tag:
 *   halves      HMAC-SHA256 keyed from both halves (unlock/combine.h), for the attested road
 *   volume key  HMAC-SHA256 keyed by the volume key, for a typed key
 * each over the length-prefixed (be32) label of its kind and the record. */

#include "base/secret.h"
#include "unlock/header.h"
#include "unlock/token.h"

typedef enum RecordTag {
        RECORD_TAG_HALVES,
        RECORD_TAG_VOLUME_KEY,
} RecordTag;

enum { RECORD_E_REFUSED = 1 };

/* Puts the record of this header and token, and both tags, into t; without a mac_key zeros instead of the first
 * one (unlock/accept.h). -EINVAL where the header has no such keyslot. */
_must_check_ int record_write(const Header *h, Token *t, const Secret *mac_key, const Secret *volume_key);

/* The header is as t's record has it. RECORD_E_REFUSED names the first field that is not, with both values. */
_must_check_ int record_compare(const Header *h, const Token *t);

/* One field of the header, as it was recorded and as it is: the first bytes of both in hex. */
typedef void (*RecordEach)(const char *field, const char *was, const char *is, void *userdata);
/* Calls `each` for all that differ. Their number; -EBADMSG for a record of another form. */
_must_check_ int record_each_change(const Header *h, const Token *t, RecordEach each, void *userdata);

/* Whatever the header is: t's record has this volume key's tag, and it is of the token that t is.
 * RECORD_E_REFUSED. */
_must_check_ int record_verify_written(const Token *t, const Secret *volume_key);

/* Both headers describe the same data: segment, digest, flags and sizes. RECORD_E_REFUSED names the first field
 * that differs. Keyslots and tokens may. */
_must_check_ int record_same_volume(const Header *was, const Header *is);

/* record_compare(), and the tag of that kind verifies with the key. RECORD_E_REFUSED. */
_must_check_ int record_verify(const Header *h, const Token *t, RecordTag which, const Secret *key);
