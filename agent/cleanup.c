/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "agent/cleanup.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "node/config.h"
#include "node/devices.h"
#include "node/esp.h"
#include "node/state.h"
#include "proto/message.h"
#include "unlock/crypttab.h"
#include "unlock/enrol.h"
#include "unlock/rekey.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool names_it_too(const Crypttab *crypttab, const CrypttabEntry *entry)
{
        for (size_t i = 0; i < crypttab->n; i++) {
                const CrypttabEntry *e = &crypttab->entries[i];

                if (e != entry && e->key_file && strcmp(e->key_file, entry->key_file) == 0) return true;
        }
        return false;
}

static void remove_key_file(const char *path)
{
        if (unlink(path) == 0) log_notice("%s: removed, it opened nothing any more", path);
        else if (errno != ENOENT) log_warning("%s: it opens nothing any more and cannot be removed: %m", path);
}

/* The host's copy of the installer's key, named by its crypttab, right after its keyslot went: it goes so that
 * nobody takes it for a key. One that another volume uses stays. */
static int remove_key_file_of(const char *name)
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

                if (!e->key_file || e->key_file[0] != '/' || strcmp(e->name, name) != 0) continue;
                if (!names_it_too(&crypttab, e)) remove_key_file(e->key_file);
        }
        return 0;
}

static int remove_installer(const StateVolume *v)
{
        size_t removed;
        int r;

        if (!v->enrolled) return 0;
        r = enrol_remove_installer(v->device, &removed);
        if (r != 0) return error_prefix(r < 0 ? r : -EBADMSG, "volume '%s'", v->name);
        if (removed == 0) return 0;
        log_notice("volume '%s': the installer's keyslot is gone", v->name);
        return remove_key_file_of(v->name);
}

/* The initrd could not write it: without it the next boot would have no configuration once the secret is gone. */
static int keep_node_config(const char *esp)
{
        cleanup_free uint8_t *text = NULL, *there = NULL;
        size_t size, there_size;
        int r;

        r = esp_read(esp, ESP_NODE, &there, &there_size);
        if (r != -ENOENT) return r;
        r = file_read(STATE_NODE_CONFIG_PATH, CONFIG_FILE_MAX, &text, &size);
        if (r == 0) r = esp_write(esp, ESP_NODE, text, size);
        if (r == 0) log_notice("the node's configuration is on the EFI system partition now");
        return r < 0 ? error_prefix(r, "the node's configuration cannot be kept, so the secret stays") : 0;
}

static int remove_secret(void)
{
        cleanup_free char *esp = NULL;
        int r;

        r = devices_find_esp(&esp);
        if (r < 0) return error_prefix(r, "the enrolment secret stays on the EFI system partition");
        r = keep_node_config(esp);
        if (r < 0) return r;
        r = esp_remove(esp, ESP_ENROLMENT);
        if (r == -ENOENT) return 0;
        if (r == 0) log_notice("the used enrolment secret is gone from the EFI system partition");
        return r;
}

/* An older header would still be taken. */
static bool floor_is_below(const StateVolume *v, const halfkey_v1_ReattestResult *result)
{
        for (size_t i = 0; i < result->terms_count; i++)
                if (bytes_equal(PROTO_BYTES(result->terms[i].volume_id), BYTES_ARRAY(v->id)))
                        return result->terms[i].epoch_floor < v->epoch;
        return true;
}

int cleanup_rekeyed(const State *state, const halfkey_v1_ReattestResult *result)
{
        for (size_t i = 0; i < state->n_volumes; i++) {
                const StateVolume *v = &state->volumes[i];
                size_t removed;
                int r;

                if (!v->enrolled || floor_is_below(v, result)) continue;
                r = rekey_retire(v->device, v->epoch, &removed);
                if (r != 0) return error_prefix(r < 0 ? r : -EBADMSG, "volume '%s'", v->name);
                if (removed > 0)
                        log_notice("volume '%s': the keyslot from before epoch %llu is gone", v->name,
                                   (unsigned long long)v->epoch);
        }
        return 0;
}

int cleanup_enrolment(const State *state)
{
        int r;

        for (size_t i = 0; i < state->n_volumes; i++) {
                r = remove_installer(&state->volumes[i]);
                if (r != 0) return r;
        }
        return remove_secret();
}
