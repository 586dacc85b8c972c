/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The token as a value: its limits and its hash. Its JSON is in token-json.c. */

#include "unlock/token.h"

#include "base/error.h"
#include "base/writer.h"
#include "crypto/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
        HASHED_MAX = 4096, /* all fixed fields and every blob at its limit: below 2,600 */
        SET_MAX = 64,
};

int token_new(Token **ret)
{
        Token *t = calloc(1, sizeof(*t));

        if (!t) return -ENOMEM;
        t->keyslot = TOKEN_KEYSLOT_NONE;
        t->recovery_keyslot = TOKEN_KEYSLOT_NONE;
        t->bank = HASH_SHA256;
        *ret = t;
        return 0;
}

static void blob_deinit(TokenBlob *b)
{
        free(b->data);
        *b = (TokenBlob){ 0 };
}

static void approval_deinit(TokenApproval *a)
{
        blob_deinit(&a->signature);
        blob_deinit(&a->ticket);
}

void token_free(Token *t)
{
        if (!t) return;
        blob_deinit(&t->srk_public);
        blob_deinit(&t->srk_name);
        blob_deinit(&t->seal_private);
        blob_deinit(&t->seal_public);
        blob_deinit(&t->policy_key);
        blob_deinit(&t->pcrsig_key);
        blob_deinit(&t->record);
        for (size_t i = 0; i < t->n_approvals; i++) approval_deinit(&t->approvals[i]);
        free(t);
}

int token_blob_set(TokenBlob *b, Bytes bytes)
{
        uint8_t *copy = NULL;

        if (bytes.size > 0) {
                copy = malloc(bytes.size);
                if (!copy) return -ENOMEM;
                memcpy(copy, bytes.data, bytes.size);
        }
        free(b->data);
        *b = (TokenBlob){ .data = copy, .size = bytes.size };
        return 0;
}

static int check_size(const char *name, const TokenBlob *b, size_t min, size_t max)
{
        if (b->size < min || b->size > max)
                return error_set(-EINVAL, "%s: %zu bytes, not %zu to %zu", name, b->size, min, max);
        return 0;
}

int token_check_role(const char *role)
{
        const size_t n = strspn(role, "abcdefghijklmnopqrstuvwxyz0123456789-_.:");

        if (n == 0 || n > TOKEN_ROLE_MAX || role[n] != '\0')
                return error_set(-EINVAL, "role: not 1 to %d letters of a-z 0-9 - _ . :", TOKEN_ROLE_MAX);
        return 0;
}

static int check_keyslots(const Token *t)
{
        if (t->keyslot < 0 || t->keyslot > TOKEN_KEYSLOT_MAX)
                return error_set(-EINVAL, "keyslots[0]: %d, not 0 to %d", t->keyslot, TOKEN_KEYSLOT_MAX);
        if (t->recovery_keyslot < TOKEN_KEYSLOT_NONE || t->recovery_keyslot > TOKEN_KEYSLOT_MAX)
                return error_set(-EINVAL, "recovery_keyslot: %d, not -1 to %d", t->recovery_keyslot,
                                 TOKEN_KEYSLOT_MAX);
        if (t->recovery_keyslot == t->keyslot)
                return error_set(-EINVAL, "recovery_keyslot: %d is the keyslot of the token", t->keyslot);
        return 0;
}

static int check_approvals(const Token *t)
{
        int r;

        if (t->n_approvals > TOKEN_APPROVALS_MAX)
                return error_set(-EINVAL, "approvals: %zu, above %d", t->n_approvals, TOKEN_APPROVALS_MAX);
        if (t->n_approvals > 0 && t->policy_key.size == 0)
                return error_set(-EINVAL, "approvals: a seal without a policy key has none");
        for (size_t i = 0; i < t->n_approvals; i++) {
                r = check_size("approvals[].signature", &t->approvals[i].signature, 1, TOKEN_SIGNATURE_MAX);
                if (r < 0) return r;
                r = check_size("approvals[].ticket", &t->approvals[i].ticket, 0, TOKEN_TICKET_MAX);
                if (r < 0) return r;
        }
        return 0;
}

int token_validate(const Token *t)
{
        const struct {
                const char *name;
                const TokenBlob *blob;
                size_t min, max;
        } blobs[] = {
                { "srk.public", &t->srk_public, 1, TOKEN_PUBLIC_MAX },
                { "srk.name", &t->srk_name, 2 + 20, TOKEN_NAME_MAX },
                { "seal.private", &t->seal_private, 2, TOKEN_PRIVATE_MAX },
                { "seal.public", &t->seal_public, 2, TOKEN_PUBLIC_MAX },
                { "policy_key", &t->policy_key, 0, TOKEN_POLICY_KEY_MAX },
                { "pcrsig_key", &t->pcrsig_key, 0, TOKEN_POLICY_KEY_MAX },
                { "header.record", &t->record, 0, TOKEN_RECORD_MAX },
        };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(blobs); i++) {
                r = check_size(blobs[i].name, blobs[i].blob, blobs[i].min, blobs[i].max);
                if (r < 0) return r;
        }
        if (t->policy_key.size > 0 && t->pcrsig_key.size > 0)
                return error_set(-EINVAL, "pcrsig_key: a seal has this or a policy key");
        r = token_check_role(t->role);
        if (r < 0) return r;
        r = check_keyslots(t);
        if (r < 0) return r;
        if (t->bank != HASH_SHA256 && t->bank != HASH_SHA384)
                return error_set(-EINVAL, "bank: neither sha256 nor sha384");
        return check_approvals(t);
}

static void remove_approval(Token *t, size_t at)
{
        approval_deinit(&t->approvals[at]);
        memmove(&t->approvals[at], &t->approvals[at + 1], (t->n_approvals - at - 1) * sizeof(t->approvals[0]));
        t->n_approvals--;
        t->approvals[t->n_approvals] = (TokenApproval){ 0 };
}

int token_add_approval(Token *t, const uint8_t policy[static TOKEN_POLICY_SIZE], Bytes signature, Bytes ticket)
{
        TokenApproval a = { 0 };
        int r;

        memcpy(a.policy, policy, TOKEN_POLICY_SIZE);
        r = token_blob_set(&a.signature, signature);
        if (r == 0) r = token_blob_set(&a.ticket, ticket);
        if (r == 0) r = check_size("signature", &a.signature, 1, TOKEN_SIGNATURE_MAX);
        if (r == 0) r = check_size("ticket", &a.ticket, 0, TOKEN_TICKET_MAX);
        if (r < 0) {
                approval_deinit(&a);
                return r;
        }
        for (size_t i = t->n_approvals; i-- > 0;)
                if (bytes_equal(BYTES_ARRAY(t->approvals[i].policy), BYTES_ARRAY(a.policy))) remove_approval(t, i);
        if (t->n_approvals == TOKEN_APPROVALS_MAX) remove_approval(t, TOKEN_APPROVALS_MAX - 1);
        memmove(&t->approvals[1], &t->approvals[0], t->n_approvals * sizeof(t->approvals[0]));
        t->approvals[0] = a;
        t->n_approvals++;
        return 0;
}

static void hash_number(Writer *w, uint64_t v, size_t size)
{
        writer_be32(w, (uint32_t)size);
        if (size == 2) writer_be16(w, (uint16_t)v);
        if (size == 4) writer_be32(w, (uint32_t)v);
        if (size == 8) writer_be64(w, v);
}

int token_hash(const Token *t, uint8_t ret[static SHA256_SIZE])
{
        cleanup_writer Writer w = WRITER_INIT(HASHED_MAX);
        Bytes b;
        int r;

        r = token_validate(t);
        if (r < 0) return r;
        writer_prefixed(&w, BYTES_LITERAL("halfkey token v1"));
        hash_number(&w, (uint32_t)t->keyslot, 4);
        hash_number(&w, (uint32_t)t->recovery_keyslot, 4);
        writer_prefixed(&w, BYTES_ARRAY(t->volume_id));
        writer_prefixed(&w, BYTES(t->role, strlen(t->role)));
        writer_prefixed(&w, BYTES_ARRAY(t->node_id));
        hash_number(&w, t->generation, 8);
        hash_number(&w, t->epoch, 8);
        hash_number(&w, t->bank, 2);
        hash_number(&w, t->srk_handle, 4);
        writer_prefixed(&w, token_blob_bytes(&t->srk_public));
        writer_prefixed(&w, token_blob_bytes(&t->srk_name));
        writer_prefixed(&w, token_blob_bytes(&t->seal_private));
        writer_prefixed(&w, token_blob_bytes(&t->seal_public));
        writer_prefixed(&w, token_blob_bytes(&t->policy_key));
        if (t->pcrsig_key.size > 0) writer_prefixed(&w, token_blob_bytes(&t->pcrsig_key));
        r = writer_finish(&w, &b);
        if (r < 0) return r;
        return hash_sha256(b, ret);
}

static int by_bytes(const void *a, const void *b)
{
        const uint8_t *x = a, *y = b;

        for (size_t i = 0; i < SHA256_SIZE; i++)
                if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
        return 0;
}

int token_set_hash(const Token *const *tokens, size_t n, uint8_t ret[static SHA256_SIZE])
{
        uint8_t hashes[SET_MAX][SHA256_SIZE];
        cleanup_writer Writer w = WRITER_INIT(HASHED_MAX);
        Bytes b;
        int r;

        if (n > SET_MAX) return error_set(-E2BIG, "%zu volumes in one attestation, above %d", n, SET_MAX);
        for (size_t i = 0; i < n; i++) {
                r = token_hash(tokens[i], hashes[i]);
                if (r < 0) return r;
        }
        qsort(hashes, n, SHA256_SIZE, by_bytes);
        writer_prefixed(&w, BYTES_LITERAL("halfkey tokens v1"));
        for (size_t i = 0; i < n; i++) writer_prefixed(&w, BYTES_ARRAY(hashes[i]));
        r = writer_finish(&w, &b);
        if (r < 0) return r;
        return hash_sha256(b, ret);
}
