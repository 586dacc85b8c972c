/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A verb of `halfkey`: a file of its own that defines one of these, and a row in main.c's table.
 *
 * run() gets the arguments behind the verb's words, argv[0] being its last word, so that getopt works on them;
 * --help, -h and --version have been taken out before. Its result is the exit code. It prints its answer on
 * stdout and errors through cli_fail() or cli_usage(). */

#include "base/macros.h"

enum {
        EXIT_YES = 0,    /* done; the verdict is yes */
        EXIT_NO = 1,     /* the verdict is no */
        EXIT_CANNOT = 2, /* cannot tell: usage, unreadable or malformed input, nothing reachable */
};

typedef struct Verb {
        const char *words;     /* "eventlog replay" */
        const char *arguments; /* "[OPTION...] [FILE]" */
        const char *summary;   /* a line without full stop */
        const char *help;      /* what --help says below that: paragraphs, options, examples */
        int (*run)(int argc, char **argv);
} Verb;

/* "halfkey: TEXT" on stderr; like cli_fail() it escapes what is not printable, since it may come from a file. */
void cli_say(const char *text);
/* "halfkey: SUBJECT: DETAIL" on stderr, where the detail is that of the last failure r; EXIT_CANNOT. */
int cli_fail(int r, const char *subject);
/* "halfkey: TEXT" and where to find help; EXIT_CANNOT. */
int cli_usage(const Verb *verb, const char *fmt, ...) _printf_(2, 3);
/* Writes what out holds to stdout and frees it; EXIT_CANNOT if that fails, else code. */
struct Writer;
int cli_print(struct Writer *out, int code);

/* Whether --format says json. -EINVAL and a detail for anything but text and json. */
_must_check_ int cli_format(const char *name, bool *ret_json);
