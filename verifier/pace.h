/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a node that is refused again and again may cost. A node proves who it is before any of this counts, so one
 * that is pending, quarantined or taken over could ask without end: each refusal would be an audit record, a line
 * in the log and, where its log does not fit its quote, a search for the cause.
 *
 * For each node, in a window that begins with its first refusal:
 * - the first refusal of each kind is audited, PACE_KINDS_USUAL kinds at most, and PACE_KINDS_MAX with those that
 * tell of an attack: who could use the others up would hide these behind a count. The rest is counted, and the
 * count is audited once the window is over. A refusal that is only counted carries the id of the audited one of
 * its kind, so that what a console shows is found;
 * - PACE_SEARCHES_MAX searches for the cause of a mismatch; the last cause found is remembered and given again.
 * Over all nodes the searches take PACE_WORK_MAX of each PACE_WORK_S seconds.
 *
 * In memory, of fixed size: where it is full, the node refused longest ago makes room. */

#include "verifier/audit.h"
#include "verifier/node.h"
#include "verifier/refusal.h"

enum {
        PACE_WINDOW_S = 600,
        PACE_KINDS_USUAL = 8,
        PACE_KINDS_MAX = 40,
        PACE_SEARCHES_MAX = 3,
        PACE_WORK_S = 10,
        PACE_WORK_MAX = 1000000, /* microseconds, roughly: what a search is expected to take */
        PACE_SETS = 512,
        PACE_WAYS = 4,
};

typedef struct PaceNode {
        uint8_t id[NODE_ID_SIZE];
        uint64_t from;             /* when the window began; 0: unused */
        uint64_t at;               /* the last refusal, or answer that was given before */
        unsigned n_kinds, n_usual; /* all, and those that are not grave */
        struct {
                uint32_t hash;
                char id[AUDIT_ID_MAX + 1];
        } kinds[PACE_KINDS_MAX];
        uint32_t repeated;             /* refusals that were only counted */
        bool refused;                  /* the last that was only counted was a refusal */
        char node[AUDIT_NODE_MAX + 1]; /* as in the audit */
        char last[NODE_REFUSAL_MAX + 1];

        unsigned searches;
        uint8_t cause_key[SHA256_SIZE];
        halfkey_v1_Refusal cause; /* reason "" where there is none */
} PaceNode;

typedef struct Pace {
        uint64_t work_from, work;
        PaceNode nodes[PACE_SETS][PACE_WAYS];
} Pace;

/* NULL when out of memory. */
Pace *pace_new(void);
void pace_free(Pace *p);

/* The node's place in a window that is still open at `now`. A window that ended for it, this node's old one or
 * that of a node that made room, is copied to *ret_ended where something was only counted in it; else
 * ret_ended->repeated is 0. */
PaceNode *pace_node(Pace *p, const uint8_t id[static NODE_ID_SIZE], uint64_t now, PaceNode *ret_ended);
/* Shall this be audited? `kind`: what happened and why ("unlock", "node-quarantined"). If not it is counted, and
 * ret_id is the id of what was audited in its place. If so, ret_id is remembered for those that follow. */
bool pace_audit(PaceNode *n, const char *what, const char *reason, char ret_id[static AUDIT_ID_MAX + 1]);
/* Takes out a window that has ended by `now` (UINT64_MAX: any) and in which something was only counted. */
bool pace_take_ended(Pace *p, uint64_t now, PaceNode *ret);

/* May a search of about so many microseconds be made for this node? */
bool pace_search(Pace *p, PaceNode *n, uint64_t now, uint64_t work);
