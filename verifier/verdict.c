/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/verdict.h"

#include "attest/seal.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/utf8.h"
#include "proto/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

Appraisal verdict_begin(Session *s, AttestPurpose purpose, const halfkey_v1_Evidence *evidence)
{
        return (Appraisal){
                .service = s->service,
                .purpose = purpose,
                .evidence = evidence,
                .log = BYTES(s->log.data, s->log.size),
                .exporter = s->exporter,
                .quotes = s->peer.quotes,
        };
}

AuditEntry verdict_audit(const Appraisal *a, const char *kind, const char *id, const char *fmt, ...)
{
        AuditEntry e = { .at = a->service->now() };
        char digits[2 * NODE_ID_SIZE + 1];
        va_list ap;

        hex_encode(BYTES_ARRAY(a->node.id), digits);
        memcpy(e.node_id, a->node.id, sizeof(e.node_id));
        (void)snprintf(e.kind, sizeof(e.kind), "%s", kind);
        (void)snprintf(e.node, sizeof(e.node), "%s (%.*s)", a->node.name[0] ? a->node.name : "new node",
                       NODE_NAME_DIGITS, digits);
        (void)snprintf(e.id, sizeof(e.id), "%s", id ? id : "");
        va_start(ap, fmt);
        (void)vsnprintf(e.text, sizeof(e.text), fmt, ap);
        va_end(ap);
        utf8_make_printable(e.text);
        return e;
}

int verdict_commit(Service *s, const StoreChange *change)
{
        const int r = store_commit(s->store, change);

        if (r == STORE_E_CONFLICT) return -EAGAIN;
        return r > 0 ? -EIO : r;
}

StoreLog verdict_log(const Appraisal *a)
{
        StoreLog l = { .content = a->log, .command_line = a->evidence->command_line };

        memcpy(l.hash, a->log_hash, sizeof(l.hash));
        return l;
}

int verdict_refused_early(Session *s, const char *what, halfkey_v1_Refusal *refusal)
{
        if (service_may_log(s->service))
                log_notice("%s from %s refused: %s: %s (id %s)", what, s->address, refusal->reason,
                           refusal->sentence, refusal->id);
        return VERIFIER_E_REFUSED;
}

/* Refusals of a node that were only counted, as one audit entry. */
static void audit_count(Service *s, const PaceNode *n)
{
        AuditEntry e = { .at = s->now(), .kind = "refusals-repeated" };
        NodeRecord node;
        NodeLocal local;
        bool known;
        int r;

        memcpy(e.node_id, n->id, sizeof(e.node_id));
        (void)snprintf(e.node, sizeof(e.node), "%s", n->node);
        (void)snprintf(e.text, sizeof(e.text), "%u more within %llu s, not listed one by one; the last: %s",
                       n->repeated, (unsigned long long)(n->at - n->from), n->last);
        known = store_node_get(s->store, n->id, &node) == 0 && store_local_get(s->store, n->id, &local) == 0;
        if (known && n->refused) (void)snprintf(local.refusal, sizeof(local.refusal), "%s", n->last);
        r = verdict_commit(s, &(StoreChange){ .local = known && n->refused ? &local : NULL, .audit = &e });
        if (r < 0) log_error("repeated refusals could not be audited: %s", error_detail(r));
        else log_notice("refusals of %s: %s", e.node, e.text);
}

void verdict_audit_counts(Service *s, uint64_t now)
{
        PaceNode ended;

        while (pace_take_ended(s->pace, now, &ended)) audit_count(s, &ended);
}

PaceNode *verdict_pace(const Appraisal *a)
{
        /* TPMs that the store does not know are counted as one: whoever has an enrolment secret can make any
         * number. */
        static const uint8_t unknown[NODE_ID_SIZE];
        PaceNode ended, *n;

        n = pace_node(a->service->pace, a->node.revision > 0 ? a->node.id : unknown, a->service->now(), &ended);
        if (ended.repeated > 0) audit_count(a->service, &ended);
        return n;
}

static void audit_refusal(Appraisal *a)
{
        const char *purpose = attest_purpose_name(a->purpose);
        PaceNode *pace = verdict_pace(a);
        char kind[AUDIT_KIND_MAX + 1];
        AuditEntry e;
        int r;

        if (!pace_audit(pace, purpose, a->refusal.reason, a->refusal.id)) {
                e = verdict_audit(a, "", NULL, "%s", "");
                pace->at = a->service->now();
                pace->refused = true;
                memcpy(pace->node, e.node, sizeof(pace->node));
                (void)snprintf(pace->last, sizeof(pace->last), "%s: %s", a->refusal.reason, a->refusal.sentence);
                return;
        }
        (void)snprintf(kind, sizeof(kind), "%s-refused", purpose);
        e = verdict_audit(a, kind, a->refusal.id, "%s: %s", a->refusal.reason, a->refusal.sentence);
        log_notice("%s of %s refused: %s (id %s)", purpose, e.node, e.text, e.id);
        memcpy(a->local.id, a->node.id, sizeof(a->local.id));
        (void)snprintf(a->local.refusal, sizeof(a->local.refusal), "%s: %s", a->refusal.reason,
                       a->refusal.sentence);
        r = verdict_commit(a->service,
                           &(StoreChange){ .local = a->node.revision > 0 ? &a->local : NULL, .audit = &e });
        if (r < 0) log_error("a refusal could not be audited: %s", error_detail(r));
}

int verdict_end(Session *s, Appraisal *a, int r, halfkey_v1_Refusal *refusal)
{
        if (r != VERIFIER_E_REFUSED) return r;
        *refusal = a->refusal;
        if (!a->verified && a->node.name[0]) {
                char what[64 + NODE_TEXT_MAX];

                (void)snprintf(what, sizeof(what), "%s as %s", attest_purpose_name(a->purpose), a->node.name);
                return verdict_refused_early(s, what, refusal);
        }
        if (!a->verified) return verdict_refused_early(s, attest_purpose_name(a->purpose), refusal);
        audit_refusal(a);
        *refusal = a->refusal; /* its id may have become that of the one it repeats */
        return r;
}

int verdict_authenticate(Appraisal *a, bool enrolling)
{
        const NodeKeys *keys;
        int r;

        r = appraise_identify(a);
        if (r != 0) return r;
        keys = node_keys_for(&a->node, enrolling);
        if (!keys)
                return refuse(&a->refusal, REFUSAL_NODE_UNKNOWN, "this cluster has no key of %s: enrol it again",
                              a->node.name);
        return appraise_authenticate(a, BYTES(keys->ak, keys->ak_size));
}

int verdict_check_state(Appraisal *a, bool enrolling)
{
        const char *name = a->node.name;

        if (a->node.state == NODE_QUARANTINED)
                return refuse(&a->refusal, REFUSAL_NODE_QUARANTINED,
                              "%s is quarantined; an administrator may end that: halfkey cluster node activate %s",
                              name, name);
        if (enrolling) return 0;
        if (!a->node.committed)
                return refuse(&a->refusal, REFUSAL_NODE_NOT_ENROLLED,
                              "%s has not finished its enrolment: boot it with its enrolment configuration", name);
        if (a->node.state == NODE_PENDING)
                return refuse(&a->refusal, REFUSAL_NODE_PENDING,
                              "%s waits to be adopted: halfkey cluster node approve %s", name, name);
        return 0;
}

Digest verdict_pcr7(const Appraisal *a)
{
        const Bytes value = pcr_value(&a->pcrs, ATTEST_SECURE_BOOT_PCR);
        Digest d = { .alg = a->pcrs.bank, .size = value.size };

        memcpy(d.bytes, value.data, value.size);
        return d;
}

int verdict_approve(const Appraisal *a, uint64_t generation, halfkey_v1_Approval *ret)
{
        const Digest pcr7 = verdict_pcr7(a);
        uint8_t signature[KEY_RSA_SIZE_MAX];
        AttestApproval approval;
        AttestPcrs pcrs;
        size_t size = 0;
        int r;

        r = attest_approval_pcrs(pcr7.alg, digest_bytes(&pcr7), &pcrs);
        if (r == 0) r = attest_approval_make(&pcrs, a->node.id, generation, &approval);
        if (r == 0) r = attest_approval_sign(&approval, a->service->keys->policy, signature, &size);
        if (r == 0) r = PROTO_SET(ret->policy_digest, BYTES_ARRAY(approval.policy));
        if (r == 0) r = PROTO_SET(ret->policy_ref, BYTES_ARRAY(approval.policy_ref));
        if (r == 0) r = PROTO_SET(ret->signature, BYTES(signature, size));
        ret->bank = (uint32_t)pcr7.alg;
        return r > 0 ? error_set(-EINVAL, "no approval can be made of these PCRs") : r;
}
