/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside eventlog/ only: one line of safe text in a buffer of fixed size. Everything foreign goes through
 * text_utf8() or text_utf16(), which escape what is not printable. What does not fit is cut, with "...". */

#include "base/reader.h"
#include "base/writer.h"

typedef struct Text {
        char *buffer; /* always ends in a NUL */
        size_t size, at;
        bool cut;
} Text;

void text_init(Text *t, char *buffer, size_t size);
/* Text of our own. */
void text_put(Text *t, const char *s);
void text_format(Text *t, const char *fmt, ...) _printf_(2, 3);
/* Foreign text; bytes that are no UTF-8 come out as \xNN, trailing NULs are dropped. */
void text_utf8(Text *t, Bytes b);
/* The same, or what is one line of safe text already, within this many bytes of the rest. */
void text_within(Text *t, Bytes b, size_t max);
/* Foreign UTF-16LE up to its first NUL. */
void text_utf16(Text *t, Bytes b);
void text_hex(Text *t, Bytes b);
/* A GUID of 16 bytes in its text form (RFC 9562, mixed endian as in UEFI 2.10 appendix A). */
void text_guid(Text *t, Bytes guid);

/* Whether it looks like UTF-8 text, or like UTF-16LE text: at least one character, all printable but for white
 * space, and NULs only at the end. */
bool text_looks_utf8(Bytes b);
bool text_looks_utf16(Bytes b);

/* UTF-8 as UTF-16LE with a NUL, appended. -EBADMSG for what is no UTF-8. */
_must_check_ int text_to_utf16(Bytes text, Writer *out);
/* UTF-16LE up to its NUL or end as UTF-8, appended without a NUL. -EBADMSG for half a pair. */
_must_check_ int text_from_utf16(Bytes utf16, Writer *out);
