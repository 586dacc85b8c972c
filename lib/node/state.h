/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The hand-over from initrd to host: how this boot was opened. Written by halfkey-unlock, read by halfkey-agent
 * and `halfkey status`; no secret in it (the volumes' tags would let another boot forge the cap), and nothing that
 * decides about a key believes it. */

#include "attest/cap.h"
#include "base/macros.h"

#define STATE_FOLDER "/run/halfkey"
#define STATE_PATH STATE_FOLDER "/state.json"
#define STATE_NODE_CONFIG_PATH STATE_FOLDER "/node.json"

enum {
        STATE_VERSION = 1,
        STATE_VOLUMES_MAX = 8,
        STATE_STEPS_MAX = 64,
        STATE_TEXT_MAX = 255,
        STATE_LIST_MAX = 4095
};

typedef struct StateVolume {
        char name[STATE_TEXT_MAX + 1];
        char device[STATE_TEXT_MAX + 1];
        char role[STATE_TEXT_MAX + 1];
        char problem[STATE_TEXT_MAX + 1]; /* why it is not open; empty: it is */
        bool enrolled;                    /* halfkey opened it, its tag is in the cap: the three below are set */
        uint8_t id[ATTEST_VOLUME_ID_SIZE];
        uint64_t generation;
        uint64_t epoch; /* of the header that opened it */
} StateVolume;

typedef struct StateStep {
        char name[32];
        uint64_t at_ms; /* since the kernel started */
} StateStep;

typedef struct State {
        char outcome[32];
        char node_name[STATE_TEXT_MAX + 1];
        char verifier[STATE_TEXT_MAX + 1];
        char release_id[32];
        uint64_t events;
        uint64_t tpm_commands;
        char tpm_command_list[STATE_LIST_MAX + 1];
        StateStep steps[STATE_STEPS_MAX];
        size_t n_steps;
        StateVolume volumes[STATE_VOLUMES_MAX];
        size_t n_volumes;
} State;

/* -ENOENT: this boot was not opened by halfkey. -EBADMSG. */
_must_check_ int state_read(const char *path, State *ret);
