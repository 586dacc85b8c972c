/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unlock-graph.h"

#include <stdio.h>
#include <string.h>

typedef enum Point {
        STARTED,
        CONNECTED,
        HELLO_THERE,
        TLS_ANSWERED,
        EXPORTER_KNOWN,
        SESSION_STARTED,
        PCRS_BOUND,
        AUTHORIZED,
        LOADED,
        QUOTED,
        EVIDENCE_THERE,
        ANSWERED,
        HALF_HERE,
        UNSEALED,
        CAPPED,
        POINTS,
} Point;

static const char *const names[POINTS] = {
        [STARTED] = "started",
        [CONNECTED] = "connected",
        [HELLO_THERE] = "hello there",
        [TLS_ANSWERED] = "answered",
        [EXPORTER_KNOWN] = "exporter",
        [SESSION_STARTED] = "session",
        [PCRS_BOUND] = "PCRs bound",
        [AUTHORIZED] = "authorized",
        [LOADED] = "loaded",
        [QUOTED] = "quoted",
        [EVIDENCE_THERE] = "evidence",
        [ANSWERED] = "released",
        [HALF_HERE] = "cluster's half",
        [UNSEALED] = "node's half",
        [CAPPED] = "capped",
};

/* In an order in which each edge comes after those that lead to its start. */
static const struct Edge {
        Point from, to;
        GraphWeight weight;
        const char *forced_by;
} edges[] = {
        { STARTED, CONNECTED, WEIGHT_ROUND_TRIP, "RFC 9293, 3.5: no data before SYN and SYN-ACK; DESIGN, step 2" },
        { CONNECTED, HELLO_THERE, WEIGHT_HALF,
          "RFC 8446, 2: the ClientHello travels; no early data (DESIGN, step 2)" },
        { HELLO_THERE, TLS_ANSWERED, WEIGHT_TLS, "RFC 8446, 4.4: the server signs the handshake" },
        { TLS_ANSWERED, EXPORTER_KNOWN, WEIGHT_HALF, "RFC 8446, 7.5: the exporter needs the server's Finished" },
        { EXPORTER_KNOWN, QUOTED, WEIGHT_QUOTE, "DESIGN, step 3: extraData holds this connection's exporter" },
        { STARTED, SESSION_STARTED, WEIGHT_START_SESSION,
          "TPM 2.0 Part 1, 19: a policy is fulfilled in a session" },
        { SESSION_STARTED, PCRS_BOUND, WEIGHT_POLICY_PCR, "TPM 2.0 Part 3, 23.7: PolicyPCR extends the session" },
        { PCRS_BOUND, AUTHORIZED, WEIGHT_POLICY_AUTHORIZE,
          "TPM 2.0 Part 3, 23.16: PolicyAuthorize wants the session at the approved policy" },
        { STARTED, LOADED, WEIGHT_LOAD, "TPM 2.0 Part 3, 12.2: only a loaded object is unsealed" },
        { AUTHORIZED, UNSEALED, WEIGHT_UNSEAL, "TPM 2.0 Part 1, 19.7: the session holds authPolicy by then" },
        { LOADED, UNSEALED, WEIGHT_UNSEAL, "TPM 2.0 Part 3, 12.7" },
        { QUOTED, EVIDENCE_THERE, WEIGHT_HALF, "DESIGN, step 4: the evidence follows the quote" },
        { EVIDENCE_THERE, ANSWERED, WEIGHT_ANSWER,
          "DESIGN, the verifier decides: nothing before the signature is good" },
        { ANSWERED, HALF_HERE, WEIGHT_HALF, "DESIGN, step 4: the answer travels" },
        { HALF_HERE, CAPPED, WEIGHT_EXTEND,
          "DESIGN, step 8: the cap's tags need the volume keys, so both halves" },
        { UNSEALED, CAPPED, WEIGHT_EXTEND, "DESIGN, step 8: the same; after the cap the seal does not open" },
        { STARTED, CAPPED, WEIGHT_WHOLE_TPM,
          "TPM 2.0 Part 1: a TPM executes one command at a time; DESIGN lists which ones, FlushContext before the "
          "cap" },
};

static void describe(const int came_by[POINTS], char *path)
{
        const char *steps[POINTS];
        size_t n = 0, used = 0;

        for (int point = CAPPED; point != STARTED; point = (int)edges[came_by[point]].from)
                steps[n++] = names[point];
        for (path[0] = '\0'; n > 0; n--)
                used += (size_t)snprintf(path + used, GRAPH_PATH_SIZE - used, "%s%s", used ? ", " : "",
                                         steps[n - 1]);
}

uint64_t graph_longest(const uint64_t weight[static WEIGHTS], char *path)
{
        uint64_t at[POINTS] = { 0 };
        int came_by[POINTS] = { 0 };

        for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
                const uint64_t then = at[edges[i].from] + weight[edges[i].weight];

                if (then < at[edges[i].to]) continue;
                at[edges[i].to] = then;
                came_by[edges[i].to] = (int)i;
        }
        if (path) describe(came_by, path);
        return at[CAPPED];
}
