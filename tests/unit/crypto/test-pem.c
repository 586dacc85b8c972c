/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/pem.h"

#include "check.h"

#include <errno.h>

static void text_is_what_others_write(void)
{
        cleanup_secret Secret *s = NULL, *back = NULL;
        const char expected[] = "-----BEGIN X-----\n"
                                "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v\n"
                                "MDEyMw==\n"
                                "-----END X-----\n";
        uint8_t content[52];

        for (size_t i = 0; i < sizeof(content); i++) content[i] = (uint8_t)i;
        CHECK_OK(pem_encode_secret("X", BYTES_ARRAY(content), &s));
        CHECK_BYTES(secret_bytes(s), BYTES_LITERAL(expected));
        CHECK_OK(pem_decode_secret(secret_bytes(s), "X", &back));
        CHECK_BYTES(secret_bytes(back), BYTES_ARRAY(content));
}

static void every_size_comes_back(void)
{
        uint8_t content[200];

        CHECK_OK(random_bytes(content, sizeof(content)));
        for (size_t n = 1; n <= sizeof(content); n++) {
                cleanup_secret Secret *s = NULL, *back = NULL;

                CHECK_OK(pem_encode_secret("KEY", BYTES(content, n), &s));
                CHECK_OK(pem_decode_secret(secret_bytes(s), "KEY", &back));
                CHECK_BYTES(secret_bytes(back), BYTES(content, n));
        }
}

static void blocks_are_counted_by_label(void)
{
        const char text[] =
                "junk\n-----BEGIN A-----\nAAAA\n-----END A-----\n-----BEGIN B-----\nAQ==\n-----END B-----\n"
                "-----BEGIN A-----\r\n//8=\r\n-----END A-----\r\n";
        uint8_t *data = NULL;
        size_t size;

        CHECK_OK(pem_decode(BYTES_LITERAL(text), "A", 1, &data, &size));
        CHECK(size == 2 && data[0] == 0xff);
        free(data);
        CHECK_RESULT(pem_decode(BYTES_LITERAL(text), "A", 2, &data, &size), PEM_E_END);
        CHECK_RESULT(pem_decode(BYTES_LITERAL(text), "C", 0, &data, &size), PEM_E_END);
}

static void malformed_blocks_are_refused(void)
{
        static const char *const texts[] = {
                "-----BEGIN A-----\nAAA\n-----END A-----\n",
                "-----BEGIN A-----\n-----END A-----\n",
                "-----BEGIN A-----\nA=AA\n-----END A-----\n",
                "-----BEGIN A-----\nAAAA\n",
                "-----BEGIN A-----\nA===\n-----END A-----\n",
                "-----BEGIN A-----\nH: v\n\nAAAA\n-----END A-----\n",
                "-----BEGIN A-----\nAA==AAAA\n-----END A-----\n",
                "nothing",
                "",
        };
        Secret *s = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                CHECK_RESULT(pem_decode_secret(BYTES(texts[i], strlen(texts[i])), "A", &s), -EBADMSG);
                CHECK(!s);
        }
        CHECK_RESULT(pem_encode_secret("A", BYTES("", 0), &s), -EINVAL);
}

int main(void)
{
        RUN(text_is_what_others_write);
        RUN(every_size_comes_back);
        RUN(blocks_are_counted_by_label);
        RUN(malformed_blocks_are_refused);
        return 0;
}
