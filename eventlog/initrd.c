/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "eventlog/initrd.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { DIRECTORY = 0040000, REGULAR = 0100000, NAME_SIZE_MAX = 255 };

static const struct {
        const char *description, *directory, *suffix;
        unsigned directory_mode, file_mode;
} kinds[] = {
        [PREDICT_CREDENTIALS] = { "Credentials initrd", ".extra/credentials", ".cred", 0500, 0400 },
        [PREDICT_GLOBAL_CREDENTIALS] = { "Global credentials initrd", ".extra/global_credentials", ".cred", 0500,
                                         0400 },
        [PREDICT_EXTENSIONS] = { "System extension initrd", ".extra/sysext", ".raw", 0555, 0444 },
};
_Static_assert(ARRAY_SIZE(kinds) == PREDICT_EXTRAS, "a kind of extra file without its directory");

/* An archive under way. */
typedef struct Archive {
        Writer *w;
        size_t start;
        uint32_t inode;
} Archive;

static void pad(Archive *a)
{
        while (a->w->error == 0 && (a->w->size - a->start) % 4 != 0) writer_u8(a->w, 0);
}

/* Owner root, no time: the archive depends on names and contents alone. */
static void put_header(Archive *a, unsigned mode, size_t size, const char *directory, const char *name)
{
        const size_t path = strlen(directory) + (name ? 1 + strlen(name) : 0) + 1;

        writer_format(a->w, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", a->inode++, mode, 0, 0,
                      1, 0, (unsigned)size, 0, 0, 0, 0, (unsigned)path, 0);
        writer_format(a->w, "%s%s%s", directory, name ? "/" : "", name ? name : "");
        writer_u8(a->w, 0);
        pad(a);
}

static void put_file(Archive *a, unsigned mode, const char *directory, const char *name, Bytes content)
{
        put_header(a, mode | REGULAR, content.size, directory, name);
        writer_bytes(a->w, content);
        pad(a);
}

static void put_trailer(Archive *a)
{
        /* All zero but the number of links and the size of the name. */
        writer_format(a->w, "070701%032d%08d%048d0000000B%08dTRAILER!!!", 0, 1, 0, 0);
        for (int i = 0; i < 4; i++) writer_u8(a->w, 0);
}

static bool ends_with(const char *text, const char *suffix)
{
        const size_t n = strlen(text), m = strlen(suffix);

        return n >= m && strcasecmp(text + n - m, suffix) == 0;
}

static int check_name(const char *name, const char *suffix)
{
        if (!name[0] || name[0] == '.' || strlen(name) > NAME_SIZE_MAX || strchr(name, '/') || strchr(name, '\\'))
                return error_set(-EINVAL, "'%s' is no name of a file that systemd-stub takes", name);
        for (const char *p = name; *p; p++)
                if ((unsigned char)*p >= 0x80)
                        return error_set(-EINVAL, "systemd-stub passes over '%s': it is not ASCII", name);
        if (!ends_with(name, suffix))
                return error_set(-EINVAL, "systemd-stub passes over '%s': it does not end in %s", name, suffix);
        return 0;
}

/* The files by name, as strcmp16() of the stub orders them. */
static int sort(const ExtraFile *files, size_t n, const char *suffix, const ExtraFile **ret)
{
        for (size_t i = 0; i < n; i++) {
                size_t at = i;
                int r;

                r = check_name(files[i].name, suffix);
                if (r < 0) return r;
                for (; at > 0 && strcmp(ret[at - 1]->name, files[i].name) > 0; at--) ret[at] = ret[at - 1];
                if (at > 0 && strcmp(ret[at - 1]->name, files[i].name) == 0)
                        return error_set(-EINVAL, "'%s' twice", files[i].name);
                ret[at] = &files[i];
        }
        return 0;
}

int initrd_pack_extras(Writer *w, PredictedExtra kind, const ExtraFile *files, size_t n_files)
{
        const ExtraFile *sorted[PREDICTION_FILES_MAX];
        Archive a = { .w = w, .start = w->size, .inode = 1 };
        int r;

        if (n_files > PREDICTION_FILES_MAX) return error_set(-E2BIG, "more than %d files", PREDICTION_FILES_MAX);
        r = sort(files, n_files, kinds[kind].suffix, sorted);
        if (r < 0 || n_files == 0) return r;
        put_header(&a, DIRECTORY | 0555, 0, ".extra", NULL);
        put_header(&a, DIRECTORY | kinds[kind].directory_mode, 0, kinds[kind].directory, NULL);
        for (size_t i = 0; i < n_files; i++)
                put_file(&a, kinds[kind].file_mode, kinds[kind].directory, sorted[i]->name, sorted[i]->content);
        put_trailer(&a);
        return w->error;
}

const char *initrd_extra_description(PredictedExtra kind)
{
        return kinds[kind].description;
}

void initrd_pack_section(Writer *w, const char *name, Bytes content)
{
        Archive a = { .w = w, .start = w->size, .inode = 1 };

        put_header(&a, DIRECTORY | 0555, 0, ".extra", NULL);
        put_file(&a, 0444, ".extra", name, content);
        put_trailer(&a);
}
