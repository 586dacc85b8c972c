/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One call of a node, apart from its transport: messages go in, at most one reply comes out for each. */

#include "attest/credential.h"
#include "base/writer.h"
#include "verifier/appraise.h"

enum { SESSION_E_MALFORMED = 2 }; /* the peer broke the protocol; the detail may be told to it */

typedef enum SessionKind {
        SESSION_REGISTER,
        SESSION_COMMIT,
        SESSION_UNLOCK,
        SESSION_REATTEST,
} SessionKind;

/* What a session has of its connection, all of which outlives it. */
typedef struct SessionPeer {
        const uint8_t *exporter; /* ATTEST_EXPORTER_SIZE bytes */
        const char *address;     /* for the log */
        TakenQuotes *quotes;
        /* Asks for room for so many more bytes of event log: -ENOBUFS where there is none. */
        int (*hold)(void *userdata, size_t n);
        void *userdata;
} SessionPeer;

/* What Register knows after its first step. */
typedef struct RegisterState {
        AttestPublic ek, ak, srk;
        AttestName ak_name, srk_name;
        uint8_t node_id[NODE_ID_SIZE];
        uint8_t secret_hash[SHA256_SIZE];
        uint8_t challenge[ATTEST_SECRET_SIZE];
        char hostname[NODE_TEXT_MAX + 1];
        char serial[NODE_TEXT_MAX + 1];
        char trusted[NODE_TRUSTED_MAX + 1];
} RegisterState;

typedef struct Session {
        Service *service;
        SessionKind kind;
        uint8_t exporter[ATTEST_EXPORTER_SIZE];
        SessionPeer peer; /* with exporter and address of the two here */
        char address[64];
        Writer log; /* the event log so far */
        bool answered;
        RegisterState *registering;
} Session;

/* An encoded reply; freed (and wiped) by session_reply_deinit. */
typedef struct SessionReply {
        uint8_t *data; /* NULL: none yet */
        size_t size;
        bool last; /* the call ends after it */
} SessionReply;
void session_reply_deinit(SessionReply *r);

_must_check_ int session_new(Service *service, SessionKind kind, const SessionPeer *peer, Session **ret);
void session_free(Session *s);
DEFINE_CLEANUP(Session, session_free)
#define cleanup_session _cleanup_(session_freep)

/* One message of the node. SESSION_E_MALFORMED for one that is malformed or out of order; a negative result is the
 * verifier's own failure. A refusal is a reply. */
_must_check_ int session_message(Session *s, Bytes message, SessionReply *ret);

/* The steps: 0 with *ret filled, VERIFIER_E_REFUSED with *refusal filled (logged and, where the peer proved who it
 * is, audited), SESSION_E_MALFORMED, or a negative errno. */
_must_check_ int handle_register_hello(Session *s, const halfkey_v1_RegisterHello *hello,
                                       halfkey_v1_RegisterChallenge *ret, halfkey_v1_Refusal *refusal);
_must_check_ int handle_register_proof(Session *s, const halfkey_v1_RegisterProof *proof,
                                       halfkey_v1_RegisterResult *ret, halfkey_v1_Refusal *refusal);
_must_check_ int handle_commit(Session *s, const halfkey_v1_EnrolCommit *commit, halfkey_v1_Refusal *refusal);
_must_check_ int handle_unlock(Session *s, const halfkey_v1_UnlockProof *proof, halfkey_v1_UnlockResult *ret,
                               halfkey_v1_Refusal *refusal);
_must_check_ int handle_reattest(Session *s, const halfkey_v1_ReattestProof *proof, halfkey_v1_ReattestResult *ret,
                                 halfkey_v1_Refusal *refusal);
