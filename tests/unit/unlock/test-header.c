/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The allow-list over text: a header as enrolment leaves it, and one defect at a time. */

#include "samples.h"
#include "unlock/header.h"

#include <time.h>

#define SALT "MKqlnFpEdPDJUJw1N5g6kR2G9X4/+n6VnmDYh+aLbnU="
#define SLOT(offset, kdf)                                                                                       \
        "{\"type\":\"luks2\",\"key_size\":64,\"af\":{\"type\":\"luks1\",\"stripes\":4000,\"hash\":\"sha256\"}," \
        "\"area\":{\"type\":\"raw\",\"offset\":\"" offset                                                       \
        "\",\"size\":\"258048\",\"encryption\":\"aes-xts-plain64\","                                            \
        "\"key_size\":64},\"kdf\":" kdf "}"
#define PBKDF2(n) "{\"type\":\"pbkdf2\",\"hash\":\"sha256\",\"iterations\":" n ",\"salt\":\"" SALT "\"}"
#define ARGON2(time, memory, cpus) \
        "{\"type\":\"argon2id\",\"time\":" time ",\"memory\":" memory ",\"cpus\":" cpus ",\"salt\":\"" SALT "\"}"
#define SEGMENT                                                                                               \
        "{\"type\":\"crypt\",\"offset\":\"16777216\",\"size\":\"dynamic\",\"iv_tweak\":\"0\",\"encryption\":" \
        "\"aes-xts-"                                                                                          \
        "plain64\",\"sector_size\":4096}"
#define DIGEST(keyslots, segments)                                                                          \
        "{\"type\":\"pbkdf2\",\"keyslots\":[" keyslots "],\"segments\":[" segments "],\"hash\":\"sha256\"," \
        "\"iterations\":1000,\"salt\":\"" SALT "\",\"digest\":\"bEF+/7rHUCymLHAqAPNWBbfPK3VUXsbtGKYuJA5bYYw=\"}"

static const char good[] = "{\"keyslots\":{\"0\":" SLOT("32768", ARGON2("4", "1048576", "4")) ",\"1\":" SLOT(
        "290816",
        PBKDF2("1000")) ",\"2\":" SLOT("548864",
                                       PBKDF2("1001")) "},"
                                                       "\"tokens\":{\"0\":{\"type\":\"halfkey\",\"keyslots\":["
                                                       "\"1\"]},"
                                                       "\"3\":{\"type\":\"systemd-tpm2\",\"keyslots\":[],\"x\":[1."
                                                       "5,{}]}},"
                                                       "\"segments\":{\"0\":" SEGMENT "},"
                                                       "\"digests\":{\"1\":" DIGEST(
                                                               "\"0\",\"1\",\"2\"",
                                                               "\"0\"") "},"
                                                                        "\"config\":{\"json_size\":\"12288\","
                                                                        "\"keyslots_size\":\"16744448\",\"flags\":"
                                                                        "[\"allow-discards\"],"
                                                                        "\"requirements\":{\"mandatory\":[]}}}";

static const HeaderFacts facts = {
        .metadata_size = 16384,
        .keyslots_size = 16744448,
        .device_size = 64 * 1024 * 1024,
};

static int check(const char *json, HeaderUse use, Header *ret)
{
        return header_check(BYTES(json, strlen(json)), &facts, use, ret);
}

static void accepts_what_enrolment_leaves(void)
{
        Header h;

        CHECK_OK(check(good, HEADER_USE_TOKEN, &h));
        CHECK(h.token == 0 && h.token_keyslot == 1 && h.n_keyslots == 3 && !h.reencrypting);
        CHECK(h.segment.offset == 16777216 && h.segment.sector_size == 4096);
        CHECK(h.digest.number == 1 && h.digest.keyslots == 7 && h.digest.digest_size == 32);
        CHECK(h.flags == HEADER_FLAG_ALLOW_DISCARDS);
        CHECK(header_keyslot(&h, 0)->kdf == HEADER_KDF_ARGON2ID && header_keyslot(&h, 0)->usable);
        CHECK(header_keyslot(&h, 1)->iterations == 1000 && header_keyslot(&h, 1)->salt_size == 32);
        CHECK(!header_keyslot(&h, 3));
        CHECK_OK(check(good, HEADER_USE_TYPED, &h));
}

/* For HEADER_USE_TOKEN. */
static const struct {
        const char *from, *to, *detail;
} defects[] = {
        /* segments */
        { "\"segments\":{\"0\":" SEGMENT, "\"segments\":{\"0\":" SEGMENT ",\"1\":" SEGMENT,
          "segments.1: a second" },
        { "\"segments\":{\"0\":" SEGMENT, "\"segments\":{", "no segment" },
        { "\"segments\":{\"0\"", "\"segments\":{\"1\"", "segments: not segment 0" },
        { "\"type\":\"crypt\"", "\"type\":\"linear\"", "segments.0.type: 'linear'" },
        { "aes-xts-plain64\",\"sector", "cipher_null-ecb\",\"sector", "segments.0.encryption: 'cipher_null-ecb'" },
        { "aes-xts-plain64\",\"sector", "aes-cbc-plain64\",\"sector", "segments.0.encryption" },
        { "\"sector_size\":4096}", "\"sector_size\":2048}", "segments.0.sector_size: 2048" },
        { "\"sector_size\":4096}", "\"sector_size\":4096,\"integrity\":{\"type\":\"hmac(sha256)\"}}",
          "integrity" },
        { "\"sector_size\":4096}", "\"sector_size\":4096,\"flags\":[]}", "segments.0.flags" },
        { "\"size\":\"dynamic\"", "\"size\":\"4096\"", "segments.0.size: '4096'" },
        { "\"iv_tweak\":\"0\"", "\"iv_tweak\":\"8\"", "iv_tweak" },
        { "\"offset\":\"16777216\"", "\"offset\":\"0\"", "segments.0.offset: 0 is inside" },
        { "\"offset\":\"16777216\"", "\"offset\":\"16777728\"", "segments.0.offset: 16777728" },
        { "\"offset\":\"16777216\"", "\"offset\":\"18446744073709547520\"", "behind the device" },
        { "\"offset\":\"16777216\"", "\"offset\":\"99999999999999999999\"", "64 bits" },
        { "\"offset\":\"16777216\"", "\"offset\":16777216", "segments.0.offset: integer" },
        /* digests */
        { "\"digests\":{\"1\":", "\"digests\":{\"0\":" DIGEST("", "") ",\"1\":", "digests.0: does not bind" },
        { "\"digests\":{\"1\":", "\"digests\":{\"0\":" DIGEST("\"0\"", "\"0\"") ",\"1\":", "a second digest" },
        { "[\"0\",\"1\",\"2\"],\"segments\"", "[\"0\",\"2\"],\"segments\"", "no digest binds the token" },
        { "[\"0\",\"1\",\"2\"],\"segments\"", "[\"0\",\"1\",\"7\"],\"segments\"", "keyslot that is not there" },
        { "\"segments\":[\"0\"]", "\"segments\":[]", "does not bind" },
        { "\"segments\":[\"0\"]", "\"segments\":[\"0\",\"1\"]", "segment that is not there" },
        { "\"iterations\":1000,\"salt\":\"" SALT "\",\"digest\"",
          "\"iterations\":2000001,\"salt\":\"" SALT "\",\"digest\"", "digests.1" },
        { "bEF+/7", "bEF!/7", "digests.1.digest" },
        { "5bYYw=\"", "5bYYx=\"", "digests.1.digest" },
        { "5bYYw=\"", "5bYY==\"", "digests.1.digest" },
        { "\"segments\":[\"0\"],\"hash\":\"sha256\"", "\"segments\":[\"0\"],\"hash\":\"sha1\"", "digests.1.hash" },
        { "\"segments\":[\"0\"],\"hash\":\"sha256\"", "\"segments\":[\"0\"],\"hash\":\"sha512\"",
          "digests.1.digest" },
        /* our keyslot */
        { PBKDF2("1000"), PBKDF2("100001"), "keyslots: 1.kdf.iterations: 100001" },
        { PBKDF2("1000"), PBKDF2("4294967297"), "keyslots.1.kdf.iterations" },
        { PBKDF2("1000"), PBKDF2("0"), "keyslots.1.kdf.iterations" },
        { PBKDF2("1000"), PBKDF2("-1"), "keyslots.1.kdf.iterations" },
        { PBKDF2("1000"), PBKDF2("1e3"), "keyslots.1.kdf.iterations" },
        { PBKDF2("1000"), ARGON2("4", "4194304", "4"), "1.kdf.memory: 4194304 KiB" },
        { PBKDF2("1000"), ARGON2("9", "65536", "4"), "1.kdf.time: 9" },
        { PBKDF2("1000"), ARGON2("4", "65536", "5"), "1.kdf.cpus: 5" },
        { PBKDF2("1000"), "{\"type\":\"none\"}", "keyslots.1.kdf.type: 'none'" },
        { "\"offset\":\"290816\"", "\"offset\":\"290817\"", "keyslots.1.area: offset" },
        { "\"offset\":\"290816\"", "\"offset\":\"16384\"", "keyslots.1.area: offset" },
        { "\"offset\":\"290816\"", "\"offset\":\"32768\"", "overlap" },
        { "\"offset\":\"290816\"", "\"offset\":\"18446744073709551104\"", "keyslots.1.area: offset" },
        { "\"offset\":\"290816\"", "\"offset\":\"16777216\"", "keyslots.1.area: size" },
        { "\"290816\",\"size\":\"258048\"", "\"290816\",\"size\":\"18446744073709551104\"",
          "keyslots.1.area: size" },
        { "\"290816\",\"size\":\"258048\"", "\"290816\",\"size\":\"512\"", "keyslots.1.area: size" },
        /* any keyslot */
        { "\"encryption\":\"aes-xts-plain64\",\"key_size\":64",
          "\"encryption\":\"cipher_null-ecb\",\"key_size\":64", "keyslots.0.area.encryption: 'cipher_null-ecb'" },
        { "\"stripes\":4000", "\"stripes\":4001", "keyslots.0.af.stripes" },
        { "\"type\":\"luks2\",\"key_size\":64", "\"type\":\"luks2\",\"key_size\":0", "keyslots.0.key_size" },
        { "\"type\":\"luks2\",\"key_size\":64", "\"type\":\"luks2\",\"key_size\":48", "keyslots.0.key_size" },
        { "\"type\":\"luks2\",\"key_size\":64", "\"type\":\"luks2\",\"priority\":3,\"key_size\":64", "priority" },
        { "\"type\":\"luks2\",\"key_size\":64", "\"type\":\"luks2\",\"extra\":3,\"key_size\":64",
          "keyslots.0.extra: unknown member" },
        { "\"type\":\"luks2\"", "\"type\":\"reencrypt\"", "keyslots.0: a keyslot of type 'reencrypt'" },
        { "\"keyslots\":{\"0\"", "\"keyslots\":{\"32\"", "keyslots.32" },
        { "\"keyslots\":{\"0\"", "\"keyslots\":{\"00\"", "keyslots.00" },
        { "\"keyslots\":{\"0\"", "\"keyslots\":{\"1\"", "twice" },
        { "\"salt\":\"" SALT, "\"salt\":\"AAAA", "salt" },
        /* tokens */
        { "\"type\":\"halfkey\"", "\"type\":\"other\"", "tokens: no token of type halfkey" },
        { "\"type\":\"systemd-tpm2\"", "\"type\":\"halfkey\"", "tokens.3: a second token" },
        { "\"type\":\"halfkey\",\"keyslots\":[\"1\"]", "\"type\":\"halfkey\",\"keyslots\":[\"1\",\"2\"]",
          "exactly one" },
        { "\"type\":\"halfkey\",\"keyslots\":[\"1\"]", "\"type\":\"halfkey\",\"keyslots\":[\"9\"]", "not there" },
        { "\"type\":\"halfkey\",\"keyslots\":[\"1\"]", "\"type\":\"halfkey\"", "tokens.0.keyslots: missing" },
        { "\"3\":{\"type\":\"systemd-tpm2\"", "\"3\":{\"type\":7", "tokens.3.type" },
        /* config */
        { "\"mandatory\":[]", "\"mandatory\":[\"online-reencrypt-v2\"]", "'online-reencrypt-v2' is not allowed" },
        { "\"mandatory\":[]", "\"mandatory\":[\"offline-reencrypt\"]", "'offline-reencrypt' is not allowed" },
        { "\"mandatory\":[]", "\"mandatory\":[\"from-the-future\"]", "config.requirements.mandatory.0" },
        { "\"mandatory\":[]", "\"optional\":[]", "config.requirements.optional" },
        { "\"allow-discards\"", "\"no-journal\"", "'no-journal' is not allowed" },
        { "\"json_size\":\"12288\"", "\"json_size\":\"28672\"", "json_size 28672" },
        { "\"keyslots_size\":\"16744448\"", "\"keyslots_size\":\"16740352\"", "keyslots_size" },
        { "\"config\":{", "\"config\":{\"more\":0,", "config.more: unknown member" },
        /* the whole */
        { "{\"keyslots\"", "{\"more\":{},\"keyslots\"", "more: unknown member" },
        { "\"tokens\":{", "\"token\":{", "token: unknown member" },
        { "{\"keyslots\"", "[\"keyslots\"", "JSON" },
};

static void refuses_each_defect(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(defects); i++) {
                cleanup_free char *bad = sample_replace(good, defects[i].from, defects[i].to);
                Header h = { .token = 77 };

                error_clear();
                CHECK_RESULT(check(bad, HEADER_USE_TOKEN, &h), HEADER_E_REFUSED);
                CHECK(h.token == 77);
                if (!strstr(error_detail(0), defects[i].detail))
                        fprintf(stderr, "'%s' -> '%s': %s\n", defects[i].from, defects[i].to, error_detail(0));
                CHECK(strstr(error_detail(0), defects[i].detail));
        }
}

static void refuses_every_prefix(void)
{
        Header h;

        for (size_t i = 0; i < sizeof(good) - 1; i += 3)
                CHECK_RESULT(header_check(BYTES(good, i), &facts, HEADER_USE_TOKEN, &h), HEADER_E_REFUSED);
}

/* What costs too much or is marked "ignore" stays where it is and is not tried. */
static void foreign_keyslots_may_cost_what_they_like(void)
{
        cleanup_free char *costly = sample_replace(good, ARGON2("4", "1048576", "4"), ARGON2("4", "4194304", "4"));
        cleanup_free char *ignored = sample_replace(good, "\"luks2\",", "\"luks2\",\"priority\":0,");
        Header h;

        CHECK_OK(check(costly, HEADER_USE_TOKEN, &h));
        CHECK(!header_keyslot(&h, 0)->usable && header_keyslot(&h, 1)->usable);
        CHECK_OK(check(costly, HEADER_USE_TYPED, &h));
        CHECK(!header_keyslot(&h, 0)->usable);
        CHECK_OK(check(ignored, HEADER_USE_TYPED, &h));
        CHECK(header_keyslot(&h, 0)->priority == 0);
}

static void enrolment_wants_no_token(void)
{
        cleanup_free char *without = sample_replace(good, "\"type\":\"halfkey\"", "\"type\":\"other\"");
        cleanup_free char *left_over = sample_replace(without, "\"digests\":{",
                                                      "\"digests\":{\"0\":" DIGEST("", "") ",");
        Header h;

        CHECK_RESULT(check(good, HEADER_USE_INSTALLER, &h), HEADER_E_REFUSED);
        CHECK(strstr(error_detail(0), "only ever unlocked"));
        CHECK_OK(check(without, HEADER_USE_INSTALLER, &h));
        CHECK_OK(check(without, HEADER_USE_TYPED, &h));
        CHECK_OK(check(left_over, HEADER_USE_INSTALLER, &h));
        CHECK_RESULT(check(left_over, HEADER_USE_TYPED, &h), HEADER_E_REFUSED);
}

static void sizes_are_held_against_the_device(void)
{
        HeaderFacts small = facts, wide = facts, huge = facts;
        Header h;

        small.device_size = 16777216 + 4095;
        CHECK_RESULT(header_check(BYTES_LITERAL(good), &small, HEADER_USE_TOKEN, &h), HEADER_E_REFUSED);
        wide.keyslots_size = facts.device_size;
        CHECK_RESULT(header_check(BYTES_LITERAL(good), &wide, HEADER_USE_TOKEN, &h), HEADER_E_REFUSED);
        huge.keyslots_size = UINT64_MAX;
        CHECK_RESULT(header_check(BYTES_LITERAL(good), &huge, HEADER_USE_TOKEN, &h), HEADER_E_REFUSED);
}

/* Whatever the text, the answer comes in less than 50 ms; 10 times that under sanitizers on a busy machine. */
static void answers_quickly(void)
{
        enum { SIZE = HEADER_JSON_USED_MAX };
        struct timespec from, to;
        char *deep = malloc(SIZE);
        Header h;

        CHECK(deep);
        memset(deep, '[', SIZE);
        CHECK(clock_gettime(CLOCK_MONOTONIC, &from) == 0);
        CHECK_RESULT(header_check(BYTES(deep, SIZE), &facts, HEADER_USE_TOKEN, &h), HEADER_E_REFUSED);
        for (size_t i = 0; i + 8 <= SIZE; i += 8) memcpy(deep + i, i % 16 ? "\"a\":{},\n" : "\"b\":{},\n", 8);
        deep[0] = '{';
        CHECK_RESULT(header_check(BYTES(deep, SIZE), &facts, HEADER_USE_TOKEN, &h), HEADER_E_REFUSED);
        CHECK(clock_gettime(CLOCK_MONOTONIC, &to) == 0);
        CHECK((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 < 500);
        free(deep);
}

int main(void)
{
        RUN(accepts_what_enrolment_leaves);
        RUN(refuses_each_defect);
        RUN(refuses_every_prefix);
        RUN(foreign_keyslots_may_cost_what_they_like);
        RUN(enrolment_wants_no_token);
        RUN(sizes_are_held_against_the_device);
        RUN(answers_quickly);
        return 0;
}
