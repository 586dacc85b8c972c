/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The systemd-cryptsetup@NAME.service of a volume that is halfkey's. It is active when halfkey-unlock has ended
 * well, and stays so on the host, whose own unit of that name then does nothing. Where the boot can do without the
 * volume, it is active when that is open, or closed for a reason (closed.h); else, when the device was not there,
 * the host's own takes over. */

#include "node/settings.h"

/* Writes it into the folder. */
_must_check_ int own_unit_write(const char *folder, const VolumeSetting *volume);
