/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The header is recognised by its first sector alone (LUKS2 On-Disk Format, section 2): which device the name
 * by-uuid leads to is udev's business; here only a second device of that UUID is looked for. */

#include "unlock/find.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/reader.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
        SECTOR = 512,
        UUID_OFFSET = 168, /* luks2_hdr_disk: magic 6, version 2, sizes 16, label 48, algorithm 32, salt 64 */
};

static const uint32_t md_magic = 0xa92b4efc;
static const uint8_t luks_magic[] = { 'L', 'U', 'K', 'S', 0xba, 0xbe };

int find_parse_uuid(const uint8_t *sector, size_t size, char ret[static FIND_UUID_MAX + 1])
{
        Reader r = READER_INIT(BYTES(sector, size));
        uint16_t version = 0;
        char uuid[FIND_UUID_MAX + 1];
        Bytes magic, field;

        if (reader_bytes(&r, sizeof(luks_magic), &magic) < 0 || !bytes_equal(magic, BYTES_ARRAY(luks_magic)))
                return -ENOENT;
        if (reader_be16(&r, &version) < 0 || version != 2) return -ENOENT;
        if (reader_skip(&r, UUID_OFFSET - r.at) < 0 || reader_bytes(&r, sizeof(uuid), &field) < 0) return -ENOENT;
        memcpy(uuid, field.data, sizeof(uuid));
        if (uuid[0] == '\0' || uuid[FIND_UUID_MAX] != '\0')
                return error_set(-EBADMSG, "a LUKS2 header whose UUID is no text");
        for (const char *c = uuid; *c; c++)
                if (!isgraph((unsigned char)*c))
                        return error_set(-EBADMSG, "a LUKS2 header whose UUID is no text");
        memcpy(ret, uuid, sizeof(uuid));
        return 0;
}

/* Superblocks 0.90 (at 64 KiB, aligned, before the end) and 1.0 (8 KiB before it): data starts at sector 0, so
 * each member shows the array's LUKS header. Written in the machine's order; we are little-endian. */
static bool has_md_superblock(int fd)
{
        const off_t end = lseek(fd, 0, SEEK_END);
        const off_t places[] = { (end & ~(off_t)0xffff) - 0x10000, (end / 8192 - 1) * 8192 };

        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                uint8_t raw[4];
                Reader r = READER_INIT(BYTES_ARRAY(raw));
                uint32_t magic = 0;

                if (places[i] <= 0 || pread(fd, raw, sizeof(raw), places[i]) != sizeof(raw)) continue;
                if (reader_le32(&r, &magic) == 0 && magic == md_magic) return true;
        }
        return false;
}

static bool is_multipath(const char *sys, const char *holder)
{
        char path[PATH_MAX];
        cleanup_free uint8_t *uuid = NULL;
        size_t n = 0;

        if (snprintf(path, sizeof(path), "%s/%s/dm/uuid", sys, holder) >= (int)sizeof(path)) return false;
        if (file_read(path, 4096, &uuid, &n) < 0) return false;
        return strncmp((const char *)uuid, "mpath-", 6) == 0;
}

static bool is_held(const char *sys, const char *name)
{
        char path[PATH_MAX];
        bool held = false;
        DIR *d;

        if (snprintf(path, sizeof(path), "%s/%s/holders", sys, name) >= (int)sizeof(path)) return false;
        d = opendir(path);
        if (!d) return false;
        for (struct dirent *e = readdir(d); e && !held; e = readdir(d))
                held = (strncmp(e->d_name, "md", 2) == 0 && isdigit((unsigned char)e->d_name[2])) ||
                       is_multipath(sys, e->d_name);
        (void)closedir(d);
        return held;
}

/* sysfs writes '!' where a device's name has '/'. */
static int open_device(const char *dev, const char *name)
{
        char path[PATH_MAX];

        if (snprintf(path, sizeof(path), "%s/%s", dev, name) >= (int)sizeof(path)) return -1;
        for (char *c = path + strlen(dev) + 1; *c; c++)
                if (*c == '!') *c = '/';
        return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static int look_at(const char *sys, const char *dev, const char *name, FoundVolumes *found)
{
        cleanup_fd int fd = open_device(dev, name);
        FoundVolume v = { 0 };
        uint8_t sector[SECTOR];

        if (fd < 0 || pread(fd, sector, sizeof(sector), 0) != sizeof(sector)) return 0;
        if (find_parse_uuid(sector, sizeof(sector), v.uuid) < 0) return 0;
        if (strlen(name) >= sizeof(v.name)) return 0;
        if (found->n == FIND_VOLUMES_MAX) return error_set(-E2BIG, "more than %d LUKS2 volumes", FIND_VOLUMES_MAX);
        memcpy(v.name, name, strlen(name) + 1);
        v.member = is_held(sys, name) || has_md_superblock(fd);
        found->items[found->n++] = v;
        return 0;
}

int find_volumes(const char *sys_class_block, const char *dev, FoundVolumes *ret)
{
        cleanup_free FoundVolumes *found = calloc(1, sizeof(*found));
        size_t n = 0;
        DIR *d;
        int r = 0;

        if (!found) return -ENOMEM;
        d = opendir(sys_class_block);
        if (!d) return error_set(-errno, "%s: %m", sys_class_block);
        for (struct dirent *e = readdir(d); e && r == 0; e = readdir(d)) {
                if (e->d_name[0] == '.') continue;
                r = n++ < FIND_DEVICES_MAX ? look_at(sys_class_block, dev, e->d_name, found) : -E2BIG;
        }
        (void)closedir(d);
        if (r < 0) return error_prefix(r, "%s", sys_class_block);
        *ret = *found;
        return 0;
}

int find_by_uuid(const FoundVolumes *found, const char *uuid, const FoundVolume **ret)
{
        const FoundVolume *one = NULL;

        for (size_t i = 0; i < found->n; i++) {
                const FoundVolume *v = &found->items[i];

                if (v->member || strcasecmp(v->uuid, uuid) != 0) continue;
                if (one)
                        return error_set(FIND_E_DUPLICATE, "UUID %s is on %s and on %s: one of them is a copy",
                                         uuid, one->name, v->name);
                one = v;
        }
        if (!one) return error_set(-ENOENT, "no device has a LUKS2 header with UUID %s", uuid);
        *ret = one;
        return 0;
}
