/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey-verifier: command line only. */

#include "base/error.h"
#include "base/log.h"
#include "config.h"
#include "verifier/daemon.h"
#include "verifier/init.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_CANNOT = 2 };

static const char help[] = "Usage: halfkey-verifier [OPTION...]\n"
                           "       halfkey-verifier init [OPTION...]\n"
                           "\n"
                           "Holds the cluster's halves of disk keys and gives them to nodes that prove what\n"
                           "they booted. 'init' makes a new cluster; 'halfkey cluster init' is the same.\n"
                           "\n"
                           "  --dir DIR             the cluster's directory (" SETTINGS_DIR_DEFAULT ")\n"
                           "  --listen HOST:PORT    where nodes are served; numeric; repeat (cluster.json)\n"
                           "  --admin-socket PATH   where administrators are (cluster.json)\n"
                           "  --help, --version\n"
                           "\n"
                           "init:\n"
                           "  --name NAME           the cluster's name (this host's)\n"
                           "  --address HOST:PORT   how nodes find the verifier; repeat (as --listen)\n"
                           "  --recovery-out FILE   where the offline recovery key goes\n"
                           "                        (./halfkey-recovery-key.pem)\n"
                           "  --adopt ask|auto      whether a node with a good secret waits for an operator\n"
                           "  --secure-boot any|required\n";

enum {
        OPT_DIR = 1,
        OPT_LISTEN,
        OPT_SOCKET,
        OPT_NAME,
        OPT_ADDRESS,
        OPT_RECOVERY,
        OPT_ADOPT,
        OPT_SECURE_BOOT,
        OPT_HELP,
        OPT_VERSION
};

static const struct option options[] = {
        { "dir", required_argument, NULL, OPT_DIR },
        { "listen", required_argument, NULL, OPT_LISTEN },
        { "admin-socket", required_argument, NULL, OPT_SOCKET },
        { "name", required_argument, NULL, OPT_NAME },
        { "address", required_argument, NULL, OPT_ADDRESS },
        { "recovery-out", required_argument, NULL, OPT_RECOVERY },
        { "adopt", required_argument, NULL, OPT_ADOPT },
        { "secure-boot", required_argument, NULL, OPT_SECURE_BOOT },
        { "help", no_argument, NULL, OPT_HELP },
        { "version", no_argument, NULL, OPT_VERSION },
        { 0 },
};

typedef struct CommandLine {
        bool init, done; /* done: help or version was shown */
        InitOptions o;
} CommandLine;

static int copy_text(char *dst, size_t room, const char *text, const char *option)
{
        if (!*text || strlen(text) >= room) return error_set(-1, "%s: empty or too long", option);
        (void)snprintf(dst, room, "%s", text);
        return 0;
}

static int choose(const char *text, const char *option, const char *no, const char *yes, bool *ret)
{
        if (strcmp(text, no) != 0 && strcmp(text, yes) != 0)
                return error_set(-1, "%s is %s or %s, not '%s'", option, no, yes, text);
        *ret = strcmp(text, yes) == 0;
        return 0;
}

static int take_option(CommandLine *c, int option)
{
        Settings *s = &c->o.settings;

        if (!c->init && option >= OPT_NAME && option <= OPT_SECURE_BOOT)
                return error_set(-1, "--%s belongs to init", options[option - 1].name);
        switch (option) {
        case OPT_DIR: c->o.dir = optarg; return 0;
        case OPT_LISTEN: return address_list_add(&s->listen, optarg);
        case OPT_SOCKET: return copy_text(s->admin_socket, sizeof(s->admin_socket), optarg, "--admin-socket");
        case OPT_NAME: return copy_text(s->name, sizeof(s->name), optarg, "--name");
        case OPT_ADDRESS: return address_list_add(&s->addresses, optarg);
        case OPT_RECOVERY: c->o.recovery_out = optarg; return 0;
        case OPT_ADOPT: return choose(optarg, "--adopt", "ask", "auto", &s->adopt_auto);
        case OPT_SECURE_BOOT: return choose(optarg, "--secure-boot", "any", "required", &s->secure_boot_required);
        case OPT_HELP:
                fputs(help, stdout);
                c->done = true;
                return 0;
        case OPT_VERSION:
                puts("halfkey-verifier " HALFKEY_VERSION);
                c->done = true;
                return 0;
        default: return error_set(-1, "see halfkey-verifier --help");
        }
}

static int parse(int argc, char **argv, CommandLine *c)
{
        int option, r = 0;

        if (argc > 1 && strcmp(argv[1], "init") == 0) {
                c->init = true;
                argc--;
                argv++;
        }
        while (r == 0 && !c->done && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
                r = take_option(c, option);
        if (r == 0 && !c->done && optind < argc) r = error_set(-1, "'%s' is one argument too many", argv[optind]);
        return r;
}

int main(int argc, char **argv)
{
        CommandLine c = { .o = { .dir = SETTINGS_DIR_DEFAULT, .recovery_out = "./halfkey-recovery-key.pem" } };
        int r;

        log_init("halfkey-verifier", LOG_LEVEL_INFO);
        r = parse(argc, argv, &c);
        if (r == 0 && c.done) return fflush(stdout) == 0 ? 0 : EXIT_CANNOT;
        if (r == 0) r = secret_protect_process();
        if (r == 0 && c.init) r = init_cluster(&c.o);
        else if (r == 0)
                r = daemon_run(&(DaemonOptions){
                        .dir = c.o.dir,
                        .listen = c.o.settings.listen,
                        .admin_socket = c.o.settings.admin_socket[0] ? c.o.settings.admin_socket : NULL });
        if (r < 0) {
                log_error("%s", error_detail(r));
                return EXIT_CANNOT;
        }
        return 0;
}
