/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One boot's work: what halfkey-unlock knows and holds, shared by the main thread, which waits for people and
 * events, and the worker, which attests.
 *
 * `lock` guards tpm, volumes, cancelled and opened: whoever talks to the TPM or touches a header holds it. While
 * it waits for the network the worker holds it in an enrolment only. */

#include "base/secret.h"
#include "node/settings.h"
#include "initramfs/timeline.h"
#include "node/boot.h"
#include "node/cap.h"
#include "node/config.h"
#include "node/unlock.h"
#include "proto/node.pb.h"
#include "tpm/keys.h"
#include "unlock/volume.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct OwnVolume {
        const VolumeSetting *setting;
        char *source;   /* as crypttab or the command line name it; NULL: neither does, and it is left */
        char *key_file; /* of crypttab, the installer's; NULL */
        char *device;
        Volume *volume;
        Token *token; /* NULL before enrolment */
        Secret *key;  /* the volume key, once it is known */
        bool typed;   /* a person's key gave it, no attempt did */
        AttestVolume tag;
        bool capped;       /* its tag is in the cap */
        bool left;         /* this boot does without it; never one that is essential */
        char problem[256]; /* why it is not open; empty while nothing is wrong with it */
} OwnVolume;

typedef struct Session {
        Settings settings;
        Timeline timeline;
        OwnVolume volumes[SETTINGS_VOLUMES_MAX];
        size_t n_volumes;
        NodeConfig *config; /* NULL: none was found */
        NodeBoot *boot;     /* NULL: this boot can prove nothing, a typed key remains */
        char *esp;
        uint8_t attempt_id[16];
        Secret *node_half;
        Secret *installer_key; /* typed, where neither credential nor crypttab has one */

        pthread_mutex_t lock;
        Tpm *tpm;
        bool cancelled;
        size_t asking;       /* the volume that the prompt is about */
        bool opened;         /* an attempt has the keys of all volumes: no typed key is tried any more */
        atomic_bool working; /* an enrolment is under way that must not be disturbed by a prompt */

        /* For the state file and the console, set with the outcome. */
        const char *outcome; /* ATTEST_CAP_*; NULL while nothing is open */
        char verifier[UNLOCK_VERIFIER_SIZE];
        char node_name[65];
        char release_id[17];
        char *tpm_commands; /* names of those between first and last */
        size_t n_tpm_commands;
} Session;

void session_deinit(Session *s);

/* Reads settings, crypttab and command line: which volumes are ours and where they are. */
_must_check_ int session_init(Session *ret);
/* What session_init() does last, in sources.c. One that is not essential and stands nowhere is left. */
_must_check_ int session_read_sources(Session *s);
_must_check_ int session_take_sources(Session *s, Bytes crypttab, Bytes command_line);
/* Waits for the essential volumes' devices and the TPM, opens the headers, reads the event log and the
 * configuration. What is missing is said on the console while it is waited for. The other volumes get 10 s more,
 * and the boot goes on without one that is not there by then or whose header is no good. */
_must_check_ int session_prepare(Session *s);

/* Whether a header carries our token: then that volume is only ever unlocked, whatever any file says. */
bool session_enrolled(const Session *s);
/* Whether the enrolment that wrote the tokens may not have reached its end: the configuration still has its
 * secret.
 */
bool session_unfinished(const Session *s);
/* Whether every essential volume has its token. */
bool session_complete(const Session *s);

/* A volume that cannot be opened, with the failure r as the reason. Where it is essential that is the result; else
 * 0: the boot goes on without it, and console and state file say so. */
_must_check_ int session_leave(OwnVolume *v, int r);

/* A genuine volume of another role must not stand in this one's place. VOLUME_E_REFUSED. */
_must_check_ int session_check_role(const OwnVolume *v);

/* Makes s->config this node's NodeConfig and puts it on the ESP. Where it cannot be written that is said, and the
 * next boot does it. */
_must_check_ int session_set_node(Session *s, const uint8_t node_id[static SHA256_SIZE], Bytes ak_public);

/* Of the firmware's log; 0 where it could not be read. */
static inline size_t session_events(const Session *s)
{
        return s->boot ? s->boot->log->n_events : 0;
}

/* Keys are known: cap with this outcome, then map. On failure nothing is mapped; a volume that is not essential
 * and cannot be mapped is left. */
_must_check_ int session_open(Session *s, const char *outcome);

/* Frees the secrets that are left once the volumes are open, whatever the worker is waiting for. */
void session_forget(Session *s);

/* After an attempt that failed: what it opened is nobody's. Keys that were typed stay. With the lock held. */
void session_drop_keys(Session *s);

/* Tries what was typed on every volume that has no key yet, mapping nothing. 0: it opened the last essential one
 * without key; -EAGAIN: it opened one of them, and another needs a key of its own. Which one is first without key,
 * s->asking says. -EINVAL where all have theirs already: then what was typed has opened nothing. */
_must_check_ int session_try_typed(Session *s, const Secret *typed);

/* Writes /run/halfkey: the state file and the NodeConfig, both without secrets. */
_must_check_ int session_write_state(const Session *s);
