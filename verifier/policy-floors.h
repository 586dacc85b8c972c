/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the boots of a node had so far, where a policy says that later ones must not go below it ("monotonic");
 * zeros and "" where nothing is known. */

#include "base/macros.h"

enum { POLICY_VERSION_MAX = 63 /* characters of a firmware's version */ };

typedef struct PolicyFloors {
        uint64_t dbx;  /* entries */
        uint64_t sbat; /* level, such as 2023012900 */
        char firmware[POLICY_VERSION_MAX + 1];
} PolicyFloors;

/* Raises each to what was found. */
void policy_floors_raise(PolicyFloors *f, const PolicyFloors *found);
/* Whether none of `now` is below `before`. */
bool policy_floors_hold(const PolicyFloors *before, const PolicyFloors *now);
/* Numbers in a version by their value, the rest by its characters: "1.9" is below "1.10". <0, 0, >0 */
int policy_version_compare(const char *a, const char *b);
