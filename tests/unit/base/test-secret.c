/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/secret.h"
#include "check.h"

#include <errno.h>
#include <stdio.h>

/* The address sanitizer turns mlock() into a success that locks nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define LOCKS_NOTHING 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOCKS_NOTHING 1
#endif
#endif
#ifndef LOCKS_NOTHING
#define LOCKS_NOTHING 0
#endif

/* What the kernel says of the mapping that holds p: the VmFlags line of /proc/self/smaps. */
static void vm_flags_of(const void *p, char *ret, size_t size)
{
        FILE *f = fopen("/proc/self/smaps", "re");
        char line[512];
        bool inside = false;

        CHECK(f != NULL);
        ret[0] = '\0';
        while (fgets(line, sizeof(line), f)) {
                unsigned long from, to;

                if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
                        inside = (unsigned long)p >= from && (unsigned long)p < to;
                if (inside && strncmp(line, "VmFlags:", 8) == 0) (void)snprintf(ret, size, "%s", line);
        }
        fclose(f);
}

static void is_locked_and_kept_out_of_dumps_and_children(void)
{
        cleanup_secret Secret *s = NULL;
        char flags[512];

        CHECK_OK(secret_new_random(32, &s));
        vm_flags_of(s->data, flags, sizeof(flags));
        CHECK(LOCKS_NOTHING || strstr(flags, " lo"));
        CHECK(strstr(flags, " dd") && strstr(flags, " wf"));
}

static void refuses_sizes_without_a_use(void)
{
        Secret *s = NULL;

        CHECK_RESULT(secret_new(0, &s), -EINVAL);
        CHECK_RESULT(secret_new(SECRET_MAX + 1, &s), -EINVAL);
        CHECK(s == NULL);
}

static void truncation_wipes_the_tail(void)
{
        cleanup_secret Secret *s = NULL;

        CHECK_OK(secret_new_copy(BYTES_LITERAL("0123456789"), &s));
        secret_truncate(s, 4);
        CHECK(s->size == 4 && s->data[4] == 0 && s->data[9] == 0 && s->data[3] == '3');
}

int main(void)
{
        RUN(is_locked_and_kept_out_of_dumps_and_children);
        RUN(refuses_sizes_without_a_use);
        RUN(truncation_wipes_the_tail);
        return 0;
}
