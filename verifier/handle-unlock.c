/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Unlock: the release of a node's own half. The half of no other node can be asked for: it is found by the node
 * whose AK signed the evidence. Everything that can fail fails before the audit record is durable, and the half
 * goes out only after it is. */

#include "verifier/verdict.h"

#include "base/error.h"
#include "base/log.h"
#include "proto/message.h"
#include "verifier/half.h"

#include <errno.h>
#include <string.h>

static int judge_volume(Appraisal *a, const halfkey_v1_Volume *v, uint64_t *floor)
{
        const NodeVolume *known = node_volume(&a->node, PROTO_BYTES(v->volume_id), v->role);

        if (!known)
                return refuse(&a->refusal, REFUSAL_VOLUME_UNKNOWN, "%s never enrolled this volume of role '%s'",
                              a->node.name, v->role);
        if (v->generation != known->generation || !node_half(&a->node, v->generation))
                return refuse(
                        &a->refusal, REFUSAL_TOKEN_GENERATION,
                        "the token of volume '%s' is of generation %llu, of which the cluster holds no half: use "
                        "the recovery key",
                        v->role, (unsigned long long)v->generation);
        if (v->epoch < known->floor)
                return refuse(
                        &a->refusal, REFUSAL_TOKEN_EPOCH,
                        "the header of volume '%s' is an old one put back (epoch %llu, at least %llu): use the "
                        "recovery key",
                        v->role, (unsigned long long)v->epoch, (unsigned long long)known->floor);
        if (!node_volume_knows(known, v->epoch, PROTO_BYTES(v->token_hash)))
                return refuse(&a->refusal, REFUSAL_TOKEN_HASH,
                              "the token of volume '%s' is not the one enrolled: it was edited, or an old header "
                              "was put "
                              "back; use the recovery key",
                              v->role);
        if (known->floor < *floor) *floor = known->floor;
        return 0;
}

static int judge_volumes(Appraisal *a, const halfkey_v1_UnlockProof *p, uint64_t *ret_floor)
{
        uint64_t floor = UINT64_MAX;
        int r = 0;

        if (p->volume_count == 0)
                return refuse(&a->refusal, REFUSAL_VOLUME_UNKNOWN, "the node names no volume to open");
        for (size_t i = 0; i < p->volume_count && r == 0; i++) {
                r = judge_volume(a, &p->volume[i], &floor);
                /* So that the node can do without that one. */
                if (r != 0) PROTO_SET_TEXT(a->refusal.role, p->volume[i].role);
        }
        if (r == 0) *ret_floor = floor;
        return r;
}

static int put_half(const Appraisal *a, uint64_t generation, halfkey_v1_UnlockResult *ret)
{
        cleanup_secret Secret *half = NULL;
        halfkey_v1_ClusterHalf *out;
        int r;

        for (size_t i = 0; i < ret->half_count; i++)
                if (ret->half[i].generation == generation) return 0;
        if (ret->half_count == ARRAY_SIZE(ret->half)) return -EMSGSIZE;
        r = half_open(a->service->keys->wrapping, a->node.id, &a->node.keys.ak_name,
                      node_half(&a->node, generation), &half);
        if (r < 0) return r;
        out = &ret->half[ret->half_count];
        out->generation = generation;
        r = PROTO_SET(out->half, secret_bytes(half));
        if (r == 0) ret->half_count++;
        return r;
}

/* An operator said that the next boot may differ: where it differs in PCR 7, the TPM needs the cluster's word too.
 * A word that was given before is given again, to a node that says that it has none: the answer was lost, or what
 * the node wrote. */
static int put_approval(Appraisal *a, const halfkey_v1_UnlockProof *p, halfkey_v1_UnlockResult *ret)
{
        const Digest pcr7 = verdict_pcr7(a);
        const Digest *approved = &a->node.keys.approved_pcr7;
        const bool known = pcr7.alg == approved->alg && bytes_equal(digest_bytes(&pcr7), digest_bytes(approved));

        if (!p->needs_approval) return 0;
        if (!known && (!a->node.readopt || node_has_baseline_for(&a->node, a->boot))) return 0;
        a->node.keys.bank = (uint16_t)pcr7.alg;
        a->node.keys.approved_pcr7 = pcr7;
        ret->has_approval = true;
        return verdict_approve(a, a->node.keys.half.generation, &ret->approval);
}

static Bytes planned(const halfkey_v1_UnlockProof *p, Bytes volume_id)
{
        for (size_t i = 0; i < p->plan_count; i++)
                if (bytes_equal(PROTO_BYTES(p->plan[i].volume_id), volume_id))
                        return PROTO_BYTES(p->plan[i].token_hash);
        return BYTES(NULL, 0);
}

/* The floor of each volume, and an order that is open. The token that it leads to was announced by a node whose
 * evidence and token of today have just been verified, and so no other is believed later. */
static int put_terms(Appraisal *a, const halfkey_v1_UnlockProof *p, halfkey_v1_UnlockResult *ret)
{
        int r = 0;

        for (size_t i = 0; i < p->volume_count && r == 0; i++) {
                const Bytes id = PROTO_BYTES(p->volume[i].volume_id);
                NodeVolume *v = node_volume_to_change(&a->node, id, p->volume[i].role);
                halfkey_v1_VolumeTerms *out = &ret->terms[ret->terms_count++];

                r = PROTO_SET(out->volume_id, id);
                out->epoch_floor = v->floor;
                if (node_order_deliver(v, p->volume[i].epoch, planned(p, id))) out->rekey_to = v->order_epoch;
        }
        return r;
}

static bool orders_rekey(const halfkey_v1_UnlockResult *result)
{
        for (size_t i = 0; i < result->terms_count; i++)
                if (result->terms[i].rekey_to > 0) return true;
        return false;
}

static int fill_result(Appraisal *a, const halfkey_v1_UnlockProof *p, uint64_t floor, halfkey_v1_UnlockResult *ret)
{
        int r;

        PROTO_SET_TEXT(ret->node_name, a->node.name);
        ret->epoch_floor = floor;
        r = refusal_id(ret->release_id);
        for (size_t i = 0; i < p->volume_count && r == 0; i++) r = put_half(a, p->volume[i].generation, ret);
        if (r == 0) r = put_approval(a, p, ret);
        if (r == 0) r = put_terms(a, p, ret);
        return r;
}

static int count_release(Appraisal *a)
{
        const int r = node_local_release(&a->local, a->boot, a->service->now());

        if (r == NODE_E_BACKWARDS)
                return refuse(&a->refusal, REFUSAL_COUNTERS_WENT_BACK,
                              "%.200s: was the TPM cleared, cloned or restored? halfkey cluster node reinstall %s",
                              error_detail(r), a->node.name);
        if (r == NODE_E_FULL)
                return refuse(&a->refusal, REFUSAL_RELEASE_LIMIT, "%.200s: reboot through firmware",
                              error_detail(r));
        return r;
}

static int store_release(Appraisal *a, const halfkey_v1_UnlockResult *result)
{
        const bool rekey = orders_rekey(result);
        AuditEntry e;
        int r;

        a->local.refusal[0] = '\0';
        e = verdict_audit(a, "unlock-released", result->release_id, "release %u of boot %u/%u; %s%s%s",
                          a->local.releases, a->boot.reset, a->boot.restart, a->facts,
                          result->has_approval ? "; PCR 7 approved as quoted" : "",
                          rekey ? "; told to rekey" : "");
        r = verdict_commit(a->service, &(StoreChange){ .node = result->has_approval || rekey ? &a->node : NULL,
                                                       .local = &a->local,
                                                       .audit = &e });
        if (r == 0) log_info("%s unlocked: %s (id %s)", e.node, e.text, e.id);
        return r;
}

static int steps(Appraisal *a, const halfkey_v1_UnlockProof *p, halfkey_v1_UnlockResult *ret)
{
        uint64_t floor = 0;
        int r;

        r = verdict_authenticate(a, false);
        if (r == 0) r = verdict_check_state(a, false);
        if (r == 0) r = appraise_selection(a);
        if (r == 0) r = appraise_boot(a, NULL, false);
        if (r == 0) r = appraise_policy(a);
        if (r == 0) r = judge_volumes(a, p, &floor);
        if (r == 0) r = count_release(a);
        if (r == 0) r = fill_result(a, p, floor, ret);
        if (r == 0) r = store_release(a, ret);
        return r;
}

int handle_unlock(Session *s, const halfkey_v1_UnlockProof *proof, halfkey_v1_UnlockResult *ret,
                  halfkey_v1_Refusal *refusal)
{
        cleanup_appraisal Appraisal a = verdict_begin(s, ATTEST_PURPOSE_UNLOCK, &proof->evidence);

        return verdict_end(s, &a, steps(&a, proof, ret), refusal);
}
