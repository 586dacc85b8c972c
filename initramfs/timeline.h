/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* When what happened, in milliseconds since the kernel started: for the console, the state file and whoever asks
 * why a boot was slow. */

#include "base/macros.h"

#include <stdatomic.h>

enum { TIMELINE_STEPS_MAX = 64, TIMELINE_NAME_MAX = 31 };

typedef struct TimelineStep {
        char name[TIMELINE_NAME_MAX + 1];
        uint64_t at_ms;
} TimelineStep;

typedef struct Timeline {
        TimelineStep steps[TIMELINE_STEPS_MAX];
        atomic_size_t next; /* both threads note steps; above TIMELINE_STEPS_MAX where some were forgotten */
} Timeline;

static inline size_t timeline_count(const Timeline *t)
{
        return MIN(atomic_load(&t->next), (size_t)TIMELINE_STEPS_MAX);
}

uint64_t timeline_now_ms(void);
/* Notes a step; beyond TIMELINE_STEPS_MAX it is forgotten. */
void timeline_note(Timeline *t, const char *name);
