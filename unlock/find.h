/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* LUKS2 volumes among the block devices, to notice two with the same UUID.
 *
 * Two devices that carry the same LUKS UUID are an attack or a clone: which one udev's link names is chance.
 * Members of a running md array or multipath map carry the UUID of the device they make up and are not
 * counted, nor are those that hold an md superblock at their end (0.90, 1.0) while the array is not yet up.
 * Whoever opens the volume opens the device that find_by_uuid() names, not the link: a forged superblock hides
 * a twin from the count, and then it must not be what is opened. */

#include "base/macros.h"

enum {
        FIND_UUID_MAX = 39,
        FIND_VOLUMES_MAX = 256, /* LUKS2 volumes in one machine */
        FIND_DEVICES_MAX = 4096,
};

enum { FIND_E_DUPLICATE = 1 };

typedef struct FoundVolume {
        char name[64]; /* of the device: "vda2", "dm-3" */
        char uuid[FIND_UUID_MAX + 1];
        bool member; /* of an md array or multipath map */
} FoundVolume;

typedef struct FoundVolumes {
        FoundVolume items[FIND_VOLUMES_MAX];
        size_t n;
} FoundVolumes;

/* Reads the first sectors of each block device in `sys_class_block` ("/sys/class/block") through `dev`
 * ("/dev"). Devices that cannot be read are passed over (no medium, I/O error). */
_must_check_ int find_volumes(const char *sys_class_block, const char *dev, FoundVolumes *ret);
/* The one device with that UUID (compared without regard to case), members left out. -ENOENT; FIND_E_DUPLICATE
 * with both names as detail. */
_must_check_ int find_by_uuid(const FoundVolumes *found, const char *uuid, const FoundVolume **ret);
/* The UUID of the LUKS2 header in the first 512 bytes of a device. -ENOENT where there is none, -EBADMSG where
 * its UUID is no text. */
_must_check_ int find_parse_uuid(const uint8_t *sector, size_t size, char ret[static FIND_UUID_MAX + 1]);
