/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A policy as an administrator writes it: JSON, docs/policy.schema.json. Parsed strictly: a field that is not
 * known, of another kind or out of range is refused with its JSON path, and so is a document that covers a PCR
 * without a rule that says what may be in it.
 *
 * {
 *   "version": 1, "name": "web", "description": "...",
 *   "nodes": { "role": "web" },         labels, all of which a node must have; {}: every node
 *   "pcrs": [4, 7, 11],                 covered: every event of them must be allowed by a rule
 *   "secure_boot": { "enabled": true, "PK": KEYS, "KEK": KEYS, "db": KEYS },
 *   "authorities": [ HASH... ],         who vouched for loaded images: SHA-256 of a certificate, or of an image's
 *                                       Authenticode hash; shim's settings: SHA-256 of the event's data
 *   "images": { "digests": [ DIGEST... ], "by_authority": false },
 *   "command_line": { "exact": [ TEXT... ], "require": [ WORD... ], "forbid": [ WORD... ] },
 *   "files": [ DIGEST... ],             what loader and kernel measured in PCR 9
 *   "uki": { ".linux": [ DIGEST... ], ".osrel": "any" },
 *   "dbx": { "include": [ HASH... ], "count": 200, "monotonic": true },
 *   "sbat": { "level": 2023012900, "components": { "shim": 2 }, "monotonic": true },
 *   "firmware": { "versions": [ TEXT... ], "minimum": "1.12", "monotonic": true },
 *   "golden": { "0": [ DIGEST... ] }    values of whole PCRs
 * }
 * KEYS: { "lists": [ HASH of the variable's value... ], "certificates": [ HASH... ] }. HASH: SHA-256, 64 hex
 * digits. DIGEST: as the PCR bank has it, SHA-256 or SHA-384. */

#include "crypto/hash.h"
#include "verifier/labels.h"
#include "verifier/policy-floors.h"

enum {
        POLICY_SIZE_MAX = 60000, /* one message of the administrators' service */
        POLICY_NAME_MAX = 32,
        POLICY_TEXT_MAX = 4096, /* a command line, a word, a version */
        POLICY_TEXTS_MAX = 64,
        POLICY_DIGESTS_MAX = 1024, /* of one list */
        POLICY_SECTIONS_MAX = 16,
        POLICY_SECTION_NAME_MAX = 15,
        POLICY_COMPONENTS_MAX = 32,
        POLICY_PCR_COUNT = 16,
        /* Those that can be covered or golden: of the quote, but for the cap's. */
        POLICY_DOCUMENT_PCRS = 0x007bff,
};

typedef struct PolicyDigests {
        size_t n;
        Digest *digest;
} PolicyDigests;

typedef struct PolicyTexts {
        size_t n;
        char *text[POLICY_TEXTS_MAX];
} PolicyTexts;

typedef struct PolicyKeys {
        bool present;
        PolicyDigests lists, certificates;
} PolicyKeys;

typedef struct PolicySection {
        char name[POLICY_SECTION_NAME_MAX + 1];
        bool any;
        PolicyDigests digests;
} PolicySection;

typedef struct PolicyComponent {
        char name[POLICY_SECTION_NAME_MAX + 1];
        uint64_t generation;
} PolicyComponent;

typedef struct PolicyDocument {
        char name[POLICY_NAME_MAX + 1];
        uint64_t version; /* the store's; 0: not stored */
        Labels nodes;
        uint32_t pcrs; /* bit a PCR */
        struct {
                bool present, enabled;
                PolicyKeys pk, kek, db;
        } secure_boot;
        struct {
                bool present;
                PolicyDigests digests;
        } authorities;
        struct {
                bool present, by_authority;
                PolicyDigests digests;
        } images;
        struct {
                bool present;
                PolicyTexts exact, require, forbid;
        } command_line;
        struct {
                bool present;
                PolicyDigests digests;
        } files;
        struct {
                bool present;
                size_t n;
                PolicySection section[POLICY_SECTIONS_MAX];
        } uki;
        struct {
                bool present, monotonic;
                uint64_t count;
                PolicyDigests include;
        } dbx;
        struct {
                bool present, monotonic;
                uint64_t level;
                size_t n;
                PolicyComponent component[POLICY_COMPONENTS_MAX];
        } sbat;
        struct {
                bool present, monotonic;
                PolicyTexts versions;
                char minimum[POLICY_VERSION_MAX + 1];
        } firmware;
        uint32_t golden_pcrs;
        PolicyDigests golden[POLICY_PCR_COUNT];
} PolicyDocument;

/* -EBADMSG: the detail has the JSON path; -EFBIG above POLICY_SIZE_MAX. */
_must_check_ int policy_document_parse(Bytes text, PolicyDocument **ret);
void policy_document_free(PolicyDocument *p);
DEFINE_CLEANUP(PolicyDocument, policy_document_free)
#define cleanup_policy_document _cleanup_(policy_document_freep)

/* Whether a policy may have this name: [a-z0-9._-], not empty. */
bool policy_name_is_good(const char *name);
