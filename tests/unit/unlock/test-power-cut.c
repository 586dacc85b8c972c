/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Power lost at every write. A child enrols; its n-th write kills it: before it for even n, half-way for odd.
 * After that the installer's key must open the volume, and the next run must finish the work with the data intact.
 *
 * This program's write() stands in front of libc's for libcryptsetup too (it is linked with its symbols
 * exported). Runs for n = 1, 2, 3, ... until a child lives to the end. */

#include "image.h"
#include "samples.h"
#include "unlock/combine.h"
#include "unlock/enrol.h"
#include "unlock/recovery-key.h"
#include "unlock/rekey.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { IMAGE_MIB = 16 + 20, SECTORS = 16, STEP_REENCRYPT = 1, STEP_ENROL, STEP_RENEW, STEP_REKEY, STEP_RETIRE };

static const char installer[] = "installer";
static long cut_at, writes_left = -1; /* below 0: no cut */

__attribute__((visibility("default"))) ssize_t write(int fd, const void *p, size_t n);

ssize_t write(int fd, const void *p, size_t n)
{
        if (writes_left > 0 && --writes_left == 0) {
                if (cut_at % 2) (void)syscall(SYS_write, fd, p, n / 2 / 512 * 512);
                (void)kill(getpid(), SIGKILL);
        }
        return syscall(SYS_write, fd, p, n);
}

/* Both halves are this text, so that each run derives what the one before it did. */
static void keys_of(const Token *t, Secret **ret_passphrase, Secret **ret_header_key)
{
        cleanup_secret Secret *half = image_secret("32 bytes that are half of a key.");

        CHECK_OK(unlock_volume_passphrase(half, half, t, ret_passphrase));
        CHECK_OK(unlock_header_key(half, half, t, ret_header_key));
}

static void enrol(void)
{
        cleanup_secret Secret *key = image_secret(installer), *volume_key = NULL, *proven = NULL;
        cleanup_secret Secret *passphrase = NULL, *recovery = NULL, *header_key = NULL;
        cleanup_token Token *t = NULL;
        cleanup_volume Volume *v = NULL;
        EnrolPlan plan;

        CHECK_OK(recovery_key_generate(&recovery));
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(enrol_begin(v, key, &plan, &volume_key));
        t = sample_token(plan.keyslot, plan.recovery_keyslot);
        t->epoch = 1;
        keys_of(t, &passphrase, &header_key);
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.keyslot, passphrase));
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.recovery_keyslot, recovery));
        CHECK_OK(enrol_record(v, &(EnrolKeys){ .volume_key = volume_key, .header_key = header_key }, t));
        CHECK_OK(enrol_write_token(v, t));
        CHECK_OK(enrol_prove(image_path, passphrase, header_key, &proven));
}

static Secret *volume_key(HeaderUse use)
{
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *secret = image_secret(installer);
        Secret *key = NULL;
        int keyslot;

        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(volume_check(v, use));
        CHECK_OK(volume_try_any(v, secret, &keyslot, &key));
        return key;
}

/* Power went before the verifier had the recovery key: the next boot makes another one. */
static void renew_recovery(void)
{
        cleanup_secret Secret *key = volume_key(HEADER_USE_TYPED), *recovery = NULL, *proven = NULL;
        cleanup_secret Secret *passphrase = NULL, *header_key = NULL;
        EnrolKeys keys = { .volume_key = key };
        cleanup_token Token *t = NULL;
        cleanup_volume Volume *v = NULL;
        int keyslot;

        CHECK_OK(recovery_key_generate(&recovery));
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(volume_check(v, HEADER_USE_TOKEN));
        CHECK_OK(volume_token(v, &t));
        keys_of(t, &passphrase, &header_key);
        keys.header_key = header_key;
        CHECK_OK(enrol_renew_recovery(v, &keys, t, recovery));
        CHECK_OK(volume_check(v, HEADER_USE_TYPED));
        CHECK_OK(volume_try_any(v, recovery, &keyslot, &proven));
        CHECK(keyslot == t->recovery_keyslot);
        CHECK_OK(volume_verify_record(v, t, RECORD_TAG_HALVES, header_key));
        CHECK_OK(volume_verify_record(v, t, RECORD_TAG_VOLUME_KEY, proven));
}

/* As an attested boot does: by the token that is there, whichever that is. */
static Secret *open_attested(Volume **ret, Token **ret_token)
{
        cleanup_secret Secret *passphrase = NULL, *header_key = NULL;
        Secret *key = NULL;

        CHECK_OK(volume_open(image_path, ret));
        CHECK_OK(volume_check(*ret, HEADER_USE_TOKEN));
        CHECK_OK(volume_token(*ret, ret_token));
        keys_of(*ret_token, &passphrase, &header_key);
        CHECK_OK(volume_verify_record(*ret, *ret_token, RECORD_TAG_HALVES, header_key));
        CHECK_OK(volume_unlock_keyslot(*ret, (*ret_token)->keyslot, passphrase, &key));
        CHECK_OK(volume_verify_record(*ret, *ret_token, RECORD_TAG_VOLUME_KEY, key));
        return key;
}

/* An order to epoch 2, given until it is carried out. */
static void rekey(void)
{
        cleanup_secret Secret *passphrase = NULL, *header_key = NULL, *next_passphrase = NULL, *next_header = NULL;
        cleanup_token Token *t = NULL, *next = NULL;
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *key = open_attested(&v, &t);

        if (t->epoch == 2) return;
        CHECK_OK(rekey_plan(v, t, &next));
        CHECK(next->keyslot == 3 && next->epoch == 2); /* after whatever cut: the announced hash stays true */
        keys_of(t, &passphrase, &header_key);
        keys_of(next, &next_passphrase, &next_header);
        CHECK_OK(rekey_volume(image_path, volume_header(v),
                              &(RekeyKeys){ .volume_key = key,
                                            .header_key = header_key,
                                            .next_passphrase = next_passphrase,
                                            .next_header_key = next_header },
                              next));
}

static void run_step(int step)
{
        size_t removed;

        cleanup_secret Secret *key = image_secret(installer);

        if (step == STEP_REENCRYPT) CHECK_OK(enrol_reencrypt(image_path, key, NULL, NULL));
        if (step == STEP_ENROL) enrol();
        if (step == STEP_RENEW) renew_recovery();
        if (step == STEP_REKEY) rekey();
        if (step == STEP_RETIRE) CHECK_OK(rekey_retire(image_path, 2, &removed));
}

/* Whether the child was cut off. */
static bool run_cut(int step, long at)
{
        int status = 0;
        const pid_t child = fork();

        CHECK(child >= 0);
        if (child == 0) {
                cut_at = writes_left = at;
                run_step(step);
                writes_left = -1;
                _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child);
        if (WIFSIGNALED(status)) return true;
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        return false;
}

static void restore_image(void)
{
        image_run("cp --sparse=always %s.start %s", image_path, image_path);
}

static void make_image(void)
{
        cleanup_secret Secret *key = NULL;

        image_format(IMAGE_MIB, installer, "--luks2-keyslots-size 2M --offset 32768"); /* less to wipe */
        key = volume_key(HEADER_USE_INSTALLER);
        image_fill(key, SECTORS);
        image_run("cp --sparse=always %s %s.start", image_path, image_path);
}

static bool is_reencrypted(void)
{
        cleanup_volume Volume *v = NULL;

        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(volume_check(v, HEADER_USE_INSTALLER));
        return volume_header(v)->reencrypted;
}

/* All data done, header not cleaned up: libcryptsetup would start over and ruin it. Our way out is cut as well. */
static size_t cut_the_way_out_everywhere(void)
{
        long at = 0;
        bool cut = true;

        if (!is_reencrypted()) return 0;
        image_run("cp --sparse=always %s %s.end", image_path, image_path);
        while (cut) {
                cleanup_secret Secret *key = NULL;

                image_run("cp --sparse=always %s.end %s", image_path, image_path);
                cut = run_cut(STEP_REENCRYPT, ++at);
                if (cut) run_step(STEP_REENCRYPT);
                key = volume_key(HEADER_USE_INSTALLER);
                CHECK(image_verify(key, SECTORS) == SECTORS);
        }
        CHECK(at > 2);
        image_run("cp --sparse=always %s.end %s", image_path, image_path);
        return 1;
}

static void reencryption_survives_a_cut_at_every_write(void)
{
        long at = 0;
        bool cut = true;
        size_t ends = 0;

        while (cut) {
                cleanup_secret Secret *key = NULL;

                restore_image();
                cut = run_cut(STEP_REENCRYPT, ++at);
                if (cut && ends < 2) ends += cut_the_way_out_everywhere();
                if (cut) run_step(STEP_REENCRYPT);
                key = volume_key(HEADER_USE_INSTALLER);
                CHECK(image_verify(key, SECTORS) == SECTORS);
        }
        CHECK(at > 40 && ends == 2);
}

static void enrolment_survives_a_cut_at_every_write(void)
{
        long at = 0;
        bool cut = true;

        while (cut) {
                cleanup_secret Secret *key = NULL;
                cleanup_volume Volume *v = NULL;

                restore_image();
                cut = run_cut(STEP_ENROL, ++at);
                /* Whatever was reached: the installer's key opens, and the volume is ours or it is not. */
                key = volume_key(HEADER_USE_TYPED);
                CHECK(image_verify(key, SECTORS) == SECTORS);
                CHECK_OK(volume_open(image_path, &v));
                if (volume_has_token(v) == 0) CHECK_OK(volume_check(v, HEADER_USE_TOKEN));
                else run_step(STEP_ENROL);
        }
        CHECK(at > 10);
}

/* The token's two keyslots are there; beside them the installer's, and at most one that a cut left behind. */
static size_t keyslots_around_the_token(void)
{
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        const Header *h;
        bool ours = false, recovery = false;

        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(volume_check(v, HEADER_USE_TOKEN));
        CHECK_OK(volume_token(v, &t));
        CHECK_OK(volume_compare_record(v, t));
        h = volume_header(v);
        for (size_t i = 0; i < h->n_keyslots; i++) {
                ours |= h->keyslots[i].number == t->keyslot;
                recovery |= h->keyslots[i].number == t->recovery_keyslot;
        }
        CHECK(ours && recovery);
        return h->n_keyslots;
}

static void a_new_recovery_key_survives_a_cut_at_every_write(void)
{
        long at = 0;
        bool cut = true;

        restore_image();
        run_step(STEP_ENROL);
        image_run("cp --sparse=always %s %s.start", image_path, image_path);
        while (cut) {
                cleanup_secret Secret *key = NULL;

                restore_image();
                cut = run_cut(STEP_RENEW, ++at);
                CHECK(keyslots_around_the_token() <= 4);
                if (cut) run_step(STEP_RENEW);
                CHECK(keyslots_around_the_token() == 3);
                key = volume_key(HEADER_USE_TYPED);
                CHECK(image_verify(key, SECTORS) == SECTORS);
        }
        CHECK(at > 10);
}

/* The epoch of the token that opens the volume, data intact. */
static uint64_t epoch_that_opens(void)
{
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        cleanup_secret Secret *key = open_attested(&v, &t);

        CHECK(image_verify(key, SECTORS) == SECTORS);
        return t->epoch;
}

static void a_rekey_survives_a_cut_at_every_write(void)
{
        long at = 0, old = 0, new = 0;
        size_t removed = 0;
        bool cut = true;

        while (cut) { /* from the enrolled volume of the test before */
                restore_image();
                cut = run_cut(STEP_REKEY, ++at);
                if (epoch_that_opens() == 1) old++;
                else new ++;
                CHECK(keyslots_around_the_token() <= 4);
                /* The host cleans up in between: what has begun is not forgotten. */
                if (epoch_that_opens() == 1) CHECK_OK(rekey_retire(image_path, 1, &removed));
                CHECK(removed == 0);
                run_step(STEP_REKEY);
                CHECK(epoch_that_opens() == 2 && keyslots_around_the_token() == 4);
        }
        CHECK(at > 10 && old > 5 && new > 0);
        image_run("cp --sparse=always %s %s.start", image_path, image_path);
        for (at = 0, cut = true; cut;) {
                restore_image();
                cut = run_cut(STEP_RETIRE, ++at);
                CHECK(epoch_that_opens() == 2);
                run_step(STEP_RETIRE);
                CHECK(epoch_that_opens() == 2 && keyslots_around_the_token() == 3);
        }
        CHECK(at > 4);
}

int main(void)
{
        image_init();
        make_image();
        RUN(reencryption_survives_a_cut_at_every_write);
        RUN(enrolment_survives_a_cut_at_every_write);
        RUN(a_new_recovery_key_survives_a_cut_at_every_write);
        RUN(a_rekey_survives_a_cut_at_every_write);
        image_done();
        return 0;
}
