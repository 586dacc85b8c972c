/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/hex.h"
#include "check.h"

#include <errno.h>

static void goes_there_and_back(void)
{
        static const uint8_t bytes[] = { 0x00, 0x7f, 0xff };
        char text[7];
        uint8_t back[3];

        hex_encode(BYTES_ARRAY(bytes), text);
        CHECK_TEXT(text, "007fff");
        CHECK_OK(hex_decode("007FfF", back, 3));
        CHECK_BYTES(BYTES_ARRAY(back), BYTES_ARRAY(bytes));
}

static void refuses_what_is_not_hex_and_changes_nothing(void)
{
        uint8_t back[2] = { 9, 9 };
        uint8_t *fresh = NULL;
        size_t size = 7;

        CHECK_RESULT(hex_decode("00zz", back, 2), -EBADMSG);
        CHECK_RESULT(hex_decode("000", back, 2), -EBADMSG);
        CHECK_RESULT(hex_decode("000000", back, 2), -EBADMSG);
        CHECK(back[0] == 9 && back[1] == 9);
        CHECK_RESULT(hex_decode_new("0011", 1, &fresh, &size), -EMSGSIZE);
        CHECK(fresh == NULL && size == 7);
}

int main(void)
{
        RUN(goes_there_and_back);
        RUN(refuses_what_is_not_hex_and_changes_nothing);
        return 0;
}
