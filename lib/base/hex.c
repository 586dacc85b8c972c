/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/hex.h"

#include <errno.h>
#include <string.h>

void hex_encode(Bytes b, char *ret)
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < b.size; i++) {
                *ret++ = digits[b.data[i] >> 4];
                *ret++ = digits[b.data[i] & 15];
        }
        *ret = '\0';
}

char *hex_new(Bytes b)
{
        char *text = malloc(2 * b.size + 1);

        if (text) hex_encode(b, text);
        return text;
}

static int digit(char c)
{
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        if (c >= 'A' && c <= 'F') return c - 'A' + 10;
        return -1;
}

int hex_decode(const char *text, uint8_t *ret, size_t n)
{
        if (strlen(text) != 2 * n) return -EBADMSG;
        for (size_t i = 0; i < 2 * n; i++)
                if (digit(text[i]) < 0) return -EBADMSG;
        for (size_t i = 0; i < n; i++) ret[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
        return 0;
}

int hex_decode_new(const char *text, size_t max, uint8_t **ret, size_t *ret_size)
{
        const size_t length = strlen(text);
        cleanup_free uint8_t *data = NULL;
        int r;

        if (length % 2 != 0) return -EBADMSG;
        if (length / 2 > max) return -EMSGSIZE;
        data = malloc(length / 2 + 1);
        if (!data) return -ENOMEM;
        r = hex_decode(text, data, length / 2);
        if (r < 0) return r;
        *ret = TAKE_PTR(data);
        *ret_size = length / 2;
        return 0;
}
