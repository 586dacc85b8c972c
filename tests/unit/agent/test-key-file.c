/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which key files go once the installer's keyslots are gone, on real volumes. */

#include "agent/key-file.h"
#include "unlock/enrolled.h"

static char key_path[PATH_MAX], second[PATH_MAX];
static State state;

static void write_key(const char *text)
{
        image_run("printf %%s '%s' > %s", text, key_path);
}

/* Two volumes that halfkey has opened, both installed with one key file. */
static void begin(void)
{
        static const char *const names[] = { "root", "srv" };
        const char *const devices[] = { image_path, second };

        enrolled_restore();
        image_run("cp %s %s", image_path, second);
        state = (State){ .n_volumes = 2 };
        for (size_t i = 0; i < 2; i++) {
                StateVolume *v = &state.volumes[i];

                v->enrolled = true;
                CHECK(snprintf(v->name, sizeof(v->name), "%s", names[i]) > 0);
                CHECK(snprintf(v->device, sizeof(v->device), "%s", devices[i]) > 0);
        }
        write_key(ENROLLED_INSTALLER);
}

static void remove_keyslots(bool cleaned[static STATE_VOLUMES_MAX], size_t n)
{
        size_t removed;

        for (size_t i = 0; i < STATE_VOLUMES_MAX; i++) cleaned[i] = false;
        for (size_t i = 0; i < n; i++) {
                CHECK_OK(enrol_remove_installer(state.volumes[i].device, &removed));
                CHECK(removed == 1);
                cleaned[i] = true;
        }
}

/* Whether the key file is there after a run over such a crypttab. */
static bool stays(const bool cleaned[static STATE_VOLUMES_MAX], const char *more)
{
        cleanup_free char *text = NULL;

        CHECK(asprintf(&text, "root UUID=1 %s luks\nsrv UUID=2 %s luks\n%s", key_path, key_path, more) > 0);
        CHECK_OK(key_files_remove(&state, cleaned, BYTES(text, strlen(text))));
        return access(key_path, F_OK) == 0;
}

static void one_that_two_volumes_were_installed_with_goes(void)
{
        bool cleaned[STATE_VOLUMES_MAX];

        begin();
        remove_keyslots(cleaned, 1);
        CHECK(stays(cleaned, "")); /* it opens the other one still */
        begin();
        remove_keyslots(cleaned, 2);
        CHECK(!stays(cleaned, ""));
        CHECK(!stays(cleaned, "")); /* and again */
}

/* In a run that the removal of the keyslots was not part of, too. */
static void one_that_a_volume_of_somebody_elses_names_stays(void)
{
        bool cleaned[STATE_VOLUMES_MAX];
        cleanup_free char *line = NULL;

        begin();
        remove_keyslots(cleaned, 2);
        CHECK(asprintf(&line, "other UUID=3 %s luks\n", key_path) > 0);
        CHECK(stays(cleaned, line));
        CHECK(!stays(cleaned, ""));
}

static void one_that_opens_a_volume_stays(void)
{
        bool cleaned[STATE_VOLUMES_MAX];

        begin();
        remove_keyslots(cleaned, 2);
        write_key(ENROLLED_RECOVERY);
        CHECK(stays(cleaned, ""));
        write_key("of nobody");
        image_run("dd if=/dev/zero of=%s bs=4096 count=16 conv=notrunc status=none", second); /* who knows */
        CHECK(stays(cleaned, ""));
}

static void a_part_of_a_file_and_a_device_stay(void)
{
        bool cleaned[STATE_VOLUMES_MAX];
        cleanup_free char *text = NULL;

        begin();
        remove_keyslots(cleaned, 2);
        CHECK(asprintf(&text, "root UUID=1 %s keyfile-offset=1\nsrv UUID=2 /dev/null luks\n", key_path) > 0);
        CHECK_OK(key_files_remove(&state, cleaned, BYTES(text, strlen(text))));
        CHECK(access(key_path, F_OK) == 0 && access("/dev/null", F_OK) == 0);
}

int main(void)
{
        image_init();
        CHECK(snprintf(key_path, sizeof(key_path), "%s/key", image_dir) > 0);
        CHECK(snprintf(second, sizeof(second), "%s/second", image_dir) > 0);
        enrolled_make();
        RUN(one_that_two_volumes_were_installed_with_goes);
        RUN(one_that_a_volume_of_somebody_elses_names_stays);
        RUN(one_that_opens_a_volume_stays);
        RUN(a_part_of_a_file_and_a_device_stay);
        enrolled_done();
        image_done();
        return 0;
}
