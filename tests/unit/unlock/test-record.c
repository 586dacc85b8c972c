/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "image.h"
#include "samples.h"
#include "unlock/enrol.h"
#include "unlock/record.h"

static const char installer[] = "installer";
static Secret *header_key, *volume_key;

/* An enrolled volume: keyslot 0 is the installer's, 1 ours, 2 the recovery key's. */
static void make_volume(void)
{
        cleanup_secret Secret *key = image_secret(installer), *passphrase = image_secret("both halves");
        cleanup_secret Secret *recovery = image_secret("recovery");
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        EnrolPlan plan;

        image_format(32, installer, "");
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(enrol_begin(v, key, &plan, &volume_key));
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.keyslot, passphrase));
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.recovery_keyslot, recovery));
        t = sample_token(plan.keyslot, plan.recovery_keyslot);
        t->epoch = 7;
        CHECK_OK(enrol_record(v, &(EnrolKeys){ .volume_key = volume_key, .header_key = header_key }, t));
        CHECK_OK(enrol_write_token(v, t));
        image_run("cp %s %s.good", image_path, image_path);
}

static void restore(void)
{
        image_run("cp %s.good %s", image_path, image_path);
}

/* What the next boot thinks of the header, with both keys; 0 needs both tags. */
static int judge(void)
{
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        int r;

        CHECK_OK(volume_open(image_path, &v));
        r = volume_check(v, HEADER_USE_TOKEN);
        if (r == 0) r = volume_token(v, &t);
        if (r == 0) r = volume_compare_record(v, t);
        if (r == 0) r = volume_verify_record(v, t, RECORD_TAG_HALVES, header_key);
        if (r == 0) r = volume_verify_record(v, t, RECORD_TAG_VOLUME_KEY, volume_key);
        return r;
}

static void change(const char *from, const char *to)
{
        char json[IMAGE_METADATA - IMAGE_BINARY];
        cleanup_free char *changed = NULL;

        restore();
        image_json(json);
        changed = sample_replace(json, from, to);
        image_set_json(changed);
}

static void the_header_as_written_is_accepted(void)
{
        restore();
        CHECK_OK(judge());
}

static void another_passphrase_breaks_nothing(void)
{
        size_t removed;

        restore();
        image_run("cd %s && printf %s > old && printf more > new && cryptsetup luksAddKey -q --pbkdf pbkdf2 "
                  "--pbkdf-force-iterations 1000 --key-file old volume new",
                  image_dir, installer);
        CHECK_OK(judge());
        CHECK_OK(enrol_remove_installer(image_path, &removed));
        CHECK(removed == 1);
        CHECK_OK(judge());
        image_run("cd %s && printf '%%s' '{\"type\":\"clevis\",\"keyslots\":[]}' | cryptsetup token import volume",
                  image_dir);
        CHECK_OK(judge());
}

static void a_changed_field_is_named_before_any_key_is_known(void)
{
        const struct {
                const char *from, *to, *name;
        } changes[] = {
                { "\"sector_size\":4096", "\"sector_size\":512", "segments.0.sector_size" },
                { "\"offset\":\"16777216\"", "\"offset\":\"17825792\"", "segments.0.offset" },
                { "\"keyslots_size\"", "\"flags\":[\"allow-discards\"],\"keyslots_size\"", "config.flags" },
                { "\"epoch\":\"7\"", "\"epoch\":\"8\"", "the halfkey token" },
                { "\"role\":\"root\"", "\"role\":\"data:a\"", "the halfkey token" },
                { "\"recovery_keyslot\":2", "\"recovery_keyslot\":3", "the halfkey token" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
                change(changes[i].from, changes[i].to);
                CHECK_RESULT(judge(), VOLUME_E_REFUSED);
                if (!strstr(error_detail(VOLUME_E_REFUSED), changes[i].name))
                        fprintf(stderr, "%s, wanted %s\n", error_detail(VOLUME_E_REFUSED), changes[i].name);
                CHECK(strstr(error_detail(VOLUME_E_REFUSED), changes[i].name));
        }
}

/* Whoever holds the disk can write a record that fits; the tags need the keys. */
static void a_fitting_record_without_the_keys_is_refused(void)
{
        cleanup_secret Secret *wrong = image_secret("an attacker's key");
        const EnrolKeys forged[] = {
                { .volume_key = wrong, .header_key = wrong },
                { .volume_key = volume_key, .header_key = wrong },
                { .volume_key = wrong, .header_key = header_key },
        };

        for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
                cleanup_volume Volume *v = NULL;
                cleanup_token Token *t = NULL;

                restore();
                CHECK_OK(volume_open(image_path, &v));
                CHECK_OK(volume_token(v, &t));
                t->epoch = 8;
                CHECK_OK(enrol_record(v, &forged[i], t));
                CHECK_OK(enrol_write_token(v, t));
                CHECK_RESULT(judge(), VOLUME_E_REFUSED);
                CHECK(strstr(error_detail(VOLUME_E_REFUSED), "tag does not verify"));
        }
}

static void a_token_without_a_record_is_refused(void)
{
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;

        restore();
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(volume_token(v, &t));
        CHECK_OK(token_blob_set(&t->record, BYTES(NULL, 0)));
        CHECK_OK(enrol_write_token(v, t));
        CHECK_RESULT(judge(), VOLUME_E_REFUSED);
        CHECK(strstr(error_detail(VOLUME_E_REFUSED), "another form"));
}

int main(void)
{
        image_init();
        header_key = image_secret("what both halves make of it");
        make_volume();
        RUN(the_header_as_written_is_accepted);
        RUN(another_passphrase_breaks_nothing);
        RUN(a_changed_field_is_named_before_any_key_is_known);
        RUN(a_fitting_record_without_the_keys_is_refused);
        RUN(a_token_without_a_record_is_refused);
        secret_free(header_key);
        secret_free(volume_key);
        image_done();
        return 0;
}
