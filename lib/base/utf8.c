/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/utf8.h"

#include <errno.h>
#include <string.h>

static bool is_character(uint32_t c)
{
        return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static int decode(Reader *r, uint32_t *ret)
{
        static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
        uint8_t first, next;
        size_t more;
        uint32_t c;

        if (reader_u8(r, &first) < 0) return -EBADMSG;
        if (first < 0x80) more = 0;
        else if (first >= 0xc2 && first < 0xe0) more = 1;
        else if (first >= 0xe0 && first < 0xf0) more = 2;
        else if (first >= 0xf0 && first < 0xf5) more = 3;
        else return -EBADMSG;
        c = more == 0 ? first : first & (UINT32_C(0x3f) >> more);
        for (size_t i = 0; i < more; i++) {
                if (reader_u8(r, &next) < 0 || (next & 0xc0) != 0x80) return -EBADMSG;
                c = c << 6 | (next & 0x3f);
        }
        if (c < least[more] || !is_character(c)) return -EBADMSG;
        *ret = c;
        return 0;
}

int utf8_decode(Reader *r, uint32_t *ret)
{
        const size_t start = r->at;

        if (decode(r, ret) == 0) return 0;
        r->at = start;
        return -EBADMSG;
}

int utf16le_decode(Reader *r, uint32_t *ret)
{
        const size_t start = r->at;
        uint16_t high, low;

        if (reader_le16(r, &high) < 0) return -EBADMSG;
        if (high < 0xd800 || high > 0xdfff) {
                *ret = high;
                return 0;
        }
        if (high < 0xdc00 && reader_le16(r, &low) == 0 && low >= 0xdc00 && low <= 0xdfff) {
                *ret = 0x10000 + ((uint32_t)(high - 0xd800) << 10 | (uint32_t)(low - 0xdc00));
                return 0;
        }
        r->at = start;
        return -EBADMSG;
}

size_t utf8_encode(uint32_t c, uint8_t ret[static UTF8_SIZE_MAX])
{
        static const uint8_t marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        size_t n;

        if (!is_character(c)) c = 0xfffd;
        if (c < 0x80) n = 1;
        else if (c < 0x800) n = 2;
        else if (c < 0x10000) n = 3;
        else n = 4;
        for (size_t i = n - 1; i > 0; i--) {
                ret[i] = (uint8_t)(0x80 | (c & 0x3f));
                c >>= 6;
        }
        ret[0] = (uint8_t)(marks[n] | c);
        return n;
}

static const struct {
        uint32_t first, last;
} hidden[] = {
        { 0x00, 0x1f },     { 0x7f, 0x9f },     { 0xad, 0xad },     { 0x061c, 0x061c },   { 0x180b, 0x180f },
        { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xd800, 0xdfff },   { 0xfdd0, 0xfdef },
        { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xe0000, 0xe0fff },
};

bool utf8_printable(uint32_t c)
{
        if (!is_character(c) || (c & 0xfffe) == 0xfffe) return false;
        for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
                if (c >= hidden[i].first && c <= hidden[i].last) return false;
        return true;
}

/* Do these last bytes begin a character whose rest is missing? */
static bool is_cut_off(const uint8_t *text, size_t size)
{
        const size_t whole = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;

        if (text[0] < 0xc2 || text[0] > 0xf4 || size >= whole) return false;
        for (size_t i = 1; i < size; i++)
                if ((text[i] & 0xc0) != 0x80) return false;
        return true;
}

void utf8_make_printable(char *text)
{
        const size_t size = strlen(text);
        Reader r = READER_INIT(BYTES(text, size));
        size_t used = 0;
        uint32_t c;

        while (reader_left(&r) > 0) {
                const size_t start = r.at;
                const bool valid = utf8_decode(&r, &c) == 0;

                if (valid && utf8_printable(c)) {
                        memmove(text + used, text + start, r.at - start);
                        used += r.at - start;
                        continue;
                }
                if (!valid && is_cut_off((const uint8_t *)text + start, size - start)) break;
                if (!valid) r.at = start + 1;
                text[used++] = '?';
        }
        text[used] = '\0';
}
