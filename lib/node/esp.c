/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/esp.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOUNT_POINT "/run/halfkey-esp"

enum { ESP_FILE_MAX = 65536 };

static int try_mount(const char *device, unsigned long flags)
{
        flags |= MS_NOSUID | MS_NODEV | MS_NOEXEC;
        return mount(device, MOUNT_POINT, "vfat", flags, "umask=0077") < 0 ? -errno : 0;
}

static int mount_esp(const char *device, unsigned long flags)
{
        int r;

        if (mkdir(MOUNT_POINT, 0700) < 0 && errno != EEXIST) return error_set(-errno, MOUNT_POINT ": %m");
        r = try_mount(device, flags);
        /* The running host has it mounted to be written to: one file system is not both. */
        if (r == -EBUSY && (flags & MS_RDONLY)) r = try_mount(device, flags & ~(unsigned long)MS_RDONLY);
        if (r < 0) return error_set(r, "cannot mount the EFI system partition %s: %s", device, strerror(-r));
        return 0;
}

static int unmount_esp(void)
{
        if (umount2(MOUNT_POINT, UMOUNT_NOFOLLOW) < 0) return error_set(-errno, "cannot unmount the ESP: %m");
        (void)rmdir(MOUNT_POINT);
        return 0;
}

int esp_read(const char *device, const char *name, uint8_t **ret, size_t *ret_size)
{
        cleanup_free char *path = NULL;
        uint8_t *data = NULL;
        size_t size;
        int r, q;

        if (asprintf(&path, MOUNT_POINT "/%s", name) < 0) return -ENOMEM;
        r = mount_esp(device, MS_RDONLY);
        if (r < 0) return r;
        r = file_read(path, ESP_FILE_MAX, &data, &size);
        q = unmount_esp();
        if (r < 0) return r;
        if (q < 0) {
                free(data);
                return q;
        }
        *ret = data;
        *ret_size = size;
        return 0;
}

static int write_mounted(const char *path, const uint8_t *data, size_t size)
{
        static const char *const folders[] = { MOUNT_POINT "/EFI", MOUNT_POINT "/EFI/halfkey" };

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                if (mkdir(folders[i], 0700) < 0 && errno != EEXIST) return error_set(-errno, "%s: %m", folders[i]);
        return file_write_atomic(path, BYTES(data, size), 0600);
}

int esp_write(const char *device, const char *name, const uint8_t *data, size_t size)
{
        cleanup_free char *path = NULL;
        int r, q;

        if (asprintf(&path, MOUNT_POINT "/%s", name) < 0) return -ENOMEM;
        r = mount_esp(device, 0);
        if (r < 0) return r;
        r = write_mounted(path, data, size);
        q = unmount_esp();
        return r < 0 ? r : q;
}

int esp_remove(const char *device, const char *name)
{
        cleanup_free char *path = NULL;
        int r, q;

        if (asprintf(&path, MOUNT_POINT "/%s", name) < 0) return -ENOMEM;
        r = mount_esp(device, 0);
        if (r < 0) return r;
        if (unlink(path) < 0) r = error_set(-errno, "%s: %m", name);
        q = unmount_esp();
        return r < 0 ? r : q;
}
