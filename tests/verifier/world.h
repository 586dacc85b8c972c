/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The real halfkey-verifier as a process, `halfkey cluster` as its administrator, and nodes whose TPM is a swtpm
 * each: everything between them goes over TLS on loopback and over the unix socket. */

#include "attest/extra.h"
#include "check.h"
#include "proto/message.h"
#include "proto/node.pb.h"
#include "rpc/blocking.h"
#include "tpm/keys.h"
#include "tpm/seal.h"
#include "tpm/swtpm.h"

typedef struct World {
        const char *verifier, *halfkey; /* the programs */
        char dir[64];
        int daemon; /* pid; 0: not running */
        char address[64];
        RpcPin pin;
        uint8_t policy_key_hash[32];
} World;

/* `halfkey cluster init`, then the daemon. */
void world_init(World *w, const char *verifier, const char *halfkey);
void world_deinit(World *w);
void world_start(World *w);
/* By this signal; the exit code, or -1 where it was killed. */
int world_stop(World *w, int signal);
/* `halfkey cluster ARGS --socket ...`, its output (both streams) in world_output(). The exit code. */
int world_cluster(const World *w, const char *fmt, ...) _printf_(2, 3);
const char *world_output(void);
/* A new enrolment configuration; its secret. */
void world_secret(const World *w, const char *options, uint8_t ret[static 32]);
/* What the daemon said since it started last. */
bool world_log_has(const World *w, const char *text);

typedef struct Peer {
        Rig *rig;
        Tpm *tpm;
        TpmEk ek;
        TpmObject ak, srk;
        uint8_t id[32];
        uint8_t volume_key[32];
        uint64_t generation;
        /* of Register */
        uint8_t cluster_half[32];
        halfkey_v1_RegisterResult registered;
        TpmSealed sealed;
        Secret *half;
        /* of this boot */
        uint8_t *log;
        size_t log_size;
        char command_line[128];
        unsigned words;
        /* bends */
        const uint8_t *claim_id;           /* names this node */
        const halfkey_v1_Evidence *replay; /* sends this evidence again */
        halfkey_v1_Evidence last;
} Peer;

/* A node with a fresh TPM, booted. */
void peer_init(Peer *p);
void peer_deinit(Peer *p);
/* Power cut, and a boot with this command line: the PCRs get what the log says. */
void peer_boot(Peer *p, const char *command_line);
/* The cap unit's work. */
void peer_cap(Peer *p, const char *outcome);
/* Extends PCR 11 by the next phase. */
void peer_phase(Peer *p);
/* Seals a node half under the policy of the Register result. */
void peer_seal(Peer *p);
/* Unseals with the approval of Register: the result of tpm_unseal, compared with what was sealed. */
int peer_unseal(Peer *p);

typedef struct Answer {
        char reason[49], sentence[401];
        uint8_t half[32];
        bool baseline, clean_up;
        RpcStatus status;
} Answer;

Answer peer_register(Peer *p, const World *w, const uint8_t secret[static 32]);
Answer peer_commit(Peer *p, const World *w, Bytes recovery_cms);
Answer peer_unlock(Peer *p, const World *w);
Answer peer_reattest(Peer *p, const World *w, const char *outcome);
