/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Opening a volume on the attested road: both halves are known. */

#include "base/secret.h"
#include "unlock/volume.h"

/* v passed volume_check() for HEADER_USE_TOKEN, and t is its token. Verifies the header's tag by the halves, opens
 * the token's keyslot, and verifies the tag by the volume key; a header that was accepted on the host
 * (unlock/accept.h) has the second tag alone. Nothing is mapped. VOLUME_E_REFUSED, VOLUME_E_WRONG_KEY. */
_must_check_ int open_by_halves(Volume *v, const Token *t, const Secret *node_half, const Secret *cluster_half,
                                Secret **ret_volume_key);
