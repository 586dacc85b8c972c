/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The recovery prompt: a systemd-ask-password child, so that the console, plymouth and any other agent can
 * answer. What was typed comes back through a pipe and lives in a Secret. */

#include "base/secret.h"

#include <sys/types.h>

typedef struct Prompt {
        pid_t pid;
        int fd; /* becomes readable when there is an answer or the child ended */
} Prompt;

#define PROMPT_INIT ((Prompt){ .pid = -1, .fd = -1 })

/* Puts the question. `id` tells agents what is asked for. */
_must_check_ int prompt_start(Prompt *p, const char *id, const char *message);
/* Takes the answer once fd is readable, without its newline; the prompt is gone afterwards. -ENODATA where the
 * child ended without one, or the answer is empty. */
_must_check_ int prompt_take(Prompt *p, Secret **ret);
static inline bool prompt_active(const Prompt *p)
{
        return p->pid > 0;
}
/* Withdraws the question; nothing is left on the screen of any agent. */
void prompt_stop(Prompt *p);
