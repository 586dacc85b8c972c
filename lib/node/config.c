/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/config.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/writer.h"
#include "json/value.h"
#include "json/writer.h"

#include <errno.h>
#include <string.h>

enum { ADDRESS_LENGTH_MAX = 255 };

static int parse_version(const JsonValue *v, NodeConfig *c _unused_)
{
        int64_t version;
        int r;

        r = json_value_int(v, 0, INT32_MAX, &version);
        if (r < 0) return r;
        if (version != CONFIG_VERSION)
                return error_set(-EBADMSG, "version %d is not %d: this halfkey cannot read it", (int)version,
                                 CONFIG_VERSION);
        return 0;
}

/* The elements of an array of 1..max hashes (0..max where `empty` is fine). */
static int parse_hashes(const JsonValue *v, size_t max, bool empty, uint8_t (*ret)[SHA256_SIZE], size_t *ret_n)
{
        const size_t n = json_value_count(v);
        const JsonValue *element;
        int r;

        if (json_value_kind(v) != JSON_ARRAY) return error_set(-EBADMSG, "expected an array");
        if (n > max || (n == 0 && !empty)) return error_set(-EBADMSG, "expected 1 to %zu elements", max);
        for (size_t i = 0; i < n; i++) {
                r = json_value_element(v, i, &element);
                if (r == 0) r = json_value_hex(element, ret[i], SHA256_SIZE);
                if (r < 0) return error_prefix(r, "element %zu", i);
        }
        *ret_n = n;
        return 0;
}

static int parse_pins(const JsonValue *v, NodeConfig *c)
{
        uint8_t pins[CONFIG_PINS_MAX][SHA256_SIZE];
        int r;

        r = parse_hashes(v, CONFIG_PINS_MAX, false, pins, &c->n_pins);
        if (r < 0) return r;
        for (size_t i = 0; i < c->n_pins; i++) memcpy(c->pins[i].sha256, pins[i], SHA256_SIZE);
        return 0;
}

static int parse_addresses(const JsonValue *v, NodeConfig *c)
{
        const size_t n = json_value_count(v);

        if (json_value_kind(v) != JSON_ARRAY || n == 0 || n > CONFIG_ADDRESSES_MAX)
                return error_set(-EBADMSG, "expected an array of 1 to %d addresses", CONFIG_ADDRESSES_MAX);
        for (size_t i = 0; i < n; i++) {
                const JsonValue *element;
                const char *text;
                int r;

                r = json_value_element(v, i, &element);
                if (r == 0) r = json_value_text(element, &text);
                if (r < 0) return r;
                if (strlen(text) == 0 || strlen(text) > ADDRESS_LENGTH_MAX)
                        return error_set(-EBADMSG, "element %zu: expected host:port", i);
                c->addresses[i] = strdup(text);
                if (!c->addresses[i]) return -ENOMEM;
                c->n_addresses++;
        }
        return 0;
}

static int parse_policy_key(const JsonValue *v, NodeConfig *c)
{
        return json_value_hex(v, c->policy_key_sha256, SHA256_SIZE);
}

static int parse_recovery(const JsonValue *v, NodeConfig *c)
{
        return parse_hashes(v, CONFIG_RECOVERY_MAX, false, c->recovery_sha256, &c->n_recovery);
}

static int parse_unique(const JsonValue *v, NodeConfig *c)
{
        return json_value_bool(v, &c->unique_volume_key);
}

static int parse_secret(const JsonValue *v, NodeConfig *c)
{
        const char *text;
        int r;

        r = json_value_text(v, &text);
        if (r < 0) return r;
        if (strlen(text) < 32 || strlen(text) / 2 > CONFIG_SECRET_MAX || strlen(text) % 2 != 0)
                return error_set(-EBADMSG, "expected 16 to %d bytes in hex", CONFIG_SECRET_MAX);
        r = secret_new(strlen(text) / 2, &c->secret);
        if (r < 0) return r;
        return json_value_hex(v, c->secret->data, c->secret->size);
}

static int parse_node_id(const JsonValue *v, NodeConfig *c)
{
        c->enrolled = true;
        return json_value_hex(v, c->node_id, SHA256_SIZE);
}

static int parse_ak(const JsonValue *v, NodeConfig *c)
{
        const char *text;
        int r;

        r = json_value_text(v, &text);
        if (r < 0) return r;
        if (strlen(text) == 0 || strlen(text) / 2 > CONFIG_PUBLIC_MAX || strlen(text) % 2 != 0)
                return error_set(-EBADMSG, "expected 1 to %d bytes in hex", CONFIG_PUBLIC_MAX);
        c->ak_public_size = strlen(text) / 2;
        return json_value_hex(v, c->ak_public, c->ak_public_size);
}

static const struct {
        const char *key;
        int (*parse)(const JsonValue *v, NodeConfig *c);
        bool required;
} fields[] = {
        { "version", parse_version, true },
        { "pins", parse_pins, true },
        { "addresses", parse_addresses, true },
        { "policy_key_sha256", parse_policy_key, true },
        { "recovery_sha256", parse_recovery, true },
        { "unique_volume_key", parse_unique, false },
        { "secret", parse_secret, false },
        { "node_id", parse_node_id, false },
        { "ak_public", parse_ak, false },
};

static int parse_fields(const JsonValue *document, NodeConfig *c)
{
        const char *known[ARRAY_SIZE(fields) + 1] = { 0 };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) known[i] = fields[i].key;
        r = json_value_only_keys(document, known);
        if (r < 0) return r;
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                const JsonValue *v;

                r = json_value_member(document, fields[i].key, &v);
                if (r == -ENOENT && !fields[i].required) continue;
                if (r == -ENOENT) return error_set(-EBADMSG, "no field '%s'", fields[i].key);
                if (r == 0) r = fields[i].parse(v, c);
                if (r < 0) return error_prefix(r, "field '%s'", fields[i].key);
        }
        return 0;
}

int config_parse(Bytes json, NodeConfig **ret)
{
        cleanup_json JsonValue *document = NULL;
        cleanup_config NodeConfig *c = calloc(1, sizeof(*c));
        int r;

        if (!c) return -ENOMEM;
        r = json_value_parse(json, CONFIG_FILE_MAX, &document);
        if (r < 0) return r;
        r = parse_fields(document, c);
        if (r < 0) return r;
        if (c->enrolled != (c->ak_public_size > 0) || c->enrolled == (c->secret != NULL))
                return error_set(-EBADMSG, "expected either 'secret' (before enrolment) or 'node_id' and "
                                           "'ak_public' (after it)");
        *ret = TAKE_PTR(c);
        return 0;
}

void config_free(NodeConfig *c)
{
        if (!c) return;
        for (size_t i = 0; i < c->n_addresses; i++) free(c->addresses[i]);
        secret_free(c->secret);
        free(c);
}

int config_set_node(NodeConfig *c, const uint8_t node_id[static SHA256_SIZE], Bytes ak_public)
{
        if (ak_public.size == 0 || ak_public.size > CONFIG_PUBLIC_MAX) return -EINVAL;
        secret_free(TAKE_PTR(c->secret));
        memcpy(c->node_id, node_id, SHA256_SIZE);
        memcpy(c->ak_public, ak_public.data, ak_public.size);
        c->ak_public_size = ak_public.size;
        c->enrolled = true;
        return 0;
}

int config_print_node(const NodeConfig *c, char **ret)
{
        cleanup_writer Writer w = WRITER_INIT(CONFIG_FILE_MAX);
        JsonWriter j = JSON_WRITER_INIT(&w);
        int r;

        if (!c->enrolled) return -EINVAL;
        json_writer_open_object(&j, NULL);
        json_writer_int(&j, "version", CONFIG_VERSION);
        json_writer_open_array(&j, "pins");
        for (size_t i = 0; i < c->n_pins; i++) json_writer_hex(&j, NULL, BYTES_ARRAY(c->pins[i].sha256));
        json_writer_close(&j);
        json_writer_open_array(&j, "addresses");
        for (size_t i = 0; i < c->n_addresses; i++) json_writer_text(&j, NULL, c->addresses[i]);
        json_writer_close(&j);
        json_writer_hex(&j, "policy_key_sha256", BYTES_ARRAY(c->policy_key_sha256));
        json_writer_open_array(&j, "recovery_sha256");
        for (size_t i = 0; i < c->n_recovery; i++) json_writer_hex(&j, NULL, BYTES_ARRAY(c->recovery_sha256[i]));
        json_writer_close(&j);
        json_writer_hex(&j, "node_id", BYTES_ARRAY(c->node_id));
        json_writer_hex(&j, "ak_public", BYTES(c->ak_public, c->ak_public_size));
        json_writer_close(&j);
        r = json_writer_finish(&j);
        if (r < 0) return r;
        writer_text(&w, "\n");
        return writer_steal_text(&w, ret);
}

int config_hash(const NodeConfig *c, uint8_t ret[static SHA256_SIZE])
{
        cleanup_writer Writer w = WRITER_INIT(CONFIG_FILE_MAX);
        Bytes all;
        int r;

        writer_prefixed(&w, BYTES_LITERAL("halfkey config v1"));
        writer_be32(&w, (uint32_t)c->n_pins);
        for (size_t i = 0; i < c->n_pins; i++) writer_prefixed(&w, BYTES_ARRAY(c->pins[i].sha256));
        writer_be32(&w, (uint32_t)c->n_addresses);
        for (size_t i = 0; i < c->n_addresses; i++)
                writer_prefixed(&w, BYTES(c->addresses[i], strlen(c->addresses[i])));
        writer_prefixed(&w, BYTES_ARRAY(c->policy_key_sha256));
        writer_be32(&w, (uint32_t)c->n_recovery);
        for (size_t i = 0; i < c->n_recovery; i++) writer_prefixed(&w, BYTES_ARRAY(c->recovery_sha256[i]));
        r = writer_finish(&w, &all);
        if (r < 0) return r;
        return hash_sha256(all, ret);
}
