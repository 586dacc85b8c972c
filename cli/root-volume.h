/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The LUKS volumes under the root file system: one, or several under btrfs or LVM on several devices. */

#include "base/macros.h"

enum { ROOT_VOLUMES_MAX = 8 };

typedef struct RootVolume {
        char *name;   /* of the mapping */
        char *device; /* the LUKS device: /dev/vda2 */
} RootVolume;

typedef struct RootVolumes {
        RootVolume items[ROOT_VOLUMES_MAX]; /* by name */
        size_t n;
} RootVolumes;

/* Follows the kernel's devices from the root file system down to the LUKS2 mappings; md below such a mapping is
 * one device. `prefix` stands before /sys and /proc, "" for the running system. -ENOENT: a device that root stands
 * on is on no LUKS2 volume; the detail names it. */
_must_check_ int root_volumes_find(const char *prefix, RootVolumes *ret);
void root_volumes_deinit(RootVolumes *v);
