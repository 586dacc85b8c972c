/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Characters of foreign text, one at a time, so that whoever prints them decides on each (RFC 3629,
 * RFC 2781). */

#include "base/macros.h"
#include "base/reader.h"

enum { UTF8_SIZE_MAX = 4 };

/* The next character of UTF-8: shortest forms only, no surrogates, at most U+10FFFF. -EBADMSG leaves the
 * reader where it was; the caller may skip a byte and go on. */
_must_check_ int utf8_decode(Reader *r, uint32_t *ret);
/* The next character of UTF-16LE; -EBADMSG for half a pair or an odd byte. */
_must_check_ int utf16le_decode(Reader *r, uint32_t *ret);
/* Writes a valid character and returns its 1 to 4 bytes; U+FFFD in place of an invalid one. */
size_t utf8_encode(uint32_t c, uint8_t ret[static UTF8_SIZE_MAX]);
/* Whether it can be shown as it is: no control character, none that reorders or hides text (bidirectional
 * marks, zero widths, tags, line and paragraph separators), no noncharacter. */
bool utf8_printable(uint32_t c);
/* Makes a text that may have been cut anywhere valid and printable, in place: a character cut off at the end is
 * dropped, every other byte or character that cannot be shown becomes '?'. Never longer. */
void utf8_make_printable(char *text);
