/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Headers that were changed on purpose: what breaks nothing, what is accepted, and who cannot. */

#include "enrolled.h"
#include "unlock/accept.h"

#include <errno.h>

static void discards(void)
{
        enrolled_change("\"keyslots_size\"", "\"flags\":[\"allow-discards\"],\"keyslots_size\"");
}

static int open_once(void)
{
        cleanup_enrolled Enrolled e = { 0 };

        return enrolled_open(&e);
}

static void what_halfkey_does_not_record_may_change(void)
{
        enrolled_restore();
        image_run("cd %s && printf %s > old && printf more > new && cryptsetup luksAddKey -q --pbkdf pbkdf2 "
                  "--pbkdf-force-iterations 1000 --key-file old volume new && "
                  "cryptsetup config --priority prefer --key-slot 3 volume && "
                  "cryptsetup config --priority ignore --key-slot 1 volume && "
                  "cryptsetup config --label root --subsystem disk volume && "
                  "cryptsetup luksChangeKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1001 --key-file old volume "
                  "new "
                  "&& cryptsetup luksConvertKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1002 --key-file new "
                  "volume",
                  image_dir, ENROLLED_INSTALLER);
        CHECK_OK(open_once());
        image_run("cd %s && cryptsetup luksKillSlot -q volume 3", image_dir);
        CHECK_OK(open_once());
}

typedef struct Named {
        char text[512];
} Named;

static void name(const char *field, const char *was, const char *is, void *userdata)
{
        Named *n = userdata;
        const size_t used = strlen(n->text);

        (void)snprintf(n->text + used, sizeof(n->text) - used, "%s %s %s;", field, was, is);
}

static int accept_with(const char *typed)
{
        cleanup_secret Secret *secret = image_secret(typed), *key = NULL;
        cleanup_volume Volume *v = NULL;
        int keyslot, r;

        CHECK_OK(volume_open(image_path, &v));
        CHECK_RESULT(accept_header(v, secret), -EPERM);
        r = volume_check(v, HEADER_USE_TYPED);
        if (r == 0) r = volume_try_any(v, secret, &keyslot, &key);
        return r == 0 ? accept_header(v, key) : r;
}

static void a_change_is_named_accepted_and_signed(void)
{
        cleanup_enrolled Enrolled changed = { 0 }, accepted = { 0 }, signed_again = { 0 };
        cleanup_secret Secret *header_key = NULL;
        Named named = { 0 };

        enrolled_restore();
        discards();
        CHECK_RESULT(enrolled_open(&changed), VOLUME_E_REFUSED);
        CHECK(strstr(error_detail(-1), "config.flags"));
        CHECK(accept_changes(changed.volume, changed.token, name, &named) == 1);
        CHECK_TEXT(named.text, "config.flags 0000000000000000 0000000000000001;");
        CHECK_OK(accept_with(ENROLLED_RECOVERY));

        CHECK_OK(enrolled_open(&accepted));
        CHECK(accept_is_pending(accepted.token));
        CHECK_OK(volume_verify_record(accepted.volume, accepted.token, RECORD_TAG_VOLUME_KEY, accepted.key));
        CHECK_OK(unlock_header_key(enrolled_node_half, enrolled_cluster_half, accepted.token, &header_key));
        CHECK_RESULT(volume_verify_record(accepted.volume, accepted.token, RECORD_TAG_HALVES, header_key),
                     VOLUME_E_REFUSED);
        CHECK_OK(accept_finish(image_path, volume_header(accepted.volume), header_key, accepted.key));
        CHECK_OK(enrolled_open(&signed_again));
        CHECK(!accept_is_pending(signed_again.token));
        CHECK_OK(volume_verify_record(signed_again.volume, signed_again.token, RECORD_TAG_HALVES, header_key));
        CHECK(accept_changes(signed_again.volume, signed_again.token, name, &named) == 0);
        CHECK_RESULT(accept_with("no key of it"), VOLUME_E_WRONG_KEY);
}

/* Whoever holds the disk writes what he likes: a record that fits, zeros, and a tag by some key. */
static void without_the_volume_key_nothing_is_accepted(void)
{
        cleanup_secret Secret *wrong = image_secret(
                "64 bytes that are no volume key, but as long as one would be 000");

        for (int i = 0; i < 2; i++) {
                cleanup_volume Volume *v = NULL;
                cleanup_token Token *t = NULL;

                enrolled_restore();
                discards();
                CHECK_OK(volume_open(image_path, &v));
                CHECK_OK(volume_check(v, HEADER_USE_TYPED));
                CHECK_OK(volume_token(v, &t));
                CHECK_OK(record_write(volume_header(v), t, i ? wrong : NULL, wrong));
                CHECK(accept_is_pending(t) == !i);
                CHECK_OK(enrol_write_token(v, t));
                CHECK_RESULT(open_once(), VOLUME_E_REFUSED);
                CHECK(strstr(error_detail(-1), "tag does not verify"));
                CHECK_RESULT(accept_with(ENROLLED_RECOVERY),
                             VOLUME_E_REFUSED); /* nor by a person who is careless */
                CHECK(strstr(error_detail(-1), "no tag of this volume key"));
        }
}

/* Zeros over a header that is what it was: the other tag has to hold, and does. */
static void zeros_alone_change_nothing(void)
{
        cleanup_enrolled Enrolled e = { 0 };

        enrolled_restore();
        CHECK_OK(enrolled_open(&e));
        memset(e.token->halves_tag, 0, sizeof(e.token->halves_tag));
        CHECK_OK(enrol_write_token(e.volume, e.token));
        CHECK_OK(open_once());
        e.token->volume_key_tag[0] ^= 1;
        CHECK_OK(enrol_write_token(e.volume, e.token));
        CHECK_RESULT(open_once(), VOLUME_E_REFUSED);
}

static void an_edited_token_is_never_accepted(void)
{
        static const char *const edits[][2] = { { "\"role\":\"root\"", "\"role\":\"swap\"" },
                                                { "\"handle\":\"81000001\"", "\"handle\":\"81000002\"" },
                                                { "\"epoch\":\"1\"", "\"epoch\":\"2\"" } };

        for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
                enrolled_restore();
                enrolled_change(edits[i][0], edits[i][1]);
                CHECK_RESULT(accept_with(ENROLLED_RECOVERY), VOLUME_E_REFUSED);
                CHECK(strstr(error_detail(-1), "token itself was changed"));
        }
}

static void a_reencrypted_volume_is_enrolled_anew(void)
{
        enrolled_restore();
        image_run("cd %s && printf %s > old && cryptsetup reencrypt -q --force-offline-reencrypt --resilience "
                  "none --pbkdf pbkdf2 "
                  "--pbkdf-force-iterations 1000 --key-slot 0 --key-file old volume 2> said",
                  image_dir, ENROLLED_INSTALLER);
        CHECK_RESULT(open_once(), VOLUME_E_REFUSED);
        CHECK(accept_with(ENROLLED_INSTALLER) != 0);
        fprintf(stderr, "after cryptsetup reencrypt: %s\n", error_detail(-1));
}

/* Between opening and signing the disk shows another header. */
static void only_what_was_opened_is_signed(void)
{
        cleanup_enrolled Enrolled e = { 0 };
        cleanup_secret Secret *header_key = NULL;

        enrolled_restore();
        discards();
        CHECK_OK(accept_with(ENROLLED_RECOVERY));
        CHECK_OK(enrolled_open(&e));
        CHECK_OK(unlock_header_key(enrolled_node_half, enrolled_cluster_half, e.token, &header_key));
        enrolled_change("\"allow-discards\"", "\"same-cpu-crypt\"");
        CHECK_RESULT(accept_finish(image_path, volume_header(e.volume), header_key, e.key), VOLUME_E_REFUSED);
        enrolled_restore(); /* tags of the volume key, of another header */
        CHECK_RESULT(accept_finish(image_path, volume_header(e.volume), header_key, e.key), VOLUME_E_REFUSED);
        CHECK(strstr(error_detail(-1), "config.flags"));
}

int main(void)
{
        image_init();
        enrolled_make();
        RUN(what_halfkey_does_not_record_may_change);
        RUN(a_change_is_named_accepted_and_signed);
        RUN(without_the_volume_key_nothing_is_accepted);
        RUN(zeros_alone_change_nothing);
        RUN(an_edited_token_is_never_accepted);
        RUN(a_reencrypted_volume_is_enrolled_anew);
        RUN(only_what_was_opened_is_signed);
        enrolled_done();
        image_done();
        return 0;
}
