/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Typed keys and volumes that a boot does without, on real headers; the rest of a session needs a boot. */

#include "initramfs/session.h"
#include "node/open.h"
#include "unlock/enrol.h"
#include "unlock/image.h"
#include "unlock/samples.h"

#include <errno.h>

static const char conf[] = "volume = a:root\nvolume = b:root:2\nvolume = srv:data:srv\nvolume = swap\n";
static const char *const keys[] = { "of a", "of b", "of a", "of swap" };

/* As session_prepare() leaves it where all four devices are there. */
static void session_of(Session *ret)
{
        *ret = (Session){ 0 };
        CHECK_OK(settings_parse_file(conf, &ret->settings));
        ret->n_volumes = ret->settings.n_volumes;
        for (size_t i = 0; i < ret->n_volumes; i++) {
                OwnVolume *v = &ret->volumes[i];

                image_format(20, keys[i], "");
                CHECK(asprintf(&v->device, "%s/%zu", image_dir, i) > 0);
                CHECK(rename(image_path, v->device) == 0);
                v->setting = &ret->settings.volumes[i];
                v->source = strdup("UUID=none");
                CHECK_OK(volume_open(v->device, &v->volume));
        }
}

static int type(Session *s, const char *text)
{
        cleanup_secret Secret *typed = image_secret(text);

        return session_try_typed(s, typed);
}

static void one_typed_key_opens_all_that_it_opens(void)
{
        Session s;

        session_of(&s);
        CHECK_RESULT(type(&s, "of nothing"), VOLUME_E_WRONG_KEY);
        CHECK(strstr(error_detail(VOLUME_E_WRONG_KEY), "volume 'a'") && s.asking == 0);
        CHECK_RESULT(type(&s, "of a"), -EAGAIN);
        CHECK(s.volumes[0].key && !s.volumes[1].key && s.volumes[2].key && !s.volumes[3].key);
        CHECK(s.asking == 1 && strstr(error_detail(-EAGAIN), "'b'"));
        CHECK_OK(type(&s, "of b"));
        CHECK(s.volumes[1].key && !s.volumes[3].key);
        session_deinit(&s);
}

/* A failed attempt has opened what it could: the next text that is typed must not pass for the key to it. */
static void what_a_failed_attempt_opened_opens_nothing(void)
{
        Session s;

        session_of(&s);
        CHECK_RESULT(type(&s, "of a"), -EAGAIN);
        s.volumes[1].key = image_secret("from both halves");
        s.volumes[1].capped = true;
        CHECK_RESULT(type(&s, "anything"), -EINVAL);
        session_drop_keys(&s);
        CHECK(s.volumes[0].key && !s.volumes[1].key && !s.volumes[1].capped && s.asking == 1);
        CHECK_RESULT(type(&s, "anything"), VOLUME_E_WRONG_KEY);
        CHECK_RESULT(session_open(&s, ATTEST_CAP_RECOVERY), -ENOKEY);
        CHECK_OK(type(&s, "of b"));
        session_deinit(&s);
}

/* The one that is asked for is named, not the one tried last; and root:2 alone opens nothing. */
static void a_key_of_another_volume_is_no_key_of_root(void)
{
        Session s;

        session_of(&s);
        CHECK_RESULT(type(&s, "of b"), VOLUME_E_WRONG_KEY);
        CHECK(strstr(error_detail(VOLUME_E_WRONG_KEY), "volume 'a'"));
        CHECK(s.volumes[1].key && s.asking == 0);
        CHECK_RESULT(session_open(&s, ATTEST_CAP_RECOVERY), -ENOKEY);
        session_deinit(&s);
}

static void root_is_never_left_and_others_are(void)
{
        Session s;

        session_of(&s);
        for (size_t i = 0; i < s.n_volumes; i++) {
                const int r = session_leave(&s.volumes[i], error_set(-EIO, "broken"));

                CHECK(r == (i < 2 ? -EIO : 0));
                CHECK(s.volumes[i].left == (i >= 2) && (s.volumes[i].problem[0] != '\0') == (i >= 2));
        }
        CHECK_RESULT(type(&s, "of a"), -EAGAIN);
        CHECK(!s.volumes[2].key); /* not tried any more */
        CHECK_OK(type(&s, "of b"));
        session_deinit(&s);
}

static int sources(Session *ret, const char *crypttab, const char *command_line)
{
        *ret = (Session){ 0 };
        CHECK_OK(settings_parse_file(conf, &ret->settings));
        return session_take_sources(ret, BYTES(crypttab, strlen(crypttab)),
                                    BYTES(command_line, strlen(command_line)));
}

/* A command line that names root makes systemd pass over the other lines; what initrd.conf names is ours all the
 * same. */
static void a_command_line_does_not_hide_what_crypttab_says(void)
{
        static const char table[] = "a UUID=00aa none luks\nb UUID=00bb\nsrv UUID=00cc /key\nswap UUID=00dd\n";
        Session s;

        CHECK_OK(sources(&s, table, "quiet"));
        CHECK_TEXT(s.volumes[0].source, "UUID=00aa");
        session_deinit(&s);
        CHECK_OK(sources(&s, table, "rd.luks.uuid=luks-00aa rd.luks.name=00ee=b quiet"));
        CHECK(s.n_volumes == 4);
        CHECK_TEXT(s.volumes[0].source, "UUID=00aa");
        CHECK_TEXT(s.volumes[1].source, "UUID=00ee"); /* of the command line, which is in effect */
        CHECK_TEXT(s.volumes[2].source, "UUID=00cc");
        CHECK_TEXT(s.volumes[2].key_file, "/key");
        CHECK_TEXT(s.volumes[3].source, "UUID=00dd");
        CHECK(!s.volumes[2].left && !s.volumes[3].left);
        session_deinit(&s);
}

static void a_volume_that_stands_nowhere_is_left_unless_it_is_roots(void)
{
        Session s;

        CHECK_OK(sources(&s, "a UUID=00aa\nb UUID=00bb\nswap UUID=00dd\n", ""));
        CHECK(s.volumes[2].left && !s.volumes[2].source &&
              strstr(s.volumes[2].problem, "neither in /etc/crypttab"));
        CHECK(!s.volumes[3].left && s.n_volumes == 4);
        session_deinit(&s);
        CHECK_RESULT(sources(&s, "a UUID=00aa\nsrv UUID=00cc\nswap UUID=00dd\n", ""), -ENOENT);
        CHECK(strstr(error_detail(-ENOENT), "volume 'b'"));
        session_deinit(&s);
}

/* Why no boot goes on uncapped (docs/ARCHITECTURE.md): a typed key and the tag keyed by the volume key say that
 * header and key belong together, not whose they are. */
static void a_volume_that_somebody_made_passes_the_tag_of_its_own_key(void)
{
        cleanup_secret Secret *typed = image_secret("theirs"), *made_up = image_secret("no halves of anybody"),
                              *key = NULL;
        cleanup_token Token *t = sample_token(0, -1);
        cleanup_volume Volume *v = NULL;

        image_format(20, "theirs", "");
        CHECK_OK(volume_open(image_path, &v));
        CHECK_OK(node_open_typed(v, NULL, typed, &key));
        CHECK_OK(enrol_record(v, &(EnrolKeys){ .volume_key = key, .header_key = made_up }, t));
        CHECK_OK(enrol_write_token(v, t));
        secret_free(TAKE_PTR(key));
        CHECK_OK(node_open_typed(v, t, typed, &key));
        t->epoch--; /* the genuine token, copied in: that is what the tag finds */
        secret_free(TAKE_PTR(key));
        CHECK_RESULT(node_open_typed(v, t, typed, &key), VOLUME_E_REFUSED);
        CHECK(!key);
}

int main(void)
{
        image_init();
        RUN(one_typed_key_opens_all_that_it_opens);
        RUN(what_a_failed_attempt_opened_opens_nothing);
        RUN(a_key_of_another_volume_is_no_key_of_root);
        RUN(root_is_never_left_and_others_are);
        RUN(a_command_line_does_not_hide_what_crypttab_says);
        RUN(a_volume_that_stands_nowhere_is_left_unless_it_is_roots);
        RUN(a_volume_that_somebody_made_passes_the_tag_of_its_own_key);
        image_done();
        return 0;
}
