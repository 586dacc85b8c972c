/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "initramfs/timeline.h"

#include <stdio.h>
#include <time.h>

uint64_t timeline_now_ms(void)
{
        struct timespec now;

        if (clock_gettime(CLOCK_BOOTTIME, &now) < 0) return 0;
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void timeline_note(Timeline *t, const char *name)
{
        const size_t i = atomic_fetch_add(&t->next, 1);
        TimelineStep *step;

        if (i >= TIMELINE_STEPS_MAX) return;
        step = &t->steps[i];
        (void)snprintf(step->name, sizeof(step->name), "%s", name);
        step->at_ms = timeline_now_ms();
}
