/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From a typed key to the volume key and its tag, the same in the initrd and for `halfkey unlock`; from both
 * halves unlock/open.h goes. Nothing is capped or mapped here. */

#include "attest/cap.h"
#include "base/secret.h"
#include "unlock/volume.h"

/* A typed key opens what it opens; a header with a token has to be the one that halfkey wrote as well. t is NULL
 * where there is none. Checks the header for HEADER_USE_TYPED. VOLUME_E_*. */
_must_check_ int node_open_typed(Volume *v, const Token *t, const Secret *typed, Secret **ret_volume_key);

/* What goes into the cap for this volume. */
_must_check_ int node_volume_tag(const Token *t, const Secret *volume_key, AttestVolume *ret);
