/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the measured initrd says about this boot: /etc/halfkey/initrd.conf and the kernel command line. Nothing
 * here comes from an unmeasured place, and nothing here can skip the cap. */

#include "base/macros.h"
#include "unlock/token.h"

#define SETTINGS_PATH "/etc/halfkey/initrd.conf"

enum {
        SETTINGS_VOLUMES_MAX = 8,
        SETTINGS_NAME_MAX = 64,
        SETTINGS_PROMPT_DEFAULT_S = 30,
};

/* What happens when nothing opens the volumes and nobody answers the prompt. */
typedef enum FailAction {
        FAIL_WAIT, /* for ever: the default */
        FAIL_REBOOT,
        FAIL_POWEROFF,
} FailAction;

/* A volume that halfkey owns in this initrd: its crypttab name and the role in its key. Root's file system may
 * stand on several (btrfs, LVM): then they have the roles "root", "root:2", "root:3" and so on, each its own, so
 * that none can be put in another's place. Any other role ("swap", "data:NAME") is not root's. */
typedef struct VolumeSetting {
        char name[SETTINGS_NAME_MAX + 1];
        char role[TOKEN_ROLE_MAX + 1];
        bool essential; /* root's, or all are where none is: the boot waits for it */
} VolumeSetting;

typedef struct Settings {
        VolumeSetting volumes[SETTINGS_VOLUMES_MAX]; /* the essential ones first, else in the file's order */
        size_t n_volumes;
        unsigned prompt_after_s;
        bool seal_pcrsig; /* new seals are for a UKI's `.pcrsig`, not for the cluster's approvals */
        FailAction fail;
        unsigned fail_after_min;
} Settings;

/* Reads `volume = NAME:ROLE` lines (ROLE defaults to NAME), `prompt = SECONDS`, `fail =
 * wait|reboot:MIN|poweroff:MIN` and `seal = approval|pcrsig`. -EBADMSG names the line. */
_must_check_ int settings_parse_file(const char *text, Settings *ret);
/* Applies halfkey.prompt= and halfkey.fail= of a kernel command line; a value that cannot be read leaves the
 * setting as it is and is named in the detail with -EBADMSG. */
_must_check_ int settings_apply_command_line(const char *text, Settings *settings);
/* Both, from the running system. No file: -ENOENT. */
_must_check_ int settings_read(Settings *ret);
