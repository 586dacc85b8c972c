/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What goes once a boot was opened by attestation: the installer's keyslot, its key file, the enrolment secret.
 * Everything here is done again when it was interrupted, and finding nothing left to do is success. */

#include "node/state.h"
#include "proto/node.pb.h"

_must_check_ int cleanup_enrolment(const State *state);

/* A rekeyed volume was opened by its new keyslot, and the verifier refuses the old header from now on: the keyslot
 * that was replaced goes. */
_must_check_ int cleanup_rekeyed(const State *state, const halfkey_v1_ReattestResult *result);
