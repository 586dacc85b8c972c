/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Waiting for block devices in the initrd, by what udev has learned about them. */

#include "base/macros.h"

/* The device node of a crypttab source: "UUID=", "PARTUUID=", "LABEL=", "PARTLABEL=" or a path. Looks once;
 * -ENOENT while it is not there. The caller frees *ret. */
_must_check_ int devices_find_source(const char *source, char **ret);

/* The EFI system partition: the one that the boot loader names in LoaderDevicePartUUID, else the only
 * partition of that type. Looks once; -ENOENT, or -ENOTUNIQ where several qualify. */
_must_check_ int devices_find_esp(char **ret);
