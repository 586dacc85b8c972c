/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "image.h"
#include "base/fd.h"
#include "samples.h"
#include "unlock/data.h"
#include "unlock/enrol.h"

#include <errno.h>

static char crypttab[PATH_MAX], keys[PATH_MAX], key_file[PATH_MAX];
static const DataPlaces places = { .crypttab = crypttab, .keys = keys };

static void set_up(void)
{
        image_format(20, "existing", "");
        CHECK(snprintf(crypttab, sizeof(crypttab), "%s/crypttab", image_dir) > 0);
        CHECK(snprintf(keys, sizeof(keys), "%s/keys.d", image_dir) > 0);
        CHECK(snprintf(key_file, sizeof(key_file), "%s/keys.d/srv.key", image_dir) > 0);
        image_run("rm -rf '%s' '%s'", crypttab, keys);
}

static int plan(const char *name, DataPlan *ret)
{
        cleanup_volume Volume *v = NULL;

        CHECK_OK(volume_open(image_path, &v));
        return data_plan(v, name, &places, ret);
}

static int add(const char *passphrase)
{
        cleanup_secret Secret *typed = image_secret(passphrase);
        cleanup_volume Volume *v = NULL;
        DataPlan p;
        int r;

        CHECK_OK(volume_open(image_path, &v));
        r = data_plan(v, "srv", &places, &p);
        return r == 0 ? data_add(v, &p, &places, typed) : r;
}

static size_t keyslots(void)
{
        cleanup_volume Volume *v = NULL;

        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(volume_check(v, HEADER_USE_TYPED));
        return volume_header(v)->n_keyslots;
}

static void opens(void)
{
        image_run("cryptsetup open --test-passphrase --key-file '%s' %s", key_file, image_path);
        image_run("printf existing | cryptsetup open --test-passphrase --key-file - %s", image_path);
}

static void a_key_file_opens_it_from_now_on(void)
{
        struct stat st;

        set_up();
        image_run("printf 'root UUID=x none luks' > %s && chmod 0640 %s", crypttab, crypttab);
        CHECK_OK(add("existing"));
        opens();
        CHECK(stat(key_file, &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_size == 32);
        CHECK(stat(keys, &st) == 0 && (st.st_mode & 0777) == 0700);
        CHECK(stat(crypttab, &st) == 0 && (st.st_mode & 0777) == 0640);
        image_run("printf 'root UUID=x none luks\nsrv UUID=%%s %s luks,nofail\n' $(cryptsetup luksUUID %s) | cmp "
                  "- %s",
                  key_file, image_path, crypttab);
        CHECK_RESULT(add("existing"), -EEXIST);
        CHECK(strstr(error_detail(-EEXIST), "crypttab:2: there is a volume of the name 'srv'"));
}

static void a_wrong_passphrase_changes_nothing(void)
{
        struct stat st;

        set_up();
        CHECK_RESULT(add("another"), VOLUME_E_WRONG_KEY);
        CHECK(keyslots() == 1 && stat(keys, &st) < 0 && stat(crypttab, &st) < 0);
}

/* Power may go after each of the three writes. */
static void an_interrupted_run_is_finished_by_the_next(void)
{
        set_up();
        CHECK_OK(add("existing"));
        image_run("rm %s", crypttab); /* before the last one */
        CHECK_OK(add("existing"));
        CHECK(keyslots() == 2);
        opens();
        set_up();
        image_run("mkdir -m 0700 %s && head -c 32 /dev/urandom > %s && chmod 0600 %s", keys, key_file, key_file);
        CHECK_OK(add("existing"));
        CHECK(keyslots() == 2);
        opens();
}

static void a_foreign_key_file_is_not_used(void)
{
        static const char *const foreign[] = { "chmod 0644", "truncate -s 16", "ln -sf /dev/zero" };

        for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
                set_up();
                image_run("mkdir -m 0700 %s && head -c 32 /dev/zero > %s && chmod 0600 %s", keys, key_file,
                          key_file);
                image_run("%s %s", foreign[i], key_file);
                CHECK_RESULT(add("existing"), -EEXIST);
                CHECK(keyslots() == 1);
        }
}

static void what_cannot_be_added_is_refused_before_anything_is_asked(void)
{
        static const char *const names[] = { "", ".x", "a/b", "a b", "../x", "a:b" };
        cleanup_token Token *t = sample_token(0, -1);
        cleanup_volume Volume *v = NULL;
        DataPlan p;

        set_up();
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) CHECK_RESULT(plan(names[i], &p), -EINVAL);
        image_run("echo other UUID=$(cryptsetup luksUUID %s) none luks > %s", image_path, crypttab);
        CHECK_RESULT(plan("srv", &p), -EEXIST);
        CHECK(strstr(error_detail(-EEXIST), "as 'other'"));
        CHECK(unlink(crypttab) == 0);
        CHECK_OK(plan(NULL, &p));
        CHECK(strncmp(p.name, "luks-", 5) == 0 && p.keyslot == 1);
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(enrol_write_token(v, t));
        CHECK_RESULT(plan("srv", &p), VOLUME_E_REFUSED);
}

int main(void)
{
        image_init();
        RUN(a_key_file_opens_it_from_now_on);
        RUN(a_wrong_passphrase_changes_nothing);
        RUN(an_interrupted_run_is_finished_by_the_next);
        RUN(a_foreign_key_file_is_not_used);
        RUN(what_cannot_be_added_is_refused_before_anything_is_asked);
        image_done();
        return 0;
}
