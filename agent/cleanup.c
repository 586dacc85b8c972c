/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "agent/cleanup.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "node/devices.h"
#include "node/esp.h"
#include "unlock/crypttab.h"
#include "unlock/enrol.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int remove_keyslots(const StateVolume *v)
{
        size_t removed;
        int r;

        if (!v->enrolled) return 0;
        r = enrol_remove_installer(v->device, &removed);
        if (r != 0) return error_prefix(r < 0 ? r : -EBADMSG, "volume '%s'", v->name);
        if (removed > 0) log_notice("volume '%s': the installer's keyslot is gone", v->name);
        return 0;
}

static bool is_ours(const State *state, const char *name)
{
        for (size_t i = 0; i < state->n_volumes; i++)
                if (strcmp(state->volumes[i].name, name) == 0) return true;
        return false;
}

/* The host's copy of the installer's key, named by its crypttab. It opens nothing any more; it goes so that nobody
 * takes it for a key. */
static int remove_key_files(const State *state)
{
        cleanup_crypttab Crypttab crypttab = { 0 };
        cleanup_free uint8_t *text = NULL;
        size_t size;
        int r;

        r = file_read("/etc/crypttab", CRYPTTAB_TEXT_MAX, &text, &size);
        if (r == -ENOENT) return 0;
        if (r == 0) r = crypttab_parse(BYTES(text, size), &crypttab);
        if (r < 0) return r;
        for (size_t i = 0; i < crypttab.n; i++) {
                const CrypttabEntry *e = &crypttab.entries[i];

                if (!e->key_file || e->key_file[0] != '/' || !is_ours(state, e->name)) continue;
                if (unlink(e->key_file) == 0) log_notice("%s: removed, it opened nothing any more", e->key_file);
                else if (errno != ENOENT) log_warning("%s: cannot remove it: %m", e->key_file);
        }
        return 0;
}

static int remove_secret(void)
{
        cleanup_free char *esp = NULL;
        int r;

        r = devices_find_esp(&esp);
        if (r < 0) return error_prefix(r, "the enrolment secret stays on the EFI system partition");
        r = esp_remove(esp, ESP_ENROLMENT);
        if (r == -ENOENT) return 0;
        if (r == 0) log_notice("the used enrolment secret is gone from the EFI system partition");
        return r;
}

int cleanup_enrolment(const State *state)
{
        int r;

        for (size_t i = 0; i < state->n_volumes; i++) {
                r = remove_keyslots(&state->volumes[i]);
                if (r != 0) return r;
        }
        r = remove_key_files(state);
        if (r < 0) return r;
        return remove_secret();
}
