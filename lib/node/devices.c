/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/devices.h"

#include "base/error.h"
#include "base/fd.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-device.h>
#include <unistd.h>

#define ESP_TYPE "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define LOADER_PARTITION "/sys/firmware/efi/efivars/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

enum { EFIVAR_MAX = 4096, UUID_LENGTH = 36 };

static int existing(const char *path, char **ret)
{
        cleanup_free char *copy = NULL;

        if (access(path, F_OK) < 0) return -errno;
        copy = realpath(path, NULL);
        if (!copy) return -errno;
        *ret = TAKE_PTR(copy);
        return 0;
}

int devices_find_source(const char *source, char **ret)
{
        static const struct {
                const char *prefix, *folder;
        } links[] = {
                { "UUID=", "/dev/disk/by-uuid/" },
                { "PARTUUID=", "/dev/disk/by-partuuid/" },
                { "LABEL=", "/dev/disk/by-label/" },
                { "PARTLABEL=", "/dev/disk/by-partlabel/" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
                const size_t n = strlen(links[i].prefix);
                cleanup_free char *path = NULL;

                if (strncmp(source, links[i].prefix, n) != 0) continue;
                if (strchr(source + n, '/')) return error_set(-EINVAL, "not a device: '%s'", source);
                if (asprintf(&path, "%s%s", links[i].folder, source + n) < 0) return -ENOMEM;
                return existing(path, ret);
        }
        if (strncmp(source, "/dev/", 5) != 0) return error_set(-EINVAL, "not a device: '%s'", source);
        return existing(source, ret);
}

/* An EFI variable is four bytes of attributes, then UTF-16 text: here a UUID. */
static int loader_partition(char ret[static UUID_LENGTH + 1])
{
        cleanup_free uint8_t *data = NULL;
        size_t size;
        int r;

        r = file_read(LOADER_PARTITION, EFIVAR_MAX, &data, &size);
        if (r < 0) return r;
        if (size < 4 + 2 * UUID_LENGTH) return -EBADMSG;
        for (size_t i = 0; i < UUID_LENGTH; i++) {
                const uint8_t c = data[4 + 2 * i];

                if (data[5 + 2 * i] != 0 || (!isxdigit(c) && c != '-')) return -EBADMSG;
                ret[i] = (char)tolower(c);
        }
        ret[UUID_LENGTH] = '\0';
        return 0;
}

static int only_esp(sd_device_enumerator *e, char **ret)
{
        cleanup_free char *found = NULL;

        for (sd_device *d = sd_device_enumerator_get_device_first(e); d;
             d = sd_device_enumerator_get_device_next(e)) {
                const char *name;

                if (sd_device_get_devname(d, &name) < 0) continue;
                if (found) return error_set(-ENOTUNIQ, "two EFI system partitions: %s and %s", found, name);
                found = strdup(name);
                if (!found) return -ENOMEM;
        }
        if (!found) return error_set(-ENOENT, "no EFI system partition yet");
        *ret = TAKE_PTR(found);
        return 0;
}

static int find_by_type(char **ret)
{
        sd_device_enumerator *e = NULL;
        int r;

        r = sd_device_enumerator_new(&e);
        if (r < 0) return r;
        r = sd_device_enumerator_add_match_subsystem(e, "block", 1);
        if (r >= 0) r = sd_device_enumerator_add_match_property(e, "ID_PART_ENTRY_TYPE", ESP_TYPE);
        if (r >= 0) r = only_esp(e, ret);
        sd_device_enumerator_unref(e);
        return r < 0 ? r : 0;
}

int devices_find_esp(char **ret)
{
        char uuid[UUID_LENGTH + 1], path[PATH_MAX];

        if (loader_partition(uuid) == 0) {
                (void)snprintf(path, sizeof(path), "/dev/disk/by-partuuid/%s", uuid);
                if (existing(path, ret) == 0) return 0;
        }
        return find_by_type(ret);
}
