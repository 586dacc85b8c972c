/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The end of a re-encryption that libcryptsetup cannot resume. */

#include "unlock/volume.h"

/* For a volume whose checked header says `reencrypted`: writes the header of a volume at rest under the fresh
 * key. Old keyslots, the work area's keyslot and all tokens go (they belong to the old key). The volume must
 * be opened anew afterwards. -EINVAL for another volume. */
_must_check_ int enrol_finish_reencryption(Volume *v);
