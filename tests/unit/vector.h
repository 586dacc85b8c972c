/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Test vectors as hex text. */

#include "base/hex.h"
#include "check.h"

enum { VECTOR_MAX = 2048, VECTORS = 8 };

/* The bytes of the text, in one of a few static buffers that are used in turn. */
static inline Bytes vector(const char *hex)
{
        static uint8_t buffers[VECTORS][VECTOR_MAX];
        static unsigned turn;
        uint8_t *b = buffers[turn++ % VECTORS];
        const size_t n = strlen(hex) / 2;

        CHECK(n <= VECTOR_MAX);
        CHECK_OK(hex_decode(hex, b, n));
        return BYTES(b, n);
}

/* n bytes of one value. */
static inline Bytes repeated(uint8_t v, size_t n)
{
        static uint8_t buffers[VECTORS][VECTOR_MAX];
        static unsigned turn;
        uint8_t *b = buffers[turn++ % VECTORS];

        CHECK(n <= VECTOR_MAX);
        memset(b, v, n);
        return BYTES(b, n);
}
