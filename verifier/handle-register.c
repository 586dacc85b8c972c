/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Register (DESIGN, "Enrolment"): a TPM with a valid enrolment secret proves that AK and SRK live beside its EK,
 * and gets a half that has never protected anything. Asking again before EnrolCommit gives the same answer. For a
 * node that is enrolled nothing is changed or returned unless an operator, or the secret's own EK list, said so.
 */

#include "verifier/verdict.h"

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "proto/message.h"
#include "verifier/half.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PROTOCOL_VERSION = 1 };

/* Is the secret good for this EK, now? Register asks twice: before the challenge, and again before it writes. */
static int check_secret(Service *s, const RegisterState *reg, EnrolmentRecord *ret, halfkey_v1_Refusal *refusal)
{
        int r;

        r = store_enrolment_get(s->store, reg->secret_hash, ret);
        if (r == STORE_E_ABSENT)
                return refuse(refusal, REFUSAL_SECRET_UNKNOWN,
                              "this cluster knows no such enrolment secret: make one with halfkey cluster "
                              "enrolment new");
        if (r != 0) return r > 0 ? -EIO : r;
        if (s->now() >= ret->expires_at)
                return refuse(refusal, REFUSAL_SECRET_EXPIRED,
                              "enrolment secret %s has expired: make a new one with halfkey cluster enrolment new",
                              ret->id);
        if (ret->n_eks > 0) {
                bool listed = false;

                for (size_t i = 0; i < ret->n_eks; i++)
                        listed |= bytes_equal(BYTES_ARRAY(ret->eks[i]), BYTES_ARRAY(reg->node_id));
                if (!listed)
                        return refuse(refusal, REFUSAL_SECRET_EK,
                                      "enrolment secret %s is not for this TPM: its EK list does not name it",
                                      ret->id);
        }
        r = store_enrolment_used_by(s->store, reg->secret_hash, reg->node_id);
        if (r == STORE_E_ABSENT && ret->used >= ret->uses)
                return refuse(refusal, REFUSAL_SECRET_USED,
                              "all %u uses of enrolment secret %s are gone: make a new one with halfkey cluster "
                              "enrolment new",
                              ret->uses, ret->id);
        return r > 0 ? 0 : r;
}

static int parse_keys(const halfkey_v1_RegisterHello *hello, RegisterState *reg)
{
        int r;

        r = attest_public_parse(PROTO_BYTES(hello->ek_public), &reg->ek);
        if (r == 0) r = attest_public_parse(PROTO_BYTES(hello->ak_public), &reg->ak);
        if (r == 0) r = attest_public_parse(PROTO_BYTES(hello->srk_public), &reg->srk);
        if (r == 0) r = attest_public_check_ek(&reg->ek);
        if (r == 0) r = attest_public_check_ak(&reg->ak);
        if (r == 0) r = attest_public_check_srk(&reg->srk);
        if (r == 0) r = attest_public_name(&reg->ak, &reg->ak_name);
        if (r == 0) r = attest_public_name(&reg->srk, &reg->srk_name);
        if (r == 0) r = attest_public_node_id(&reg->ek, reg->node_id);
        return r;
}

/* What the node showed of its TPM; a view of hello, and of the key. */
static TrustInput trust_input(const Service *s, const halfkey_v1_RegisterHello *hello, const PublicKey *ek)
{
        TrustInput in = { .ek = ek,
                          .certificate = PROTO_BYTES(hello->ek_certificate),
                          .platform = PROTO_BYTES(hello->platform_certificate),
                          .now = s->now() };

        for (size_t i = 0; i < hello->ek_issuer_count && i < CERTIFICATE_GIVEN_MAX; i++)
                in.issuers.der[in.issuers.n++] = PROTO_BYTES(hello->ek_issuer[i]);
        return in;
}

static int check_trust(const Service *s, RegisterState *reg, TrustInput *in, halfkey_v1_Refusal *refusal)
{
        char trusted[TRUST_TEXT_MAX + 1];
        int r;

        r = trust_is_listed(s->trust, reg->node_id, &in->listed);
        if (r == 0) r = trust_decide(s->trust, in, trusted, refusal);
        if (r == 0) (void)snprintf(reg->trusted, sizeof(reg->trusted), "%s", trusted);
        return r;
}

static int make_challenge(RegisterState *reg, halfkey_v1_RegisterChallenge *ret)
{
        AttestCredential credential;
        int r;

        r = random_bytes(reg->challenge, sizeof(reg->challenge));
        if (r == 0) r = attest_credential_make(&reg->ek, &reg->ak_name, reg->challenge, &credential);
        if (r == 0) r = PROTO_SET(ret->credential, BYTES(credential.blob, credential.blob_size));
        if (r == 0) r = PROTO_SET(ret->encrypted_secret, BYTES(credential.secret, credential.secret_size));
        return r;
}

static int hello_steps(Session *s, const halfkey_v1_RegisterHello *hello, halfkey_v1_RegisterChallenge *ret,
                       halfkey_v1_Refusal *refusal)
{
        RegisterState *reg = s->registering;
        cleanup_public_key PublicKey *ek = NULL;
        EnrolmentRecord enrolment;
        TrustInput in;
        int r;

        if (hello->version != PROTOCOL_VERSION)
                return refuse(refusal, REFUSAL_VERSION,
                              "the node speaks version %u, this verifier %d: update the older one", hello->version,
                              PROTOCOL_VERSION);
        r = parse_keys(hello, reg);
        if (r != 0) return refuse_evidence(refusal, r);
        r = attest_public_key(&reg->ek, &ek);
        if (r < 0) return r;
        in = trust_input(s->service, hello, ek);
        r = trust_check_key(&in, refusal);
        if (r == 0) r = hash_sha256(PROTO_BYTES(hello->secret), reg->secret_hash);
        if (r == 0) r = check_secret(s->service, reg, &enrolment, refusal);
        if (r == 0) r = check_trust(s->service, reg, &in, refusal);
        if (r != 0) return r;
        (void)snprintf(reg->hostname, sizeof(reg->hostname), "%.*s", NODE_TEXT_MAX, hello->hostname);
        (void)snprintf(reg->serial, sizeof(reg->serial), "%.*s", NODE_TEXT_MAX, hello->serial);
        return refuse_evidence(refusal, make_challenge(reg, ret));
}

int handle_register_hello(Session *s, const halfkey_v1_RegisterHello *hello, halfkey_v1_RegisterChallenge *ret,
                          halfkey_v1_Refusal *refusal)
{
        int r;

        if (s->registering) return error_set(SESSION_E_MALFORMED, "a second hello");
        s->registering = calloc(1, sizeof(*s->registering));
        if (!s->registering) return -ENOMEM;
        r = hello_steps(s, hello, ret, refusal);
        return r == VERIFIER_E_REFUSED ? verdict_refused_early(s, "register", refusal) : r;
}

/* EK by challenge, AK by quote, SRK by certification, all on this connection. */
static int verify_proof(Appraisal *a, const RegisterState *reg, const halfkey_v1_RegisterProof *proof)
{
        AttestExtra extra;
        int r;

        r = attest_credential_check(reg->challenge, a->exporter, PROTO_BYTES(proof->challenge_answer));
        if (r != 0) return refuse_evidence(&a->refusal, r);
        r = appraise_authenticate(a, BYTES(reg->ak.encoded, reg->ak.encoded_size));
        if (r != 0) return r;
        a->verified = false;
        r = appraise_extra(a, ATTEST_PURPOSE_CERTIFY, &extra);
        if (r == 0)
                r = attest_certify_verify(PROTO_BYTES(proof->srk_certify),
                                          PROTO_BYTES(proof->srk_certify_signature), &reg->ak, &extra, &reg->srk,
                                          NULL);
        if (r != 0) return refuse_evidence(&a->refusal, r);
        a->verified = true;
        return 0;
}

static int find_node(Appraisal *a, const RegisterState *reg)
{
        int r;

        memcpy(a->node.id, reg->node_id, sizeof(a->node.id));
        r = store_node_get(a->service->store, reg->node_id, &a->node);
        if (r == STORE_E_ABSENT) r = 0;
        if (r == 0) r = store_local_get(a->service->store, reg->node_id, &a->local);
        return r > 0 ? -EIO : r;
}

/* The same EK, AK, SRK and secret as the registration that waits for its EnrolCommit? */
static bool is_repeated(const NodeRecord *n, const RegisterState *reg)
{
        return n->registering &&
               bytes_equal(attest_name_bytes(&n->registration.ak_name), attest_name_bytes(&reg->ak_name)) &&
               bytes_equal(attest_name_bytes(&n->registration.srk_name), attest_name_bytes(&reg->srk_name)) &&
               bytes_equal(BYTES_ARRAY(n->registration.secret_hash), BYTES_ARRAY(reg->secret_hash));
}

/* Is it answered as before, with the same half and the same approval? That is the only answer that may be counted
 * instead of audited: any other gives this TPM something it did not have. */
static bool is_answered_again(const Appraisal *a, const RegisterState *reg)
{
        const Digest now = verdict_pcr7(a), *before = &a->node.registration.approved_pcr7;

        return is_repeated(&a->node, reg) && before->alg == now.alg &&
               bytes_equal(digest_bytes(before), digest_bytes(&now));
}

static int check_may_register(Appraisal *a, const RegisterState *reg, const EnrolmentRecord *enrolment)
{
        const NodeRecord *n = &a->node;

        if (n->revision == 0 || is_repeated(n, reg)) return 0;
        if (n->committed && (n->reinstall || enrolment->n_eks > 0)) return 0;
        if (n->committed)
                return refuse(&a->refusal, REFUSAL_NODE_EXISTS,
                              "this TPM is enrolled as %s. If it shall be installed again: halfkey cluster node "
                              "reinstall %s",
                              n->name, n->name);
        return refuse(
                &a->refusal, REFUSAL_NODE_EXISTS,
                "%s began an enrolment with another secret or key. To begin anew: halfkey cluster node remove %s",
                n->name, n->name);
}

static int choose_name(Appraisal *a)
{
        NodeRecord other;
        int r = 0;

        for (unsigned digits = NODE_NAME_DIGITS; digits <= 56 && r == 0; digits += 4) {
                node_default_name(a->node.id, digits, a->node.name);
                r = store_node_find(a->service->store, a->node.name, &other);
        }
        return r == STORE_E_ABSENT ? 0 : r == 0 ? -EEXIST : r > 0 ? -EIO : r;
}

static int fill_new_node(Appraisal *a, const RegisterState *reg)
{
        NodeRecord *n = &a->node;

        n->state = NODE_PENDING;
        n->registered_at = a->service->now();
        n->ek_size = reg->ek.encoded_size;
        memcpy(n->ek, reg->ek.encoded, reg->ek.encoded_size);
        return choose_name(a);
}

/* Keys and half of a new registration. */
static int fill_registration(Appraisal *a, const RegisterState *reg, Secret **ret_half)
{
        NodeKeys keys = { .ak_size = reg->ak.encoded_size, .ak_name = reg->ak_name, .srk_name = reg->srk_name };
        NodeRecord *n = &a->node;
        int r;

        memcpy(keys.ak, reg->ak.encoded, reg->ak.encoded_size);
        memcpy(keys.secret_hash, reg->secret_hash, sizeof(keys.secret_hash));
        r = half_make(a->service->keys->wrapping, n->id, n->generation + 1, &keys, ret_half);
        if (r < 0) return r;
        n->generation++;
        n->registration = keys;
        n->registering = true;
        return 0;
}

static int prepare_node(Appraisal *a, const RegisterState *reg, Secret **ret_half)
{
        NodeRecord *n = &a->node;
        int r = 0;

        if (is_repeated(n, reg)) {
                r = half_open(a->service->keys->wrapping, n->id, &n->registration.ak_name, &n->registration.half,
                              ret_half);
        } else {
                if (n->revision == 0) r = fill_new_node(a, reg);
                if (r == 0) r = fill_registration(a, reg, ret_half);
        }
        if (r < 0) return r;
        (void)snprintf(n->hostname, sizeof(n->hostname), "%s", reg->hostname);
        (void)snprintf(n->serial, sizeof(n->serial), "%s", reg->serial);
        (void)snprintf(n->trusted, sizeof(n->trusted), "%s", reg->trusted);
        n->registration.bank = (uint16_t)a->pcrs.bank;
        n->registration.approved_pcr7 = verdict_pcr7(a);
        n->registration.at = a->boot;
        if (!n->committed) n->last = appraise_node_boot(a);
        return 0;
}

/* Shall this answer be audited? If not it is counted. */
static bool must_be_audited(const Appraisal *a, bool again, AuditEntry *e)
{
        PaceNode *pace;

        if (!again) return true;
        pace = verdict_pace(a);
        if (pace_audit(pace, "register", "", e->id)) return true;
        pace->at = e->at;
        pace->refused = false;
        memcpy(pace->node, e->node, sizeof(pace->node));
        (void)snprintf(pace->last, sizeof(pace->last), "registered again, %.400s", e->text);
        utf8_make_printable(pace->last);
        return false;
}

/* again: as is_answered_again() said before the record was changed. */
static int store_registration(Appraisal *a, const RegisterState *reg, const EnrolmentRecord *enrolment, bool again)
{
        const StoreLog log = verdict_log(a);
        StoreEnrolmentUse use;
        AuditEntry e;
        bool audited;
        int r;

        memcpy(use.secret_hash, reg->secret_hash, sizeof(use.secret_hash));
        memcpy(use.ek, reg->node_id, sizeof(use.ek));
        a->local.refusal[0] = '\0';
        e = verdict_audit(a, "node-registered", NULL,
                          "with enrolment secret %s, generation %llu, %s, trusted %s; %s", enrolment->id,
                          (unsigned long long)a->node.registration.half.generation, node_state_name(a->node.state),
                          reg->trusted, a->facts);
        audited = must_be_audited(a, again, &e);
        r = verdict_commit(a->service, &(StoreChange){ .node = &a->node,
                                                       .local = &a->local,
                                                       .use = &use,
                                                       .audit = audited ? &e : NULL,
                                                       .log = a->node.committed ? NULL : &log });
        if (r == 0 && audited) log_notice("%s registered %s", e.node, e.text);
        return r;
}

static int fill_result(const Appraisal *a, const Secret *half, halfkey_v1_RegisterResult *ret)
{
        const Keys *keys = a->service->keys;
        const uint64_t generation = a->node.registration.half.generation;
        int r;

        PROTO_SET_TEXT(ret->node_name, a->node.name);
        ret->generation = generation;
        r = PROTO_SET(ret->cluster_half, secret_bytes(half));
        if (r == 0) r = PROTO_SET(ret->policy_key, BYTES(keys->policy_spki, keys->policy_spki_size));
        ret->has_approval = true;
        if (r == 0) r = verdict_approve(a, generation, &ret->approval);
        for (size_t i = 0; i < keys->n_recovery && r == 0; i++)
                r = PROTO_SET(ret->recovery_certificate[i], BYTES(keys->recovery[i].der, keys->recovery[i].size));
        ret->recovery_certificate_count = (pb_size_t)keys->n_recovery;
        return r;
}

static int proof_steps(Appraisal *a, const RegisterState *reg, const halfkey_v1_RegisterProof *proof,
                       halfkey_v1_RegisterResult *ret)
{
        cleanup_secret Secret *half = NULL;
        EnrolmentRecord enrolment;
        bool again = false;
        int r;

        r = find_node(a, reg);
        if (r == 0) r = verify_proof(a, reg, proof);
        if (r == 0) r = check_secret(a->service, reg, &enrolment, &a->refusal);
        if (r == 0) r = a->node.revision > 0 ? verdict_check_state(a, true) : 0;
        if (r == 0) r = check_may_register(a, reg, &enrolment);
        if (r == 0) r = appraise_selection(a);
        if (r == 0) r = appraise_boot(a, NULL, true);
        if (r != 0) return r;
        a->node.baseline.present = false; /* judged by first-boot; the record's own baseline is put back below */
        r = appraise_policy(a);
        if (r != 0) return r;
        r = find_node(a, reg);
        if (r == 0) again = is_answered_again(a, reg);
        if (r == 0) r = prepare_node(a, reg, &half);
        if (r == 0) r = fill_result(a, half, ret);
        if (r == 0) r = store_registration(a, reg, &enrolment, again);
        return r;
}

int handle_register_proof(Session *s, const halfkey_v1_RegisterProof *proof, halfkey_v1_RegisterResult *ret,
                          halfkey_v1_Refusal *refusal)
{
        cleanup_appraisal Appraisal a = verdict_begin(s, ATTEST_PURPOSE_REGISTER, &proof->evidence);

        if (!s->registering) return error_set(SESSION_E_MALFORMED, "a proof without its hello");
        return verdict_end(s, &a, proof_steps(&a, s->registering, proof, ret), refusal);
}
