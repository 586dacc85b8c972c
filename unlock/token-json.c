/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The token's JSON, both ways. Parsing ends in token_validate(), so what one accepts the other prints. */

#include "unlock/token.h"

#include "base/error.h"
#include "base/writer.h"
#include "json/writer.h"
#include "unlock/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int parse_blob(const Field *f, const char *key, size_t max, TokenBlob *ret)
{
        return field_hex_new(f, key, 0, max, &ret->data, &ret->size);
}

static int parse_keyslots(const Field *f, Token *t)
{
        uint32_t set = 0;
        int64_t recovery = 0;
        Field keyslots;
        int r;

        r = field_number_set(f, "keyslots", &set);
        if (r == 0) r = field_member(f, "keyslots", &keyslots);
        if (r < 0) return r;
        if (__builtin_popcount(set) != 1) return field_refuse(&keyslots, "not exactly one keyslot");
        t->keyslot = __builtin_ctz(set);
        r = field_int(f, "recovery_keyslot", TOKEN_KEYSLOT_NONE, TOKEN_KEYSLOT_MAX, &recovery);
        t->recovery_keyslot = (int)recovery;
        return r;
}

static int parse_version(const Field *f)
{
        int64_t version = 0;
        Field member;
        int r;

        r = field_int(f, "version", 1, INT32_MAX, &version);
        if (r == 0) r = field_member(f, "version", &member);
        if (r < 0) return r;
        if (version != TOKEN_VERSION)
                return error_set(-EPROTONOSUPPORT, "%s: %" PRId64 " is not the version this program reads (%d)",
                                 member.path, version, TOKEN_VERSION);
        return 0;
}

static int parse_role(const Field *f, Token *t)
{
        const char *role = NULL;
        Field member;
        int r;

        r = field_text(f, "role", &role);
        if (r == 0) r = field_member(f, "role", &member);
        if (r < 0) return r;
        if (strlen(role) > TOKEN_ROLE_MAX) return field_refuse(&member, "longer than %d", TOKEN_ROLE_MAX);
        memcpy(t->role, role, strlen(role) + 1);
        return 0;
}

static int parse_bank(const Field *f, Token *t)
{
        static const char *const banks[] = { "sha256", "sha384", NULL };
        char bank[16];
        int r;

        r = field_word(f, "bank", banks, bank, sizeof(bank));
        if (r < 0) return r;
        return hash_from_name(bank, &t->bank);
}

static int parse_numbers(const Field *f, Token *t)
{
        int r;

        r = parse_keyslots(f, t);
        if (r == 0) r = field_hex(f, "volume_id", t->volume_id, sizeof(t->volume_id));
        if (r == 0) r = field_hex(f, "node_id", t->node_id, sizeof(t->node_id));
        if (r == 0) r = field_u64(f, "generation", &t->generation);
        if (r == 0) r = field_u64(f, "epoch", &t->epoch);
        if (r == 0) r = parse_role(f, t);
        if (r == 0) r = parse_bank(f, t);
        return r;
}

static int parse_srk(const Field *root, Token *t)
{
        static const char *const keys[] = { "handle", "public", "name", NULL };
        uint8_t handle[4];
        Field f;
        int r;

        r = field_member(root, "srk", &f);
        if (r == 0) r = field_object(&f, keys, NULL);
        if (r == 0) r = field_hex(&f, "handle", handle, sizeof(handle));
        if (r < 0) return r;
        t->srk_handle = (uint32_t)handle[0] << 24 | (uint32_t)handle[1] << 16 | (uint32_t)handle[2] << 8 |
                        handle[3];
        r = parse_blob(&f, "public", TOKEN_PUBLIC_MAX, &t->srk_public);
        if (r == 0) r = parse_blob(&f, "name", TOKEN_NAME_MAX, &t->srk_name);
        return r;
}

static int parse_seal(const Field *root, Token *t)
{
        static const char *const keys[] = { "private", "public", NULL };
        Field f;
        int r;

        r = field_member(root, "seal", &f);
        if (r == 0) r = field_object(&f, keys, NULL);
        if (r == 0) r = parse_blob(&f, "private", TOKEN_PRIVATE_MAX, &t->seal_private);
        if (r == 0) r = parse_blob(&f, "public", TOKEN_PUBLIC_MAX, &t->seal_public);
        if (r == 0) r = parse_blob(root, "policy_key", TOKEN_POLICY_KEY_MAX, &t->policy_key);
        return r;
}

static int parse_pcrsig_key(const Field *root, Token *t)
{
        const JsonValue *there;
        Field f;
        int r;

        if (json_value_member(root->value, "pcrsig_key", &there) < 0) return 0;
        r = parse_blob(root, "pcrsig_key", TOKEN_POLICY_KEY_MAX, &t->pcrsig_key);
        if (r == 0) r = field_member(root, "pcrsig_key", &f);
        if (r < 0) return r;
        return t->pcrsig_key.size == 0 ? field_refuse(&f, "empty") : 0;
}

static int parse_header(const Field *root, Token *t)
{
        static const char *const keys[] = { "record", "halves", "volume_key", NULL };
        Field f;
        int r;

        r = field_member(root, "header", &f);
        if (r == 0) r = field_object(&f, keys, NULL);
        if (r == 0) r = parse_blob(&f, "record", TOKEN_RECORD_MAX, &t->record);
        if (r == 0) r = field_hex(&f, "halves", t->halves_tag, sizeof(t->halves_tag));
        if (r == 0) r = field_hex(&f, "volume_key", t->volume_key_tag, sizeof(t->volume_key_tag));
        return r;
}

static int parse_approval(const Field *f, TokenApproval *a)
{
        static const char *const keys[] = { "policy", "signature", "ticket", NULL };
        int r;

        r = field_object(f, keys, NULL);
        if (r == 0) r = field_hex(f, "policy", a->policy, sizeof(a->policy));
        if (r == 0) r = parse_blob(f, "signature", TOKEN_SIGNATURE_MAX, &a->signature);
        if (r == 0) r = parse_blob(f, "ticket", TOKEN_TICKET_MAX, &a->ticket);
        return r;
}

static int parse_approvals(const Field *root, Token *t)
{
        Field array, f;
        size_t n = 0;
        int r;

        r = field_member(root, "approvals", &array);
        if (r == 0) r = field_array(&array, TOKEN_APPROVALS_MAX, &n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                r = field_element(&array, i, &f);
                if (r < 0) return r;
                t->n_approvals = i + 1; /* token_free() frees what there is of it */
                r = parse_approval(&f, &t->approvals[i]);
        }
        return r;
}

static int parse_root(const Field *f, Token *t)
{
        static const char *const keys[] = { "type",       "keyslots", "version",   "recovery_keyslot",
                                            "volume_id",  "role",     "node_id",   "generation",
                                            "epoch",      "bank",     "srk",       "seal",
                                            "policy_key", "header",   "approvals", NULL };
        static const char *const optional[] = { "pcrsig_key", NULL };
        static const char *const types[] = { TOKEN_TYPE, NULL };
        char type[sizeof(TOKEN_TYPE)];
        int r;

        r = field_word(f, "type", types, type, sizeof(type));
        if (r == 0) r = parse_version(f); /* before the keys: another version has others */
        if (r == 0) r = field_object(f, keys, optional);
        if (r == 0) r = parse_numbers(f, t);
        if (r == 0) r = parse_srk(f, t);
        if (r == 0) r = parse_seal(f, t);
        if (r == 0) r = parse_pcrsig_key(f, t);
        if (r == 0) r = parse_header(f, t);
        if (r == 0) r = parse_approvals(f, t);
        return r;
}

int token_parse(Bytes json, Token **ret)
{
        cleanup_json JsonValue *document = NULL;
        cleanup_token Token *t = NULL;
        Field root;
        int r;

        if (json.size > TOKEN_JSON_MAX)
                return error_set(-EMSGSIZE, "a token of %zu bytes, above %d", json.size, TOKEN_JSON_MAX);
        r = json_value_parse(json, TOKEN_JSON_MAX, &document);
        if (r < 0) return r;
        r = token_new(&t);
        if (r < 0) return r;
        root = field_root(document);
        r = parse_root(&root, t);
        if (r < 0) return r;
        r = token_validate(t);
        if (r < 0) return -EBADMSG;
        *ret = TAKE_PTR(t);
        return 0;
}

static void print_u64(JsonWriter *w, const char *key, uint64_t v)
{
        char text[24];

        (void)snprintf(text, sizeof(text), "%" PRIu64, v);
        json_writer_text(w, key, text);
}

static void print_keyslots(JsonWriter *w, const Token *t)
{
        json_writer_open_array(w, "keyslots");
        print_u64(w, NULL, (uint64_t)t->keyslot);
        json_writer_close(w);
        json_writer_int(w, "version", TOKEN_VERSION);
        json_writer_int(w, "recovery_keyslot", t->recovery_keyslot);
}

static void print_keys(JsonWriter *w, const Token *t)
{
        char handle[9];

        (void)snprintf(handle, sizeof(handle), "%08" PRIx32, t->srk_handle);
        json_writer_open_object(w, "srk");
        json_writer_text(w, "handle", handle);
        json_writer_hex(w, "public", token_blob_bytes(&t->srk_public));
        json_writer_hex(w, "name", token_blob_bytes(&t->srk_name));
        json_writer_close(w);
        json_writer_open_object(w, "seal");
        json_writer_hex(w, "private", token_blob_bytes(&t->seal_private));
        json_writer_hex(w, "public", token_blob_bytes(&t->seal_public));
        json_writer_close(w);
        json_writer_hex(w, "policy_key", token_blob_bytes(&t->policy_key));
        if (t->pcrsig_key.size > 0) json_writer_hex(w, "pcrsig_key", token_blob_bytes(&t->pcrsig_key));
}

static void print_header(JsonWriter *w, const Token *t)
{
        json_writer_open_object(w, "header");
        json_writer_hex(w, "record", token_blob_bytes(&t->record));
        json_writer_hex(w, "halves", BYTES_ARRAY(t->halves_tag));
        json_writer_hex(w, "volume_key", BYTES_ARRAY(t->volume_key_tag));
        json_writer_close(w);
}

static void print_approvals(JsonWriter *w, const Token *t)
{
        json_writer_open_array(w, "approvals");
        for (size_t i = 0; i < t->n_approvals; i++) {
                json_writer_open_object(w, NULL);
                json_writer_hex(w, "policy", BYTES_ARRAY(t->approvals[i].policy));
                json_writer_hex(w, "signature", token_blob_bytes(&t->approvals[i].signature));
                json_writer_hex(w, "ticket", token_blob_bytes(&t->approvals[i].ticket));
                json_writer_close(w);
        }
        json_writer_close(w);
}

int token_print(const Token *t, char **ret)
{
        cleanup_writer Writer out = WRITER_INIT(TOKEN_JSON_MAX);
        JsonWriter w = JSON_WRITER_INIT(&out);
        int r;

        r = token_validate(t);
        if (r < 0) return r;
        w.compact = true;
        json_writer_open_object(&w, NULL);
        json_writer_text(&w, "type", TOKEN_TYPE);
        print_keyslots(&w, t);
        json_writer_hex(&w, "volume_id", BYTES_ARRAY(t->volume_id));
        json_writer_text(&w, "role", t->role);
        json_writer_hex(&w, "node_id", BYTES_ARRAY(t->node_id));
        print_u64(&w, "generation", t->generation);
        print_u64(&w, "epoch", t->epoch);
        json_writer_text(&w, "bank", hash_name(t->bank));
        print_keys(&w, t);
        print_header(&w, t);
        print_approvals(&w, t);
        json_writer_close(&w);
        r = json_writer_finish(&w);
        if (r < 0) return r;
        return writer_steal_text(&out, ret);
}

int token_copy(const Token *t, Token **ret)
{
        cleanup_free char *json = NULL;
        int r;

        r = token_print(t, &json);
        return r < 0 ? r : token_parse(BYTES(json, strlen(json)), ret);
}
