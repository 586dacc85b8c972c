/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/utf8.h"
#include "check.h"

#include <errno.h>

static void characters_come_back_as_they_were(void)
{
        for (uint32_t c = 0; c <= 0x10ffff; c++) {
                uint8_t encoded[UTF8_SIZE_MAX];
                Reader r;
                uint32_t back;

                if (c >= 0xd800 && c <= 0xdfff) continue;
                r = READER_INIT(BYTES(encoded, utf8_encode(c, encoded)));
                CHECK_OK(utf8_decode(&r, &back));
                CHECK(back == c && reader_left(&r) == 0);
        }
}

static void broken_utf8_is_refused(void)
{
        static const char *const bad[] = {
                "\x80",
                "\xc0\x80",
                "\xc1\xbf",
                "\xe0\x80\x80",
                "\xe0\x9f\xbf",
                "\xed\xa0\x80",
                "\xf0\x8f\xbf\xbf",
                "\xf4\x90\x80\x80",
                "\xf5\x80\x80\x80",
                "\xc3",
                "\xe2\x82",
                "\xff",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                Reader r = READER_INIT(BYTES(bad[i], strlen(bad[i])));
                uint32_t c = 77;

                CHECK_RESULT(utf8_decode(&r, &c), -EBADMSG);
                CHECK(r.at == 0 && c == 77);
        }
}

static void utf16_knows_pairs(void)
{
        static const uint8_t pair[] = { 0x3d, 0xd8, 0x00, 0xde }, half[] = { 0x3d, 0xd8, 0x41, 0x00 },
                             low[] = { 0, 0xde };
        Reader r = READER_INIT(BYTES_ARRAY(pair));
        uint32_t c;

        CHECK_OK(utf16le_decode(&r, &c));
        CHECK(c == 0x1f600 && reader_left(&r) == 0);
        r = READER_INIT(BYTES_ARRAY(half));
        CHECK_RESULT(utf16le_decode(&r, &c), -EBADMSG);
        CHECK(r.at == 0);
        r = READER_INIT(BYTES_ARRAY(low));
        CHECK_RESULT(utf16le_decode(&r, &c), -EBADMSG);
        r = READER_INIT(BYTES(pair, 1));
        CHECK_RESULT(utf16le_decode(&r, &c), -EBADMSG);
}

static void what_hides_or_reorders_is_not_printable(void)
{
        static const uint32_t bad[] = { 0,      0x1b,   0x7f,   0x9b,   0x200b,  0x202e,
                                        0x2066, 0x2028, 0xfeff, 0xffff, 0xe0041, 0xd800 };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) CHECK(!utf8_printable(bad[i]));
        CHECK(utf8_printable('a') && utf8_printable(' ') && utf8_printable(0xe9) && utf8_printable(0x4e2d));
}

static void cut_texts_are_made_printable(void)
{
        static const struct {
                const char *text, *made;
        } texts[] = {
                { "", "" },
                { "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91" },
                { "caf\xc3", "caf" },
                { "\xe2\x82", "" },
                { "a\xf0\x9f\x94", "a" },
                { "a\xc3' b", "a?' b" }, /* cut before more was put behind it */
                { "\xe2\x82' b", "?"
                                 "?' b" },
                { "\xa0x", "?x" },
                { "a\xc3\xc3", "a?" },
                { "a\xff", "a?" },
                { "\xed\xa0\x80", "?"
                                  "?"
                                  "?" },
                { "a\x1b[2J\n\xe2\x80\xae"
                  "b",
                  "a?[2J?"
                  "?b" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                char text[32];

                (void)snprintf(text, sizeof(text), "%s", texts[i].text);
                utf8_make_printable(text);
                CHECK_TEXT(text, texts[i].made);
        }
}

int main(void)
{
        RUN(characters_come_back_as_they_were);
        RUN(broken_utf8_is_refused);
        RUN(utf16_knows_pairs);
        RUN(what_hides_or_reorders_is_not_printable);
        RUN(cut_texts_are_made_printable);
        return 0;
}
