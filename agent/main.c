/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey-agent: what the booted node does for halfkey. Run by units; people use `halfkey`. */

#include "agent/reattest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int reattest(void)
{
        const int r = reattest_run();

        if (r == 0) return 0;
        if (r == REATTEST_E_REFUSED) return 1;
        log_error("cannot attest: %s", error_detail(r));
        return 2;
}

static int usage(FILE *f, int code)
{
        fprintf(f, "halfkey-agent reattest\n\n"
                   "  reattest   show the cluster's verifier what this host booted and how its root was opened;\n"
                   "             after the first boot opened by attestation, remove the installer's keyslot, its\n"
                   "             key file and the used enrolment secret\n\n"
                   "Exit status: 0 accepted, 1 refused, 2 cannot tell. See halfkey-agent(8).\n");
        return code;
}

int main(int argc, char **argv)
{
        int r;

        log_init("halfkey-agent", LOG_LEVEL_INFO);
        (void)signal(SIGPIPE, SIG_IGN);
        if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(stdout, 0);
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                printf("halfkey-agent %s\n", HALFKEY_VERSION);
                return 0;
        }
        if (argc != 2 || strcmp(argv[1], "reattest") != 0) return usage(stderr, 2);
        r = secret_protect_process();
        if (r < 0) {
                log_error("%s", error_detail(r));
                return 2;
        }
        return reattest();
}
