/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One try to open the volumes with the cluster's help. Both run in the worker thread. */

#include "initramfs/session.h"

enum { REPORT_RETRY_MAX_S = 300 }; /* however long a verifier says: another one may be better */

typedef struct Report {
        int result;          /* 0: every volume has its key; else why not */
        bool final;          /* trying again in this boot is useless */
        bool unfinished;     /* refused, not for the state of the node: an enrolment may be unfinished */
        bool needs_key;      /* enrolment waits for the installer's key, which is to be typed */
        unsigned retry_s;    /* the verifier's hint, 0: none */
        const char *outcome; /* ATTEST_CAP_*, with result 0 */
        char text[512];      /* for the console */
} Report;

/* Attests, fetches the cluster's half, unseals ours, opens the keyslots; caps and maps nothing. */
void attempt_unlock(Session *s, Report *ret);
/* Registers, re-encrypts, seals, writes keyslots and token, commits; caps and maps nothing. A volume that has its
 * token from a run that was interrupted is opened with both halves, and what was left is done. */
void attempt_enrol(Session *s, Report *ret);
