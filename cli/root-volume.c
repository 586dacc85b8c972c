/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/root-volume.h"

#include "base/error.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 8, MOUNTINFO_MAX = 1 << 20 }; /* file systems on LVM on md on LUKS are four deep */

/* Where "/" is mounted from, of the last line about it: what was mounted over it counts. */
typedef struct RootMount {
        char device[32]; /* "253:0"; of no block device for btrfs */
        char type[32];
        char source[256];
} RootMount;

typedef struct Walk {
        char *sys; /* "/sys" */
        RootVolumes found;
} Walk;

typedef int (*Visit)(Walk *w, const char *folder, unsigned depth);

void root_volumes_deinit(RootVolumes *v)
{
        for (size_t i = 0; i < v->n; i++) {
                free(v->items[i].name);
                free(v->items[i].device);
        }
        v->n = 0;
}

static void walk_deinit(Walk *w)
{
        free(w->sys);
        root_volumes_deinit(&w->found);
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

/* Calls visit for each device that a folder names, as its folder in class/block. *ret_n: how many. */
static int each_device(Walk *w, const char *folder, unsigned depth, Visit visit, size_t *ret_n)
{
        struct dirent *entry;
        int r = 0;
        DIR *d;

        *ret_n = 0;
        d = opendir(folder);
        if (!d) return errno == ENOENT ? 0 : -errno;
        while (r == 0 && (entry = readdir(d))) {
                cleanup_free char *path = NULL;

                if (entry->d_name[0] == '.') continue;
                (*ret_n)++;
                r = asprintf(&path, "%s/class/block/%s", w->sys, entry->d_name) < 0 ? -ENOMEM
                                                                                    : visit(w, path, depth);
        }
        (void)closedir(d);
        return r;
}

static bool is_luks2(const char *folder)
{
        cleanup_free char *uuid = NULL;

        return read_word(folder, "dm/uuid", &uuid) == 0 && strncmp(uuid, "CRYPT-LUKS2-", 12) == 0;
}

static int take_device(Walk *w, const char *folder, unsigned depth _unused_)
{
        RootVolume *v = &w->found.items[w->found.n];

        return asprintf(&v->device, "/dev/%s", strrchr(folder, '/') + 1) < 0 ? -ENOMEM : 0;
}

static int take(Walk *w, const char *folder)
{
        cleanup_free char *name = NULL, *slaves = NULL;
        size_t n;
        int r;

        r = read_word(folder, "dm/name", &name);
        if (r < 0) return r;
        for (size_t i = 0; i < w->found.n; i++)
                if (strcmp(w->found.items[i].name, name) == 0) return 0;
        if (w->found.n == ROOT_VOLUMES_MAX)
                return error_set(-E2BIG, "root is on more than %d volumes", ROOT_VOLUMES_MAX);
        if (asprintf(&slaves, "%s/slaves", folder) < 0) return -ENOMEM;
        r = each_device(w, slaves, 0, take_device, &n);
        if (r < 0) return r;
        if (n != 1) return error_set(-EIO, "volume '%s' is on %zu devices", name, n);
        w->found.items[w->found.n++].name = TAKE_PTR(name);
        return 0;
}

static int walk(Walk *w, const char *folder, unsigned depth)
{
        cleanup_free char *slaves = NULL;
        size_t n;
        int r;

        if (is_luks2(folder)) return take(w, folder);
        if (asprintf(&slaves, "%s/slaves", folder) < 0) return -ENOMEM;
        r = depth == DEPTH_MAX ? -ELOOP : each_device(w, slaves, depth + 1, walk, &n);
        if (r < 0 || n > 0) return r;
        return error_set(-ENOENT, "the root file system is not on a LUKS2 volume alone: it is on %s",
                         strrchr(folder, '/') + 1);
}

/* proc(5): ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS */
static int parse_mount(char *line, RootMount *ret)
{
        char *fields[6], *rest = line, *behind;

        behind = strstr(line, " - ");
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) fields[i] = strsep(&rest, " ");
        if (!behind || !fields[4] || strcmp(fields[4], "/") != 0) return -ENOENT;
        (void)snprintf(ret->device, sizeof(ret->device), "%s", fields[2]);
        behind += 3;
        (void)snprintf(ret->type, sizeof(ret->type), "%s", strsep(&behind, " "));
        (void)snprintf(ret->source, sizeof(ret->source), "%s", behind ? strsep(&behind, " ") : "");
        return 0;
}

static int read_mount(const char *prefix, RootMount *ret)
{
        cleanup_free char *path = NULL;
        cleanup_free uint8_t *text = NULL;
        char *rest, *line;
        int r = -ENOENT;
        size_t size;

        if (asprintf(&path, "%s/proc/self/mountinfo", prefix) < 0) return -ENOMEM;
        r = file_read(path, MOUNTINFO_MAX, &text, &size);
        if (r < 0) return r;
        r = -ENOENT;
        for (rest = (char *)text; (line = strsep(&rest, "\n"));)
                if (parse_mount(line, ret) == 0) r = 0;
        return r < 0 ? error_set(r, "%s: no root file system", path) : 0;
}

static bool is_source(const char *folder, const char *name, const char *source)
{
        cleanup_free char *mapping = NULL, *device = NULL, *path = NULL;

        if (asprintf(&device, "/dev/%s", name) < 0 || asprintf(&path, "%s/%s", folder, name) < 0) return false;
        if (strcmp(device, source) == 0) return true;
        return strncmp(source, "/dev/mapper/", 12) == 0 && read_word(path, "dm/name", &mapping) == 0 &&
               strcmp(mapping, source + 12) == 0;
}

/* Whether a folder of devices has the one that the mount names. */
static bool has_source(const char *folder, const char *source)
{
        bool found = false;
        DIR *d = opendir(folder);

        if (!d) return false;
        for (struct dirent *e = readdir(d); e && !found; e = readdir(d))
                found = e->d_name[0] != '.' && is_source(folder, e->d_name, source);
        (void)closedir(d);
        return found;
}

/* btrfs shows all its devices in fs/btrfs/UUID/devices; its mount names one of them. */
static int walk_btrfs(Walk *w, const RootMount *m)
{
        cleanup_free char *top = NULL;
        int r = -ENOENT;
        size_t n;
        DIR *d;

        if (asprintf(&top, "%s/fs/btrfs", w->sys) < 0) return -ENOMEM;
        d = opendir(top);
        if (!d) return error_set(-errno, "%s: %m", top);
        for (struct dirent *e = readdir(d); e && r == -ENOENT; e = readdir(d)) {
                cleanup_free char *devices = NULL;

                if (e->d_name[0] == '.') continue;
                if (asprintf(&devices, "%s/%s/devices", top, e->d_name) < 0) r = -ENOMEM;
                else if (has_source(devices, m->source)) {
                        r = each_device(w, devices, 0, walk, &n);
                        break;
                }
        }
        (void)closedir(d);
        return r;
}

static int walk_block(Walk *w, const RootMount *m)
{
        cleanup_free char *link = NULL, *folder = NULL;

        if (asprintf(&link, "%s/dev/block/%s", w->sys, m->device) < 0) return -ENOMEM;
        folder = realpath(link, NULL);
        if (!folder) return error_set(-ENOENT, "the root file system is on no block device: %s", m->source);
        return walk(w, folder, 0);
}

static int by_name(const void *a, const void *b)
{
        const RootVolume *x = a, *y = b;

        return strcmp(x->name, y->name);
}

int root_volumes_find(const char *prefix, RootVolumes *ret)
{
        _cleanup_(walk_deinit) Walk w = { 0 };
        RootMount m;
        int r;

        if (asprintf(&w.sys, "%s/sys", prefix) < 0) return -ENOMEM;
        r = read_mount(prefix, &m);
        if (r < 0) return r;
        r = strcmp(m.type, "btrfs") == 0 ? walk_btrfs(&w, &m) : walk_block(&w, &m);
        if (r < 0) return r;
        qsort(w.found.items, w.found.n, sizeof(w.found.items[0]), by_name);
        *ret = w.found;
        w.found.n = 0;
        return 0;
}
