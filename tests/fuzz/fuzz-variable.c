/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* UEFI_VARIABLE_DATA and what its value may be: boot entries, signature lists, authorities. The bytes are read as
 * a whole variable, and once more as a signature list. */

#include "fuzz.h"

#include "eventlog/signature.h"
#include "eventlog/structures.h"
#include "eventlog/variable.h"
#include "fuzz-text.h"

enum { TEXT_SIZE = 512 };

static void look_at_lists(Bytes value)
{
        SignatureCursor c = SIGNATURE_CURSOR_INIT(value);
        char text[TEXT_SIZE];
        size_t bytes = 0;
        Signature s;
        Text t;

        for (int n = 0; n < 64 && signature_next(&c, &s) > 0; n++) {
                bytes += s.entry.size;
                must(bytes <= value.size && s.data.size < s.entry.size);
                must(signatures_hold(value, &s));
        }
        text_init(&t, text, sizeof(text));
        signatures_describe(value, &t);
        must_be_printable(text);
}

static void look_at_variable(Bytes data)
{
        char text[TEXT_SIZE];
        Variable v;
        Text t;

        if (variable_parse(data, &v) < 0) return;
        must(32 + v.name.size + v.value.size + v.trailing == data.size);
        text_init(&t, text, sizeof(text));
        variable_describe(&v, &t);
        must_be_printable(text);
        text_init(&t, text, sizeof(text));
        authority_describe(&v, &t);
        must_be_printable(text);
        look_at_lists(v.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        look_at_variable(BYTES(data, size));
        look_at_lists(BYTES(data, size));
        return 0;
}
