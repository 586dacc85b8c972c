/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes the PE fuzzer's corpus into a folder: images of few and of many sections, with signatures and without. */

#include "base/error.h"
#include "base/fd.h"
#include "synth.h"

#include <stdio.h>
#include <string.h>

static int save(Writer *w, const char *folder, const char *name)
{
        cleanup_free char *path = NULL;
        int r;

        if (asprintf(&path, "%s/%s", folder, name) < 0) return -1;
        r = file_write_atomic(path, BYTES(w->data, w->size), 0644);
        if (r < 0) fprintf(stderr, "%s\n", error_detail(r));
        writer_deinit(w);
        return r;
}

int main(int argc, char **argv)
{
        static const uint8_t table[] = { 16, 0, 0, 0, 0, 2, 2, 0, 0x30, 0x80, 6, 1, 0, 0, 0, 0 };
        static const SynthSection uki[] = {
                { ".text", { (const uint8_t *)"code", 4 } },
                { ".sdmagic", { (const uint8_t *)"#### LoaderInfo: systemd-stub 252.39 ####", 41 } },
                { ".osrel", { (const uint8_t *)"ID=x\n", 5 } },
                { ".cmdline", { (const uint8_t *)"root=/dev/sda ro\n", 17 } },
                { ".linux", { (const uint8_t *)"MZ", 2 } },
                { ".initrd", { (const uint8_t *)"initrd", 6 } },
        };
        const char *folder = argc == 2 ? argv[1] : ".";
        Writer plain = WRITER_INIT(1 << 16), with = WRITER_INIT(1 << 16), empty = WRITER_INIT(1 << 16);
        int r = 0;

        synth_pe(&plain, uki, ARRAY_SIZE(uki), (Bytes){ 0 });
        synth_pe(&with, uki, 2, BYTES_ARRAY(table));
        synth_pe(&empty, NULL, 0, (Bytes){ 0 });
        r |= save(&plain, folder, "uki");
        r |= save(&with, folder, "signed");
        r |= save(&empty, folder, "no-sections");
        return r ? 1 : 0;
}
