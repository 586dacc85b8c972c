/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "initramfs/prompt.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASK_PASSWORD "systemd-ask-password"

enum { ANSWER_MAX = 4096 };

static int spawn(char **arguments, int out, pid_t *ret)
{
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0) return -r;
        r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (r == 0) r = posix_spawnp(ret, arguments[0], &actions, NULL, arguments, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
        return -r;
}

int prompt_start(Prompt *p, const char *id, const char *message)
{
        cleanup_free char *id_argument = NULL;
        cleanup_fd int in = -1, out = -1;
        int fds[2], r;
        pid_t pid;

        if (asprintf(&id_argument, "--id=halfkey:%s", id) < 0) return -ENOMEM;
        if (pipe2(fds, O_CLOEXEC) < 0) return -errno;
        in = fds[0];
        out = fds[1];
        r = spawn((char *[]){ (char *)ASK_PASSWORD, (char *)"--no-tty", (char *)"--timeout=0",
                              (char *)"--icon=drive-harddisk", id_argument, (char *)message, NULL },
                  out, &pid);
        if (r < 0) return error_set(r, "cannot run " ASK_PASSWORD ": %s", error_detail(r));
        *p = (Prompt){ .pid = pid, .fd = TAKE_FD(in) };
        return 0;
}

static int read_answer(int fd, Secret **ret)
{
        cleanup_secret Secret *s = NULL;
        size_t n = 0;
        int r;

        r = secret_new(ANSWER_MAX, &s);
        if (r < 0) return r;
        while (n < s->size) {
                const ssize_t got = read(fd, s->data + n, s->size - n);

                if (got < 0 && errno == EINTR) continue;
                if (got < 0) return -errno;
                if (got == 0) break;
                n += (size_t)got;
        }
        while (n > 0 && s->data[n - 1] == '\n') n--;
        if (n == 0) return error_set(-ENODATA, "no answer to the recovery prompt");
        secret_truncate(s, n);
        *ret = TAKE_PTR(s);
        return 0;
}

static void reap(Prompt *p)
{
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) {}
        fd_close(p->fd);
        *p = PROMPT_INIT;
}

int prompt_take(Prompt *p, Secret **ret)
{
        const int r = read_answer(p->fd, ret);

        reap(p);
        return r;
}

void prompt_stop(Prompt *p)
{
        if (!prompt_active(p)) return;
        (void)kill(p->pid, SIGTERM);
        reap(p);
}
