/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Pace *pace_new(void)
{
        return calloc(1, sizeof(Pace));
}

void pace_free(Pace *p)
{
        free(p);
}

static bool is_over(const PaceNode *n, uint64_t now)
{
        /* A clock that was set back ends a window too. */
        return n->from > 0 && (now < n->from || now - n->from >= PACE_WINDOW_S);
}

static void end(PaceNode *n, PaceNode *ret_ended)
{
        if (n->repeated > 0) *ret_ended = *n;
        *n = (PaceNode){ 0 };
}

PaceNode *pace_node(Pace *p, const uint8_t id[static NODE_ID_SIZE], uint64_t now, PaceNode *ret_ended)
{
        /* An id is a hash: its first bytes are as good as any. */
        PaceNode *set = p->nodes[(id[0] << 8 | id[1]) % PACE_SETS], *found = &set[0];

        ret_ended->repeated = 0;
        for (size_t i = 0; i < PACE_WAYS; i++) {
                if (set[i].from > 0 && bytes_equal(BYTES_ARRAY(set[i].id), BYTES(id, NODE_ID_SIZE))) {
                        found = &set[i];
                        if (!is_over(found, now)) return found;
                        break;
                }
                if (set[i].at < found->at) found = &set[i];
        }
        end(found, ret_ended);
        found->from = found->at = now;
        memcpy(found->id, id, NODE_ID_SIZE);
        return found;
}

/* FNV-1a: two kinds that share a hash would be counted as one, and no one can make a reason. */
static uint32_t hash_of(const char *what, const char *reason)
{
        const char *const texts[] = { what, "/", reason };
        uint32_t h = 2166136261U;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                for (const char *c = texts[i]; *c; c++) h = (h ^ (uint8_t)*c) * 16777619U;
        return h;
}

/* Do they tell of an old header, a TPM that was cleared or cloned, an attested boot that asks again, or evidence
 * that was made up? */
static bool is_grave(const char *reason)
{
        static const RefusalReason grave[] = { REFUSAL_TOKEN_HASH, REFUSAL_TOKEN_EPOCH, REFUSAL_COUNTERS_WENT_BACK,
                                               REFUSAL_CAP_SEEN, REFUSAL_UNSEAL_POSSIBLE };

        for (size_t i = 0; i < ARRAY_SIZE(grave); i++)
                if (strcmp(reason, refusal_slug(grave[i])) == 0) return true;
        return strncmp(reason, "evidence-", strlen("evidence-")) == 0;
}

bool pace_audit(PaceNode *n, const char *what, const char *reason, char ret_id[static AUDIT_ID_MAX + 1])
{
        const uint32_t hash = hash_of(what, reason);
        const bool grave = is_grave(reason);
        size_t i = 0;

        while (i < n->n_kinds && n->kinds[i].hash != hash) i++;
        if (i == n->n_kinds && i < PACE_KINDS_MAX && (grave || n->n_usual < PACE_KINDS_USUAL)) {
                n->kinds[n->n_kinds++].hash = hash;
                n->n_usual += !grave;
                (void)snprintf(n->kinds[i].id, sizeof(n->kinds[i].id), "%s", ret_id);
                return true;
        }
        n->repeated++;
        (void)snprintf(ret_id, AUDIT_ID_MAX + 1, "%s", n->kinds[MIN(i, (size_t)n->n_kinds - 1)].id);
        return false;
}

bool pace_take_ended(Pace *p, uint64_t now, PaceNode *ret)
{
        for (size_t set = 0; set < PACE_SETS; set++) {
                for (size_t i = 0; i < PACE_WAYS; i++) {
                        PaceNode *n = &p->nodes[set][i];

                        if (n->repeated == 0 || !is_over(n, now)) continue;
                        end(n, ret);
                        return true;
                }
        }
        return false;
}

bool pace_search(Pace *p, PaceNode *n, uint64_t now, uint64_t work)
{
        if (now < p->work_from || now - p->work_from >= PACE_WORK_S) {
                p->work_from = now;
                p->work = 0;
        }
        if (n->searches >= PACE_SEARCHES_MAX || p->work + work > PACE_WORK_MAX) return false;
        n->searches++;
        p->work += work;
        return true;
}
