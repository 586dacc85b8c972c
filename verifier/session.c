/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/session.h"

#include "base/error.h"
#include "proto/message.h"
#include "verifier/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void session_reply_deinit(SessionReply *r)
{
        proto_free(r->data, r->size);
        *r = (SessionReply){ 0 };
}

int session_new(Service *service, SessionKind kind, const SessionPeer *peer, Session **ret)
{
        Session *s = calloc(1, sizeof(*s));

        if (!s) return -ENOMEM;
        s->service = service;
        s->kind = kind;
        s->peer = *peer;
        memcpy(s->exporter, peer->exporter, sizeof(s->exporter));
        (void)snprintf(s->address, sizeof(s->address), "%s", peer->address);
        s->peer.exporter = s->exporter;
        s->peer.address = s->address;
        s->log = WRITER_INIT(STORE_LOG_MAX);
        *ret = s;
        return 0;
}

void session_free(Session *s)
{
        if (!s) return;
        writer_deinit(&s->log);
        if (s->registering) secret_wipe(s->registering, sizeof(*s->registering));
        free(s->registering);
        free(s);
}

/* 0, VERIFIER_E_REFUSED (the verifier holds too many logs), or an error. */
static int add_log(Session *s, Bytes piece, halfkey_v1_Refusal *refusal)
{
        Bytes all;
        int r;

        if (piece.size > STORE_LOG_MAX - s->log.size)
                return error_set(SESSION_E_MALFORMED, "the event log is larger than %d bytes", STORE_LOG_MAX);
        r = s->peer.hold(s->peer.userdata, piece.size);
        if (r == -ENOBUFS)
                return refuse(refusal, REFUSAL_BUSY, "the verifier is receiving too many event logs: try again");
        if (r < 0) return r;
        writer_bytes(&s->log, piece);
        return writer_finish(&s->log, &all);
}

static int decode(const pb_msgdesc_t *fields, Bytes message, void *ret)
{
        return proto_decode(fields, message, ret) < 0 ? SESSION_E_MALFORMED : 0;
}

static int encode(const pb_msgdesc_t *fields, const void *message, bool last, SessionReply *ret)
{
        int r;

        r = proto_encode(fields, message, &ret->data, &ret->size);
        ret->last = last;
        return r;
}

/* Requests and replies of all four methods: one is in use at a time, on the heap because they are large, wiped
 * because they carry secrets. */
typedef struct Messages {
        union {
                halfkey_v1_RegisterRequest reg;
                halfkey_v1_EnrolCommitRequest commit;
                halfkey_v1_UnlockRequest unlock;
                halfkey_v1_ReattestRequest reattest;
        } in;
        union {
                halfkey_v1_RegisterResponse reg;
                halfkey_v1_EnrolCommitResponse commit;
                halfkey_v1_UnlockResponse unlock;
                halfkey_v1_ReattestResponse reattest;
        } out;
} Messages;

static void messages_free(Messages *m)
{
        secret_wipe(m, sizeof(*m));
        free(m);
}
DEFINE_CLEANUP(Messages, messages_free)

static int out_of_order(void)
{
        return error_set(SESSION_E_MALFORMED, "a message that has no place here");
}

static int register_step(Session *s, Bytes message, Messages *m, SessionReply *ret)
{
        const halfkey_v1_RegisterRequest *in = &m->in.reg;
        halfkey_v1_RegisterResponse *out = &m->out.reg;
        halfkey_v1_Refusal refusal = { 0 };
        int r;

        r = decode(halfkey_v1_RegisterRequest_fields, message, &m->in.reg);
        if (r != 0) return r;
        switch (in->which_step) {
        case halfkey_v1_RegisterRequest_log_tag:
                r = add_log(s, PROTO_BYTES(in->step.log), &refusal);
                if (r == 0) return 0;
                break;
        case halfkey_v1_RegisterRequest_hello_tag:
                out->which_step = halfkey_v1_RegisterResponse_challenge_tag;
                r = handle_register_hello(s, &in->step.hello, &out->step.challenge, &refusal);
                break;
        case halfkey_v1_RegisterRequest_proof_tag:
                out->which_step = halfkey_v1_RegisterResponse_result_tag;
                r = handle_register_proof(s, &in->step.proof, &out->step.result, &refusal);
                s->answered = true;
                break;
        default: return out_of_order();
        }
        if (r < 0 || r == SESSION_E_MALFORMED) return r;
        if (r > 0) {
                *out = (halfkey_v1_RegisterResponse){ .which_step = halfkey_v1_RegisterResponse_refusal_tag,
                                                      .step.refusal = refusal };
                s->answered = true;
        }
        return encode(halfkey_v1_RegisterResponse_fields, out, s->answered, ret);
}

static int commit_step(Session *s, Bytes message, Messages *m, SessionReply *ret)
{
        const halfkey_v1_EnrolCommitRequest *in = &m->in.commit;
        halfkey_v1_EnrolCommitResponse *out = &m->out.commit;
        halfkey_v1_Refusal refusal = { 0 };
        int r;

        r = decode(halfkey_v1_EnrolCommitRequest_fields, message, &m->in.commit);
        if (r != 0) return r;
        switch (in->which_step) {
        case halfkey_v1_EnrolCommitRequest_log_tag:
                r = add_log(s, PROTO_BYTES(in->step.log), &refusal);
                if (r == 0) return 0;
                break;
        case halfkey_v1_EnrolCommitRequest_commit_tag: r = handle_commit(s, &in->step.commit, &refusal); break;
        default: return out_of_order();
        }
        if (r < 0 || r == SESSION_E_MALFORMED) return r;
        s->answered = true;
        out->which_step = r > 0 ? halfkey_v1_EnrolCommitResponse_refusal_tag
                                : halfkey_v1_EnrolCommitResponse_committed_tag;
        if (r > 0) out->step.refusal = refusal;
        else out->step.committed = true;
        return encode(halfkey_v1_EnrolCommitResponse_fields, out, true, ret);
}

static int unlock_step(Session *s, Bytes message, Messages *m, SessionReply *ret)
{
        const halfkey_v1_UnlockRequest *in = &m->in.unlock;
        halfkey_v1_UnlockResponse *out = &m->out.unlock;
        halfkey_v1_Refusal refusal = { 0 };
        int r;

        r = decode(halfkey_v1_UnlockRequest_fields, message, &m->in.unlock);
        if (r != 0) return r;
        switch (in->which_step) {
        case halfkey_v1_UnlockRequest_log_tag:
                r = add_log(s, PROTO_BYTES(in->step.log), &refusal);
                if (r == 0) return 0;
                break;
        case halfkey_v1_UnlockRequest_proof_tag:
                r = handle_unlock(s, &in->step.proof, &out->step.result, &refusal);
                break;
        default: return out_of_order();
        }
        if (r < 0 || r == SESSION_E_MALFORMED) return r;
        s->answered = true;
        out->which_step = r > 0 ? halfkey_v1_UnlockResponse_refusal_tag : halfkey_v1_UnlockResponse_result_tag;
        if (r > 0) out->step.refusal = refusal;
        return encode(halfkey_v1_UnlockResponse_fields, out, true, ret);
}

static int reattest_step(Session *s, Bytes message, Messages *m, SessionReply *ret)
{
        const halfkey_v1_ReattestRequest *in = &m->in.reattest;
        halfkey_v1_ReattestResponse *out = &m->out.reattest;
        halfkey_v1_Refusal refusal = { 0 };
        int r;

        r = decode(halfkey_v1_ReattestRequest_fields, message, &m->in.reattest);
        if (r != 0) return r;
        switch (in->which_step) {
        case halfkey_v1_ReattestRequest_log_tag:
                r = add_log(s, PROTO_BYTES(in->step.log), &refusal);
                if (r == 0) return 0;
                break;
        case halfkey_v1_ReattestRequest_proof_tag:
                r = handle_reattest(s, &in->step.proof, &out->step.result, &refusal);
                break;
        default: return out_of_order();
        }
        if (r < 0 || r == SESSION_E_MALFORMED) return r;
        s->answered = true;
        out->which_step = r > 0 ? halfkey_v1_ReattestResponse_refusal_tag : halfkey_v1_ReattestResponse_result_tag;
        if (r > 0) out->step.refusal = refusal;
        return encode(halfkey_v1_ReattestResponse_fields, out, true, ret);
}

int session_message(Session *s, Bytes message, SessionReply *ret)
{
        _cleanup_(messages_freep) Messages *m = NULL;

        *ret = (SessionReply){ 0 };
        if (s->answered) return error_set(SESSION_E_MALFORMED, "a message behind the proof");
        m = calloc(1, sizeof(*m));
        if (!m) return -ENOMEM;
        switch (s->kind) {
        case SESSION_REGISTER: return register_step(s, message, m, ret);
        case SESSION_COMMIT: return commit_step(s, message, m, ret);
        case SESSION_UNLOCK: return unlock_step(s, message, m, ret);
        case SESSION_REATTEST: return reattest_step(s, message, m, ret);
        }
        return -EINVAL;
}
