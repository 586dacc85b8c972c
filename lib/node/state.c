/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/state.h"

#include "base/error.h"
#include "base/fd.h"
#include "json/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { STATE_FILE_MAX = 65536 };

static int member_text(const JsonValue *v, const char *key, char *ret, size_t size)
{
        const JsonValue *member;
        const char *text;
        int r;

        r = json_value_member(v, key, &member);
        if (r == 0) r = json_value_text(member, &text);
        if (r < 0) return error_prefix(r, "'%s'", key);
        if (strlen(text) >= size) return error_set(-EBADMSG, "'%s' is too long", key);
        memcpy(ret, text, strlen(text) + 1);
        return 0;
}

static int member_number(const JsonValue *v, const char *key, uint64_t *ret)
{
        const JsonValue *member;
        int64_t number;
        int r;

        r = json_value_member(v, key, &member);
        if (r == 0) r = json_value_int(member, 0, INT64_MAX, &number);
        if (r < 0) return error_prefix(r, "'%s'", key);
        *ret = (uint64_t)number;
        return 0;
}

static int member_hex(const JsonValue *v, const char *key, uint8_t *ret, size_t n)
{
        const JsonValue *member;
        int r;

        r = json_value_member(v, key, &member);
        if (r == 0) r = json_value_hex(member, ret, n);
        return r < 0 ? error_prefix(r, "'%s'", key) : 0;
}

static int parse_volume(const JsonValue *v, StateVolume *ret)
{
        const JsonValue *id, *problem;
        int r;

        *ret = (StateVolume){ 0 };
        r = member_text(v, "name", ret->name, sizeof(ret->name));
        if (r == 0) r = member_text(v, "device", ret->device, sizeof(ret->device));
        if (r == 0) r = member_text(v, "role", ret->role, sizeof(ret->role));
        if (r == 0 && json_value_member(v, "problem", &problem) == 0)
                r = member_text(v, "problem", ret->problem, sizeof(ret->problem));
        if (r < 0) return r;
        if (json_value_member(v, "volume_id", &id) < 0) return 0;
        ret->enrolled = true;
        r = member_hex(v, "volume_id", ret->id, sizeof(ret->id));
        if (r == 0) r = member_number(v, "generation", &ret->generation);
        if (r == 0) r = member_number(v, "epoch", &ret->epoch);
        return r;
}

static int parse_volumes(const JsonValue *document, State *ret)
{
        const JsonValue *volumes, *one;
        int r;

        r = json_value_member(document, "volumes", &volumes);
        if (r < 0) return r;
        ret->n_volumes = json_value_count(volumes);
        if (ret->n_volumes > STATE_VOLUMES_MAX) return error_set(-EBADMSG, "too many volumes");
        for (size_t i = 0; i < ret->n_volumes; i++) {
                r = json_value_element(volumes, i, &one);
                if (r == 0) r = parse_volume(one, &ret->volumes[i]);
                if (r < 0) return error_prefix(r, "volume %zu", i);
        }
        return 0;
}

static int parse_steps(const JsonValue *document, State *ret)
{
        const JsonValue *steps, *one;
        int r;

        r = json_value_member(document, "steps", &steps);
        if (r < 0) return r;
        ret->n_steps = json_value_count(steps);
        if (ret->n_steps > STATE_STEPS_MAX) return error_set(-EBADMSG, "too many steps");
        for (size_t i = 0; i < ret->n_steps; i++) {
                r = json_value_element(steps, i, &one);
                if (r == 0) r = member_text(one, "step", ret->steps[i].name, sizeof(ret->steps[i].name));
                if (r == 0) r = member_number(one, "at_ms", &ret->steps[i].at_ms);
                if (r < 0) return error_prefix(r, "step %zu", i);
        }
        return 0;
}

static int parse_facts(const JsonValue *document, State *ret)
{
        int r;

        r = member_text(document, "outcome", ret->outcome, sizeof(ret->outcome));
        if (r == 0) r = member_text(document, "node_name", ret->node_name, sizeof(ret->node_name));
        if (r == 0) r = member_text(document, "verifier", ret->verifier, sizeof(ret->verifier));
        if (r == 0) r = member_text(document, "release_id", ret->release_id, sizeof(ret->release_id));
        if (r == 0) r = member_number(document, "events", &ret->events);
        if (r == 0) r = member_number(document, "tpm_commands", &ret->tpm_commands);
        if (r == 0)
                r = member_text(document, "tpm_command_list", ret->tpm_command_list,
                                sizeof(ret->tpm_command_list));
        return r;
}

int state_read(const char *path, State *ret)
{
        cleanup_json JsonValue *document = NULL;
        cleanup_free uint8_t *text = NULL;
        State state = { 0 };
        uint64_t version;
        size_t size;
        int r;

        r = file_read(path, STATE_FILE_MAX, &text, &size);
        if (r < 0) return r;
        r = json_value_parse(BYTES(text, size), STATE_FILE_MAX, &document);
        if (r == 0) r = member_number(document, "version", &version);
        if (r == 0 && version != STATE_VERSION) r = error_set(-EBADMSG, "unknown version");
        if (r == 0) r = parse_facts(document, &state);
        if (r == 0) r = parse_volumes(document, &state);
        if (r == 0) r = parse_steps(document, &state);
        if (r < 0) return error_prefix(r, "%s", path);
        *ret = state;
        return 0;
}
