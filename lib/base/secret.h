/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Secret: the only home of key material on the heap.
 *
 * Each Secret has pages of its own that are locked (never swapped), left out of core dumps, empty in a forked
 * child, and wiped before they are unmapped. Small secrets on the stack are fixed arrays wiped by
 * secret_wipe() or cleanup_wipe. */

#include "base/macros.h"
#include "base/reader.h"

/* Largest secret: a LUKS key file of 8 MiB is what cryptsetup accepts; nothing of ours is above 64 KiB. */
enum { SECRET_MAX = 65536 };

typedef struct Secret {
        uint8_t *data;
        size_t size;
        size_t mapped; /* bytes of pages behind data */
} Secret;

/* A secret of `size` zero bytes, 1..SECRET_MAX. -EINVAL, -ENOMEM. Where RLIMIT_MEMLOCK forbids locking, it
 * fails with -EPERM or -ENOMEM rather than hand out memory that can be swapped. */
_must_check_ int secret_new(size_t size, Secret **ret);
/* A copy of b; the caller wipes b. */
_must_check_ int secret_new_copy(Bytes b, Secret **ret);
/* `size` bytes from getrandom(2), blocking until the pool is ready. */
_must_check_ int secret_new_random(size_t size, Secret **ret);
/* Makes it shorter; what is cut off is wiped. */
void secret_truncate(Secret *s, size_t size);
void secret_free(Secret *s);
DEFINE_CLEANUP(Secret, secret_free)
#define cleanup_secret _cleanup_(secret_freep)

static inline Bytes secret_bytes(const Secret *s)
{
        return BYTES(s->data, s->size);
}

/* Overwrites memory in a way the compiler keeps. */
void secret_wipe(void *p, size_t n);

/* getrandom(2), all n bytes or an error. */
_must_check_ int random_bytes(void *p, size_t n);

/* For the start of main(): no core dumps, no ptrace by others, no swapping of what is mapped later where the
 * limits allow it. A failure is an error, except that of mlockall, which is not tried under a
 * limited RLIMIT_MEMLOCK. */
_must_check_ int secret_protect_process(void);
