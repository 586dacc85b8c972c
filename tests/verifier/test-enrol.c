/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* attempt_enrol() against the real daemon: root is enrolled whatever a data volume is like. */

#include "node/stage.h"
#include "world.h"

#include "base/fd.h"
#include "initramfs/attempt.h"
#include "node/config.h"
#include "unlock/image.h"

#include <errno.h>
#include <limits.h>

static World world;
static Stage stage;
static char root_path[PATH_MAX], data_path[PATH_MAX], key_path[PATH_MAX];

/* As an image that has its own volume key comes, and a data volume that opens, with no room for our keyslots. */
static void make_volumes(void)
{
        image_run("printf installer > %s && printf more > %s/more", key_path, image_dir);
        image_format(20, "installer", "");
        CHECK(rename(image_path, root_path) == 0);
        image_format(20, "installer", "");
        image_run("while cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file %s %s "
                  "%s/more 2> %s/full; do :; done",
                  key_path, image_path, image_dir, image_dir);
        CHECK(rename(image_path, data_path) == 0);
}

static void add(Session *s, const char *device)
{
        OwnVolume *v = &s->volumes[s->n_volumes];

        v->setting = &s->settings.volumes[s->n_volumes++];
        v->device = strdup(device);
        v->source = strdup(device);
        v->key_file = strdup(key_path);
        CHECK(v->device && v->source && v->key_file);
        CHECK_OK(volume_open(device, &v->volume));
}

static void read_config(NodeConfig **ret)
{
        cleanup_free uint8_t *text = NULL;
        char path[96];
        size_t size;

        CHECK(snprintf(path, sizeof(path), "%s/enrolment.json", world.dir) > 0);
        CHECK_OK(file_read(path, CONFIG_FILE_MAX, &text, &size));
        CHECK_OK(config_parse(BYTES(text, size), ret));
        (*ret)->unique_volume_key = true;
        free((*ret)->addresses[0]);
        (*ret)->addresses[0] = strdup(world.address);
        CHECK((*ret)->addresses[0]);
}

static void session_of(const char *conf, Session *ret)
{
        *ret = (Session){ .boot = stage.boot, .tpm = stage.tpm, .esp = strdup("/nowhere") };
        CHECK(pthread_mutex_init(&ret->lock, NULL) == 0);
        CHECK_OK(settings_parse_file(conf, &ret->settings));
        CHECK_OK(random_bytes(ret->attempt_id, sizeof(ret->attempt_id)));
        read_config(&ret->config);
        add(ret, root_path);
        add(ret, data_path);
}

static void done(Session *s)
{
        s->boot = NULL;
        s->tpm = NULL;
        session_deinit(s);
}

static void a_data_volume_that_cannot_be_enrolled_is_left(void)
{
        Report report;
        Session s;

        make_volumes();
        session_of("volume = root:root\nvolume = srv:data:srv\n", &s);
        attempt_enrol(&s, &report);
        fprintf(stderr, "    %d: %s; %s\n", report.result, report.text, s.volumes[1].problem);
        CHECK(report.result == 0 && s.opened && s.config->enrolled);
        CHECK(s.volumes[0].key && s.volumes[0].token && !s.volumes[0].left);
        CHECK(s.volumes[1].left && !s.volumes[1].key && strstr(s.volumes[1].problem, "volume 'srv'"));
        done(&s);
}

/* The same volume as root's second one. */
static void one_of_roots_is_not_left(void)
{
        Report report;
        Session s;

        make_volumes();
        session_of("volume = root:root\nvolume = second:root:2\n", &s);
        attempt_enrol(&s, &report);
        CHECK(report.result != 0 && !s.opened && !s.volumes[1].left && strstr(report.text, "volume 'second'"));
        CHECK(!s.volumes[0].key && !s.volumes[1].key); /* what was opened is forgotten */
        done(&s);
}

int main(int argc, char **argv)
{
        static char verifier[PATH_MAX], halfkey[PATH_MAX];
        uint8_t secret[32];

        CHECK(argc == 3 && realpath(argv[1], verifier) && realpath(argv[2], halfkey));
        image_init();
        CHECK(snprintf(root_path, sizeof(root_path), "%s/root", image_dir) > 0);
        CHECK(snprintf(data_path, sizeof(data_path), "%s/data", image_dir) > 0);
        CHECK(snprintf(key_path, sizeof(key_path), "%s/key", image_dir) > 0);
        world_init(&world, verifier, halfkey);
        world_secret(&world, "--uses 1", secret); /* both runs are of one node */
        stage_init(&stage);
        free(stage.boot->command_line); /* the log is of a made-up boot */
        stage.boot->command_line = strdup("root=UUID=1 ro");
        RUN(one_of_roots_is_not_left);
        RUN(a_data_volume_that_cannot_be_enrolled_is_left);
        stage_deinit(&stage);
        world_deinit(&world);
        image_done();
        return 0;
}
