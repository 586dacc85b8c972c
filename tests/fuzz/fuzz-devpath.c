/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a device path: a line of safe text, at every size of buffer. */

#include "fuzz.h"

#include "eventlog/devpath.h"
#include "fuzz-text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char text[512];

        for (size_t room = 8; room <= sizeof(text); room *= 8) {
                Text t;

                text_init(&t, text, room);
                devpath_describe(BYTES(data, size), &t);
                must(strlen(text) < room);
                must_be_printable(text);
        }
        return 0;
}
