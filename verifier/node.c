/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/node.h"

#include "base/error.h"
#include "base/hex.h"

#include <stdio.h>
#include <string.h>

int boot_counters_compare(BootCounters a, BootCounters b)
{
        if (a.reset != b.reset) return a.reset < b.reset ? -1 : 1;
        if (a.restart != b.restart) return a.restart < b.restart ? -1 : 1;
        return 0;
}

const char *node_state_name(NodeState s)
{
        switch (s) {
        case NODE_PENDING: return "pending";
        case NODE_ACTIVE: return "active";
        case NODE_QUARANTINED: return "quarantined";
        }
        return "unknown";
}

void node_default_name(const uint8_t id[static NODE_ID_SIZE], unsigned digits, char ret[static NODE_TEXT_MAX + 1])
{
        char hex[2 * NODE_ID_SIZE + 1];

        hex_encode(BYTES(id, NODE_ID_SIZE), hex);
        (void)snprintf(ret, NODE_TEXT_MAX + 1, "node-%.*s", (int)MIN(digits, 56U), hex);
}

int node_approve(NodeRecord *n)
{
        if (n->state == NODE_QUARANTINED)
                return error_set(NODE_E_STATE, "%s is quarantined: halfkey cluster node activate %s", n->name,
                                 n->name);
        if (n->state == NODE_ACTIVE) {
                n->readopt = true;
                n->readopt_after = n->seen;
        }
        n->state = NODE_ACTIVE;
        return 0;
}

int node_quarantine(NodeRecord *n)
{
        if (n->state == NODE_QUARANTINED) return error_set(NODE_E_STATE, "%s is quarantined already", n->name);
        n->state = NODE_QUARANTINED;
        return 0;
}

int node_activate(NodeRecord *n)
{
        if (n->state == NODE_PENDING)
                return error_set(NODE_E_STATE, "%s is pending: halfkey cluster node approve %s", n->name, n->name);
        if (n->state == NODE_ACTIVE) return error_set(NODE_E_STATE, "%s is active already", n->name);
        n->state = NODE_ACTIVE;
        return 0;
}

int node_mark_reinstall(NodeRecord *n)
{
        if (!n->committed)
                return error_set(NODE_E_STATE, "%s has not finished its enrolment: remove it, and enrol again",
                                 n->name);
        n->reinstall = true;
        return 0;
}

const NodeKeys *node_keys_for(const NodeRecord *n, bool enrolling)
{
        if (n->registering && (enrolling || !n->committed)) return &n->registration;
        if (n->committed) return &n->keys;
        return NULL;
}

int node_counters_check(const NodeRecord *n, BootCounters now)
{
        if (boot_counters_compare(now, n->seen) >= 0) return 0;
        return error_set(NODE_E_BACKWARDS, "boot counters %u/%u are below %u/%u, which this TPM showed before",
                         now.reset, now.restart, n->seen.reset, n->seen.restart);
}

void node_counters_seen(NodeRecord *n, BootCounters now)
{
        if (boot_counters_compare(now, n->seen) > 0) n->seen = now;
}

bool node_has_baseline_for(const NodeRecord *n, BootCounters now)
{
        return n->baseline.present && !(n->readopt && boot_counters_compare(now, n->readopt_after) > 0);
}

bool node_was_capped(const NodeRecord *n, BootCounters now)
{
        return n->capped && boot_counters_compare(now, n->capped_at) <= 0;
}

void node_set_capped(NodeRecord *n, BootCounters now)
{
        if (node_was_capped(n, now)) return;
        n->capped = true;
        n->capped_at = now;
}

const NodeHalf *node_half(const NodeRecord *n, uint64_t generation)
{
        for (size_t i = 0; i < n->n_halves; i++)
                if (n->halves[i].generation == generation) return &n->halves[i];
        return NULL;
}

const NodeVolume *node_volume(const NodeRecord *n, Bytes id, const char *role)
{
        for (size_t i = 0; i < n->n_volumes; i++)
                if (bytes_equal(BYTES_ARRAY(n->volumes[i].id), id) && strcmp(n->volumes[i].role, role) == 0)
                        return &n->volumes[i];
        return NULL;
}

NodeVolume *node_volume_to_change(NodeRecord *n, Bytes id, const char *role)
{
        const NodeVolume *v = node_volume(n, id, role);

        return v ? &n->volumes[v - n->volumes] : NULL;
}

int node_order_rekey(NodeRecord *n)
{
        if (!n->committed)
                return error_set(NODE_E_STATE, "%s has not finished its enrolment: there is nothing to rekey yet",
                                 n->name);
        for (size_t i = 0; i < n->n_volumes; i++)
                if (n->volumes[i].order != NODE_ORDER_NONE && n->volumes[i].order != NODE_ORDER_CONFIRMED)
                        return error_set(NODE_E_STATE,
                                         "volume '%s' of %s is being rekeyed already (%s): a boot and its "
                                         "re-attestation bring it on",
                                         n->volumes[i].role, n->name, node_order_name(n->volumes[i].order));
        for (size_t i = 0; i < n->n_volumes; i++) {
                n->volumes[i].order = NODE_ORDER_GIVEN;
                n->volumes[i].order_epoch = n->volumes[i].epoch + 1;
                memset(n->volumes[i].next_hash, 0, sizeof(n->volumes[i].next_hash));
        }
        return 0;
}

const char *node_order_name(NodeOrder o)
{
        static const char *const names[] = { "", "ordered", "delivered", "carried out", "confirmed" };

        return names[o];
}

/* Is an order under way that the node knows of? */
static bool is_under_way(const NodeVolume *v)
{
        return v->order == NODE_ORDER_DELIVERED || v->order == NODE_ORDER_CARRIED_OUT;
}

static bool is_next(const NodeVolume *v, uint64_t epoch, Bytes token_hash)
{
        return is_under_way(v) && epoch == v->order_epoch && bytes_equal(BYTES_ARRAY(v->next_hash), token_hash);
}

bool node_volume_knows(const NodeVolume *v, uint64_t epoch, Bytes token_hash)
{
        return bytes_equal(BYTES_ARRAY(v->token_hash), token_hash) || is_next(v, epoch, token_hash);
}

bool node_order_deliver(NodeVolume *v, uint64_t epoch, Bytes planned)
{
        if (v->order != NODE_ORDER_GIVEN && !is_under_way(v)) return false;
        if (epoch + 1 != v->order_epoch || planned.size != sizeof(v->next_hash)) return false;
        memcpy(v->next_hash, planned.data, sizeof(v->next_hash));
        v->order = NODE_ORDER_DELIVERED;
        return true;
}

NodeOrder node_order_seen(NodeVolume *v, uint64_t epoch, Bytes token_hash, bool used)
{
        if (!is_next(v, epoch, token_hash) || (v->order == NODE_ORDER_CARRIED_OUT && !used))
                return NODE_ORDER_NONE;
        v->order = used ? NODE_ORDER_CONFIRMED : NODE_ORDER_CARRIED_OUT;
        if (used) {
                v->epoch = v->floor = v->order_epoch;
                memcpy(v->token_hash, v->next_hash, sizeof(v->token_hash));
        }
        return v->order;
}

void node_commit(NodeRecord *n, const NodeVolume *volumes, size_t n_volumes)
{
        n->keys = n->registration;
        n->halves[0] = n->registration.half;
        n->n_halves = 1;
        for (size_t i = 0; i < n_volumes; i++) n->volumes[i] = volumes[i];
        n->n_volumes = n_volumes;
        n->incarnation++;
        n->seen = n->registration.at;
        n->capped = false;
        n->capped_at = (BootCounters){ 0 };
        n->baseline = n->last = (NodeBoot){ 0 };
        n->floors = (PolicyFloors){ 0 };
        n->committed = true;
        n->registering = n->reinstall = n->readopt = false;
        n->registration = (NodeKeys){ 0 };
}

static int check_floors(const NodeRecord *old, const NodeRecord *new)
{
        for (size_t i = 0; i < old->n_volumes; i++) {
                const NodeVolume *v = node_volume(new, BYTES_ARRAY(old->volumes[i].id), old->volumes[i].role);

                if (v && v->floor < old->volumes[i].floor)
                        return error_set(NODE_E_BACKWARDS, "%s: the epoch floor of a volume would go down",
                                         old->name);
        }
        return 0;
}

int node_check_successor(const NodeRecord *old, const NodeRecord *new)
{
        if (new->incarnation < old->incarnation || new->generation < old->generation)
                return error_set(NODE_E_BACKWARDS, "%s: incarnation or generation would go down", old->name);
        if (new->incarnation > old->incarnation) return 0;
        if (boot_counters_compare(new->seen, old->seen) < 0)
                return error_set(NODE_E_BACKWARDS, "%s: boot counters would go down", old->name);
        if (old->capped && (!new->capped || boot_counters_compare(new->capped_at, old->capped_at) < 0))
                return error_set(NODE_E_BACKWARDS, "%s: the cap seen would be forgotten", old->name);
        if (!policy_floors_hold(&old->floors, &new->floors))
                return error_set(NODE_E_BACKWARDS, "%s: what policies hold it to would go down", old->name);
        return check_floors(old, new);
}

int node_local_release(NodeLocal *l, BootCounters now, uint64_t at)
{
        const int order = boot_counters_compare(now, l->boot);

        if (l->releases > 0 && order < 0)
                return error_set(NODE_E_BACKWARDS, "boot counters %u/%u are below %u/%u, which were served before",
                                 now.reset, now.restart, l->boot.reset, l->boot.restart);
        if (l->releases == 0 || order > 0) {
                l->boot = now;
                l->first_at = at;
                l->releases = 0;
        }
        if (l->releases >= NODE_RELEASES_MAX || at > l->first_at + NODE_RELEASES_S)
                return error_set(NODE_E_FULL, "this boot was answered %u times since %llu s ago", l->releases,
                                 (unsigned long long)(at - l->first_at));
        l->releases++;
        l->last_at = at;
        return 0;
}
