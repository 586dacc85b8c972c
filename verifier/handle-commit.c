/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* EnrolCommit: the node's volumes open with the new half, their recovery keys are escrowed; from now on the half
 * protects something, and the registration takes effect. Said twice (the answer was lost), it is answered twice.
 */

#include "verifier/verdict.h"

#include "base/error.h"
#include "base/log.h"
#include "proto/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A rekey adds one. Whoever says a number near the end of its range would have it begin anew, below every floor.
 */
static const uint64_t epoch_max = UINT64_C(1) << 32;

static int check_volume(Appraisal *a, const halfkey_v1_Volume *v, uint64_t generation)
{
        if (v->volume_id.size != ATTEST_VOLUME_ID_SIZE || v->tag.size != SHA256_SIZE ||
            v->token_hash.size != SHA256_SIZE || !v->role[0])
                return refuse(&a->refusal, REFUSAL_COMMIT_INVALID,
                              "a volume lacks its id, role, tag or token hash");
        if (v->generation != generation)
                return refuse(&a->refusal, REFUSAL_TOKEN_GENERATION,
                              "volume '%s' was made from the half of generation %llu, not from %llu: enrol again",
                              v->role, (unsigned long long)v->generation, (unsigned long long)generation);
        if (v->epoch > epoch_max)
                return refuse(&a->refusal, REFUSAL_COMMIT_INVALID,
                              "volume '%s' has epoch %llu, and nobody rekeys so often: enrol again", v->role,
                              (unsigned long long)v->epoch);
        if (v->recovery_key.size == 0)
                return refuse(&a->refusal, REFUSAL_COMMIT_INVALID, "volume '%s' comes without its recovery key",
                              v->role);
        return 0;
}

static int read_volumes(Appraisal *a, const halfkey_v1_EnrolCommit *c, NodeVolume *ret)
{
        const uint64_t generation = a->node.registration.half.generation;
        int r;

        if (c->volume_count == 0) return refuse(&a->refusal, REFUSAL_COMMIT_INVALID, "no volume was enrolled");
        for (size_t i = 0; i < c->volume_count; i++) {
                const halfkey_v1_Volume *v = &c->volume[i];

                r = check_volume(a, v, generation);
                if (r != 0) return r;
                ret[i] = (NodeVolume){ .generation = v->generation,
                                       .epoch = v->epoch,
                                       .floor = v->epoch,
                                       .key_shared = v->volume_key_shared };
                memcpy(ret[i].id, v->volume_id.bytes, sizeof(ret[i].id));
                memcpy(ret[i].tag, v->tag.bytes, sizeof(ret[i].tag));
                memcpy(ret[i].token_hash, v->token_hash.bytes, sizeof(ret[i].token_hash));
                (void)snprintf(ret[i].role, sizeof(ret[i].role), "%s", v->role);
                for (size_t j = 0; j < i; j++)
                        if (bytes_equal(BYTES_ARRAY(ret[i].id), BYTES_ARRAY(ret[j].id)))
                                return refuse(&a->refusal, REFUSAL_COMMIT_INVALID, "two volumes have the same id");
        }
        return 0;
}

/* The commit of a node that has committed: true where it says what is stored. */
static bool is_repeated(const NodeRecord *n, const halfkey_v1_EnrolCommit *c)
{
        if (c->volume_count != n->n_volumes) return false;
        for (size_t i = 0; i < c->volume_count; i++) {
                const NodeVolume *v = node_volume(n, PROTO_BYTES(c->volume[i].volume_id), c->volume[i].role);

                if (!v || v->generation != c->volume[i].generation || v->epoch != c->volume[i].epoch ||
                    !bytes_equal(BYTES_ARRAY(v->tag), PROTO_BYTES(c->volume[i].tag)) ||
                    !bytes_equal(BYTES_ARRAY(v->token_hash), PROTO_BYTES(c->volume[i].token_hash)))
                        return false;
        }
        return true;
}

static int store_commitment(Appraisal *a, const halfkey_v1_EnrolCommit *c, const NodeVolume *volumes)
{
        StoreRecovery recoveries[NODE_VOLUMES_MAX];
        const StoreLog log = verdict_log(a);
        AuditEntry e;
        int r;

        node_commit(&a->node, volumes, c->volume_count);
        node_counters_seen(&a->node, a->boot);
        a->node.last = appraise_node_boot(a);
        if (a->node.state == NODE_PENDING && a->service->settings->adopt_auto) a->node.state = NODE_ACTIVE;
        for (size_t i = 0; i < c->volume_count; i++) {
                memcpy(recoveries[i].volume_id, volumes[i].id, sizeof(volumes[i].id));
                memcpy(recoveries[i].role, volumes[i].role, sizeof(volumes[i].role));
                recoveries[i].cms = PROTO_BYTES(c->volume[i].recovery_key);
        }
        a->local = (NodeLocal){ 0 };
        memcpy(a->local.id, a->node.id, sizeof(a->local.id));
        e = verdict_audit(a, "node-committed", NULL, "%u volumes, generation %llu, %s; %s",
                          (unsigned)c->volume_count, (unsigned long long)a->node.generation,
                          node_state_name(a->node.state), a->facts);
        r = verdict_commit(a->service, &(StoreChange){ .node = &a->node,
                                                       .recoveries = recoveries,
                                                       .n_recoveries = c->volume_count,
                                                       .local = &a->local,
                                                       .log = &log,
                                                       .audit = &e });
        if (r == 0) log_notice("%s committed its enrolment: %s", e.node, e.text);
        return r;
}

static int check_boot(Appraisal *a)
{
        if (boot_counters_compare(a->boot, a->node.registration.at) < 0)
                return refuse(&a->refusal, REFUSAL_COUNTERS_WENT_BACK,
                              "boot counters %u/%u are below those of Register: was the TPM cleared? Enrol again",
                              a->boot.reset, a->boot.restart);
        return appraise_boot(a, NULL, true);
}

static int steps(Appraisal *a, const halfkey_v1_EnrolCommit *c)
{
        NodeVolume volumes[NODE_VOLUMES_MAX];
        NodeBoot baseline;
        int r;

        r = verdict_authenticate(a, true);
        if (r == 0) r = verdict_check_state(a, true);
        if (r != 0) return r;
        if (!a->node.registering) {
                if (is_repeated(&a->node, c)) return 0;
                return refuse(&a->refusal, REFUSAL_COMMIT_INVALID,
                              "%s has no enrolment under way: it must register first", a->node.name);
        }
        r = appraise_selection(a);
        if (r == 0) r = check_boot(a);
        baseline = a->node.baseline;
        a->node.baseline.present = false; /* an enrolment is judged by first-boot */
        if (r == 0) r = appraise_policy(a);
        a->node.baseline = baseline;
        if (r == 0) r = read_volumes(a, c, volumes);
        if (r == 0) r = store_commitment(a, c, volumes);
        return r;
}

int handle_commit(Session *s, const halfkey_v1_EnrolCommit *commit, halfkey_v1_Refusal *refusal)
{
        cleanup_appraisal Appraisal a = verdict_begin(s, ATTEST_PURPOSE_COMMIT, &commit->evidence);

        return verdict_end(s, &a, steps(&a, commit), refusal);
}
