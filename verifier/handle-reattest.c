/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reattest: the booted host shows that it still runs what was unlocked. The cap PCR must hold exactly the cap that
 * the stored volume tags and the stated outcome give; the cap seen and the boot's counters are durable before any
 * answer, whatever policy says of the boot. */

#include "verifier/verdict.h"

#include "base/error.h"
#include "base/log.h"
#include "proto/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { AGAIN_S = 900 };

static int read_volumes(Appraisal *a, const halfkey_v1_ReattestProof *p, AttestVolume *ret)
{
        for (size_t i = 0; i < p->volume_count; i++) {
                const NodeVolume *v = node_volume(&a->node, PROTO_BYTES(p->volume[i].volume_id),
                                                  p->volume[i].role);

                if (!v)
                        return refuse(&a->refusal, REFUSAL_VOLUME_UNKNOWN,
                                      "%s never enrolled the volume of role '%s' that it says it opened",
                                      a->node.name, p->volume[i].role);
                ret[i] = (AttestVolume){ 0 };
                memcpy(ret[i].id, v->id, sizeof(v->id));
                memcpy(ret[i].tag, v->tag, sizeof(v->tag));
                (void)snprintf(ret[i].role, sizeof(ret[i].role), "%s", v->role);
        }
        return 0;
}

static int expected_cap(Appraisal *a, const halfkey_v1_ReattestProof *p, Digest *ret)
{
        AttestVolume volumes[NODE_VOLUMES_MAX];
        Digest event;
        int r;

        /* A cap without a volume's tag has no secret in it: anybody can make it. */
        if ((p->volume_count == 0) != (strcmp(p->outcome, ATTEST_CAP_FALLBACK) == 0))
                return refuse(&a->refusal, REFUSAL_CAP_MISMATCH, "'%s' with %u volumes is no outcome of a boot",
                              p->outcome, (unsigned)p->volume_count);
        r = read_volumes(a, p, volumes);
        if (r != 0) return r;
        r = attest_cap_event((HashAlg)a->evidence->bank, p->outcome, volumes, p->volume_count, &event);
        if (r == -EINVAL)
                return refuse(&a->refusal, REFUSAL_CAP_MISMATCH, "'%s' with these volumes is no outcome of a boot",
                              p->outcome);
        return r == 0 ? attest_cap_pcr(&event, ret) : r;
}

static int judge(Appraisal *a, const halfkey_v1_ReattestProof *p)
{
        if (p->command_line_changed)
                return refuse(
                        &a->refusal, REFUSAL_POLICY_COMMAND_LINE,
                        "the running kernel's command line is not the one of the unlocked boot (kexec?): reboot "
                        "through firmware");
        if (!p->unseal_refused)
                return refuse(
                        &a->refusal, REFUSAL_UNSEAL_POSSIBLE,
                        "after the cap %s's TPM still opens its half: its seal does not hold; quarantine it with "
                        "halfkey cluster node quarantine %s, and enrol it again",
                        a->node.name, a->node.name);
        return appraise_policy(a);
}

/* Stores the cap whatever comes next. *ret_new: this boot had not shown it yet. */
static int store_cap(Appraisal *a, bool *ret_new)
{
        NodeRecord *n = &a->node;
        AuditEntry e;
        int r;

        *ret_new = !node_was_capped(n, a->boot) || boot_counters_compare(a->boot, n->seen) != 0;
        if (!*ret_new) return 0;
        node_counters_seen(n, a->boot);
        node_set_capped(n, a->boot);
        e = verdict_audit(a, "cap-seen", NULL, "boot %u/%u", a->boot.reset, a->boot.restart);
        r = verdict_commit(a->service, &(StoreChange){ .node = n, .audit = &e });
        if (r == 0) n->revision++;
        return r;
}

static bool may_become_baseline(const Appraisal *a, const halfkey_v1_ReattestProof *p)
{
        return !node_has_baseline_for(&a->node, a->boot) && strcmp(p->outcome, ATTEST_CAP_ATTESTED) == 0;
}

static uint64_t opened_epoch(const halfkey_v1_ReattestProof *p, Bytes volume_id)
{
        for (size_t i = 0; i < p->opened_count; i++)
                if (bytes_equal(PROTO_BYTES(p->opened[i].volume_id), volume_id)) return p->opened[i].epoch;
        return 0;
}

/* What the boot shows of its volumes: which are open, and how far orders have come. The furthest of them. */
static NodeOrder see_volumes(Appraisal *a, const halfkey_v1_ReattestProof *p)
{
        const bool attested = strcmp(p->outcome, ATTEST_CAP_ATTESTED) == 0;
        NodeOrder furthest = NODE_ORDER_NONE;

        for (size_t i = 0; i < a->node.n_volumes; i++) a->node.volumes[i].opened = false;
        for (size_t i = 0; i < p->volume_count; i++) {
                const Bytes id = PROTO_BYTES(p->volume[i].volume_id);
                NodeVolume *v = node_volume_to_change(&a->node, id, p->volume[i].role);
                NodeOrder order;

                v->opened = true;
                order = node_order_seen(v, p->volume[i].epoch, PROTO_BYTES(p->volume[i].token_hash),
                                        attested && opened_epoch(p, id) == p->volume[i].epoch);
                if (order > furthest) furthest = order;
        }
        return furthest;
}

static int put_terms(const Appraisal *a, const halfkey_v1_ReattestProof *p, halfkey_v1_ReattestResult *ret)
{
        int r = 0;

        for (size_t i = 0; i < p->volume_count && r == 0; i++) {
                const Bytes id = PROTO_BYTES(p->volume[i].volume_id);

                r = PROTO_SET(ret->terms[i].volume_id, id);
                ret->terms[i].epoch_floor = node_volume(&a->node, id, p->volume[i].role)->floor;
                ret->terms_count++;
        }
        return r;
}

static const char *kind_of(bool baseline, NodeOrder order)
{
        if (baseline) return "boot-adopted";
        if (order == NODE_ORDER_CONFIRMED) return "rekey-confirmed";
        return order == NODE_ORDER_CARRIED_OUT ? "rekey-carried-out" : "reattest-accepted";
}

/* The first acceptance of a boot is audited, and one after a refusal; a later one moves the time alone. */
static int store_accepted(Appraisal *a, const halfkey_v1_ReattestProof *p, bool new)
{
        const bool baseline = may_become_baseline(a, p);
        const NodeOrder order = see_volumes(a, p);
        const StoreLog log = verdict_log(a);
        NodeRecord *n = &a->node;
        AuditEntry e;
        int r;

        n->attested_at = a->service->now();
        n->last = appraise_node_boot(a);
        n->floors = a->floors;
        if (baseline) {
                n->baseline = n->last;
                n->readopt = false;
        }
        new |= baseline || order != NODE_ORDER_NONE || a->local.refusal[0];
        a->local.refusal[0] = '\0';
        e = verdict_audit(a, kind_of(baseline, order), NULL, "boot %u/%u, %s; %s%s%s", a->boot.reset,
                          a->boot.restart, p->outcome, a->facts, order ? "; rekey " : "", node_order_name(order));
        r = verdict_commit(a->service,
                           &(StoreChange){ .node = n, .local = &a->local, .log = &log, .audit = new ? &e : NULL });
        if (r == 0 && new) log_info("%s attested: %s%s", e.node, e.text, baseline ? "; adopted" : "");
        return r;
}

static int steps(Appraisal *a, const halfkey_v1_ReattestProof *p, halfkey_v1_ReattestResult *ret)
{
        bool new = false;
        Digest cap;
        int r;

        r = verdict_authenticate(a, false);
        if (r == 0) r = verdict_check_state(a, false);
        if (r == 0) r = appraise_selection(a);
        if (r == 0) r = expected_cap(a, p, &cap);
        if (r == 0) r = appraise_boot(a, &cap, false);
        if (r == 0) r = store_cap(a, &new);
        if (r == 0) r = judge(a, p);
        if (r == 0) r = store_accepted(a, p, new);
        if (r != 0) return r;
        PROTO_SET_TEXT(ret->node_name, a->node.name);
        ret->again_in_s = AGAIN_S;
        ret->baseline = a->node.baseline.present &&
                        bytes_equal(BYTES_ARRAY(a->node.baseline.log_hash), BYTES_ARRAY(a->log_hash));
        ret->clean_up = strcmp(p->outcome, ATTEST_CAP_ATTESTED) == 0;
        return put_terms(a, p, ret);
}

int handle_reattest(Session *s, const halfkey_v1_ReattestProof *proof, halfkey_v1_ReattestResult *ret,
                    halfkey_v1_Refusal *refusal)
{
        cleanup_appraisal Appraisal a = verdict_begin(s, ATTEST_PURPOSE_REATTEST, &proof->evidence);

        return verdict_end(s, &a, steps(&a, proof, ret), refusal);
}
