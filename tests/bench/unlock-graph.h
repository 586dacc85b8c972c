/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What must wait for what between halfkey-unlock's start of an attempt and the cap: a graph, whose longest path no
 * program can undercut. Its weights are injected delays, and service times that the two proxies recorded: of the
 * TPM and of the verifier. The program's own work and waits are in none. */

#include "base/macros.h"

/* What an edge weighs. */
typedef enum GraphWeight {
        WEIGHT_ROUND_TRIP,
        WEIGHT_HALF, /* of a round trip */
        WEIGHT_TLS,  /* the verifier's part of the handshake */
        WEIGHT_ANSWER,
        WEIGHT_START_SESSION,
        WEIGHT_POLICY_PCR,
        WEIGHT_POLICY_AUTHORIZE,
        WEIGHT_LOAD,
        WEIGHT_QUOTE,
        WEIGHT_UNSEAL,
        WEIGHT_EXTEND,
        WEIGHT_WHOLE_TPM, /* all commands of the attempt together */
        WEIGHTS,
} GraphWeight;

/* Microseconds of the longest path to the cap. path, where it is not NULL, gets it in words (GRAPH_PATH_SIZE). */
enum { GRAPH_PATH_SIZE = 256 };
uint64_t graph_longest(const uint64_t weight[static WEIGHTS], char *path);
