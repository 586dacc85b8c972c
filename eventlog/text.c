/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "eventlog/text.h"

#include "base/error.h"
#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char ellipsis[] = "...";

void text_init(Text *t, char *buffer, size_t size)
{
        *t = (Text){ .buffer = buffer, .size = size };
        buffer[0] = '\0';
}

/* All of it or nothing: a character or an escape is never cut in two. Room for the ellipsis is kept. */
static void append(Text *t, Bytes b)
{
        if (t->cut) return;
        if (b.size > t->size - t->at - sizeof(ellipsis)) {
                t->cut = true;
                b = BYTES(ellipsis, sizeof(ellipsis) - 1);
        }
        memcpy(t->buffer + t->at, b.data, b.size);
        t->at += b.size;
        t->buffer[t->at] = '\0';
}

static void put_character(Text *t, uint32_t c)
{
        uint8_t encoded[UTF8_SIZE_MAX];

        if (utf8_printable(c)) append(t, BYTES(encoded, utf8_encode(c, encoded)));
        else if (c < 0x80) text_format(t, "\\x%02" PRIx32, c);
        else text_format(t, "\\u%04" PRIx32, c);
}

void text_put(Text *t, const char *s)
{
        for (const char *p = s; *p; p++) append(t, BYTES(p, 1));
}

void text_format(Text *t, const char *fmt, ...)
{
        char piece[160];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(piece, sizeof(piece), fmt, ap);
        va_end(ap);
        text_put(t, piece);
}

static Bytes without_nuls(Bytes b)
{
        while (b.size > 0 && b.data[b.size - 1] == 0) b.size--;
        return b;
}

void text_utf8(Text *t, Bytes b)
{
        Reader r = READER_INIT(without_nuls(b));

        while (reader_left(&r) > 0 && !t->cut) {
                uint32_t c;
                uint8_t byte;

                if (utf8_decode(&r, &c) == 0) put_character(t, c);
                else if (reader_u8(&r, &byte) == 0) text_format(t, "\\x%02x", byte);
        }
}

void text_within(Text *t, Bytes b, size_t max)
{
        const size_t left = t->size - t->at;
        Text part;

        if (t->cut) return;
        text_init(&part, t->buffer + t->at, left < max ? left : max);
        text_utf8(&part, b);
        t->at += part.at;
}

void text_utf16(Text *t, Bytes b)
{
        Reader r = READER_INIT(b);

        while (reader_left(&r) > 1 && !t->cut) {
                uint32_t c;
                uint16_t unit;

                if (utf16le_decode(&r, &c) == 0) {
                        if (c == 0) return;
                        put_character(t, c);
                } else if (reader_le16(&r, &unit) == 0) {
                        text_format(t, "\\u%04x", unit);
                }
        }
}

void text_hex(Text *t, Bytes b)
{
        for (size_t i = 0; i < b.size && !t->cut; i++) text_format(t, "%02x", b.data[i]);
}

void text_guid(Text *t, Bytes guid)
{
        static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

        for (size_t i = 0; i < sizeof(order) && guid.size == sizeof(order); i++)
                text_format(t, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", guid.data[order[i]]);
}

static bool readable(uint32_t c)
{
        return utf8_printable(c) || c == '\n' || c == '\t' || c == '\r';
}

bool text_looks_utf8(Bytes b)
{
        Reader r = READER_INIT(without_nuls(b));
        uint32_t c;

        if (reader_left(&r) == 0) return false;
        while (reader_left(&r) > 0)
                if (utf8_decode(&r, &c) < 0 || !readable(c)) return false;
        return true;
}

bool text_looks_utf16(Bytes b)
{
        Reader r = READER_INIT(b);
        size_t n = 0;
        uint32_t c;

        while (reader_left(&r) > 1) {
                if (utf16le_decode(&r, &c) < 0) return false;
                if (c == 0) break;
                /* Two ASCII characters read as one of UTF-16 are mostly CJK: ask for Latin. */
                if (!readable(c) || c > 0x24f) return false;
                n++;
        }
        while (reader_left(&r) > 1)
                if (utf16le_decode(&r, &c) < 0 || c != 0) return false;
        return n > 0;
}

int text_to_utf16(Bytes text, Writer *out)
{
        Reader r = READER_INIT(text);

        while (reader_left(&r) > 0) {
                uint32_t c;

                if (utf8_decode(&r, &c) < 0) return error_set(-EBADMSG, "the text is no UTF-8");
                if (c >= 0x10000) {
                        writer_le16(out, (uint16_t)(0xd800 | (c - 0x10000) >> 10));
                        c = 0xdc00 | (c & 0x3ff);
                }
                writer_le16(out, (uint16_t)c);
        }
        writer_le16(out, 0);
        return out->error;
}

int text_from_utf16(Bytes utf16, Writer *out)
{
        Reader r = READER_INIT(utf16);

        while (reader_left(&r) > 1) {
                uint8_t encoded[UTF8_SIZE_MAX];
                uint32_t c;

                if (utf16le_decode(&r, &c) < 0) return -EBADMSG;
                if (c == 0) break;
                writer_bytes(out, BYTES(encoded, utf8_encode(c, encoded)));
        }
        return out->error;
}
