/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A node's life against the real halfkey-verifier, with the code that a real node runs: only disk and initrd are
 * left out. */

#include "node/stage.h"
#include "node/unlock.h"
#include "world.h"

typedef struct Life {
        World world;
        Stage stage;
        NodeConfig *config;
        pthread_mutex_t lock;
        bool cancelled;
        uint8_t cluster_half[32];
} Life;

/* A verifier, and a node that is enrolled with it, approved, and at the start of its next boot. */
void life_init(Life *l, const char *verifier, const char *halfkey);
void life_deinit(Life *l);
#define cleanup_life _cleanup_(life_deinit)

/* Where the node finds the verifier from now on: a relay's address. Part of the configuration's hash. */
void life_connect_by(Life *l, const char *address);
/* node_unlock() with what halfkey-unlock gives it; *half is the caller's. */
UnlockParams life_unlock_params(Life *l, const Token **token, Secret **half, char *verifier);
/* Power cut and firmware. */
void life_boot(Life *l);
