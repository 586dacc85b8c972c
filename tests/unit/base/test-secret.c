/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/secret.h"
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* In a child: it cannot be undone. Memory that is no Secret is locked too where nothing limits it. */
static void a_protected_process_is_not_dumped_and_not_swapped(void)
{
        const pid_t pid = fork();
        int status;

        CHECK(pid >= 0);
        if (pid == 0) {
                const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
                const bool may_lock = setrlimit(RLIMIT_MEMLOCK, &all) == 0;
                struct rlimit core;
                char flags[512];
                void *later;

                CHECK_OK(secret_protect_process());
                CHECK(prctl(PR_GET_DUMPABLE) == 0);
                CHECK(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
                later = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                CHECK(later != MAP_FAILED);
                vm_flags_of(later, flags, sizeof(flags));
                CHECK(LOCKS_NOTHING || !may_lock || strstr(flags, " lo"));
                _exit(0);
        }
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
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
        RUN(a_protected_process_is_not_dumped_and_not_swapped);
        RUN(refuses_sizes_without_a_use);
        RUN(truncation_wipes_the_tail);
        return 0;
}
