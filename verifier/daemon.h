/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The running verifier: settings, keys, store, listeners, and the loop until SIGTERM. */

#include "verifier/settings.h"

typedef struct DaemonOptions {
        const char *dir;
        AddressList listen;       /* empty: cluster.json's */
        const char *admin_socket; /* NULL: cluster.json's */
} DaemonOptions;

/* 0 after SIGTERM or SIGINT and a drained end; a negative errno with a detail where it cannot start. */
_must_check_ int daemon_run(const DaemonOptions *o);
