/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The LUKS2 token of type "halfkey": what a node must know about a volume before it has any key.
 *
 * It is JSON inside the LUKS2 header (LUKS2 On-Disk Format 1.1, section 3.4): public, and written by whoever
 * holds the disk. Nothing in it is believed because it is there: the verifier sees its hash in the evidence,
 * the volume passphrase is derived from volume id, role and node id, and the header's keyed tags cover it.
 *
 *   {"type": "halfkey", "keyslots": ["1"], "version": 1, "recovery_keyslot": 2,
 *    "volume_id": HEX, "role": "root", "node_id": HEX, "generation": "1", "epoch": "1", "bank": "sha256",
 *    "srk": {"handle": "81000001", "public": HEX, "name": HEX},
 *    "seal": {"private": HEX, "public": HEX}, "policy_key": HEX,
 *    "header": {"record": HEX, "halves": HEX, "volume_key": HEX},
 *    "pcrsig_key": HEX,
 *    "approvals": [{"policy": HEX, "signature": HEX, "ticket": HEX}, ...]}
 *
 * Byte strings are lower-case hex; 64-bit numbers are decimal strings, as LUKS2 itself writes them. Every
 * field is required but "pcrsig_key", which makes the seal one of its kind; no other is accepted, and none twice.
 * An initrd of before that kind refuses its token by the name of the field. */

#include "base/macros.h"
#include "base/reader.h"
#include "crypto/hash.h"

enum {
        TOKEN_VERSION = 1,
        TOKEN_VOLUME_ID_SIZE = 16,
        TOKEN_NODE_ID_SIZE = 32,
        TOKEN_POLICY_SIZE = 32, /* a SHA-256 policy digest, whatever the bank */
        TOKEN_ROLE_MAX =
                40, /* characters, as in the protocol: a-z, 0-9, and "-_.:"; "root", "swap", "data:NAME" */
        TOKEN_NAME_MAX = 2 + 64,    /* TPM2B_NAME: algorithm and digest */
        TOKEN_PUBLIC_MAX = 512,     /* TPMT_PUBLIC of an ECC or RSA-2048 object */
        TOKEN_PRIVATE_MAX = 512,    /* TPM2B_PRIVATE of 32 sealed bytes: about 160 */
        TOKEN_POLICY_KEY_MAX = 600, /* SPKI of RSA-4096: 550 */
        TOKEN_SIGNATURE_MAX = 512,  /* RSA-4096 */
        TOKEN_TICKET_MAX = 128,     /* TPMT_TK_VERIFIED: 8 and an HMAC */
        TOKEN_RECORD_MAX = 1024,    /* unlock/record.h: about 450 */
        TOKEN_TAG_SIZE = 32,
        TOKEN_APPROVALS_MAX = 8,
        TOKEN_KEYSLOT_MAX = 31, /* LUKS2 has 32 keyslots */
        TOKEN_KEYSLOT_NONE = -1,
        /* The whole JSON area of a default LUKS2 header is 12 KiB, keyslots included. */
        TOKEN_JSON_MAX = 10240,
};

#define TOKEN_TYPE "halfkey"

/* Bytes owned by the token. */
typedef struct TokenBlob {
        uint8_t *data;
        size_t size;
} TokenBlob;

typedef struct TokenApproval {
        uint8_t policy[TOKEN_POLICY_SIZE]; /* the approved policy digest */
        TokenBlob signature;               /* by the policy key, over what PolicyAuthorize wants */
        TokenBlob ticket;                  /* TPMT_TK_VERIFIED as marshalled; empty: none yet */
} TokenApproval;

typedef struct Token {
        int keyslot;          /* opened by the passphrase from both halves */
        int recovery_keyslot; /* opened by the recovery key; TOKEN_KEYSLOT_NONE ("recovery_keyslot": -1) */
        uint8_t volume_id[TOKEN_VOLUME_ID_SIZE];
        char role[TOKEN_ROLE_MAX + 1];
        uint8_t node_id[TOKEN_NODE_ID_SIZE];
        uint64_t generation; /* of the cluster half and of the seal's policyRef */
        uint64_t epoch;      /* of this header, against the verifier's floor */
        HashAlg bank;        /* PCR bank of seal, quote and cap: sha256 or sha384 */
        uint32_t srk_handle;
        TokenBlob srk_public;   /* TPMT_PUBLIC, to salt sessions to without reading it from the TPM */
        TokenBlob srk_name;     /* alg and digest */
        TokenBlob seal_private; /* TPM2B_PRIVATE with its size field */
        TokenBlob seal_public;  /* TPM2B_PUBLIC with its size field */
        TokenBlob policy_key;   /* SubjectPublicKeyInfo, DER; empty: one of the next two kinds, no approvals */
        TokenBlob pcrsig_key; /* the same of a UKI's maker: its `.pcrsig` opens; empty: a literal PolicyPCR seal */
        TokenBlob record;     /* of the header, by record_write(); empty: none yet, refused where it is used */
        uint8_t halves_tag[TOKEN_TAG_SIZE], volume_key_tag[TOKEN_TAG_SIZE];
        TokenApproval approvals[TOKEN_APPROVALS_MAX];
        size_t n_approvals;
} Token;

void token_free(Token *t);
DEFINE_CLEANUP(Token, token_free)
#define cleanup_token _cleanup_(token_freep)

static inline Bytes token_blob_bytes(const TokenBlob *b)
{
        return BYTES(b->data, b->size);
}
/* Replaces b by a copy; empty bytes empty it. */
_must_check_ int token_blob_set(TokenBlob *b, Bytes bytes);

/* An empty token: both keyslots TOKEN_KEYSLOT_NONE, bank SHA-256. */
_must_check_ int token_new(Token **ret);

/* Parses the JSON text. -EBADMSG with the JSON path and the defect as detail, -EMSGSIZE above TOKEN_JSON_MAX.
 * A version that is not ours is -EPROTONOSUPPORT: another initrd wrote it, nothing is guessed. */
_must_check_ int token_parse(Bytes json, Token **ret);
/* The JSON text, one line; the caller frees it. -EINVAL where the token itself breaks a limit above. */
_must_check_ int token_print(const Token *t, char **ret);
/* A token of its own with the same content. */
_must_check_ int token_copy(const Token *t, Token **ret);
/* Whether a volume can have this role; -EINVAL says what one looks like. */
_must_check_ int token_check_role(const char *role);
/* The limits above, field by field: what token_parse has accepted and token_print is about to write. */
_must_check_ int token_validate(const Token *t);

/* Adds an approval in front; one for the same policy is replaced, the oldest beyond the limit falls off. */
_must_check_ int token_add_approval(Token *t, const uint8_t policy[static TOKEN_POLICY_SIZE], Bytes signature,
                                    Bytes ticket);

/* "Hash of the token as used": SHA-256 over the length-prefixed encoding (be32 length, bytes) of
 *   "halfkey token v1", keyslot (be32), recovery keyslot (be32, 0xffffffff for none), volume id, role, node id,
 *   generation (be64), epoch (be64), bank (TPM_ALG_ID, be16), SRK handle (be32), SRK public, SRK name,
 *   seal private, seal public, policy key, and where it is not empty the `.pcrsig` key
 * each of them a length-prefixed field. Approvals and tickets lie outside: they need no secret and change
 * without one. So does the header's record, which has this hash in it. */
_must_check_ int token_hash(const Token *t, uint8_t ret[static SHA256_SIZE]);
/* The same for all volumes of one attestation: SHA-256 over "halfkey tokens v1" and the token hashes in
 * ascending order, length-prefixed; no volume is an empty list. At most 64 volumes, else -E2BIG. */
_must_check_ int token_set_hash(const Token *const *tokens, size_t n, uint8_t ret[static SHA256_SIZE]);
