/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "agent/cleanup.h"

#include "agent/key-file.h"
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

static int remove_installer(const StateVolume *v)
{
        size_t removed;
        int r;

        r = enrol_remove_installer(v->device, &removed);
        if (r != 0) return error_prefix(r < 0 ? r : -EBADMSG, "volume '%s'", v->name);
        if (removed > 0) log_notice("volume '%s': the installer's keyslot is gone", v->name);
        return 0;
}

static int remove_key_files(const State *state, const bool cleaned[static STATE_VOLUMES_MAX])
{
        cleanup_free uint8_t *text = NULL;
        size_t size;
        int r;

        r = file_read("/etc/crypttab", CRYPTTAB_TEXT_MAX, &text, &size);
        if (r == -ENOENT) return 0;
        return r < 0 ? r : key_files_remove(state, cleaned, BYTES(text, size));
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

static int retire(const StateVolume *v)
{
        size_t removed;
        int r;

        r = rekey_retire(v->device, v->epoch, &removed);
        if (r != 0) return error_prefix(r < 0 ? r : -EBADMSG, "volume '%s'", v->name);
        if (removed > 0)
                log_notice("volume '%s': the keyslot from before epoch %llu is gone", v->name,
                           (unsigned long long)v->epoch);
        return 0;
}

/* What is wrong with one volume keeps nothing back from the others; the first error is the result. */
static int said(int first, int r)
{
        if (r < 0) log_error("%s", error_detail(r));
        return first < 0 ? first : r;
}

int cleanup_rekeyed(const State *state, const halfkey_v1_ReattestResult *result)
{
        int first = 0;

        for (size_t i = 0; i < state->n_volumes; i++) {
                const StateVolume *v = &state->volumes[i];

                if (v->enrolled && !floor_is_below(v, result)) first = said(first, retire(v));
        }
        return first < 0 ? error_set(first, "a keyslot that was replaced is still there") : 0;
}

int cleanup_enrolment(const State *state)
{
        bool cleaned[STATE_VOLUMES_MAX] = { false };
        int first = 0;

        for (size_t i = 0; i < state->n_volumes; i++) {
                int r;

                if (!state->volumes[i].enrolled) continue;
                r = remove_installer(&state->volumes[i]);
                cleaned[i] = r == 0;
                first = said(first, r);
        }
        first = said(first, remove_key_files(state, cleaned));
        first = said(first, remove_secret());
        return first < 0 ? error_set(first, "something that enrolment left is still there") : 0;
}
