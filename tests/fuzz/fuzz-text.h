/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What several fuzzers demand of their targets. */

#include "base/macros.h"
#include "base/reader.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static inline void must(bool condition)
{
        if (!condition) abort();
}

/* One line, valid UTF-8, nothing that a terminal acts on. */
static inline _unused_ void must_be_printable(const char *text)
{
        Reader r = READER_INIT(BYTES(text, strlen(text)));

        while (reader_left(&r) > 0) {
                uint32_t c;

                must(utf8_decode(&r, &c) == 0 && utf8_printable(c));
        }
}
