/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey-cap: the last program before anything from a disk is mounted, resumed or executed. It trusts no file
 * and no word of halfkey-unlock: it reads PCR 15 and extends it where it is still zero. When it fails, its unit
 * powers the machine off. */

#include "base/error.h"
#include "base/log.h"
#include "config.h"
#include "node/cap.h"

#include <stdio.h>
#include <string.h>

static int run(void)
{
        cleanup_tpm Tpm *tpm = NULL;
        bool extended;
        int r;

        r = tpm_open(NULL, &tpm);
        if (r == 0) r = cap_fallback(tpm, &extended);
        if (r != 0) {
                log_error("cannot cap PCR 15, so this machine must not go on: %s", error_detail(r));
                return 1;
        }
        if (extended) log_notice("capped: this boot was not opened by attestation");
        else log_info("PCR 15 is capped already");
        return 0;
}

int main(int argc, char **argv)
{
        log_init("halfkey-cap", LOG_LEVEL_INFO);
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                printf("halfkey-cap %s\n", HALFKEY_VERSION);
                return 0;
        }
        if (argc == 2 && strcmp(argv[1], "--help") == 0) {
                printf("halfkey-cap\n\n"
                       "Extends PCR 15 if it is still zero, so that in this boot neither the TPM nor the cluster\n"
                       "opens halfkey's volumes again. Run by halfkey-cap.service in the initrd; see\n"
                       "halfkey-unlock(8).\n");
                return 0;
        }
        if (argc != 1) {
                log_error("takes no arguments but --help and --version");
                return 2;
        }
        return run();
}
