/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Two halves make a passphrase. */

#include "base/secret.h"
#include "unlock/token.h"

enum { COMBINE_HALF_SIZE = 32, COMBINE_PASSPHRASE_SIZE = 32 };

/* The LUKS2 passphrase of the volume that t names: 32 raw bytes,
 *   HKDF-SHA256(key = node half || cluster half, no salt,
 *               info = length-prefixed ("halfkey volume key v1", volume id, role, node id[, epoch])).
 * The scheme's version is this program's, never the disk's. Each prefix is be32. The role is in it so that a
 * genuine data volume put in root's place gets another passphrase; the epoch (be64, where it is above 1, so that
 * what enrolment writes stays what it was) so that each rekey makes another one of the same halves.
 * -EINVAL for halves of another size, an empty role, and epoch 0. */
_must_check_ int unlock_volume_passphrase(const Secret *node_half, const Secret *cluster_half, const Token *t,
                                          Secret **ret);

/* The key of the header's tag (unlock/record.h), 32 bytes: the same derivation with the label "halfkey header key
 * v1", so that nobody without both halves writes a header that is opened unattended. */
_must_check_ int unlock_header_key(const Secret *node_half, const Secret *cluster_half, const Token *t,
                                   Secret **ret);
