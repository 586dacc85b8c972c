/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"

#include <errno.h>

static const uint8_t sample[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static void reads_integers_in_both_orders(void)
{
        Reader r = READER_INIT(BYTES_ARRAY(sample));
        uint64_t big, little;
        uint16_t half;
        uint8_t one;

        CHECK_OK(reader_be64(&r, &big));
        CHECK(big == 0x0102030405060708);
        CHECK_OK(reader_u8(&r, &one));
        CHECK(one == 9);
        CHECK_OK(reader_finish(&r));
        r.at = 0;
        CHECK_OK(reader_le64(&r, &little));
        CHECK(little == 0x0807060504030201);
        r.at = 0;
        CHECK_OK(reader_le16(&r, &half));
        CHECK(half == 0x0201);
}

static void a_read_that_does_not_fit_changes_nothing(void)
{
        Reader r = READER_INIT(BYTES_ARRAY(sample));
        Bytes view = BYTES(sample, 1);
        uint32_t v = 0xdeadbeef;
        Reader sub = { 0 };

        CHECK_OK(reader_skip(&r, 7));
        CHECK_RESULT(reader_be32(&r, &v), -EBADMSG);
        CHECK(v == 0xdeadbeef && r.at == 7);
        CHECK_RESULT(reader_bytes(&r, SIZE_MAX, &view), -EBADMSG);
        CHECK(view.size == 1 && r.at == 7);
        CHECK_RESULT(reader_sub(&r, 3, &sub), -EBADMSG);
        CHECK(r.at == 7);
        CHECK_RESULT(reader_finish(&r), -EBADMSG);
}

static void a_tpm2b_whose_size_lies_is_refused_whole(void)
{
        static const uint8_t lying[] = { 0, 3, 'a', 'b' };
        Reader r = READER_INIT(BYTES_ARRAY(lying));
        Bytes b = { 0 };

        CHECK_RESULT(reader_tpm2b(&r, &b), -EBADMSG);
        CHECK(r.at == 0 && b.data == NULL);
}

static void an_empty_reader_reads_nothing(void)
{
        Reader r = READER_INIT(BYTES(NULL, 0));
        Bytes b;
        uint8_t v;

        CHECK_RESULT(reader_u8(&r, &v), -EBADMSG);
        CHECK_OK(reader_bytes(&r, 0, &b));
        CHECK_OK(reader_finish(&r));
}

int main(void)
{
        RUN(reads_integers_in_both_orders);
        RUN(a_read_that_does_not_fit_changes_nothing);
        RUN(a_tpm2b_whose_size_lies_is_refused_whole);
        RUN(an_empty_reader_reads_nothing);
        return 0;
}
