/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A data volume that comes later: a keyslot for a random key file, which is kept on the encrypted root, and a line
 * of crypttab that opens it with that after root (DESIGN, "Several volumes"). It has no halfkey token: who opens
 * root opens it. Nothing is formatted, and no keyslot is taken away. */

#include "base/secret.h"
#include "unlock/volume.h"

#include <limits.h>

enum { DATA_NAME_MAX = 64 };

typedef struct DataPlaces {
        const char *crypttab; /* "/etc/crypttab" */
        const char *keys;     /* "/etc/cryptsetup-keys.d" */
} DataPlaces;

/* What is to be done, decided by data_plan() and done by data_add(). */
typedef struct DataPlan {
        char name[DATA_NAME_MAX + 1];
        char key_file[PATH_MAX];
        int keyslot;
} DataPlan;

/* Changes nothing. name NULL: "luks-UUID". VOLUME_E_REFUSED: a header that halfkey does not touch, or a volume
 * with a halfkey token, which is opened with root already. -EEXIST: crypttab has the name or the volume. -EINVAL
 * for a name, -ENOSPC: no keyslot is free. */
_must_check_ int data_plan(Volume *v, const char *name, const DataPlaces *places, DataPlan *ret);

/* Opens with the existing passphrase, then: key file (mode 0600), keyslot, crypttab line, each proven or whole
 * before the next. Run again after an interruption it takes the key file that is there. VOLUME_E_WRONG_KEY,
 * VOLUME_E_TYPO. */
_must_check_ int data_add(Volume *v, const DataPlan *plan, const DataPlaces *places, const Secret *typed);
