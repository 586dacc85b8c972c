/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* DER (X.690), for the few structures that OpenSSL has no type for. Tags of one octet, definite lengths in their
 * shortest form; anything else is -EBADMSG and leaves the reader where it was. */

#include "base/reader.h"

enum {
        DER_BOOLEAN = 0x01,
        DER_INTEGER = 0x02,
        DER_BIT_STRING = 0x03,
        DER_OCTET_STRING = 0x04,
        DER_OID = 0x06,
        DER_GENERALIZED_TIME = 0x18,
        DER_SEQUENCE = 0x30,
};
#define DER_CONTEXT(n) (0xa0 | (n)) /* constructed */

/* The content of the next element, which has this tag; r moves behind it. */
_must_check_ int der_next(Reader *r, uint8_t tag, Bytes *ret);
/* The same as a reader. */
_must_check_ int der_enter(Reader *r, uint8_t tag, Reader *ret);
/* The next element with its tag and length. */
_must_check_ int der_whole(Reader *r, uint8_t tag, Bytes *ret);
/* Whether the next element has this tag. */
bool der_is(const Reader *r, uint8_t tag);
/* Passes over the next element if it has this tag. */
_must_check_ int der_skip_optional(Reader *r, uint8_t tag);
