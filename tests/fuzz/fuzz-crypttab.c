/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first line as a kernel command line, the rest as crypttab, and both merged. */

#include "fuzz.h"

#include "unlock/crypttab.h"

#include <string.h>

static void look_at(const Crypttab *t)
{
        for (size_t i = 0; i < t->n; i++) {
                const CrypttabEntry *e = &t->entries[i];
                char uuid[40];
                Bytes value;

                if (!e->name[0] || strlen(e->name) > CRYPTTAB_NAME_MAX || strchr(e->name, '/')) abort();
                if (crypttab_source_uuid(e->source, uuid) == 0 && strlen(uuid) == 0) abort();
                if (crypttab_option(e->options, "x-initrd.attach", &value) == 0 && value.size > strlen(e->options))
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_crypttab_kernel CrypttabKernel kernel = { 0 };
        cleanup_crypttab Crypttab file = { 0 }, merged = { 0 };
        const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
        const size_t line = end ? (size_t)(end - data) : size;

        if (crypttab_parse_kernel(BYTES(data, line), &kernel) < 0) return 0;
        look_at(&kernel.volumes);
        if (crypttab_parse(BYTES(data + line, size - line), &file) < 0) return 0;
        look_at(&file);
        if (crypttab_merge(&file, &kernel, &merged) == 0) look_at(&merged);
        return 0;
}
