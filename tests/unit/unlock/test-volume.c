/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "image.h"
#include "samples.h"
#include "unlock/recovery-key.h"
#include "unlock/volume.h"

#include <errno.h>
#include <time.h>

static Volume *opened(HeaderUse use)
{
        Volume *v = NULL;

        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(volume_check(v, use));
        return v;
}

static void import_token(int keyslot)
{
        cleanup_token Token *t = sample_token(keyslot, -1);
        cleanup_free char *json = NULL;
        char path[PATH_MAX + 8];
        FILE *f;

        CHECK_OK(token_print(t, &json));
        CHECK(snprintf(path, sizeof(path), "%s/token", image_dir) < (int)sizeof(path));
        f = fopen(path, "we");
        CHECK(f && fputs(json, f) >= 0 && fclose(f) == 0);
        image_run("cryptsetup token import --json-file %s %s", path, image_path);
}

static void opens_what_cryptsetup_made(void)
{
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *right = image_secret("right"), *wrong = image_secret("wrong");
        cleanup_secret Secret *key = NULL, *again = NULL;
        int keyslot = 77;

        image_format(32, "right", "");
        v = opened(HEADER_USE_TYPED);
        CHECK(strlen(volume_uuid(v)) == 36 && volume_size(v) == 32 * 1024 * 1024);
        CHECK_RESULT(volume_has_token(v), -ENOENT);
        CHECK_RESULT(volume_try_any(v, wrong, &keyslot, &key), VOLUME_E_WRONG_KEY);
        CHECK(keyslot == 77 && !key);
        CHECK_OK(volume_try_any(v, right, &keyslot, &key));
        CHECK(keyslot == 0 && key->size == 64);
        CHECK_OK(volume_unlock_keyslot(v, 0, right, &again));
        CHECK_BYTES(secret_bytes(key), secret_bytes(again));
        CHECK_RESULT(volume_unlock_keyslot(v, 1, right, &again), -EPERM);
}

static void volume_key_is_cryptsetups(void)
{
        cleanup_volume Volume *v = opened(HEADER_USE_TYPED);
        cleanup_secret Secret *right = image_secret("right"), *key = NULL;
        char path[PATH_MAX + 8];
        uint8_t dumped[64];
        int keyslot, fd;

        CHECK_OK(volume_try_any(v, right, &keyslot, &key));
        CHECK(snprintf(path, sizeof(path), "%s/key", image_dir) < (int)sizeof(path));
        image_run("printf right | cryptsetup luksDump -q --dump-volume-key --volume-key-file %s %s >/dev/null",
                  path, image_path);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0 && read(fd, dumped, sizeof(dumped)) == sizeof(dumped));
        close(fd);
        CHECK_BYTES(BYTES_ARRAY(dumped), secret_bytes(key));
}

static void nothing_opens_before_the_check(void)
{
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *right = image_secret("right"), *key = NULL;
        int keyslot;

        CHECK_OK(volume_open(image_path, &v));
        CHECK(!volume_header(v));
        CHECK_RESULT(volume_try_any(v, right, &keyslot, &key), -EPERM);
        CHECK_RESULT(volume_unlock_keyslot(v, 0, right, &key), -EPERM);
        CHECK_RESULT(volume_map(v, "halfkey-test", right, 0), -EPERM);
        CHECK_RESULT(volume_check(v, HEADER_USE_TOKEN), VOLUME_E_REFUSED); /* it has no token */
        CHECK_RESULT(volume_unlock_keyslot(v, 0, right, &key), -EPERM);
}

static void unattended_opens_the_tokens_keyslot_alone(void)
{
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *right = image_secret("right"), *second = image_secret("second"), *key = NULL;
        int keyslot;

        image_format(32, "right", "");
        image_run("printf right > %s/a; printf second > %s/b; cryptsetup luksAddKey --pbkdf pbkdf2 "
                  "--pbkdf-force-iterations 1000 --key-file %s/a %s %s/b",
                  image_dir, image_dir, image_dir, image_path, image_dir);
        import_token(1);
        v = opened(HEADER_USE_TOKEN);
        CHECK_OK(volume_has_token(v));
        CHECK_RESULT(volume_unlock_keyslot(v, 0, right, &key), -EPERM);
        CHECK_RESULT(volume_try_any(v, right, &keyslot, &key), -EPERM);
        CHECK_RESULT(volume_unlock_keyslot(v, 1, right, &key), VOLUME_E_WRONG_KEY);
        CHECK_OK(volume_unlock_keyslot(v, 1, second, &key));
}

static void recovery_key_opens_as_typed(void)
{
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *canonical = NULL, *typed = NULL, *key = NULL;
        char text[RECOVERY_KEY_TEXT_SIZE + 1] = "";
        int keyslot;

        CHECK_OK(recovery_key_generate(&canonical));
        memcpy(text, canonical->data, canonical->size);
        image_format(32, text, "");
        for (char *c = text; *c; c++) *c = *c == '-' ? ' ' : (char)(*c - 'a' + 'A');
        v = opened(HEADER_USE_TYPED);
        typed = image_secret(text);
        CHECK_OK(volume_try_any(v, typed, &keyslot, &key));
        secret_free(TAKE_PTR(key));
        typed->data[3] = typed->data[3] == 'C' ? 'B' : 'C';
        CHECK_RESULT(volume_try_any(v, typed, &keyslot, &key), VOLUME_E_TYPO);
        CHECK(strstr(error_detail(0), "recovery key"));
}

static void a_disk_that_changes_after_the_check_changes_nothing(void)
{
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *right = image_secret("right"), *key = NULL;
        char json[IMAGE_METADATA - IMAGE_BINARY];
        cleanup_free char *evil = NULL;

        image_format(32, "right", "");
        import_token(0);
        v = opened(HEADER_USE_TOKEN);
        image_json(json);
        evil = sample_replace(json, "\"offset\":\"16777216\"", "\"offset\":\"16781312\"");
        image_set_json(evil);
        CHECK(volume_header(v)->segment.offset == 16777216);
        CHECK_OK(volume_unlock_keyslot(v, 0, right, &key));
        CHECK_OK(volume_check(v, HEADER_USE_TOKEN));
        CHECK(volume_header(v)->segment.offset == 16777216);
        {
                cleanup_volume Volume *fresh = opened(HEADER_USE_TOKEN);

                CHECK(volume_header(fresh)->segment.offset == 16781312); /* so the edit was a good one */
        }
}

/* On the disk, with right checksums: libcryptsetup or the check refuses, quickly, before any key. */
static const struct {
        const char *from, *to;
} evil[] = {
        { "\"encryption\":\"aes-xts-plain64\",\"key_size\":64}",
          "\"encryption\":\"cipher_null-ecb\",\"key_size\":64}" },
        { "\"encryption\":\"aes-xts-plain64\",\"sector", "\"encryption\":\"cipher_null-ecb\",\"sector" },
        { "{\"type\":\"pbkdf2\",\"hash\":\"sha256\",\"iterations\":1000,",
          "{\"type\":\"argon2id\",\"time\":4,\"memory\":4194304,\"cpus\":4," },
        { "\"iterations\":1000,", "\"iterations\":2147483647," },
        { "\"segments\":{\"0\":{",
          "\"segments\":{\"1\":{\"type\":\"linear\",\"offset\":\"0\",\"size\":\"512\"},\"0\":{" },
        { "\"size\":\"dynamic\"", "\"size\":\"4096\"" },
        { "\"config\":{", "\"config\":{\"requirements\":{\"mandatory\":[\"online-reencrypt-v2\"]}," },
        { "\"config\":{", "\"config\":{\"requirements\":{\"mandatory\":[\"unknown\"]}," },
        { "\"config\":{", "\"config\":{\"flags\":[\"no-journal\"]," },
        { "\"sector_size\":",
          "\"integrity\":{\"type\":\"none\",\"journal_encryption\":\"none\",\"journal_integrity\":"
          "\"none\"},\"sector_size\":" },
        { "\"version\":1", "\"version\":1,\"extra\":1" },
        { "\"version\":1", "\"version\":2" },
        { "\"recovery_keyslot\":-1", "\"recovery_keyslot\":0" },
        { "\"type\":\"luks2\"", "\"type\":\"luks2\",\"extra\":1" },
        { "\"offset\":\"32768\"", "\"offset\":\"33280\"" },
        { "\"offset\":\"16777216\"", "\"offset\":\"9007199254740992\"" },
};

static long refuse_ms(void)
{
        cleanup_volume Volume *v = NULL;
        struct timespec from, to;
        int r;

        CHECK(clock_gettime(CLOCK_MONOTONIC, &from) == 0);
        r = volume_open(image_path, &v);
        if (r == 0) r = volume_check(v, HEADER_USE_TOKEN);
        CHECK(clock_gettime(CLOCK_MONOTONIC, &to) == 0);
        CHECK(r == VOLUME_E_REFUSED || r == -EBADMSG);
        return (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
}

static void evil_headers_are_refused_quickly(void)
{
        char json[IMAGE_METADATA - IMAGE_BINARY];
        cleanup_volume Volume *v = NULL;

        image_format(32, "right", "");
        import_token(0);
        image_json(json);
        for (size_t i = 0; i < ARRAY_SIZE(evil); i++) {
                cleanup_free char *bad = sample_replace(json, evil[i].from, evil[i].to);
                long ms;

                image_set_json(bad);
                ms = refuse_ms();
                fprintf(stderr, "   %ld ms: %s\n", ms, error_detail(0));
                CHECK(ms < 500); /* 50 without sanitizers and neighbours */
        }
        image_set_json(json);
        v = opened(HEADER_USE_TOKEN);
}

/* libcryptsetup has thrown the first of two members away when we look; what is checked is what is used. */
static void duplicates_on_disk_are_gone_in_memory(void)
{
        cleanup_volume Volume *v = NULL;
        char json[IMAGE_METADATA - IMAGE_BINARY];
        cleanup_free char *twice = NULL;

        image_format(32, "right", "");
        image_json(json);
        twice = sample_replace(json, "\"segments\":{", "\"segments\":{\"0\":{\"type\":\"evil\"},");
        image_set_json(twice);
        v = opened(HEADER_USE_TYPED);
        CHECK(volume_header(v)->segment.offset == IMAGE_DATA);
}

static void other_things_are_no_volumes(void)
{
        Volume *v = NULL;

        CHECK_RESULT(volume_open("/nonexistent", &v), -ENOENT);
        image_run("rm -f %s; truncate -s 100 %s", image_path, image_path);
        CHECK_RESULT(volume_open(image_path, &v), -ENOTBLK);
        image_run("truncate -s 32M %s", image_path);
        CHECK_RESULT(volume_open(image_path, &v), -ENOTBLK);
        image_format(32, "right", "");
        image_run("dd if=/dev/zero of=%s bs=4096 seek=1 count=7 conv=notrunc status=none", image_path);
        CHECK_RESULT(volume_open(image_path, &v), -EBADMSG);
        CHECK(!v);
}

static void names_of_mappings_are_judged(void)
{
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *right = image_secret("right"), *key = NULL;
        int keyslot;

        image_format(32, "right", "");
        v = opened(HEADER_USE_TYPED);
        CHECK_OK(volume_try_any(v, right, &keyslot, &key));
        CHECK_RESULT(volume_map(v, "", key, 0), -EINVAL);
        CHECK_RESULT(volume_map(v, "a/b", key, 0), -EINVAL);
}

int main(void)
{
        image_init();
        RUN(opens_what_cryptsetup_made);
        RUN(volume_key_is_cryptsetups);
        RUN(nothing_opens_before_the_check);
        RUN(unattended_opens_the_tokens_keyslot_alone);
        RUN(recovery_key_opens_as_typed);
        RUN(a_disk_that_changes_after_the_check_changes_nothing);
        RUN(evil_headers_are_refused_quickly);
        RUN(duplicates_on_disk_are_gone_in_memory);
        RUN(other_things_are_no_volumes);
        RUN(names_of_mappings_are_judged);
        image_done();
        return 0;
}
