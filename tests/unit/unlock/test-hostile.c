/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Headers made to stall or to mislead a boot, an image for each defect: refused by name, before any key is asked
 * for, in less than 50 ms of this process's time. */

#include "enrolled.h"

#include <errno.h>
#include <time.h>

/* A sanitizer's allocator is not what is measured. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
enum { LIMIT_MS = 1000 };
#else
enum { LIMIT_MS = 50 };
#endif

enum { HEADER_SIZE_AT = 8, COPIES_MAX = 4 * 1024 * 1024, COPIES_READ = VOLUME_METADATA_MAX };

static double cpu_ms(void)
{
        struct timespec t;

        CHECK_OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
        return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double slowest;

/* Opened and judged as a boot does before it has any key. The time of the first try is the worst. */
static int judge(const char *what)
{
        const double start = cpu_ms();
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        double took;
        int r;

        r = volume_open(image_path, &v);
        if (r == 0) r = volume_check(v, HEADER_USE_TOKEN);
        if (r == 0) r = volume_token(v, &t);
        if (r == 0) r = volume_compare_record(v, t);
        took = cpu_ms() - start;
        if (took > slowest) slowest = took;
        fprintf(stderr, "%6.2f ms  %s: %s\n", took, what, r == 0 ? "accepted" : error_detail(r));
        CHECK(took < LIMIT_MS);
        return r;
}

/* With a detail that is in the refusal; "" where libcryptsetup has no words of ours. */
typedef struct Defect {
        const char *what, *from, *to, *detail;
} Defect;

#define OWN_KDF "\"kdf\":{\"type\":\"pbkdf2\",\"hash\":\"sha256\",\"iterations\":1000,"
#define SEGMENT "\"segments\":{\"0\":{"

static const Defect defects[] = {
        { "argon2 with 4 GiB", OWN_KDF, "\"kdf\":{\"type\":\"argon2id\",\"time\":4,\"memory\":4194304,\"cpus\":4,",
          "kdf.memory: 4194304 KiB" },
        { "argon2 with as much time as there is", OWN_KDF,
          "\"kdf\":{\"type\":\"argon2id\",\"time\":4294967295,\"memory\":65536,\"cpus\":4,", "kdf.time" },
        { "PBKDF2 with four thousand million rounds", OWN_KDF,
          "\"kdf\":{\"type\":\"pbkdf2\",\"hash\":\"sha256\",\"iterations\":4294967295,", "kdf.iterations" },
        { "a digest of two thousand million rounds",
          "\"segments\":[\"0\"],\"hash\":\"sha256\",\"iterations\":1000,",
          "\"segments\":[\"0\"],\"hash\":\"sha256\",\"iterations\":2147483647,", "digests.0.iterations" },
        { "a requirement of tomorrow", "\"keyslots_size\"",
          "\"requirements\":{\"mandatory\":[\"tomorrow\"]},\"keyslots_size\"", "" },
        { "a re-encryption", "\"keyslots_size\"",
          "\"requirements\":{\"mandatory\":[\"online-reencrypt-v2\"]},\"keyslots_size\"", "" },
        { "a keyslot of a re-encryption", "\"keyslots\":{\"0\":{\"type\":\"luks2\"",
          "\"keyslots\":{\"0\":{\"type\":\"reencrypt\"", "" },
        { "a second segment", SEGMENT,
          "\"segments\":{\"1\":{\"type\":\"crypt\",\"offset\":\"20971520\",\"size\":\"dynamic\",\"iv_tweak\":"
          "\"0\","
          "\"encryption\":\"aes-xts-plain64\",\"sector_size\":4096},\"0\":{",
          "" },
        { "a segment without a cipher", SEGMENT "\"type\":\"crypt\"", SEGMENT "\"type\":\"linear\"",
          "segments.0.type" },
        { "a null cipher", "\"encryption\":\"aes-xts-plain64\",\"sector_size\"",
          "\"encryption\":\"cipher_null-ecb\",\"sector_size\"", "segments.0.encryption" },
        { "a segment in the keyslots", "\"offset\":\"16777216\"", "\"offset\":\"8388608\"", "" },
        { "a segment behind the device", "\"offset\":\"16777216\"", "\"offset\":\"17592186044416\"", "" },
        { "a keyslots area of 16 EiB", "\"keyslots_size\":\"16744448\"",
          "\"keyslots_size\":\"18446744073709547520\"", "" },
        { "a keyslots area that reaches into the data", "\"keyslots_size\":\"16744448\"",
          "\"keyslots_size\":\"16748544\"", "" },
        { "a metadata area of 4 MiB that is not there", "\"json_size\":\"12288\"", "\"json_size\":\"4190208\"",
          "" },
        { "a keyslot of 16 EiB", "\"size\":\"258048\"", "\"size\":\"18446744073709547520\"", "" },
        { "a keyslot outside its area", "\"offset\":\"32768\"", "\"offset\":\"33554432\"", "" },
        { "keyslots that overlap", "\"offset\":\"290816\"", "\"offset\":\"32768\"", "" },
        { "more stripes", "\"stripes\":4000", "\"stripes\":2147483647", "" },
        { "an epoch of another header", "\"epoch\":\"1\"", "\"epoch\":\"2\"", "the halfkey token" },
};

static void each_defect_is_refused_at_once(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(defects); i++) {
                enrolled_restore();
                enrolled_change(defects[i].from, defects[i].to);
                CHECK(judge(defects[i].what) != 0);
                if (!strstr(error_detail(-1), defects[i].detail))
                        fprintf(stderr, "wanted: %s\n", defects[i].detail);
                CHECK(strstr(error_detail(-1), defects[i].detail));
        }
}

static void put_be64(uint8_t *at, uint64_t v)
{
        for (size_t i = 0; i < 8; i++) at[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* Both copies with a metadata area of that size, full of what `fill` makes, and right checksums. */
static void write_large(uint64_t size, const char *head, const char *repeated)
{
        uint8_t *copy = calloc(1, size), binaries[2][IMAGE_BINARY];
        const size_t n = strlen(repeated);

        CHECK(copy);
        image_run("truncate -s %zuM %s", (size_t)64, image_path);
        for (int i = 0; i < 2; i++) image_read(i * IMAGE_METADATA, binaries[i], IMAGE_BINARY);
        for (int i = 0; i < 2; i++) {
                memcpy(copy, binaries[i], IMAGE_BINARY);
                put_be64(copy + HEADER_SIZE_AT, size);
                put_be64(copy + 256, (uint64_t)i * size); /* its own offset */
                memset(copy + IMAGE_BINARY, 0, size - IMAGE_BINARY);
                memcpy(copy + IMAGE_BINARY, head, strlen(head));
                for (size_t at = IMAGE_BINARY + strlen(head); at + n + 1 < size; at += n)
                        memcpy(copy + at, repeated, n);
                memset(copy + IMAGE_CHECKSUM_AT, 0, 64);
                CHECK_OK(hash_sha256(BYTES(copy, size), copy + IMAGE_CHECKSUM_AT));
                image_write((off_t)(i * (off_t)size), copy, size);
        }
        free(copy);
}

/* The largest area that the format knows; then only the second copy, where libcryptsetup looks when the first is
 * broken. */
static void the_largest_areas_cost_no_time(void)
{
        static const struct {
                const char *what, *head, *repeated;
        } fills[] = {
                { "4 MiB of white space", "{", " " },
                { "4 MiB of brackets", "", "[" },
                { "4 MiB of members", "{\"a\":0", ",\"b\":{\"c\":[1,2,3]}" },
                { "4 MiB of one string", "{\"a\":\"", "x" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(fills); i++) {
                enrolled_restore();
                write_large(COPIES_MAX, fills[i].head, fills[i].repeated);
                CHECK(judge(fills[i].what) == -EBADMSG && strstr(error_detail(-1), "metadata of 4194304 bytes"));
                image_write(0, "spoilt", 6);
                CHECK(judge("the same in the second copy alone") == -EBADMSG);
                CHECK(strstr(error_detail(-1), "metadata of 4194304 bytes"));
                enrolled_restore();
                write_large(COPIES_READ, fills[i].head, fills[i].repeated);
                CHECK(judge("256 KiB of it, which are read") != 0);
        }
}

static void what_is_not_hostile_takes_no_time_either(void)
{
        enrolled_restore();
        CHECK_OK(judge("the header as it was written"));
}

int main(void)
{
        image_init();
        enrolled_make();
        RUN(what_is_not_hostile_takes_no_time_either);
        RUN(each_defect_is_refused_at_once);
        RUN(the_largest_areas_cost_no_time);
        printf("the slowest took %.2f ms\n", slowest);
        enrolled_done();
        image_done();
        return 0;
}
