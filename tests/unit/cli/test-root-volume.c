/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the root file system stands on, over made-up sysfs trees as kernels show them. */

#include "check.h"
#include "cli/root-volume.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

static char top[64];

static void sh(const char *fmt, ...) _printf_(1, 2);
static void sh(const char *fmt, ...)
{
        char command[PATH_MAX];
        va_list ap;
        int n = snprintf(command, sizeof(command), "cd %s && ", top);

        va_start(ap, fmt);
        CHECK(vsnprintf(command + n, sizeof(command) - (size_t)n, fmt, ap) < (int)sizeof(command) - n);
        va_end(ap);
        CHECK(system(command) == 0);
}

static void mount_line(const char *device, const char *type, const char *source)
{
        sh("rm -rf sys proc && mkdir -p sys/class/block sys/dev/block proc/self && "
           "printf '21 1 0:19 / /proc rw - proc proc rw\n1 0 %s / / rw,relatime shared:1 - %s %s rw\n' > "
           "proc/self/mountinfo",
           device, type, source);
}

/* A device, what it stands on, and where device-mapper made it its uuid and name. */
static void device(const char *name, const char *number, const char *slaves)
{
        sh("mkdir -p sys/class/block/%s/slaves && ln -s ../../class/block/%s sys/dev/block/%s", name, name,
           number);
        sh("for s in %s; do ln -s ../../$s sys/class/block/%s/slaves/$s; done", slaves, name);
}

static void mapping(const char *name, const char *number, const char *slaves, const char *dm)
{
        device(name, number, slaves);
        sh("mkdir sys/class/block/%s/dm && echo %s > sys/class/block/%s/dm/name", name, strchr(dm, ' ') + 1, name);
        sh("echo %.*s > sys/class/block/%s/dm/uuid", (int)strcspn(dm, " "), dm, name);
}

static void check_found(const char *wanted)
{
        RootVolumes found;
        char text[256] = "";

        CHECK_OK(root_volumes_find(top, &found));
        for (size_t i = 0; i < found.n; i++)
                (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s on %s;", found.items[i].name,
                               found.items[i].device);
        CHECK_TEXT(text, wanted);
        root_volumes_deinit(&found);
}

static void check_refused(const char *names)
{
        RootVolumes found;

        CHECK_RESULT(root_volumes_find(top, &found), -ENOENT);
        CHECK(strstr(error_detail(-ENOENT), names));
}

static void a_plain_volume(void)
{
        mount_line("253:0", "ext4", "/dev/mapper/root");
        device("vda2", "8:2", "");
        mapping("dm-0", "253:0", "vda2", "CRYPT-LUKS2-0123-root root");
        check_found("root on /dev/vda2;");
}

/* md under LUKS is one device, degraded or not. */
static void on_md(void)
{
        mount_line("253:0", "xfs", "/dev/mapper/root");
        device("sda1", "8:1", "");
        device("md0", "9:0", "sda1");
        mapping("dm-0", "253:0", "md0", "CRYPT-LUKS2-0123-root root");
        check_found("root on /dev/md0;");
}

static void lvm_on_two(void)
{
        mount_line("253:2", "ext4", "/dev/mapper/vg-root");
        device("sda1", "8:1", "");
        device("sdb1", "8:17", "");
        mapping("dm-0", "253:0", "sdb1", "CRYPT-LUKS2-0123-pv1 pv1");
        mapping("dm-1", "253:1", "sda1", "CRYPT-LUKS2-4567-pv0 pv0");
        mapping("dm-2", "253:2", "dm-0 dm-1", "LVM-abc vg-root");
        check_found("pv0 on /dev/sda1;pv1 on /dev/sdb1;");
}

static void btrfs(const char *second)
{
        mount_line("0:30", "btrfs", "/dev/mapper/a");
        device("sda1", "8:1", "");
        device("sdb1", "8:17", "");
        mapping("dm-0", "253:0", "sda1", "CRYPT-LUKS2-0123-a a");
        mapping("dm-1", "253:1", "sdb1", "CRYPT-LUKS2-4567-b b");
        sh("mkdir -p sys/fs/btrfs/features sys/fs/btrfs/1111/devices sys/fs/btrfs/2222/devices");
        sh("ln -s ../../../../class/block/sdb1 sys/fs/btrfs/1111/devices/sdb1");
        sh("for d in dm-0 %s; do ln -s ../../../../class/block/$d sys/fs/btrfs/2222/devices/$d; done", second);
}

static void btrfs_on_two(void)
{
        btrfs("dm-1");
        check_found("a on /dev/sda1;b on /dev/sdb1;");
}

/* One leg that is not encrypted is enough to read, and to change, what is on root. */
static void a_leg_that_is_not_encrypted(void)
{
        btrfs("sdb1");
        check_refused("it is on sdb1");
        mount_line("253:2", "ext4", "/dev/mapper/vg-root");
        device("sda1", "8:1", "");
        device("sdb1", "8:17", "");
        mapping("dm-0", "253:0", "sda1", "CRYPT-LUKS2-0123-pv0 pv0");
        mapping("dm-2", "253:2", "dm-0 sdb1", "LVM-abc vg-root");
        check_refused("it is on sdb1");
        mount_line("8:2", "ext4", "/dev/sda2");
        device("sda2", "8:2", "");
        check_refused("not on a LUKS2 volume alone: it is on sda2");
        mount_line("253:0", "ext4", "/dev/mapper/root");
        device("vda2", "8:2", "");
        mapping("dm-0", "253:0", "vda2", "CRYPT-LUKS1-0123-root root");
        check_refused("it is on vda2");
}

/* The last mount over "/" is the one that counts. */
static void a_root_that_was_mounted_over(void)
{
        a_plain_volume();
        sh("printf '2 1 8:2 / / rw - ext4 /dev/sda2 rw\n' >> proc/self/mountinfo");
        device("sda2", "8:3", "");
        sh("rm sys/dev/block/8:2 && ln -s ../../class/block/sda2 sys/dev/block/8:2");
        check_refused("it is on sda2");
        mount_line("0:25", "overlay", "overlay");
        check_refused("on no block device: overlay");
}

int main(void)
{
        snprintf(top, sizeof(top), "/tmp/halfkey-root-XXXXXX");
        CHECK(mkdtemp(top));
        RUN(a_plain_volume);
        RUN(on_md);
        RUN(lvm_on_two);
        RUN(btrfs_on_two);
        RUN(a_leg_that_is_not_encrypted);
        RUN(a_root_that_was_mounted_over);
        sh("rm -r %s", top);
        return 0;
}
