/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One unlock by the node's own code, through a TPM and a network that are made slow, held against what must wait.
 */

#include "life.h"
#include "relay.h"
#include "unlock-graph.h"

typedef struct Profile {
        const char *name;
        RigDelay *delay_us;
} Profile;
enum { PROFILES = 3 };
/* A slow discrete TPM, a fast one, one in firmware. */
extern const Profile profiles[PROFILES];

typedef enum Order {
        ORDER_PRODUCT, /* node_unlock() */
        ORDER_REBUILT, /* the same steps, put together here */
        ORDER_SWAPPED, /* the same, Unseal before Quote */
} Order;

typedef struct UnlockRun {
        uint64_t took, bound; /* microseconds from the start of the attempt to the cap */
        size_t commands;      /* TPM commands in it */
        char path[GRAPH_PATH_SIZE];
} UnlockRun;

/* A fresh boot, unlocked and capped. The rig's latency is switched off again. */
UnlockRun unlock_run(Life *l, Relay *relay, const Profile *profile, unsigned round_trip_us, Order order);
/* A stored ticket, as after a first boot. */
void unlock_store_ticket(Life *l);
