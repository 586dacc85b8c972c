/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `halfkey-verifier init`: makes a cluster's directory (settings.h) with every key in it. `halfkey cluster init`
 * runs it: the layout of the directory and the store's schema have one owner, the program that reads them. */

#include "verifier/settings.h"

typedef struct InitOptions {
        const char *dir;
        const char *recovery_out; /* where the site's offline recovery key goes: PEM, key and certificate */
        Settings settings;        /* empty name, listen, addresses take defaults */
} InitOptions;

/* Refuses to touch a directory that holds a cluster, and to overwrite recovery_out: -EEXIST. Says on stdout what
 * it made and what to do with it. */
_must_check_ int init_cluster(InitOptions *o);
