/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "node/config.h"

#include <errno.h>

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define COMMON                                                                             \
        "\"version\": 1, \"pins\": [\"" HASH_A "\"], \"addresses\": [\"10.0.2.2:7443\"], " \
        "\"policy_key_sha256\": \"" HASH_B "\", \"recovery_sha256\": [\"" HASH_A "\"]"
#define SECRET "\"secret\": \"00112233445566778899aabbccddeeff\""

static int parse(const char *text, NodeConfig **ret)
{
        return config_parse(BYTES(text, strlen(text)), ret);
}

static void an_enrolment_becomes_a_node(void)
{
        cleanup_config NodeConfig *before = NULL, *after = NULL;
        uint8_t hash_before[32], hash_after[32], id[32] = { 7 };
        cleanup_free char *text = NULL;

        CHECK_OK(parse("{" COMMON ", " SECRET ", \"unique_volume_key\": true}", &before));
        CHECK(before->secret->size == 16 && before->unique_volume_key && !before->enrolled);
        CHECK_OK(config_hash(before, hash_before));
        CHECK_OK(config_set_node(before, id, BYTES_LITERAL("public area")));
        CHECK_OK(config_print_node(before, &text));
        CHECK(strstr(text, "secret") == NULL);
        CHECK_OK(parse(text, &after));
        CHECK(after->enrolled && !after->secret && after->node_id[0] == 7);
        CHECK_BYTES(BYTES(after->ak_public, after->ak_public_size), BYTES_LITERAL("public area"));
        CHECK_OK(config_hash(after, hash_after));
        CHECK_BYTES(BYTES_ARRAY(hash_before), BYTES_ARRAY(hash_after));
}

static void every_address_and_pin_is_in_the_hash(void)
{
        cleanup_config NodeConfig *a = NULL, *b = NULL;
        uint8_t hash_a[32], hash_b[32];

        CHECK_OK(parse("{" COMMON ", " SECRET "}", &a));
        CHECK_OK(parse("{" COMMON ", " SECRET "}", &b));
        CHECK_OK(config_hash(a, hash_a));
        b->addresses[0][0] = '2';
        CHECK_OK(config_hash(b, hash_b));
        CHECK(memcmp(hash_a, hash_b, 32) != 0);
        b->addresses[0][0] = '1';
        b->pins[0].sha256[31] ^= 1;
        CHECK_OK(config_hash(b, hash_b));
        CHECK(memcmp(hash_a, hash_b, 32) != 0);
}

static void bad_ones_are_refused_by_field(void)
{
        static const struct {
                const char *text, *names;
        } bad[] = {
                { "{}", "version" },
                { "{" COMMON "}", "secret" },
                { "{" COMMON ", " SECRET ", \"node_id\": \"" HASH_A "\"}", "secret" },
                { "{" COMMON ", " SECRET ", \"mystery\": 1}", "mystery" },
                { "{" COMMON ", \"secret\": \"0011\"}", "secret" },
                { "{\"version\": 2}", "version" },
                { "{\"version\": 1, \"pins\": []}", "pins" },
                { "{\"version\": 1, \"pins\": [\"zz\"]}", "pins" },
                { "not json", "" },
                { "", "" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                NodeConfig *c = NULL;

                error_clear();
                CHECK_RESULT(parse(bad[i].text, &c), -EBADMSG);
                CHECK(c == NULL && strstr(error_detail(-EBADMSG), bad[i].names));
        }
}

int main(void)
{
        RUN(an_enrolment_becomes_a_node);
        RUN(every_address_and_pin_is_in_the_hash);
        RUN(bad_ones_are_refused_by_field);
        return 0;
}
