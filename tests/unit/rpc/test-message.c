/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"

#include "rpc/message.h"
#include "rpc/wire.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>

typedef struct Seen {
        unsigned n;
        char text[64];
} Seen;

static int see(void *userdata, Bytes message)
{
        Seen *s = userdata;

        s->n++;
        (void)snprintf(s->text + strlen(s->text), sizeof(s->text) - strlen(s->text), "[%.*s]", (int)message.size,
                       (const char *)message.data);
        return 0;
}

static int stop(void *userdata, Bytes message)
{
        IGNORE_RESULT(see(userdata, message));
        return 1;
}

static void messages_come_out_however_they_are_cut(void)
{
        static const uint8_t wire[] = "\0\0\0\0\x05"
                                      "hello\0\0\0\0\0\0\0\0\0\x02"
                                      "ok";

        for (size_t step = 1; step <= sizeof(wire) - 1; step++) {
                RpcMemory memory = { .max = 1000 };
                RpcAssembler a;
                Seen seen = { 0 };

                rpc_assembler_init(&a, 5, &memory);
                for (size_t at = 0; at < sizeof(wire) - 1; at += step)
                        CHECK_OK(rpc_assembler_feed(&a, BYTES(wire + at, MIN(step, sizeof(wire) - 1 - at)), see,
                                                    &seen));
                CHECK(seen.n == 3 && rpc_assembler_is_empty(&a) && memory.used == 0);
                CHECK_TEXT(seen.text, "[hello][][ok]");
                rpc_assembler_deinit(&a);
        }
}

static int feed(size_t max, size_t memory_max, Bytes b, int (*f)(void *, Bytes))
{
        RpcMemory memory = { .max = memory_max };
        RpcAssembler a;
        Seen seen = { 0 };
        int x;

        rpc_assembler_init(&a, max, &memory);
        x = rpc_assembler_feed(&a, b, f, &seen);
        CHECK(memory.used <= memory_max);
        rpc_assembler_deinit(&a);
        CHECK(memory.used == 0);
        return x;
}

static void what_does_not_fit_is_an_outcome(void)
{
        static const uint8_t long_one[2000] = { 0, 0, 0, 0x10, 0 };

        CHECK_RESULT(feed(4, 100, BYTES_LITERAL("\0\0\0\0\x05"), see), RPC_ASSEMBLE_E_TOO_BIG);
        CHECK_RESULT(feed(4, 100, BYTES_LITERAL("\x01\0\0\0\x01"), see), RPC_ASSEMBLE_E_COMPRESSED);
        CHECK_RESULT(feed(4, 100, BYTES_LITERAL("\xff\0\0\0\x01"), see), RPC_ASSEMBLE_E_COMPRESSED);
        CHECK_RESULT(feed(4096, 1023, BYTES_ARRAY(long_one), see), RPC_ASSEMBLE_E_MEMORY);
        CHECK_RESULT(feed(4096, 2048, BYTES_ARRAY(long_one), see), 0);
        CHECK_RESULT(feed(4, 100, BYTES_LITERAL("\0\0\0\0\x01x\0\0\0\0\x09"), stop), RPC_ASSEMBLE_E_STOP);
}

static void a_queue_keeps_order_and_bound(void)
{
        RpcQueue q = { .max = 20 };
        uint8_t out[32];

        CHECK_OK(rpc_queue_push(&q, BYTES_LITERAL("abc")));
        CHECK_OK(rpc_queue_push(&q, BYTES_LITERAL("")));
        CHECK_RESULT(rpc_queue_push(&q, BYTES_LITERAL("abc")), -ENOBUFS);
        CHECK(q.size == 13);
        CHECK(rpc_queue_take(&q, out, 7) == 7 && q.size == 6);
        CHECK(rpc_queue_take(&q, out + 7, sizeof(out)) == 6 && q.size == 0);
        CHECK_BYTES(BYTES(out, 13), BYTES_LITERAL("\0\0\0\0\x03"
                                                  "abc\0\0\0\0\0"));
        CHECK_OK(rpc_queue_push(&q, BYTES_LITERAL("abc")));
        rpc_queue_deinit(&q);
        CHECK(q.size == 0);
}

static void timeouts_are_read(void)
{
        static const struct {
                const char *text;
                unsigned ms;
        } good[] = { { "1H", 3600000 },    { "1M", 60000 }, { "2S", 2000 },
                     { "15m", 15 },        { "1u", 1 },     { "1001u", 2 },
                     { "1n", 1 },          { "0S", 0 },     { "99999999H", RPC_TIMEOUT_MAX_MS },
                     { "00000001S", 1000 } };
        static const char *const bad[] = { "", "1", "S", "1s", "-1S", "1.5S", "100000000S", "1SS", " 1S" };
        char text[RPC_TIMEOUT_TEXT_SIZE];
        unsigned ms = 7;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                CHECK_OK(rpc_timeout_decode(BYTES(good[i].text, strlen(good[i].text)), &ms));
                CHECK(ms == good[i].ms);
        }
        ms = 7;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                CHECK_RESULT(rpc_timeout_decode(BYTES(bad[i], strlen(bad[i])), &ms), -EBADMSG);
        CHECK_RESULT(rpc_timeout_decode(BYTES("1\0", 2), &ms), -EBADMSG);
        CHECK(ms == 7);
        rpc_timeout_encode(UINT32_MAX, text);
        CHECK_TEXT(text, "86400000m");
}

static void statuses_are_read_and_written(void)
{
        static const char said[] = "100 % sure\n\xc3\xa4";
        char wire[RPC_STATUS_WIRE_SIZE], text[RPC_STATUS_TEXT_SIZE], long_text[5000];
        RpcCode code = RPC_OK;
        size_t n;

        n = rpc_message_encode(said, wire);
        CHECK_BYTES(BYTES(wire, n), BYTES_LITERAL("100 %25 sure%0A%C3%A4"));
        rpc_message_decode(BYTES(wire, n), text);
        CHECK_TEXT(text, "100 % sure???");
        rpc_message_decode(BYTES_LITERAL("%"), text);
        CHECK_TEXT(text, "%");
        rpc_message_decode(BYTES_LITERAL("%4"), text);
        CHECK_TEXT(text, "%4");
        rpc_message_decode(BYTES_LITERAL("%zz%41%1b[2J"), text);
        CHECK_TEXT(text, "%zzA?[2J");
        memset(long_text, '\n', sizeof(long_text) - 1);
        long_text[sizeof(long_text) - 1] = '\0';
        CHECK(rpc_message_encode(long_text, wire) == 3 * (RPC_STATUS_TEXT_SIZE - 1));
        rpc_message_decode(BYTES_ARRAY(long_text), text);
        CHECK(strlen(text) == RPC_STATUS_TEXT_SIZE - 1);
        CHECK_OK(rpc_code_decode(BYTES_LITERAL("14"), &code));
        CHECK(code == RPC_UNAVAILABLE);
        CHECK_OK(rpc_code_decode(BYTES_LITERAL("17"), &code));
        CHECK(code == RPC_UNKNOWN);
        CHECK_RESULT(rpc_code_decode(BYTES_LITERAL("05"), &code), -EBADMSG);
        CHECK_RESULT(rpc_code_decode(BYTES_LITERAL(""), &code), -EBADMSG);
        CHECK_RESULT(rpc_code_decode(BYTES_LITERAL("-1"), &code), -EBADMSG);
        CHECK_TEXT(rpc_code_name(RPC_DATA_LOSS), "DATA_LOSS");
        CHECK_TEXT(rpc_code_name((RpcCode)99), "UNKNOWN");
}

static void foreign_outcomes_have_a_code(void)
{
        CHECK(rpc_code_from_http(404) == RPC_UNIMPLEMENTED && rpc_code_from_http(503) == RPC_UNAVAILABLE);
        CHECK(rpc_code_from_http(302) == RPC_UNKNOWN);
        CHECK(rpc_code_from_h2(NGHTTP2_REFUSED_STREAM) == RPC_UNAVAILABLE);
        CHECK(rpc_code_from_h2(12345) == RPC_INTERNAL);
        CHECK(rpc_content_type_ok(BYTES_LITERAL("application/grpc+proto")));
        CHECK(!rpc_content_type_ok(BYTES_LITERAL("application/grpc-web")));
        CHECK(!rpc_content_type_ok(BYTES_LITERAL("application/grp")));
}

int main(void)
{
        RUN(messages_come_out_however_they_are_cut);
        RUN(what_does_not_fit_is_an_outcome);
        RUN(a_queue_keeps_order_and_bound);
        RUN(timeouts_are_read);
        RUN(statuses_are_read_and_written);
        RUN(foreign_outcomes_have_a_code);
        return 0;
}
