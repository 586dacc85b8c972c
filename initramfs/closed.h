/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Volumes that stay closed although their devices are there: their headers were refused, they have no token, the
 * verifier would not open them. A file each keeps the host's systemd-cryptsetup from them: it would open whatever
 * header its key file opens, a made-up one with a keyslot of a null cipher among them. */

#include "initramfs/session.h"
#include "node/state.h"

#define CLOSED_FOLDER STATE_FOLDER "/closed"

/* Of an earlier start of this boot. */
_must_check_ int closed_clear(const char *folder);
/* One file for each volume with a device and without a key, its reason in it: after mapping, before keys are
 * freed. */
_must_check_ int closed_write(const Session *s, const char *folder);
