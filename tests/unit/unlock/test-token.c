/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "samples.h"

#include <errno.h>

static void prints_what_it_parses(void)
{
        cleanup_token Token *t = sample_token(1, 2), *again = NULL;
        cleanup_free char *json = NULL, *json_again = NULL;
        uint8_t a[SHA256_SIZE], b[SHA256_SIZE];

        CHECK_OK(token_print(t, &json));
        CHECK_OK(token_parse(BYTES(json, strlen(json)), &again));
        CHECK_OK(token_print(again, &json_again));
        CHECK_TEXT(json, json_again);
        CHECK(strstr(json, "\"epoch\": \"18446744073709551615\"") ||
              strstr(json, "\"epoch\":\"18446744073709551615\""));
        CHECK_OK(token_hash(t, a));
        CHECK_OK(token_hash(again, b));
        CHECK_BYTES(BYTES_ARRAY(a), BYTES_ARRAY(b));
}

static void fits_a_luks2_header_at_its_largest(void)
{
        cleanup_token Token *t = sample_token(1, 2);
        uint8_t policy[TOKEN_POLICY_SIZE] = { 0 }, bytes[256] = { 0 };
        cleanup_free char *json = NULL;

        for (uint8_t i = 0; i < TOKEN_APPROVALS_MAX; i++) {
                policy[0] = i;
                CHECK_OK(token_add_approval(t, policy, BYTES(bytes, 256), BYTES(bytes, 72)));
        }
        CHECK_OK(token_print(t, &json));
        CHECK(strlen(json) < TOKEN_JSON_MAX);
}

/* One defect each; NULL: that text is taken out altogether. */
static const struct {
        const char *from, *to, *detail;
} defects[] = {
        { "\"type\":\"halfkey\"", "\"type\":\"halfkex\"", "type" },
        { "\"keyslots\":[\"1\"]", "\"keyslots\":[]", "keyslots" },
        { "\"keyslots\":[\"1\"]", "\"keyslots\":[\"1\",\"3\"]", "keyslots" },
        { "\"keyslots\":[\"1\"]", "\"keyslots\":[1]", "keyslots" },
        { "\"keyslots\":[\"1\"]", "\"keyslots\":[\"01\"]", "keyslots" },
        { "\"keyslots\":[\"1\"]", "\"keyslots\":[\"32\"]", "keyslots" },
        { "\"keyslots\":[\"1\"]", "\"keyslots\":[\"2\"]", "recovery_keyslot" },
        { "\"recovery_keyslot\":2", "\"recovery_keyslot\":-2", "recovery_keyslot" },
        { "\"recovery_keyslot\":2", "\"recovery_keyslot\":32", "recovery_keyslot" },
        { "\"recovery_keyslot\":2", "\"recovery_keyslot\":\"2\"", "recovery_keyslot" },
        { "\"recovery_keyslot\":2", "\"recovery_keyslot\":2.0", "recovery_keyslot" },
        { "\"role\":\"root\"", "\"role\":\"\"", "role" },
        { "\"role\":\"root\"", "\"role\":\"Root\"", "role" },
        { "\"role\":\"root\"", "\"role\":\"ro\\u0000ot\"", "role" },
        { "\"role\":\"root\"", "\"role\":\"rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\"",
          "role" },
        { "\"role\":\"root\"", "\"role\":\"root\",\"role\":\"root\"", "twice" },
        { "\"role\":\"root\"", "\"role\":\"root\",\"more\":1", "more: unknown member" },
        { "\"role\":\"root\",", "", "role: missing" },
        { "\"generation\":\"1\"", "\"generation\":1", "generation" },
        { "\"generation\":\"1\"", "\"generation\":\"-1\"", "generation" },
        { "\"generation\":\"1\"", "\"generation\":\"01\"", "generation" },
        { "\"generation\":\"1\"", "\"generation\":\"\"", "generation" },
        { "\"generation\":\"1\"", "\"generation\":\"18446744073709551616\"", "generation" },
        { "\"bank\":\"sha256\"", "\"bank\":\"sha1\"", "bank" },
        { "\"bank\":\"sha256\"", "\"bank\":null", "bank" },
        { "\"handle\":\"81000001\"", "\"handle\":\"8100000\"", "srk.handle" },
        { "\"handle\":\"81000001\"", "\"handle\":\"8100000G\"", "srk.handle" },
        { "\"name\":\"01", "\"name\":\"0", "srk.name" },
        { "\"name\":\"01", "\"name\":\"0A", "srk.name" },
        { "\"srk\":{", "\"srk\":{\"extra\":{},", "srk.extra" },
        { "\"srk\":{", "\"srk\":[{", "not JSON" },
        { "\"approvals\":[{", "\"approvals\":[[],{", "approvals.0" },
        { "\"ticket\":\"\"", "\"ticket\":\"00\",\"ticket\":\"\"", "twice" },
        { "\"ticket\":\"\"", "\"ticked\":\"\"", "approvals.0.ticked" },
        { "{\"type\"", "[{\"type\"", "not JSON" },
};

static void refuses_each_defect(void)
{
        cleanup_token Token *t = sample_token(1, 2);
        cleanup_free char *json = NULL;

        CHECK_OK(token_print(t, &json));
        for (size_t i = 0; i < ARRAY_SIZE(defects); i++) {
                cleanup_free char *bad = sample_replace(json, defects[i].from, defects[i].to);
                Token *none = (Token *)0x1;

                error_clear();
                CHECK_RESULT(token_parse(BYTES(bad, strlen(bad)), &none), -EBADMSG);
                CHECK(none == (Token *)0x1);
                if (!strstr(error_detail(-1), defects[i].detail) && !strstr(error_detail(-1), "JSON"))
                        fprintf(stderr, "'%s' -> '%s': %s\n", defects[i].from, defects[i].to, error_detail(-1));
                CHECK(strstr(error_detail(-1), defects[i].detail) || strstr(error_detail(-1), "JSON"));
        }
}

static void refuses_other_versions_by_name(void)
{
        cleanup_token Token *t = sample_token(1, 2);
        cleanup_free char *json = NULL, *other = NULL;
        Token *none = NULL;

        CHECK_OK(token_print(t, &json));
        other = sample_replace(json, "\"version\":1", "\"version\":2,\"new\":true");
        CHECK_RESULT(token_parse(BYTES(other, strlen(other)), &none), -EPROTONOSUPPORT);
}

static void refuses_every_prefix(void)
{
        cleanup_token Token *t = sample_token(1, 2);
        cleanup_free char *json = NULL;
        Token *none = NULL;

        CHECK_OK(token_print(t, &json));
        for (size_t i = 0; i < strlen(json); i++) CHECK(token_parse(BYTES(json, i), &none) < 0);
}

static void refuses_what_is_too_large(void)
{
        uint8_t spaces[TOKEN_JSON_MAX + 1];
        Token *none = NULL;

        memset(spaces, ' ', sizeof(spaces));
        CHECK_RESULT(token_parse(BYTES_ARRAY(spaces), &none), -EMSGSIZE);
}

static void hash_covers_the_macked_fields_alone(void)
{
        cleanup_token Token *t = sample_token(1, 2);
        uint8_t before[SHA256_SIZE], after[SHA256_SIZE], policy[TOKEN_POLICY_SIZE] = { 9 };

        CHECK_OK(token_hash(t, before));
        CHECK_OK(token_add_approval(t, policy, BYTES_LITERAL("signature"), BYTES_LITERAL("ticket")));
        CHECK_OK(token_hash(t, after));
        CHECK_BYTES(BYTES_ARRAY(before), BYTES_ARRAY(after));

        t->epoch--;
        CHECK_OK(token_hash(t, after));
        CHECK(memcmp(before, after, SHA256_SIZE) != 0);
        t->epoch++;
        memcpy(t->role, "data", 5);
        CHECK_OK(token_hash(t, after));
        CHECK(memcmp(before, after, SHA256_SIZE) != 0);
        memcpy(t->role, "root", 5);
        t->srk_public.data[0] ^= 1;
        CHECK_OK(token_hash(t, after));
        CHECK(memcmp(before, after, SHA256_SIZE) != 0);
}

static void set_hash_knows_no_order(void)
{
        cleanup_token Token *a = sample_token(1, 2), *b = sample_token(3, 2);
        const Token *ab[] = { a, b }, *ba[] = { b, a };
        uint8_t x[SHA256_SIZE], y[SHA256_SIZE], z[SHA256_SIZE];

        CHECK_OK(token_set_hash(ab, 2, x));
        CHECK_OK(token_set_hash(ba, 2, y));
        CHECK_OK(token_set_hash(ab, 1, z));
        CHECK_BYTES(BYTES_ARRAY(x), BYTES_ARRAY(y));
        CHECK(memcmp(x, z, SHA256_SIZE) != 0);
        CHECK_OK(token_set_hash(NULL, 0, z));
        CHECK_RESULT(token_set_hash(ab, 65, z), -E2BIG);
}

static void approvals_replace_and_fall_off(void)
{
        cleanup_token Token *t = sample_token(1, 2);
        uint8_t policy[TOKEN_POLICY_SIZE] = { 0 };

        for (uint8_t i = 0; i < 20; i++) {
                policy[0] = i;
                CHECK_OK(token_add_approval(t, policy, BYTES_LITERAL("s"), BYTES(NULL, 0)));
        }
        CHECK(t->n_approvals == TOKEN_APPROVALS_MAX);
        CHECK(t->approvals[0].policy[0] == 19 && t->approvals[7].policy[0] == 12);
        policy[0] = 15;
        CHECK_OK(token_add_approval(t, policy, BYTES_LITERAL("s"), BYTES_LITERAL("t")));
        CHECK(t->n_approvals == TOKEN_APPROVALS_MAX && t->approvals[0].policy[0] == 15);
        CHECK(t->approvals[0].ticket.size == 1 && t->approvals[7].policy[0] == 12);
        CHECK_RESULT(token_add_approval(t, policy, BYTES(NULL, 0), BYTES(NULL, 0)), -EINVAL);
}

static void literal_seal_has_no_approvals(void)
{
        cleanup_token Token *t = sample_token(1, -1);

        CHECK_OK(token_blob_set(&t->policy_key, BYTES(NULL, 0)));
        CHECK_RESULT(token_validate(t), -EINVAL);
}

int main(void)
{
        RUN(prints_what_it_parses);
        RUN(fits_a_luks2_header_at_its_largest);
        RUN(refuses_each_defect);
        RUN(refuses_other_versions_by_name);
        RUN(refuses_every_prefix);
        RUN(refuses_what_is_too_large);
        RUN(hash_covers_the_macked_fields_alone);
        RUN(set_hash_knows_no_order);
        RUN(approvals_replace_and_fall_off);
        RUN(literal_seal_has_no_approvals);
        return 0;
}
