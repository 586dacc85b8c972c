/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey cluster init: runs `halfkey-verifier init`. The layout of the cluster's directory, the names of its keys
 * and the schema of its database belong to the program that reads them; a second writer of them here would be a
 * second truth. The program is looked for beside this one first, so that a build tree works without an
 * installation. */

#include "cli/cluster.h"

#include "base/error.h"
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int run_init(int argc, char **argv);
const Verb verb_cluster_init = {
        .words = "cluster init",
        .arguments = "[OPTION...]",
        .summary = "Make a cluster: its keys, its store, its offline recovery key",
        .help = "Run it as root on the machine that will be the verifier.\n\n"
                "  --name NAME           the cluster's name (this host's)\n"
                "  --dir DIR             where it lives (/var/lib/halfkey-verifier)\n"
                "  --address HOST:PORT   how nodes find the verifier; repeat (as --listen)\n"
                "  --listen HOST:PORT    where nodes are served; repeat (127.0.0.1:7443)\n"
                "  --admin-socket PATH   where administrators are (" CLUSTER_SOCKET_DEFAULT ")\n"
                "  --recovery-out FILE   where the offline recovery key goes\n"
                "                        (./halfkey-recovery-key.pem)\n"
                "  --adopt ask|auto      whether a node with a good secret waits for an operator (ask)\n"
                "  --secure-boot any|required   (any)\n",
        .run = run_init,
};

/* Beside us, in the build tree's verifier/, and where it is installed. */
static int run_init(int argc, char **argv)
{
        cleanup_free char **args = calloc((size_t)argc + 2, sizeof(*args));
        char self[PATH_MAX], path[PATH_MAX + 64], program[] = "halfkey-verifier", init[] = "init";
        const char *const places[] = { "/halfkey-verifier", "/../verifier/halfkey-verifier" };
        ssize_t n;
        char *slash;

        if (!args) return cli_fail(-ENOMEM, "cluster init");
        args[0] = program;
        args[1] = init;
        for (int i = 1; i < argc; i++) args[i + 1] = argv[i];
        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        self[n > 0 ? n : 0] = '\0';
        slash = strrchr(self, '/');
        if (slash) *slash = '\0';
        for (size_t i = 0; slash && i < ARRAY_SIZE(places); i++) {
                (void)snprintf(path, sizeof(path), "%s%s", self, places[i]);
                if (access(path, X_OK) == 0) (void)execv(path, args);
        }
        (void)execv(HALFKEY_LIBEXECDIR "/halfkey-verifier", args);
        return cli_fail(error_set(-errno, "%m: is the verifier's package installed?"),
                        HALFKEY_LIBEXECDIR "/halfkey-verifier");
}
