/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/writer.h"
#include "check.h"

#include <errno.h>

static void writes_what_the_reader_reads(void)
{
        cleanup_writer Writer w = WRITER_INIT(4096);
        Reader r;
        Bytes all, b;
        uint32_t v32;
        uint16_t v16;

        writer_be32(&w, 0x01020304);
        writer_le16(&w, 0x0506);
        writer_tpm2b(&w, BYTES_LITERAL("abc"));
        writer_format(&w, "%d", 42);
        CHECK_OK(writer_finish(&w, &all));
        r = READER_INIT(all);
        CHECK_OK(reader_be32(&r, &v32));
        CHECK_OK(reader_le16(&r, &v16));
        CHECK_OK(reader_tpm2b(&r, &b));
        CHECK(v32 == 0x01020304 && v16 == 0x0506);
        CHECK_BYTES(b, BYTES_LITERAL("abc"));
        CHECK_BYTES(reader_rest(&r), BYTES_LITERAL("42"));
}

static void stops_at_its_maximum_and_stays_failed(void)
{
        cleanup_writer Writer w = WRITER_INIT(100);
        Bytes all = { 0 };

        for (int i = 0; i < 26; i++) writer_be32(&w, 0);
        CHECK_RESULT(writer_finish(&w, &all), -EMSGSIZE);
        CHECK(all.data == NULL && w.size == 100);
        writer_u8(&w, 1);
        CHECK_RESULT(writer_finish(&w, &all), -EMSGSIZE);
}

static void a_fixed_writer_never_grows(void)
{
        uint8_t room[4];
        cleanup_writer Writer w = WRITER_FIXED(room);
        Bytes all;

        writer_be32(&w, 7);
        CHECK_OK(writer_finish(&w, &all));
        CHECK(all.data == room && all.size == 4);
        writer_u8(&w, 7);
        CHECK_RESULT(writer_finish(&w, &all), -EMSGSIZE);
}

static void a_tpm2b_above_64k_is_refused(void)
{
        static const uint8_t big[65536];
        cleanup_writer Writer w = WRITER_INIT(1 << 20);
        Bytes all;

        writer_tpm2b(&w, BYTES_ARRAY(big));
        CHECK_RESULT(writer_finish(&w, &all), -EMSGSIZE);
}

int main(void)
{
        RUN(writes_what_the_reader_reads);
        RUN(stops_at_its_maximum_and_stays_failed);
        RUN(a_fixed_writer_never_grows);
        RUN(a_tpm2b_above_64k_is_refused);
        return 0;
}
