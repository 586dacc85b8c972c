/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Hexadecimal text of public bytes. Not for secrets: look-up tables are not constant in time. */

#include "base/macros.h"
#include "base/reader.h"

/* Lower-case hex of b into ret, which has room for 2 * b.size + 1 characters. */
void hex_encode(Bytes b, char *ret);
/* The same as a new string, the caller's to free; NULL when out of memory. */
char *hex_new(Bytes b);
/* Decodes exactly 2 * n hex digits (either case) and the end of the text. -EBADMSG else. */
_must_check_ int hex_decode(const char *text, uint8_t *ret, size_t n);
/* Decodes text of any even length up to 2 * max digits; *ret is the caller's to free. -EBADMSG, -EMSGSIZE. */
_must_check_ int hex_decode_new(const char *text, size_t max, uint8_t **ret, size_t *ret_size);
