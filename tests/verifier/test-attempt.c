/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* attempt_unlock() against the real daemon: root opens whatever a data volume is like, and never without its own.
 */

#include "life-volume.h"

#include "initramfs/attempt.h"

#include <errno.h>
#include <limits.h>

static Life life;
static char root_path[PATH_MAX], data_path[PATH_MAX];
static char recovery[128];

/* Of the same node, with the same halves, under a role of its own; the verifier never heard of it. */
static void make_other(const char *role, Token **ret)
{
        Token *t;

        CHECK_OK(token_copy(life.stage.token, &t));
        CHECK_OK(random_bytes(t->volume_id, sizeof(t->volume_id)));
        CHECK(snprintf(t->role, sizeof(t->role), "%s", role) > 0);
        life_volume(&life, t, recovery);
        *ret = t;
}

static void keep(const char *path)
{
        CHECK(rename(image_path, path) == 0);
}

static void make_root(void)
{
        life_volume(&life, life.stage.token, recovery);
        keep(root_path);
}

static void make_data(const char *role)
{
        cleanup_token Token *t = NULL;

        make_other(role, &t);
        keep(data_path);
}

static void add(Session *s, const char *device)
{
        OwnVolume *v = &s->volumes[s->n_volumes];

        v->setting = &s->settings.volumes[s->n_volumes++];
        v->device = strdup(device);
        v->source = strdup(device);
        CHECK(v->device && v->source);
        CHECK_OK(volume_open(device, &v->volume));
        if (volume_has_token(v->volume) == 0) CHECK_OK(volume_token(v->volume, &v->token));
}

/* As session_prepare() leaves it. What the Life owns is given back by done(). */
static void session_of(const char *conf, Session *ret)
{
        *ret = (Session){ .config = life.config, .boot = life.stage.boot, .tpm = life.stage.tpm };
        CHECK(pthread_mutex_init(&ret->lock, NULL) == 0);
        CHECK_OK(settings_parse_file(conf, &ret->settings));
        CHECK_OK(random_bytes(ret->attempt_id, sizeof(ret->attempt_id)));
        add(ret, root_path);
        add(ret, data_path);
}

static void done(Session *s)
{
        s->config = NULL;
        s->boot = NULL;
        s->tpm = NULL;
        session_deinit(s);
        CHECK(rig_loaded(life.stage.rig) == 0);
}

static Report attempt(Session *s)
{
        Report report;

        life_boot(&life);
        s->boot = life.stage.boot;
        s->tpm = life.stage.tpm;
        attempt_unlock(s, &report);
        fprintf(stderr, "    %d: %s; %s\n", report.result, report.text, s->volumes[1].problem);
        return report;
}

#define WITH_DATA "volume = root:root\nvolume = srv:data:srv\n"

static void a_data_volume_that_the_verifier_refuses_is_left(void)
{
        Session s;

        make_root();
        make_data("data:srv");
        session_of(WITH_DATA, &s);
        CHECK(attempt(&s).result == 0 && s.opened);
        CHECK(s.volumes[0].key && !s.volumes[0].left);
        CHECK(!s.volumes[1].key && s.volumes[1].left && strstr(s.volumes[1].problem, "[volume-unknown, id "));
        done(&s);
}

static void one_whose_header_was_changed_is_left_before_anybody_is_asked(void)
{
        char json[IMAGE_METADATA - IMAGE_BINARY], *salt;
        Session s;

        make_data("data:srv");
        CHECK(rename(data_path, image_path) == 0);
        image_json(json);
        salt = strstr(strstr(json, "\"digests\""), "\"salt\":\"");
        CHECK(salt);
        salt[8] = salt[8] == 'A' ? 'B' : 'A';
        image_set_json(json);
        keep(data_path);
        session_of(WITH_DATA, &s);
        CHECK(attempt(&s).result == 0);
        CHECK(s.volumes[0].key && s.volumes[1].left && strstr(s.volumes[1].problem, "digests.salt is"));
        done(&s);
}

/* It may be enrolled by this boot yet. */
static void one_without_a_token_is_passed_over(void)
{
        Session s;

        image_format(20, "installer", "");
        keep(data_path);
        session_of(WITH_DATA, &s);
        CHECK(attempt(&s).result == 0);
        CHECK(s.volumes[0].key && !s.volumes[1].key && !s.volumes[1].left);
        done(&s);
}

/* A volume of root's is never left: not by the verifier's word, not for its header. */
static void all_of_roots_volumes_are_needed(void)
{
        Report report;
        Session s;

        make_data("root:2");
        session_of("volume = root:root\nvolume = second:root:2\n", &s);
        report = attempt(&s);
        CHECK(report.result == CALL_E_REFUSED && strstr(report.text, "volume-unknown") && !s.opened);
        CHECK(!s.volumes[1].left && !s.volumes[0].key);
        done(&s);
        image_format(20, "installer", "");
        keep(data_path);
        session_of("volume = root:root\nvolume = second:root:2\n", &s);
        report = attempt(&s);
        CHECK(report.result == -ENOKEY && report.final && !s.opened);
        done(&s);
}

/* Whoever may write to a data volume puts it in root's place: its header is genuine, its role is not. */
static void a_data_volume_in_roots_place_is_refused(void)
{
        Report report;
        Session s;

        make_data("data:srv");
        CHECK(rename(data_path, image_path) == 0);
        keep(root_path);
        make_data("data:other");
        session_of(WITH_DATA, &s);
        report = attempt(&s);
        CHECK(report.result == VOLUME_E_REFUSED && report.final &&
              strstr(report.text, "has the role 'data:srv', expected 'root'"));
        CHECK(!s.opened && !s.volumes[0].key);
        done(&s);
        /* And root's second volume in its first one's. */
        make_data("root:2");
        CHECK(rename(data_path, image_path) == 0);
        keep(root_path);
        make_data("data:srv");
        session_of(WITH_DATA, &s);
        CHECK(attempt(&s).result == VOLUME_E_REFUSED);
        done(&s);
}

int main(int argc, char **argv)
{
        static char verifier[PATH_MAX], halfkey[PATH_MAX];

        CHECK(argc == 3 && realpath(argv[1], verifier) && realpath(argv[2], halfkey));
        image_init();
        CHECK(snprintf(root_path, sizeof(root_path), "%s/root", image_dir) > 0);
        CHECK(snprintf(data_path, sizeof(data_path), "%s/data", image_dir) > 0);
        life_init(&life, verifier, halfkey);
        RUN(a_data_volume_that_the_verifier_refuses_is_left);
        RUN(one_whose_header_was_changed_is_left_before_anybody_is_asked);
        RUN(one_without_a_token_is_passed_over);
        RUN(all_of_roots_volumes_are_needed);
        RUN(a_data_volume_in_roots_place_is_refused);
        life_deinit(&life);
        image_done();
        return 0;
}
