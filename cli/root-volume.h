/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The LUKS volume under the root file system. */

#include "base/macros.h"

typedef struct RootVolume {
        char *name;   /* of the mapping */
        char *device; /* the LUKS device: /dev/vda2 */
} RootVolume;

/* Follows device-mapper from the root file system's device down to the LUKS2 mapping. -ENOENT: there is none. */
_must_check_ int root_volume_find(RootVolume *ret);
void root_volume_deinit(RootVolume *v);
