/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `halfkey unlock` against the real daemon, with a swtpm and a volume in a file. Mapping takes device-mapper,
 * which is left to a boot. The made-up log proves a command line of its own, so /proc/cmdline is another one for
 * the command, in a mount namespace; where none can be made the test is skipped. */

#include "life-volume.h"

#include "attest/cap.h"
#include "base/fd.h"

#include <limits.h>
#include <signal.h>
#include <sys/wait.h>

enum { SKIPPED = 77 };

static Life life;
static const char *program;
static char recovery[128]; /* as a person types it */
static char said[8192];

static void path_of(const char *name, char ret[static PATH_MAX])
{
        CHECK(snprintf(ret, PATH_MAX, "%s/%s", image_dir, name) < PATH_MAX);
}

static void put(const char *name, Bytes content)
{
        char path[PATH_MAX];

        path_of(name, path);
        CHECK_OK(file_write_atomic(path, content, 0600));
}

/* Runs `halfkey unlock ARGUMENTS volume`; the exit code, output in `said`. */
static int unlock(const char *arguments, const char *input)
{
        cleanup_free uint8_t *text = NULL;
        char command[3 * PATH_MAX], out[PATH_MAX];
        size_t size;
        int status;

        path_of("out", out);
        CHECK(snprintf(command, sizeof(command),
                       "printf '%%s' '%s' | unshare -m sh -c 'mount --bind %s/cmdline /proc/cmdline && exec %s "
                       "unlock %s %s' "
                       "> %s 2>&1",
                       input, image_dir, program, arguments, image_path, out) < (int)sizeof(command));
        status = system(command);
        CHECK(WIFEXITED(status));
        CHECK_OK(file_read(out, sizeof(said) - 1, &text, &size));
        memcpy(said, text, size + 1);
        fprintf(stderr, "    exit %d: %s", WEXITSTATUS(status), said);
        return WEXITSTATUS(status);
}

static int attested(const char *more)
{
        char arguments[2 * PATH_MAX];

        CHECK(snprintf(arguments, sizeof(arguments), "%s --config %s/node.json --eventlog %s/log --tcti %s", more,
                       image_dir, image_dir, rig_tcti(life.stage.rig)) < (int)sizeof(arguments));
        return unlock(arguments, "");
}

static void boot(void)
{
        life_boot(&life);
        put("log", BYTES(life.stage.boot->log_bytes, life.stage.boot->log_size));
}

static void set_up(const char *verifier, const char *halfkey)
{
        cleanup_free char *config = NULL;

        life_init(&life, verifier, halfkey);
        life_volume(&life, life.stage.token, recovery);
        put("cmdline", BYTES_LITERAL("root=UUID=1 ro\n"));
        CHECK_OK(config_print_node(life.config, &config));
        put("node.json", BYTES(config, strlen(config)));
}

static void both_halves_open_it(void)
{
        boot();
        CHECK(attested("--check") == 0);
        CHECK(strstr(said, "opens: its header is the one that halfkey wrote"));
        CHECK(rig_loaded(life.stage.rig) == 0);
}

/* This machine's kernel knows no TPM, so there are no banks to cap: then nothing is mapped. */
static void without_the_cap_nothing_is_mapped(void)
{
        boot();
        if (access("/sys/class/tpm/tpm0", F_OK) == 0) return;
        CHECK(attested("") == 2);
        CHECK(strstr(said, "nothing was mapped: the cap failed"));
}

static void after_the_cap_it_says_what_is_left(void)
{
        boot();
        stage_cap(&life.stage, ATTEST_CAP_FALLBACK);
        CHECK(attested("") == 1);
        CHECK(strstr(said, "this boot was capped") && strstr(said, "halfkey unlock --recovery"));
}

static void a_recovery_key_opens_it_whatever_the_boot(void)
{
        char wrong[sizeof(recovery)];

        CHECK(unlock("--recovery --check", recovery) == 0);
        CHECK(unlock("--recovery --check", "installer") == 0);
        CHECK(unlock("--recovery --check", "another") == 1);
        memcpy(wrong, recovery, sizeof(wrong));
        wrong[0] = wrong[0] == 'c' ? 'b' : 'c';
        CHECK(unlock("--recovery --check", wrong) == 1);
        CHECK(unlock("--recovery --check", "") == 2);
}

static void a_refusal_is_an_answer_and_silence_is_none(void)
{
        boot();
        life.stage.token->epoch = 2;
        life_volume(&life, life.stage.token, recovery); /* its halves fit, and the verifier never saw it */
        CHECK(attested("--check") == 1);
        CHECK(strstr(said, "refused by") && strstr(said, "[token-hash, id "));
        life.stage.token->epoch = 1;
        life_volume(&life, life.stage.token, recovery);
        CHECK(world_stop(&life.world, SIGTERM) == 0);
        CHECK(attested("--check") == 2);
}

/* What is believed of the header: a digest's salt that somebody changed is named before any key is asked for. */
static void a_changed_header_is_refused(void)
{
        char json[IMAGE_METADATA - IMAGE_BINARY];
        char *salt;

        image_json(json);
        salt = strstr(strstr(json, "\"digests\""), "\"salt\":\"");
        CHECK(salt);
        salt[8] = salt[8] == 'A' ? 'B' : 'A';
        image_set_json(json);
        CHECK(attested("--check") == 1 && strstr(said, "header refused: digests.salt is "));
        CHECK(unlock("--recovery --check", "installer") == 1);
}

static void other_volumes_are_left_to_cryptsetup(void)
{
        image_format(20, "installer", "");
        CHECK(unlock("--recovery --check", "installer") == 2 && strstr(said, "no halfkey token"));
        image_run("head -c 1M /dev/zero > %s", image_path);
        CHECK(unlock("--recovery --check", "installer") == 2);
}

int main(int argc, char **argv)
{
        static char verifier[PATH_MAX], halfkey[PATH_MAX];

        CHECK(argc == 3 && realpath(argv[1], verifier) && realpath(argv[2], halfkey));
        if (system("unshare -m true 2> /dev/null") != 0) return SKIPPED;
        program = halfkey;
        image_init();
        set_up(verifier, halfkey);
        RUN(both_halves_open_it);
        RUN(without_the_cap_nothing_is_mapped);
        RUN(after_the_cap_it_says_what_is_left);
        RUN(a_recovery_key_opens_it_whatever_the_boot);
        RUN(a_refusal_is_an_answer_and_silence_is_none);
        RUN(a_changed_header_is_refused);
        RUN(other_volumes_are_left_to_cryptsetup);
        life_deinit(&life);
        image_done();
        return 0;
}
