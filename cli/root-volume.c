/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/root-volume.h"

#include "base/error.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { DEPTH_MAX = 8 }; /* file systems on LVM on md on LUKS are four deep */

void root_volume_deinit(RootVolume *v)
{
        free(v->name);
        free(v->device);
}

static int read_word(const char *folder, const char *name, char **ret)
{
        cleanup_free char *path = NULL;
        uint8_t *text;
        size_t size;
        int r;

        if (asprintf(&path, "%s/%s", folder, name) < 0) return -ENOMEM;
        r = file_read(path, 4096, &text, &size);
        if (r < 0) return r;
        text[strcspn((char *)text, "\n")] = '\0';
        *ret = (char *)text;
        return 0;
}

/* The first (for LUKS the only) device under this one, as a folder of /sys/class/block. */
static int below(const char *folder, char **ret)
{
        cleanup_free char *path = NULL;
        struct dirent *entry;
        int r = -ENOENT;
        DIR *d;

        if (asprintf(&path, "%s/slaves", folder) < 0) return -ENOMEM;
        d = opendir(path);
        if (!d) return -errno;
        while (r == -ENOENT && (entry = readdir(d))) {
                if (entry->d_name[0] == '.') continue;
                r = asprintf(ret, "/sys/class/block/%s", entry->d_name) < 0 ? -ENOMEM : 0;
        }
        (void)closedir(d);
        return r;
}

static bool is_luks2(const char *folder)
{
        cleanup_free char *uuid = NULL;

        return read_word(folder, "dm/uuid", &uuid) == 0 && strncmp(uuid, "CRYPT-LUKS2-", 12) == 0;
}

static int take(const char *folder, RootVolume *ret)
{
        cleanup_free char *name = NULL, *under = NULL, *device = NULL;
        int r;

        r = read_word(folder, "dm/name", &name);
        if (r == 0) r = below(folder, &under);
        if (r < 0) return r;
        if (asprintf(&device, "/dev/%s", strrchr(under, '/') + 1) < 0) return -ENOMEM;
        *ret = (RootVolume){ .name = TAKE_PTR(name), .device = TAKE_PTR(device) };
        return 0;
}

int root_volume_find(RootVolume *ret)
{
        cleanup_free char *folder = NULL;
        struct stat st;

        if (stat("/", &st) < 0) return error_set(-errno, "/: %m");
        if (asprintf(&folder, "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev)) < 0) return -ENOMEM;
        for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
                char *under;

                if (is_luks2(folder)) return take(folder, ret);
                if (below(folder, &under) < 0) break;
                free(folder);
                folder = under;
        }
        return error_set(-ENOENT, "the root file system is not on a LUKS2 volume");
}
