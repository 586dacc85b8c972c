/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's copies of the installer's key, named by its crypttab: they go so that nobody takes them for keys. */

#include "base/reader.h"
#include "node/state.h"

/* Removes each key file of the crypttab that only volumes name whose installer's keyslot is gone (`cleaned`, one a
 * volume of the state), and that opens none of them: a key of somebody's own stays. Done at every run; one that
 * cannot be removed is said each time. -EBADMSG and the like for a crypttab that cannot be read. */
_must_check_ int key_files_remove(const State *state, const bool cleaned[static STATE_VOLUMES_MAX],
                                  Bytes crypttab);
