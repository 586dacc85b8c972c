/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the verifier's answer says of volumes beside the half: the floor of their epochs, and orders. */

#include "initramfs/session.h"

/* The header of v is not from before the floor: asked before the half is used. VOLUME_E_REFUSED. */
_must_check_ int order_check_floor(const OwnVolume *v, const halfkey_v1_UnlockResult *result);

/* The key of v is known. Signs a header that was accepted on the host (unlock/accept.h) with both halves again;
 * where that fails it is said, and the next boot does it. */
void order_finish_accept(const OwnVolume *v, const Secret *node_half, const Secret *cluster_half);

/* The key of v is known. Carries out an order to rekey it, to the token that was announced; `planned` is NULL
 * where none was. It is said whether that was done; where it was not the order stays open, and this boot goes on
 * with the header in memory, which nothing here touches. */
void order_carry_out(const OwnVolume *v, const Token *planned, const Secret *node_half, const Secret *cluster_half,
                     const halfkey_v1_UnlockResult *result);
