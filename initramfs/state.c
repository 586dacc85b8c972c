/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the host learns of its own unlocking: /run/halfkey/state.json and /run/halfkey/node.json. Neither holds a
 * secret, and nothing on the release path believes either. */

#include "base/error.h"
#include "base/fd.h"
#include "base/writer.h"
#include "initramfs/session.h"
#include "json/writer.h"
#include "node/state.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { STATE_MAX = 65536 };

static void write_volume(JsonWriter *j, const OwnVolume *v)
{
        json_writer_open_object(j, NULL);
        json_writer_text(j, "name", v->setting->name);
        json_writer_text(j, "role", v->setting->role);
        json_writer_text(j, "device", v->device ? v->device : v->source ? v->source : "");
        if (v->volume) json_writer_text(j, "uuid", volume_uuid(v->volume));
        if (v->problem[0]) json_writer_text(j, "problem", v->problem);
        if (v->capped) { /* the cap is what re-attestation is held against */
                json_writer_hex(j, "volume_id", BYTES_ARRAY(v->token->volume_id));
                json_writer_int(j, "generation", (int64_t)v->token->generation);
                json_writer_int(j, "epoch", (int64_t)v->token->epoch);
        }
        json_writer_close(j);
}

static void write_timeline(JsonWriter *j, const Timeline *t)
{
        json_writer_open_array(j, "steps");
        for (size_t i = 0; i < timeline_count(t); i++) {
                json_writer_open_object(j, NULL);
                json_writer_text(j, "step", t->steps[i].name);
                json_writer_int(j, "at_ms", (int64_t)t->steps[i].at_ms);
                json_writer_close(j);
        }
        json_writer_close(j);
}

static int write_state(const Session *s)
{
        cleanup_writer Writer w = WRITER_INIT(STATE_MAX);
        JsonWriter j = JSON_WRITER_INIT(&w);
        Bytes text;
        int r;

        json_writer_open_object(&j, NULL);
        json_writer_int(&j, "version", STATE_VERSION);
        json_writer_text(&j, "outcome", s->outcome);
        json_writer_text(&j, "node_name", s->node_name);
        json_writer_text(&j, "verifier", s->verifier);
        json_writer_text(&j, "release_id", s->release_id);
        json_writer_hex(&j, "attempt_id", BYTES_ARRAY(s->attempt_id));
        json_writer_int(&j, "events", (int64_t)session_events(s));
        json_writer_int(&j, "tpm_commands", (int64_t)s->n_tpm_commands);
        json_writer_text(&j, "tpm_command_list", s->tpm_commands ? s->tpm_commands : "");
        json_writer_open_array(&j, "volumes");
        for (size_t i = 0; i < s->n_volumes; i++) write_volume(&j, &s->volumes[i]);
        json_writer_close(&j);
        write_timeline(&j, &s->timeline);
        json_writer_close(&j);
        r = json_writer_finish(&j);
        if (r < 0) return r;
        writer_text(&w, "\n");
        r = writer_finish(&w, &text);
        if (r < 0) return r;
        return file_write_atomic(STATE_PATH, text, 0644);
}

int session_write_state(const Session *s)
{
        cleanup_free char *config = NULL;
        int r;

        if (mkdir(STATE_FOLDER, 0755) < 0 && errno != EEXIST) return error_set(-errno, STATE_FOLDER ": %m");
        r = write_state(s);
        if (r < 0) return r;
        if (!s->config || !s->config->enrolled) return 0;
        r = config_print_node(s->config, &config);
        if (r < 0) return r;
        return file_write_atomic(STATE_NODE_CONFIG_PATH, BYTES(config, strlen(config)), 0644);
}
