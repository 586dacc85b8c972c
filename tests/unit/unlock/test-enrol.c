/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "image.h"
#include "samples.h"
#include "unlock/enrol.h"
#include "unlock/recovery-key.h"

#include <errno.h>

enum { SECTORS = 5 * 1024 * 1024 / IMAGE_SECTOR }; /* of an image of 40 MiB the first part is filled */

static const char installer[] = "installer";
static Secret *header_key;

static Secret *volume_key_of(const char *passphrase)
{
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *secret = image_secret(passphrase);
        Secret *key = NULL;
        int keyslot;

        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(volume_check(v, HEADER_USE_TYPED));
        CHECK_OK(volume_try_any(v, secret, &keyslot, &key));
        return key;
}

typedef struct Seen {
        size_t calls;
        uint64_t done, total;
        size_t stop_at;
} Seen;

static int count(uint64_t done, uint64_t total, void *user_data)
{
        Seen *seen = user_data;

        CHECK(done >= seen->done && done <= total);
        seen->done = done;
        seen->total = total;
        return ++seen->calls == seen->stop_at;
}

static void reencryption_changes_the_key_and_keeps_the_data(void)
{
        cleanup_secret Secret *key = image_secret(installer), *before = NULL, *after = NULL;
        Seen seen = { 0 };

        image_format(56, installer, "");
        before = volume_key_of(installer);
        image_fill(before, SECTORS);
        CHECK_OK(enrol_reencrypt(image_path, key, count, &seen));
        CHECK(seen.calls >= 3 && seen.done == seen.total && seen.total == 40 * 1024 * 1024);
        after = volume_key_of(installer);
        CHECK(memcmp(before->data, after->data, 64) != 0);
        CHECK(image_verify(before, SECTORS) == 0);
        CHECK(image_verify(after, SECTORS) == SECTORS);
}

static void reencryption_stops_and_goes_on(void)
{
        cleanup_secret Secret *key = image_secret(installer), *wrong = image_secret("wrong"), *after = NULL;
        cleanup_volume Volume *v = NULL;
        EnrolVolumeKey state;
        Seen seen = { .stop_at = 2 };
        EnrolPlan plan;

        image_format(56, installer, "");
        after = volume_key_of(installer);
        image_fill(after, SECTORS);
        secret_free(TAKE_PTR(after));
        CHECK_RESULT(enrol_reencrypt(image_path, key, count, &seen), -ECANCELED);
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(enrol_volume_key_state(v, &state));
        CHECK(state == ENROL_VOLUME_KEY_IN_PROGRESS);
        CHECK_RESULT(enrol_begin(v, key, &plan, &after), VOLUME_E_REFUSED);
        CHECK_RESULT(volume_check(v, HEADER_USE_TYPED), VOLUME_E_REFUSED);
        volume_free(TAKE_PTR(v));
        CHECK_RESULT(enrol_reencrypt(image_path, wrong, NULL, NULL), VOLUME_E_WRONG_KEY);
        seen = (Seen){ 0 };
        CHECK_OK(enrol_reencrypt(image_path, key, count, &seen));
        after = volume_key_of(installer);
        CHECK(image_verify(after, SECTORS) == SECTORS);
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(enrol_volume_key_state(v, &state));
        CHECK(state == ENROL_VOLUME_KEY_SHARED);
}

static void reencryption_clears_an_aborted_start(void)
{
        cleanup_secret Secret *key = image_secret(installer), *after = NULL;

        image_format(56, installer, "");
        image_run("printf %s > %s/k; cryptsetup luksAddKey --unbound --key-size 512 --pbkdf pbkdf2 "
                  "--pbkdf-force-iterations 1000 %s %s/k",
                  installer, image_dir, image_path, image_dir);
        CHECK_OK(enrol_reencrypt(image_path, key, NULL, NULL));
        after = volume_key_of(installer);
        CHECK(after->size == 64);
        image_run("test \"$(cryptsetup luksDump %s | grep -c ': luks2')\" = 1", image_path);
}

/* A whole enrolment after re-encryption; the two keys of the volume from then on. */
static void enrol(Secret **ret_passphrase, Secret **ret_recovery)
{
        cleanup_secret Secret *key = image_secret(installer), *volume_key = NULL, *proven = NULL;
        cleanup_token Token *t = NULL;
        cleanup_volume Volume *v = NULL;
        EnrolPlan plan;

        CHECK_OK(secret_new_random(32, ret_passphrase));
        CHECK_OK(recovery_key_generate(ret_recovery));
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(enrol_begin(v, key, &plan, &volume_key));
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.keyslot, *ret_passphrase));
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.recovery_keyslot, *ret_recovery));
        CHECK_RESULT(enrol_add_keyslot(v, volume_key, plan.keyslot, *ret_passphrase), -EEXIST);
        t = sample_token(plan.keyslot, plan.recovery_keyslot);
        CHECK_OK(enrol_record(v, &(EnrolKeys){ .volume_key = volume_key, .header_key = header_key }, t));
        CHECK_OK(enrol_write_token(v, t));
        CHECK_OK(enrol_prove(image_path, *ret_passphrase, header_key, &proven));
        CHECK_BYTES(secret_bytes(proven), secret_bytes(volume_key));
}

static void enrolment_ends_with_two_keyslots_and_one_token(void)
{
        cleanup_secret Secret *passphrase = NULL, *recovery = NULL, *key = image_secret(installer), *none = NULL;
        cleanup_volume Volume *v = NULL;
        size_t removed = 77;
        int keyslot;

        image_format(32, installer, "");
        enrol(&passphrase, &recovery);
        CHECK_OK(enrol_remove_installer(image_path, &removed));
        CHECK(removed == 1);
        CHECK_OK(enrol_remove_installer(image_path, &removed));
        CHECK(removed == 0);
        image_run("cryptsetup luksDump %s > %s/dump", image_path, image_dir);
        image_run("test \"$(grep -c ': luks2' %s/dump)\" = 2 && test \"$(grep -c halfkey %s/dump)\" = 1",
                  image_dir, image_dir);
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(volume_check(v, HEADER_USE_TYPED));
        CHECK_RESULT(volume_try_any(v, key, &keyslot, &none), VOLUME_E_WRONG_KEY);
        CHECK_OK(volume_try_any(v, recovery, &keyslot, &none));
        CHECK_RESULT(volume_check(v, HEADER_USE_INSTALLER), VOLUME_E_REFUSED);
        CHECK_RESULT(enrol_reencrypt(image_path, recovery, NULL, NULL), VOLUME_E_REFUSED);
}

static void an_interrupted_run_is_cleared(void)
{
        cleanup_secret Secret *key = image_secret(installer), *volume_key = NULL, *lost = image_secret("lost");
        cleanup_secret Secret *passphrase = NULL, *recovery = NULL;
        cleanup_volume Volume *v = NULL;
        EnrolPlan plan;

        image_format(32, installer, "");
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(enrol_begin(v, key, &plan, &volume_key));
        CHECK(plan.installer_keyslot == 0 && plan.keyslot == 1 && plan.recovery_keyslot == 2);
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.keyslot, lost));
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.recovery_keyslot, lost));
        enrol(&passphrase, &recovery);
        image_run("test \"$(cryptsetup luksDump %s | grep -c ': luks2')\" = 3", image_path);
}

static void a_forged_mark_removes_nothing_that_matters(void)
{
        cleanup_secret Secret *passphrase = NULL, *recovery = NULL, *key = NULL;
        char json[IMAGE_METADATA - IMAGE_BINARY];
        cleanup_free char *forged = NULL;
        size_t removed;

        image_format(32, installer, "");
        enrol(&passphrase, &recovery);
        image_json(json);
        forged = sample_replace(json, "\"halfkey-enrol\",\"keyslots\":[\"0\"]",
                                "\"halfkey-enrol\",\"keyslots\":[\"0\",\"1\",\"2\"]");
        image_set_json(forged);
        CHECK_OK(enrol_remove_installer(image_path, &removed));
        CHECK(removed == 1);
        CHECK_OK(enrol_prove(image_path, passphrase, header_key, &key));
}

static void removal_keeps_what_the_token_names(void)
{
        cleanup_secret Secret *passphrase = NULL, *recovery = NULL, *key = NULL;
        cleanup_volume Volume *v = NULL;
        const int own[] = { 1 }, both[] = { 1, 2 }, missing[] = { 1, 2, 9 };

        image_format(32, installer, "");
        CHECK_OK(volume_open(image_path, &v));
        CHECK_RESULT(enrol_remove_keyslots_except(v, both, 0), VOLUME_E_REFUSED);
        CHECK_RESULT(enrol_remove_keyslot(v, 0), VOLUME_E_REFUSED);
        volume_free(TAKE_PTR(v));
        enrol(&passphrase, &recovery);
        CHECK_OK(volume_open(image_path, &v));
        CHECK_RESULT(enrol_remove_keyslots_except(v, own, 0), -EINVAL);
        CHECK_RESULT(enrol_remove_keyslots_except(v, own, 1), -EINVAL);
        CHECK_RESULT(enrol_remove_keyslots_except(v, missing, 3), -EINVAL);
        CHECK_RESULT(enrol_remove_keyslot(v, 1), -EINVAL);
        CHECK_OK(enrol_remove_keyslots_except(v, both, 2));
        CHECK_OK(enrol_prove(image_path, passphrase, header_key, &key));
        image_run("test \"$(cryptsetup luksDump %s | grep -c ': luks2')\" = 2", image_path);
}

static void a_token_is_replaced_in_place(void)
{
        cleanup_secret Secret *passphrase = NULL, *recovery = NULL, *key = NULL;
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL, *again = NULL;
        const uint8_t policy[TOKEN_POLICY_SIZE] = { 5 };

        image_format(32, installer, "");
        enrol(&passphrase, &recovery);
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(volume_token(v, &t));
        CHECK_OK(token_add_approval(t, policy, BYTES_LITERAL("signature"), BYTES_LITERAL("ticket")));
        CHECK_OK(enrol_write_token(v, t));
        CHECK_OK(volume_token(v, &again));
        CHECK(again->n_approvals == t->n_approvals && again->approvals[0].ticket.size == 6);
        CHECK_OK(enrol_prove(image_path, passphrase, header_key, &key));
        t->keyslot = 9;
        CHECK_RESULT(enrol_write_token(v, t), -EINVAL);
}

int main(void)
{
        image_init();
        header_key = image_secret("what both halves make of it");
        RUN(reencryption_changes_the_key_and_keeps_the_data);
        RUN(reencryption_stops_and_goes_on);
        RUN(reencryption_clears_an_aborted_start);
        RUN(enrolment_ends_with_two_keyslots_and_one_token);
        RUN(an_interrupted_run_is_cleared);
        RUN(a_forged_mark_removes_nothing_that_matters);
        RUN(removal_keeps_what_the_token_names);
        RUN(a_token_is_replaced_in_place);
        secret_free(header_key);
        image_done();
        return 0;
}
