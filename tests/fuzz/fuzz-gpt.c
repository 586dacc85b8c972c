/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The structures in event data: partition table, configuration tables, tags, devices, manifests. Each takes any
 * bytes, or leaves its text empty. */

#include "fuzz.h"

#include "eventlog/structures.h"
#include "fuzz-text.h"

static bool tables(Bytes data, Text *t)
{
        Reader r = READER_INIT(data);

        return describe_tables(&r, t);
}

static bool names(Bytes data, Text *t)
{
        ManifestNames n;

        (void)t;
        IGNORE_RESULT(manifest_names(data, &n));
        return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static bool (*const describe[])(Bytes, Text *) = {
                describe_gpt, tables, describe_tagged, describe_device_security, describe_reference_manifest, names
        };
        char text[512];

        for (size_t i = 0; i < ARRAY_SIZE(describe); i++) {
                Text t;

                text_init(&t, text, sizeof(text));
                must(describe[i](BYTES(data, size), &t) || text[0] == '\0');
                must_be_printable(text);
        }
        return 0;
}
