/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey enroll: prepares an installed machine, so that its next boot enrols it. Everything is checked before
 * anything is written; the work on the volume happens in the initrd, where nothing has it mounted. */

#include "base/error.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/writer.h"
#include "cli/enroll.h"
#include "cli/root-volume.h"
#include "cli/verb.h"
#include "config.h"
#include "node/boot.h"
#include "node/call.h"
#include "node/config.h"
#include "node/devices.h"
#include "node/esp.h"
#include "node/settings.h"
#include "tpm/tpm.h"
#include "unlock/crypttab.h"
#include "unlock/volume.h"

#include <errno.h>
#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern const Verb verb_enroll;

enum { OTHERS_MAX = SETTINGS_VOLUMES_MAX - 1 }; /* root is one */

typedef struct Enroll {
        const char *path;
        uint8_t *text; /* the configuration, which holds the secret */
        size_t size;
        NodeConfig *config;
        RootVolumes root;
        const char *others[OTHERS_MAX]; /* "NAME:ROLE" of --volume */
        size_t n_others;
        char *esp;
} Enroll;

static void enroll_deinit(Enroll *e)
{
        if (e->text) secret_wipe(e->text, e->size);
        free(e->text);
        config_free(e->config);
        root_volumes_deinit(&e->root);
        free(e->esp);
}

static int check_config(Enroll *e)
{
        int r;

        r = file_read(e->path, CONFIG_FILE_MAX, &e->text, &e->size);
        if (r < 0) return r;
        r = config_parse(BYTES(e->text, e->size), &e->config);
        if (r < 0) return error_prefix(r, "%s", e->path);
        if (!e->config->secret)
                return error_set(-EINVAL,
                                 "%s: no enrolment secret in it: make one with 'halfkey cluster enrolment new'",
                                 e->path);
        printf("configuration  %zu address(es), %zu pin(s)\n", e->config->n_addresses, e->config->n_pins);
        return 0;
}

static int check_tpm(Enroll *e _unused_)
{
        cleanup_node_boot NodeBoot *boot = NULL;
        cleanup_tpm Tpm *tpm = NULL;
        int r;

        r = tpm_open(NULL, &tpm);
        if (r == 0) r = node_boot_read(NULL, &boot);
        if (r != 0) return r < 0 ? r : error_set(-ENODEV, "%s", error_detail(r));
        printf("TPM            %s, %zu events in its log, bank %s\n", tpm_where(tpm), boot->log->n_events,
               hash_name((uint16_t)boot->bank));
        return 0;
}

static int check_header(const char *device)
{
        cleanup_volume Volume *v = NULL;
        int r;

        r = volume_open(device, &v);
        if (r == 0 && volume_has_token(v) == 0)
                return error_set(-EEXIST, "%s is enrolled already; 'halfkey status' tells more", device);
        if (r == 0) r = volume_check(v, HEADER_USE_INSTALLER);
        return r <= 0 ? r : error_set(-EINVAL, "%s: %s", device, error_detail(r));
}

static int check_volumes(Enroll *e)
{
        int r;

        r = root_volumes_find("", &e->root);
        for (size_t i = 0; r == 0 && i < e->root.n; i++) {
                r = check_header(e->root.items[i].device);
                if (r == 0) printf("root volume    %s on %s\n", e->root.items[i].name, e->root.items[i].device);
        }
        return r;
}

/* The initrd finds them by crypttab. */
static int check_other(const Crypttab *table, const char *volume)
{
        const size_t n = strcspn(volume, ":");
        cleanup_free char *device = NULL;
        size_t i = 0;
        int r;

        if (volume[n] != ':' || token_check_role(volume + n + 1) < 0 || strncmp(volume + n + 1, "root", 4) == 0)
                return error_set(-EINVAL, "--volume %s: expected NAME:ROLE, such as swap:swap or srv:data:srv",
                                 volume);
        while (i < table->n &&
               (strlen(table->entries[i].name) != n || strncmp(table->entries[i].name, volume, n) != 0))
                i++;
        if (i == table->n) return error_set(-ENOENT, "--volume %s: /etc/crypttab has no such name", volume);
        r = devices_find_source(table->entries[i].source, &device);
        if (r < 0) return error_set(r, "--volume %s: no device %s", volume, table->entries[i].source);
        r = check_header(device);
        if (r == 0) printf("volume         %.*s on %s\n", (int)n, volume, device);
        return r;
}

static int check_others(Enroll *e)
{
        cleanup_crypttab Crypttab table = { 0 };
        cleanup_free uint8_t *text = NULL;
        size_t size;
        int r;

        if (e->n_others == 0) return 0;
        r = file_read("/etc/crypttab", CRYPTTAB_TEXT_MAX, &text, &size);
        if (r == 0) r = crypttab_parse(BYTES(text, size), &table);
        for (size_t i = 0; i < e->n_others && r == 0; i++) r = check_other(&table, e->others[i]);
        return r;
}

static int check_esp(Enroll *e)
{
        const int r = devices_find_esp(&e->esp);

        if (r < 0) return r;
        printf("ESP            %s\n", e->esp);
        return 0;
}

static int check_initrd(Enroll *e _unused_)
{
        if (access(HALFKEY_DRACUT_MODULE, F_OK) < 0 || access("/usr/bin/dracut", X_OK) < 0)
                return error_set(-ENOENT,
                                 "dracut and its module " HALFKEY_DRACUT_MODULE " are needed: install dracut "
                                 "and halfkey's initramfs part");
        printf("initrd         dracut with the halfkey module\n");
        return 0;
}

static int check_network(Enroll *e)
{
        cleanup_rpc_channel RpcChannel *channel = NULL;
        const int r = call_connect(e->config, &channel);

        if (r < 0) return r;
        printf("verifier       %s answers with a pinned key\n", rpc_channel_address(channel));
        return 0;
}

static int print_initrd_conf(const Enroll *e, char **ret)
{
        cleanup_writer Writer w = WRITER_INIT(4096);

        writer_text(&w, "# Written by 'halfkey enroll': what halfkey-unlock opens in the initrd.\n");
        for (size_t i = 0; i < e->root.n; i++) {
                writer_format(&w, "volume = %s:root", e->root.items[i].name);
                if (i > 0) writer_format(&w, ":%zu", i + 1);
                writer_text(&w, "\n");
        }
        for (size_t i = 0; i < e->n_others; i++) writer_format(&w, "volume = %s\n", e->others[i]);
        return writer_steal_text(&w, ret);
}

/* By the initrd's own parser: what it refuses would be found out by the next boot. Before root's volumes are known
 * it is about the others alone. */
static int check_initrd_conf(Enroll *e)
{
        cleanup_free char *text = NULL;
        Settings settings;
        int r;

        r = print_initrd_conf(e, &text);
        if (r == 0) r = settings_parse_file(text, &settings);
        if (r == 0 && settings.n_volumes != e->root.n + e->n_others) r = -EINVAL;
        return r < 0 ? error_prefix(r, "the initrd would refuse these volumes: " SETTINGS_PATH) : 0;
}

static int check_all(Enroll *e)
{
        static int (*const checks[])(Enroll *) = {
                check_initrd_conf, check_config, check_tpm,    check_volumes, check_others,
                check_initrd_conf, check_esp,    check_initrd, check_network,
        };

        for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
                const int r = checks[i](e);

                if (r < 0) return r;
        }
        return 0;
}

static int write_initrd_conf(const Enroll *e)
{
        cleanup_free char *text = NULL;
        int r;

        r = print_initrd_conf(e, &text);
        if (r < 0) return r;
        if (mkdir("/etc/halfkey", 0755) < 0 && errno != EEXIST) return error_set(-errno, "/etc/halfkey: %m");
        return file_write_atomic(SETTINGS_PATH, BYTES(text, strlen(text)), 0644);
}

/* Runs a program of the system to its end; -EIO where that is not exit 0. */
static int run_program(const char *path, const char *const *arguments)
{
        int r, status;
        pid_t pid;

        (void)fflush(stdout);
        r = posix_spawn(&pid, path, NULL, NULL, (char *const *)arguments, environ);
        if (r != 0) return error_set(-r, "%s: %s", path, strerror(r));
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR) return error_set(-errno, "%s: %m", path);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : error_set(-EIO, "%s failed", path);
}

static int rebuild_initrd(void)
{
        static const char *const arguments[] = { "dracut", "--force", NULL };
        int r;

        printf("rebuilding the initrd with dracut; this takes a minute\n");
        r = run_program("/usr/bin/dracut", arguments);
        if (r == -EIO)
                return error_set(r,
                                 "dracut failed: the old initrd is untouched; mend what it says above, then run "
                                 "'halfkey enroll' again");
        return r;
}

/* Without it no boot is ever adopted, and the installer's key and the secret stay. */
static int enable_reattestation(void)
{
        static const char *const arguments[] = { "systemctl", "--quiet", "enable", "halfkey-reattest.timer",
                                                 NULL };

        return run_program("/usr/bin/systemctl", arguments);
}

static int write_all(const Enroll *e)
{
        int r;

        r = write_initrd_conf(e);
        if (r == 0) r = enable_reattestation();
        if (r == 0) r = rebuild_initrd();
        if (r == 0) r = esp_write(e->esp, ESP_ENROLMENT, e->text, e->size);
        if (r < 0) return r;
        printf("\nReady. Reboot: the next boot enrols this machine and starts as usual; it asks for a passphrase "
               "of '%s'\n"
               "once, if the initrd has no key file for it. Then, where the verifier runs: halfkey cluster node "
               "approve\n"
               "NODE (its console shows NODE). A machine that boots a unified kernel image: make a new one "
               "first.\n",
               e->root.items[0].name);
        return 0;
}

typedef struct Options {
        const char *data, *name; /* --data DEVICE --name NAME */
        bool dry;
} Options;

/* 0, or an exit code. */
static int parse(int argc, char **argv, Enroll *e, Options *o)
{
        static const struct option options[] = { { "dry-run", no_argument, NULL, 'n' },
                                                 { "volume", required_argument, NULL, 'v' },
                                                 { "data", required_argument, NULL, 'd' },
                                                 { "name", required_argument, NULL, 'N' },
                                                 { 0 } };
        int c;

        while ((c = getopt_long(argc, argv, "n", options, NULL)) != -1) {
                if (c == 'n') o->dry = true;
                else if (c == 'd') o->data = optarg;
                else if (c == 'N') o->name = optarg;
                else if (c != 'v') return cli_usage(&verb_enroll, "unknown option");
                else if (e->n_others == OTHERS_MAX) return cli_usage(&verb_enroll, "too many volumes");
                else e->others[e->n_others++] = optarg;
        }
        if (o->data && (optind < argc || e->n_others > 0))
                return cli_usage(&verb_enroll, "--data takes one device, and no configuration");
        if (o->name && !o->data) return cli_usage(&verb_enroll, "--name goes with --data");
        if (!o->data && optind + 1 != argc) return cli_usage(&verb_enroll, "expected one configuration file");
        e->path = argv[optind];
        return 0;
}

static int enroll_node(Enroll *e, bool dry)
{
        int r;

        r = check_all(e);
        if (r < 0) return cli_fail(r, "nothing was changed");
        if (dry) {
                printf("\nAll checks passed; nothing was changed.\n");
                return EXIT_YES;
        }
        r = write_all(e);
        return r < 0 ? cli_fail(r, "enroll") : EXIT_YES;
}

static int run(int argc, char **argv)
{
        _cleanup_(enroll_deinit) Enroll e = { 0 };
        Options o = { 0 };
        int r;

        r = parse(argc, argv, &e, &o);
        if (r != 0) return r;
        r = secret_protect_process();
        if (r < 0) return cli_fail(r, "enroll");
        return o.data ? enroll_data(o.data, o.name, o.dry) : enroll_node(&e, o.dry);
}

const Verb verb_enroll = {
        .words = "enroll",
        .arguments = "[--dry-run] [--volume NAME:ROLE]... CONFIG | --data DEVICE",
        .summary = "Prepare this installed machine, so that its next boot enrols it",
        .help = "CONFIG is the file that 'halfkey cluster enrolment new' wrote. Checks TPM, root volume, EFI "
                "system\n"
                "partition, initrd and the way to the verifier, then writes the configuration to the EFI system\n"
                "partition, adds halfkey to the initrd, enables halfkey-reattest.timer, and says to reboot. The\n"
                "volume is touched by that boot, in the initrd: it gets a fresh volume key, a keyslot that opens\n"
                "with both halves, a recovery key\n"
                "that only the site can read. It opens with its present passphrase throughout.\n\n"
                "A root that stands on several LUKS2 volumes is enrolled with all of them. With --data a LUKS2\n"
                "volume that came later is opened with an enrolled root from the next boot on: asks for a\n"
                "passphrase of it, adds a keyslot for a random key file on the encrypted root, and a line to\n"
                "/etc/crypttab. Nothing is formatted.\n\n"
                "  -n, --dry-run       stop after the checks\n"
                "  --volume NAME:ROLE  enrol this volume of /etc/crypttab too: swap:swap, srv:data:srv; repeat\n"
                "  --data DEVICE       add this volume to an enrolled machine\n"
                "  --name NAME         what --data calls it (luks-UUID)\n\n"
                "Example:\n"
                "  halfkey enroll --dry-run enrolment.json && halfkey enroll enrolment.json && systemctl reboot\n"
                "  halfkey enroll --data /dev/sdb1 --name archive\n",
        .run = run,
};
