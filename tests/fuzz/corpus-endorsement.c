/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates as makers of TPMs and platforms write them. */

#include "../unit/check.h"
#include "maker.h"

#include <stdio.h>

static void write_file(const char *folder, const char *name, Bytes b)
{
        char path[512];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "wb");
        CHECK(f && fwrite(b.data, 1, b.size, f) == b.size && fclose(f) == 0);
        free((void *)b.data);
}

int main(int argc, char **argv)
{
        Maker root = maker_root("Root"), ek = maker_ek(&root, 0x1234, BYTES(NULL, 0));
        const MakerAttribute good = { .issuer = &root, .holder = &ek };
        MakerAttribute bad = good;

        CHECK(argc == 2);
        write_file(argv[1], "root", maker_der(&root));
        write_file(argv[1], "ek", maker_der(&ek));
        write_file(argv[1], "platform", maker_attribute(&good));
        bad.critical = true;
        write_file(argv[1], "should-fail-critical", maker_attribute(&bad));
        bad = good;
        bad.nameless = true;
        write_file(argv[1], "should-fail-nameless", maker_attribute(&bad));
        maker_deinit(&root);
        maker_deinit(&ek);
        return 0;
}
