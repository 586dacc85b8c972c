/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "initramfs/closed.h"

#include "base/error.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int closed_clear(const char *folder)
{
        DIR *dir = opendir(folder);
        const struct dirent *d;
        int r = 0;

        if (!dir) return errno == ENOENT ? 0 : error_set(-errno, "%s: %m", folder);
        while (r == 0 && (d = readdir(dir)))
                if (d->d_name[0] != '.' && unlinkat(dirfd(dir), d->d_name, 0) < 0)
                        r = error_set(-errno, "%s/%s: %m", folder, d->d_name);
        (void)closedir(dir);
        return r;
}

static int write_one(const char *folder, const OwnVolume *v)
{
        char path[512], text[sizeof(v->problem) + 1];
        const int n = snprintf(text, sizeof(text), "%s\n", v->problem);

        if (mkdir(folder, 0755) < 0 && errno != EEXIST) return error_set(-errno, "%s: %m", folder);
        (void)snprintf(path, sizeof(path), "%s/%s", folder, v->setting->name);
        return file_write_atomic(path, BYTES(text, (size_t)n), 0644);
}

int closed_write(const Session *s, const char *folder)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < s->n_volumes; i++)
                if (!s->volumes[i].key && s->volumes[i].device) r = write_one(folder, &s->volumes[i]);
        return r;
}
