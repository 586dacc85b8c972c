/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The audit: what happened, to which node, and why. Never a secret. Each record's hash covers the hash of the one
 * before it, so none can be altered, dropped or moved without the chain showing where. */

#include "crypto/hash.h"

enum {
        AUDIT_KIND_MAX = 48,
        AUDIT_NODE_MAX = 96,
        AUDIT_TEXT_MAX = 600,
        AUDIT_ID_MAX = 16,
};

typedef struct AuditEntry {
        uint64_t sequence;             /* 1 for the first; given by the store */
        uint64_t at;                   /* seconds since 1970 */
        char kind[AUDIT_KIND_MAX + 1]; /* "unlock-released", "unlock-refused", "node-approved" ... */
        uint8_t node_id[SHA256_SIZE];  /* zeros where it concerns no node */
        char node[AUDIT_NODE_MAX + 1]; /* its name and short id, as they were then */
        char text[AUDIT_TEXT_MAX + 1];
        char id[AUDIT_ID_MAX + 1]; /* of the refusal or release */
        uint8_t hash[SHA256_SIZE]; /* given by the store */
} AuditEntry;

/* SHA-256 over the length-prefixed "halfkey audit v1", previous hash (zeros before the first), and every field
 * above but the hash, in that order. */
_must_check_ int audit_hash(const AuditEntry *e, const uint8_t previous[static SHA256_SIZE],
                            uint8_t ret[static SHA256_SIZE]);

/* Walks a chain: start with AUDIT_CHAIN_INIT and feed every entry from the first on. -EBADMSG names the entry that
 * does not follow from those before it. */
typedef struct AuditChain {
        uint64_t sequence;
        uint8_t hash[SHA256_SIZE];
} AuditChain;
#define AUDIT_CHAIN_INIT ((AuditChain){ 0 })
_must_check_ int audit_chain_check(AuditChain *c, const AuditEntry *e);
/* Gives e its place behind c, and moves c there. */
_must_check_ int audit_chain_append(AuditChain *c, AuditEntry *e);
