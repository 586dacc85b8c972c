/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Cluster halves at rest. A half is sealed by AES-256-GCM under the wrapping key with the node's id, its AK's Name
 * and the generation as additional data, so a half moved to another row, or a row whose AK was exchanged, does not
 * open. */

#include "verifier/node.h"

#include "base/secret.h"

/* A new half of 32 random bytes for `keys`: fills keys->half. ret_half may be NULL. */
_must_check_ int half_make(const Secret *wrapping_key, const uint8_t id[static NODE_ID_SIZE], uint64_t generation,
                           NodeKeys *keys, Secret **ret_half);
/* -EBADMSG with a detail where it does not open for this node, AK and generation. */
_must_check_ int half_open(const Secret *wrapping_key, const uint8_t id[static NODE_ID_SIZE],
                           const AttestName *ak_name, const NodeHalf *half, Secret **ret);
