/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is done with a volume's header once its key is known: what an administrator ordered or accepted. */

#include "initramfs/session.h"

/* The key of v is known. Signs a header that was accepted on the host (unlock/accept.h) with both halves again;
 * where that fails it is said, and the next boot does it. */
void order_finish_accept(const OwnVolume *v, const Secret *node_half, const Secret *cluster_half);

/* The key of v is known. Carries out an order to rekey it, to the token that was announced; `planned` is NULL
 * where none was. It is said whether that was done; where it was not the order stays open, and this boot goes on
 * with the header in memory, which nothing here touches. */
void order_carry_out(const OwnVolume *v, const Token *planned, const Secret *node_half, const Secret *cluster_half,
                     const Unlocked *unlocked);
