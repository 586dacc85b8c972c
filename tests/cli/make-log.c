/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes a made-up boot's log for the command's tests: make-log FILE kernel|grub|sha1 [COMMAND-LINE]. */

#include "base/error.h"
#include "base/fd.h"
#include "synth.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
        static const HashAlg banks[] = { HASH_SHA1, HASH_SHA256 };
        cleanup_synth Synth s = { 0 };
        int r;

        if (argc < 3) return 2;
        synth_init(&s, banks, strcmp(argv[2], "sha1") == 0 ? 0 : 2);
        synth_boot(&s, strcmp(argv[2], "kernel") != 0, argc > 3 ? argv[3] : "/vmlinuz root=/dev/sda ro");
        r = file_write_atomic(argv[1], synth_bytes(&s), 0644);
        if (r < 0) fprintf(stderr, "%s\n", error_detail(r));
        return r < 0;
}
