/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A made-up /sys/class/block and /dev with files for devices. */

#include "check.h"
#include "unlock/find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEVICE_SIZE = 1024 * 1024 };

static char top[] = "/tmp/halfkey-find-XXXXXX";

static void path_of(char ret[static PATH_MAX], const char *a, const char *b, const char *c)
{
        CHECK(snprintf(ret, PATH_MAX, "%s/%s/%s%s", top, a, b, c) < PATH_MAX);
}

static void add_device(const char *name, const char *uuid, const char *holder)
{
        char path[PATH_MAX];
        int fd;

        path_of(path, "sys", name, "");
        CHECK(mkdir(path, 0700) == 0);
        path_of(path, "sys", name, "/holders");
        CHECK(mkdir(path, 0700) == 0);
        if (holder) {
                path_of(path, "sys", name, "/holders/");
                strcat(path, holder);
                CHECK(mkdir(path, 0700) == 0);
        }
        path_of(path, "dev", name, "");
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0 && ftruncate(fd, DEVICE_SIZE) == 0);
        if (uuid) {
                CHECK(pwrite(fd, "LUKS\xba\xbe\0\2", 8, 0) == 8);
                CHECK(pwrite(fd, uuid, strlen(uuid), 168) == (ssize_t)strlen(uuid));
        }
        close(fd);
}

static void put(const char *name, off_t at, const char *bytes, size_t n)
{
        char path[PATH_MAX];
        int fd;

        path_of(path, "dev", name, "");
        fd = open(path, O_WRONLY | O_CLOEXEC);
        CHECK(fd >= 0 && pwrite(fd, bytes, n, at) == (ssize_t)n);
        close(fd);
}

static void find_all(FoundVolumes *found)
{
        char sys[PATH_MAX], dev[PATH_MAX];

        path_of(sys, "sys", "", "");
        path_of(dev, "dev", "", "");
        CHECK_OK(find_volumes(sys, dev, found));
}

static FoundVolumes found;

static void finds_the_one(void)
{
        const FoundVolume *v = NULL;

        add_device("vda", NULL, NULL);
        add_device("vda1", "AAAA-1", NULL);
        add_device("vdb", "bbbb-2", "dm-0");
        find_all(&found);
        CHECK(found.n == 2);
        CHECK_OK(find_by_uuid(&found, "aaaa-1", &v));
        CHECK_TEXT(v->name, "vda1");
        CHECK_RESULT(find_by_uuid(&found, "cccc", &v), -ENOENT);
}

static void names_duplicates(void)
{
        const FoundVolume *v = NULL;

        add_device("vdc", "aaaa-1", NULL);
        find_all(&found);
        CHECK_RESULT(find_by_uuid(&found, "AAAA-1", &v), FIND_E_DUPLICATE);
        CHECK(strstr(error_detail(0), "vdc") && strstr(error_detail(0), "vda1"));
}

static void members_do_not_count(void)
{
        const FoundVolume *v = NULL;
        char path[PATH_MAX];

        add_device("vdd", "dddd", "md0");
        add_device("vde", "dddd", "md0");
        add_device("md0", "dddd", NULL);
        /* not yet assembled: superblocks 1.0 and 0.90 */
        add_device("vdf", "dddd", NULL);
        put("vdf", DEVICE_SIZE - 8192, "\xfc\x4e\x2b\xa9", 4);
        add_device("vdg", "dddd", NULL);
        put("vdg", DEVICE_SIZE - 65536, "\xfc\x4e\x2b\xa9", 4);
        /* multipath: the holder's uuid says so */
        path_of(path, "sys", "dm-7", "");
        CHECK(mkdir(path, 0700) == 0);
        path_of(path, "sys", "dm-7", "/dm");
        CHECK(mkdir(path, 0700) == 0);
        path_of(path, "sys", "dm-7", "/dm/uuid");
        {
                FILE *f = fopen(path, "we");

                CHECK(f && fputs("mpath-3600\n", f) >= 0 && fclose(f) == 0);
        }
        add_device("sda", "dddd", "dm-7");
        find_all(&found);
        CHECK_OK(find_by_uuid(&found, "dddd", &v));
        CHECK_TEXT(v->name, "md0");
}

static void reads_uuids_strictly(void)
{
        uint8_t sector[512] = "LUKS\xba\xbe\0\2";
        char uuid[FIND_UUID_MAX + 1] = "untouched";

        CHECK_RESULT(find_parse_uuid(sector, sizeof(sector), uuid), -EBADMSG); /* empty */
        memset(sector + 168, 'a', 40);
        CHECK_RESULT(find_parse_uuid(sector, sizeof(sector), uuid), -EBADMSG); /* no end */
        memcpy(sector + 168, "a\nb", 4);
        CHECK_RESULT(find_parse_uuid(sector, sizeof(sector), uuid), -EBADMSG);
        memcpy(sector + 168, "abc", 4);
        sector[168 + FIND_UUID_MAX] = '\0';
        for (size_t n = 0; n < 208; n++) CHECK_RESULT(find_parse_uuid(sector, n, uuid), -ENOENT);
        CHECK_TEXT(uuid, "untouched");
        CHECK_OK(find_parse_uuid(sector, 208, uuid));
        CHECK_TEXT(uuid, "abc");
        sector[7] = 1; /* LUKS1 */
        CHECK_RESULT(find_parse_uuid(sector, sizeof(sector), uuid), -ENOENT);
}

int main(void)
{
        char path[PATH_MAX];

        CHECK(mkdtemp(top));
        path_of(path, "sys", "", "");
        CHECK(mkdir(path, 0700) == 0);
        path_of(path, "dev", "", "");
        CHECK(mkdir(path, 0700) == 0);
        RUN(finds_the_one);
        RUN(names_duplicates);
        RUN(members_do_not_count);
        RUN(reads_uuids_strictly);
        CHECK(snprintf(path, sizeof(path), "rm -r %s", top) > 0 && system(path) == 0);
        return 0;
}
