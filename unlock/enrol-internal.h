/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What enrolment and rekey have in common, for enrol.c and rekey.c only. Whoever writes has called
 * volume_invalidate() first. */

#include "unlock/enrol-mark.h"
#include "unlock/enrol.h"
#include "unlock/volume-internal.h"

bool enrol_is_taken(const Volume *v, int keyslot);
/* The lowest free keyslot; -ENOSPC. */
_must_check_ int enrol_free_keyslot(const Volume *v);
/* 0 where there is none of that number. */
_must_check_ int enrol_destroy(Volume *v, int keyslot);
/* Keyslots that no removal touches: those that the halfkey token names. VOLUME_E_REFUSED without one. */
_must_check_ int enrol_protected_keyslots(const Volume *v, uint32_t *ret);

/* The mark of that type. -ENOENT; -EBADMSG for one that is not ours to understand. */
_must_check_ int enrol_find_mark(const Volume *v, const char *type, EnrolMark *ret, int *ret_number);
/* In place of the mark of its kind that is there. */
_must_check_ int enrol_write_mark(Volume *v, const EnrolMark *mark);

/* Removes the keyslots that the mark of that type says are leaving, then the mark; with an epoch other than 0 only
 * where the halfkey token has it. */
_must_check_ int enrol_remove_leaving(const char *path, const char *type, uint64_t epoch, size_t *ret_removed);

/* -EIO where the two differ. */
_must_check_ int enrol_same_key(const Volume *v, const Secret *a, const Secret *b);
