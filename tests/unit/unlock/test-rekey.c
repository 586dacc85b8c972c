/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A rekey of a real LUKS2 volume, and what is left to who kept the header from before. */

#include "image.h"
#include "samples.h"
#include "unlock/combine.h"
#include "unlock/enrol.h"
#include "unlock/rekey.h"

#include <errno.h>

static const char installer[] = "installer", recovery_text[] = "recovery";
static Secret *node_half, *cluster_half;

typedef struct Keys {
        Secret *passphrase, *header_key;
} Keys;

static void keys_deinit(Keys *k)
{
        secret_free(k->passphrase);
        secret_free(k->header_key);
}
#define cleanup_keys _cleanup_(keys_deinit)

static Keys keys_of(const Token *t)
{
        Keys k = { 0 };

        CHECK_OK(unlock_volume_passphrase(node_half, cluster_half, t, &k.passphrase));
        CHECK_OK(unlock_header_key(node_half, cluster_half, t, &k.header_key));
        return k;
}

/* What a boot has in hand once it has opened the volume. */
typedef struct Opened {
        Volume *volume;
        Token *token;
        Keys keys;
        Secret *volume_key;
} Opened;

static void opened_deinit(Opened *o)
{
        volume_free(o->volume);
        token_free(o->token);
        keys_deinit(&o->keys);
        secret_free(o->volume_key);
}
#define cleanup_opened _cleanup_(opened_deinit)

/* As an attested boot does; with the keys of another epoch where `epoch` is not 0. */
static int open_attested(Opened *o, uint64_t epoch)
{
        uint64_t own;
        int r;

        CHECK_OK(volume_open(image_path, &o->volume));
        r = volume_check(o->volume, HEADER_USE_TOKEN);
        if (r == 0) r = volume_token(o->volume, &o->token);
        if (r == 0) r = volume_compare_record(o->volume, o->token);
        if (r != 0) return r;
        own = o->token->epoch;
        if (epoch) o->token->epoch = epoch;
        o->keys = keys_of(o->token);
        o->token->epoch = own;
        r = volume_verify_record(o->volume, o->token, RECORD_TAG_HALVES, o->keys.header_key);
        if (r == 0) r = volume_unlock_keyslot(o->volume, o->token->keyslot, o->keys.passphrase, &o->volume_key);
        if (r == 0) r = volume_verify_record(o->volume, o->token, RECORD_TAG_VOLUME_KEY, o->volume_key);
        return r;
}

static void make_volume(void)
{
        cleanup_secret Secret *key = image_secret(installer), *recovery = image_secret(recovery_text),
                              *volume_key = NULL;
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        cleanup_keys Keys keys = { 0 };
        EnrolPlan plan;

        image_format(32, installer, "");
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(enrol_begin(v, key, &plan, &volume_key));
        t = sample_token(plan.keyslot, plan.recovery_keyslot);
        t->epoch = 1;
        keys = keys_of(t);
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.keyslot, keys.passphrase));
        CHECK_OK(enrol_add_keyslot(v, volume_key, plan.recovery_keyslot, recovery));
        CHECK_OK(enrol_record(v, &(EnrolKeys){ .volume_key = volume_key, .header_key = keys.header_key }, t));
        CHECK_OK(enrol_write_token(v, t));
        image_run("cp %s %s.epoch1", image_path, image_path);
}

static void restore(void)
{
        image_run("cp %s.epoch1 %s", image_path, image_path);
}

static int rekey(const Opened *o, const Token *next)
{
        cleanup_keys Keys k = keys_of(next);

        return rekey_volume(image_path, volume_header(o->volume),
                            &(RekeyKeys){ .volume_key = o->volume_key,
                                          .header_key = o->keys.header_key,
                                          .next_passphrase = k.passphrase,
                                          .next_header_key = k.header_key },
                            next);
}

/* One order, carried out; the hash that was announced before. */
static void rekey_once(uint8_t ret_announced[static SHA256_SIZE])
{
        cleanup_opened Opened o = { 0 };
        cleanup_token Token *next = NULL;

        CHECK_OK(open_attested(&o, 0));
        CHECK_OK(rekey_plan(o.volume, o.token, &next));
        CHECK_OK(token_hash(next, ret_announced));
        CHECK_OK(rekey(&o, next));
}

static void a_rekey_leaves_what_was_announced(void)
{
        uint8_t announced[SHA256_SIZE], hash[SHA256_SIZE];
        cleanup_opened Opened o = { 0 };
        size_t removed;

        restore();
        rekey_once(announced);
        CHECK_OK(open_attested(&o, 0));
        CHECK(o.token->epoch == 2 && o.token->keyslot == 3);
        CHECK_OK(token_hash(o.token, hash));
        CHECK_BYTES(BYTES_ARRAY(hash), BYTES_ARRAY(announced));
        CHECK_OK(rekey_retire(image_path, 1,
                              &removed)); /* the boot that has carried it out was opened by the old one */
        CHECK(removed == 0);
        CHECK_OK(rekey_retire(image_path, 2, &removed));
        CHECK(removed == 1);
        CHECK_OK(rekey_retire(image_path, 2, &removed));
        CHECK(removed == 0);
        image_run("cryptsetup luksDump %s > %s/dump; test \"$(grep -c ': luks2' %s/dump)\" = 3; "
                  "! grep -q halfkey-rekey %s/dump",
                  image_path, image_dir, image_dir, image_dir);
        image_run("printf %%s '%s' | cryptsetup open --test-passphrase --key-file - %s", recovery_text,
                  image_path);
        rekey_once(announced); /* and once more: keyslot 1 is free again */
        opened_deinit(&o);
        o = (Opened){ 0 };
        CHECK_OK(open_attested(&o, 0));
        CHECK(o.token->epoch == 3 && o.token->keyslot == 1);
}

/* Before the verifier has raised its floor the halves still open a copy from before; by itself it does not. */
static void the_header_from_before_opens_by_its_own_epoch_alone(void)
{
        cleanup_opened Opened old = { 0 }, as_new = { 0 }, edited = { 0 };
        char json[IMAGE_METADATA - IMAGE_BINARY];
        cleanup_free char *changed = NULL;
        uint8_t announced[SHA256_SIZE];

        restore();
        rekey_once(announced);
        restore();
        CHECK_OK(open_attested(&old, 1));
        CHECK_RESULT(open_attested(&as_new, 2), VOLUME_E_REFUSED);
        CHECK(strstr(error_detail(-1), "tag does not verify"));
        image_json(json);
        changed = sample_replace(json, "\"epoch\":\"1\"", "\"epoch\":\"2\"");
        image_set_json(changed);
        CHECK_RESULT(open_attested(&edited, 0), VOLUME_E_REFUSED);
        CHECK(strstr(error_detail(-1), "the halfkey token"));
}

/* A disk that shows something else once the volume was opened. */
static void a_header_that_changed_since_is_not_signed(void)
{
        const struct {
                const char *from, *to, *detail;
        } changes[] = {
                { "\"keyslots_size\"", "\"flags\":[\"allow-discards\"],\"keyslots_size\"", "config.flags" },
                { "\"sector_size\":4096", "\"sector_size\":512", "sector_size" },
                { "\"bank\":\"sha256\"", "\"bank\":\"sha384\"", "the halfkey token" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
                cleanup_opened Opened o = { 0 };
                cleanup_token Token *next = NULL;
                char json[IMAGE_METADATA - IMAGE_BINARY], after[IMAGE_METADATA - IMAGE_BINARY];
                cleanup_free char *changed = NULL;

                restore();
                CHECK_OK(open_attested(&o, 0));
                CHECK_OK(rekey_plan(o.volume, o.token, &next));
                image_json(json);
                changed = sample_replace(json, changes[i].from, changes[i].to);
                image_set_json(changed);
                CHECK_RESULT(rekey(&o, next), VOLUME_E_REFUSED);
                CHECK(strstr(error_detail(-1), changes[i].detail));
                image_json(after);
                CHECK_TEXT(after, changed); /* and nothing was written */
        }
}

/* The hash that the verifier was told is the one that is written, or none. */
static void only_the_announced_token_is_written(void)
{
        cleanup_opened Opened o = { 0 }, still = { 0 };
        cleanup_token Token *next = NULL;

        restore();
        CHECK_OK(open_attested(&o, 0));
        CHECK_OK(rekey_plan(o.volume, o.token, &next));
        next->generation++;
        CHECK_RESULT(rekey(&o, next), VOLUME_E_REFUSED);
        next->generation--;
        next->epoch++;
        CHECK_RESULT(rekey(&o, next), VOLUME_E_REFUSED);
        next->epoch--;
        next->keyslot = 0; /* somebody's */
        CHECK_RESULT(rekey(&o, next), -EEXIST);
        CHECK_OK(open_attested(&still, 0));
        CHECK(still.token->epoch == 1);
}

/* As a cut after the mark leaves it, and an administrator who adds a passphrase then. */
static void begin_and_take(const char *passphrase)
{
        restore();
        image_run("cd %s && printf %s > old && printf %s > new && "
                  "echo '{\"type\":\"halfkey-rekey\",\"keyslots\":[\"1\"],\"version\":1,\"planned\":[\"3\"]}' | "
                  "cryptsetup token import --json-file - volume && "
                  "cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-slot 3 --key-file "
                  "old "
                  "volume new",
                  image_dir, installer, passphrase);
}

static void a_keyslot_that_somebody_took_meanwhile_stays(void)
{
        cleanup_opened Opened o = { 0 };
        cleanup_token Token *next = NULL;
        uint8_t announced[SHA256_SIZE];

        begin_and_take("theirs");
        CHECK_OK(open_attested(&o, 0));
        CHECK_OK(rekey_plan(o.volume, o.token, &next));
        CHECK(next->keyslot == 3);
        CHECK_RESULT(rekey(&o, next), -EEXIST);
        rekey_once(announced); /* the next order's */
        opened_deinit(&o);
        o = (Opened){ 0 };
        CHECK_OK(open_attested(&o, 0));
        CHECK(o.token->epoch == 2 && o.token->keyslot == 4);
        image_run("cryptsetup open --test-passphrase --key-slot 3 --key-file %s/new %s", image_dir, image_path);
}

static void an_unfinished_rekey_keeps_its_mark(void)
{
        cleanup_opened Opened o = { 0 };
        cleanup_token Token *next = NULL;
        size_t removed;

        begin_and_take("whoever");
        CHECK_OK(rekey_retire(image_path, 1, &removed));
        CHECK(removed == 0);
        CHECK_OK(open_attested(&o, 0));
        CHECK_OK(rekey_plan(o.volume, o.token, &next));
        CHECK(next->keyslot == 3);
}

/* The metadata area of 12 KiB is full before 32 keyslots are: the order fails, the volume opens as before. */
static void a_header_without_room_stays_as_it_is(void)
{
        cleanup_opened Opened o = { 0 }, still = { 0 };
        cleanup_token Token *next = NULL;

        restore();
        image_run("cd %s && printf %s > old && printf more > new && while cryptsetup luksAddKey -q --pbkdf pbkdf2 "
                  "--pbkdf-force-iterations 1000 --key-file old volume new 2> full; do :; done",
                  image_dir, installer);
        CHECK_OK(open_attested(&o, 0));
        CHECK_OK(rekey_plan(o.volume, o.token, &next));
        CHECK(rekey(&o, next) < 0);
        CHECK_OK(open_attested(&still, 0));
        CHECK(still.token->epoch == 1);
}

int main(void)
{
        image_init();
        node_half = image_secret("32 bytes that are half of a key.");
        cluster_half = image_secret("32 bytes that are another half.0");
        make_volume();
        RUN(a_rekey_leaves_what_was_announced);
        RUN(the_header_from_before_opens_by_its_own_epoch_alone);
        RUN(a_header_that_changed_since_is_not_signed);
        RUN(only_the_announced_token_is_written);
        RUN(a_keyslot_that_somebody_took_meanwhile_stays);
        RUN(an_unfinished_rekey_keeps_its_mark);
        RUN(a_header_without_room_stays_as_it_is);
        secret_free(node_half);
        secret_free(cluster_half);
        image_done();
        return 0;
}
