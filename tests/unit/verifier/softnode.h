/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A node whose TPM is software: EK, AK and SRK are keys in memory, a "boot" is an event log, and a quote is
 * whatever the test wants signed. It reaches every refusal of the verifier, also those a real TPM never gives
 * reason for. And a verifier's service around a store in a folder of its own, with a clock the test turns. */

#include "verifier/session.h"

#include "check.h"

#include "proto/message.h"

typedef struct SoftVerifier {
        char dir[64];
        Settings settings;
        Trust trust; /* asks nothing, unless a test fills it */
        Keys *keys;
        Service service;
        uint8_t secret[32]; /* of an enrolment with two uses */
        char enrolment[ENROLMENT_ID_MAX + 1];
        bool one_connection; /* all calls come over the same one */
        uint8_t exporter[ATTEST_EXPORTER_SIZE];
        TakenQuotes quotes;
        size_t held, hold_max; /* bytes of logs */
} SoftVerifier;

extern uint64_t soft_now;

void soft_verifier_init(SoftVerifier *v);
void soft_verifier_deinit(SoftVerifier *v);
/* Closes the store and opens it again, as a restart does. */
void soft_verifier_restart(SoftVerifier *v);
/* Adds an enrolment secret; eks may be NULL. */
void soft_enrolment(SoftVerifier *v, const char *id, const uint8_t secret[static 32], uint32_t uses,
                    uint64_t expires, const uint8_t *ek);
/* An operator's verb on the node of that id. */
int soft_operator(SoftVerifier *v, const uint8_t *id, int (*verb)(NodeRecord *n));
NodeRecord soft_record(SoftVerifier *v, const uint8_t *id);
/* How many entries the audit has. */
unsigned soft_audit_size(SoftVerifier *v);
/* Text of the last audit entry, and its kind. */
const char *soft_last_text(SoftVerifier *v);
const char *soft_last_kind(SoftVerifier *v);

typedef struct SoftNode {
        PrivateKey *ek_key, *ak_key, *srk_key;
        AttestPublic ek, ak, srk;
        uint8_t id[NODE_ID_SIZE];
        uint8_t volume_key[32];

        /* the boot */
        Bytes log; /* the caller's */
        const char *command_line;
        BootCounters boot;
        const char *capped;  /* outcome in PCR 15; NULL: zero */
        bool needs_approval; /* says that none it has fits */
        unsigned words;      /* phases extended into PCR 11, and stated */

        /* what a test bends */
        Bytes sent;                    /* the log that is sent instead, where it is set */
        int words_stated;              /* instead of `words` where not negative */
        uint32_t bank;                 /* stated; HASH_SHA256 */
        uint32_t mask;                 /* quoted; ATTEST_PCRS */
        const uint8_t *other_id;       /* claims to be that node */
        AttestPurpose purpose;         /* signs for another purpose where unlike 0 */
        const uint8_t *other_exporter; /* signs for another connection */
        unsigned bad_signature;        /* flips a bit */
        uint32_t version;
        uint64_t epoch, generation;
        unsigned bad_token;
        const uint8_t *token_hash; /* 32 bytes, instead of some that stay the same */
        const uint8_t *planned;    /* what it would be after a rekey; NULL: says nothing */
        uint64_t opened_epoch;     /* the one that opened this boot, where unlike `epoch`; 0 */
        unsigned unseal_possible, command_line_changed;
        unsigned bad_answer;
        bool without_volumes; /* says at Reattest that it opened none */
        void (*bend_hello)(halfkey_v1_RegisterHello *h);
        void (*bend_proof)(halfkey_v1_RegisterProof *p);
        void (*bend_evidence)(halfkey_v1_Evidence *e);
} SoftNode;

/* Keys made, good values everywhere, first boot. `log` is a view the caller keeps. */
void soft_node_init(SoftNode *n, Bytes log, const char *command_line);
void soft_node_deinit(SoftNode *n);
#define cleanup_soft_node _cleanup_(soft_node_deinit)

/* What came of a call: the refusal's slug, or "" where it was granted. */
typedef struct SoftReply {
        char reason[49], sentence[401], id[17], role[41];
        uint32_t retry_after_s;
        int result; /* of the session; everything else is unset unless 0 */
        uint8_t half[32];
        uint64_t generation;
        bool has_approval;
        bool baseline, clean_up;
        char release_id[17];
        uint64_t floor, rekey_to; /* of the terms */
} SoftReply;

SoftReply soft_register(SoftVerifier *v, SoftNode *n, const uint8_t secret[static 32]);
SoftReply soft_commit(SoftVerifier *v, SoftNode *n);
SoftReply soft_unlock(SoftVerifier *v, SoftNode *n);
SoftReply soft_reattest(SoftVerifier *v, SoftNode *n, const char *outcome);
/* Register, EnrolCommit, approve; then the next boot begins. */
void soft_enrol(SoftVerifier *v, SoftNode *n);
/* The next boot: reset count + 1, cap zero. */
void soft_boot(SoftNode *n);
/* An unlock and the attestation that adopts the boot; the node is left capped. */
void soft_adopt_boot(SoftVerifier *v, SoftNode *n);
