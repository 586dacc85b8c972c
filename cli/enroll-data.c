/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey enroll --data: its key file is as safe as the file system it is on, so that has to be a root which
 * halfkey opened. */

#include "cli/enroll.h"

#include "base/error.h"
#include "cli/ask.h"
#include "cli/root-volume.h"
#include "cli/verb.h"
#include "node/state.h"
#include "unlock/data.h"
#include "unlock/find.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const DataPlaces places = { .crypttab = "/etc/crypttab", .keys = "/etc/cryptsetup-keys.d" };

/* The state file says which volumes were opened, the header whether that one is halfkey's. */
static int check_root_volume(const State *state, const RootVolume *root)
{
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        size_t i = 0;
        int r;

        while (i < state->n_volumes &&
               (strcmp(state->volumes[i].name, root->name) != 0 || !state->volumes[i].enrolled))
                i++;
        if (i == state->n_volumes)
                return error_set(-ENOENT, "root's volume '%s' was not opened by halfkey in this boot", root->name);
        r = volume_open(root->device, &v);
        if (r == 0) r = volume_token(v, &t);
        if (r == 0) r = volume_check(v, HEADER_USE_TOKEN);
        if (r == 0) r = volume_compare_record(v, t);
        if (r != 0) return error_prefix(r < 0 ? r : -EBADMSG, "root's volume '%s'", root->name);
        printf("root           %s on %s, opened by halfkey\n", root->name, root->device);
        return 0;
}

/* The folder itself may not be there yet. */
static int check_place(void)
{
        struct stat root, etc, keys;

        if (stat("/", &root) < 0 || stat("/etc", &etc) < 0) return error_set(-errno, "/etc: %m");
        if (root.st_dev != etc.st_dev || (stat(places.keys, &keys) == 0 && keys.st_dev != root.st_dev))
                return error_set(-EXDEV, "%s is not on the root file system", places.keys);
        return 0;
}

static int check_root(void)
{
        _cleanup_(root_volumes_deinit) RootVolumes root = { 0 };
        State state;
        int r;

        r = root_volumes_find("", &root);
        if (r < 0) return r;
        r = state_read(STATE_PATH, &state);
        if (r == -ENOENT) return error_set(r, "this boot was not opened by halfkey: there is no " STATE_PATH);
        for (size_t i = 0; i < root.n && r == 0; i++) r = check_root_volume(&state, &root.items[i]);
        return r == 0 ? check_place() : r;
}

/* crypttab names it by its UUID: there must be one of that. */
static int check_single(const Volume *v)
{
        cleanup_free FoundVolumes *found = calloc(1, sizeof(*found));
        const FoundVolume *one;
        int r;

        if (!found) return -ENOMEM;
        r = find_volumes("/sys/class/block", "/dev", found);
        if (r == 0) r = find_by_uuid(found, volume_uuid(v), &one);
        return r == FIND_E_DUPLICATE ? -ENOTUNIQ : r;
}

static int add(Volume *v, const DataPlan *plan)
{
        cleanup_secret Secret *typed = NULL;
        char question[512];
        int r;

        (void)snprintf(question, sizeof(question), "A passphrase that opens %s now", volume_path(v));
        r = cli_ask(question, &typed);
        return r == 0 ? data_add(v, plan, &places, typed) : r;
}

static int fail(int r)
{
        const int code = cli_fail(r, "enroll");

        return r > 0 ? EXIT_NO : code;
}

int enroll_data(const char *device, const char *name, bool dry)
{
        cleanup_volume Volume *v = NULL;
        DataPlan plan;
        int r;

        r = check_root();
        if (r < 0) return cli_fail(r, "nothing was changed");
        r = volume_open(device, &v);
        if (r == 0) r = check_single(v);
        if (r == 0) r = data_plan(v, name, &places, &plan);
        if (r != 0) return fail(r);
        printf("volume         %s: keyslot %d for %s, as '%s' in %s\n", device, plan.keyslot, plan.key_file,
               plan.name, places.crypttab);
        if (dry) {
                printf("\nAll checks passed; nothing was changed.\n");
                return EXIT_YES;
        }
        r = add(v, &plan);
        if (r != 0) return fail(r);
        printf("\nDone. It opens with root from the next boot on; now: systemctl daemon-reload && systemctl start "
               "'systemd-cryptsetup@%s'\n",
               plan.name);
        return EXIT_YES;
}
