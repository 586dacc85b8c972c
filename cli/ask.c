/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/ask.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum { ANSWER_MAX = 4096 };

static int read_key(bool line, Secret **ret)
{
        cleanup_secret Secret *s = NULL;
        size_t n = 0;
        int r;

        r = secret_new(ANSWER_MAX, &s);
        if (r < 0) return r;
        while (n < s->size && !(line && n > 0 && s->data[n - 1] == '\n')) {
                const ssize_t got = read(STDIN_FILENO, s->data + n, s->size - n);

                if (got < 0 && errno == EINTR) continue;
                if (got < 0) return error_set(-errno, "standard input: %m");
                if (got == 0) break;
                n += (size_t)got;
        }
        if (n == s->size) return error_set(-EFBIG, "a key of more than %d bytes", ANSWER_MAX - 1);
        if (n > 0 && s->data[n - 1] == '\n') n--;
        if (n == 0) return error_set(-ENODATA, "no key was given");
        secret_truncate(s, n);
        *ret = TAKE_PTR(s);
        return 0;
}

int cli_ask(const char *question, Secret **ret)
{
        struct termios was, hidden;
        int r;

        if (tcgetattr(STDIN_FILENO, &was) < 0) return read_key(false, ret);
        hidden = was;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        fprintf(stderr, "%s: ", question);
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0) return error_set(-errno, "terminal: %m");
        r = read_key(true, ret);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
        fputs("\n", stderr);
        return r;
}
