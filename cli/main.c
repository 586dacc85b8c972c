/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey: the one command people type. Finds the verb by its words and runs it. */

#include "cli/verb.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/reader.h"
#include "base/utf8.h"
#include "base/writer.h"
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern const Verb verb_cluster_init, verb_cluster_status, verb_cluster_events;
extern const Verb verb_cluster_node_list, verb_cluster_node_show, verb_cluster_node_approve,
        verb_cluster_node_quarantine, verb_cluster_node_activate, verb_cluster_node_remove,
        verb_cluster_node_reinstall, verb_cluster_node_label, verb_cluster_order_rekey;
extern const Verb verb_cluster_policy_put, verb_cluster_policy_get, verb_cluster_policy_list,
        verb_cluster_policy_remove, verb_cluster_policy_test;
extern const Verb verb_cluster_enrolment_new, verb_cluster_enrolment_list, verb_cluster_enrolment_remove;
extern const Verb verb_cluster_recovery_get, verb_cluster_recovery_open;
extern const Verb verb_accept, verb_enroll, verb_eventlog_diff, verb_eventlog_export, verb_eventlog_predict,
        verb_eventlog_replay, verb_eventlog_report, verb_eventlog_show, verb_eventlog_verify, verb_status,
        verb_unlock;

/* One a line, in the order that --help shows them. */
/* clang-format off */
static const Verb *const verbs[] = {
        &verb_enroll,
        &verb_accept,
        &verb_status,
        &verb_unlock,
        &verb_cluster_init,
        &verb_cluster_status,
        &verb_cluster_node_list,
        &verb_cluster_node_show,
        &verb_cluster_node_approve,
        &verb_cluster_node_quarantine,
        &verb_cluster_node_activate,
        &verb_cluster_node_remove,
        &verb_cluster_node_reinstall,
        &verb_cluster_node_label,
        &verb_cluster_order_rekey,
        &verb_cluster_policy_put,
        &verb_cluster_policy_get,
        &verb_cluster_policy_list,
        &verb_cluster_policy_remove,
        &verb_cluster_policy_test,
        &verb_cluster_enrolment_new,
        &verb_cluster_enrolment_list,
        &verb_cluster_enrolment_remove,
        &verb_cluster_recovery_get,
        &verb_cluster_recovery_open,
        &verb_cluster_events,
        &verb_eventlog_show,
        &verb_eventlog_replay,
        &verb_eventlog_verify,
        &verb_eventlog_diff,
        &verb_eventlog_predict,
        &verb_eventlog_report,
        &verb_eventlog_export,
};
/* clang-format on */

/* Of a reader's text, which may quote a file: no control character gets to the terminal. */
static void put_safe(const char *text)
{
        Reader r = READER_INIT(BYTES(text, strlen(text)));

        while (reader_left(&r) > 0) {
                const Bytes rest = reader_rest(&r);
                uint32_t c = 0;
                uint8_t byte = 0;

                if (utf8_decode(&r, &c) < 0) {
                        IGNORE_RESULT(reader_u8(&r, &byte));
                        fprintf(stderr, "\\x%02x", byte);
                } else if (!utf8_printable(c)) {
                        fprintf(stderr, c < 0x80 ? "\\x%02" PRIx32 : "\\u%04" PRIx32, c);
                } else {
                        fwrite(rest.data, 1, rest.size - reader_left(&r), stderr);
                }
        }
}

void cli_say(const char *text)
{
        fputs("halfkey: ", stderr);
        put_safe(text);
        fputs("\n", stderr);
}

int cli_fail(int r, const char *subject)
{
        fputs("halfkey: ", stderr);
        put_safe(subject);
        fputs(": ", stderr);
        put_safe(error_detail(r));
        fputs("\n", stderr);
        return EXIT_CANNOT;
}

int cli_usage(const Verb *verb, const char *fmt, ...)
{
        va_list ap;

        fputs("halfkey: ", stderr);
        va_start(ap, fmt);
        (void)vfprintf(stderr, fmt, ap);
        va_end(ap);
        fprintf(stderr, "\nTry 'halfkey %s%s--help'.\n", verb ? verb->words : "", verb ? " " : "");
        return EXIT_CANNOT;
}

int cli_print(Writer *out, int code)
{
        Bytes text;
        int r;

        r = writer_finish(out, &text);
        if (r == 0) r = fd_write_all(STDOUT_FILENO, text);
        if (r < 0) {
                error_clear();
                code = cli_fail(r, "standard output");
        }
        writer_deinit(out);
        return code;
}

int cli_format(const char *name, bool *ret_json)
{
        if (strcmp(name, "json") != 0 && strcmp(name, "text") != 0)
                return error_set(-EINVAL, "--format is text or json, not '%s'", name);
        *ret_json = strcmp(name, "json") == 0;
        return 0;
}

/* How many arguments spell the verb's words; 0 if they do not. */
static int match(const Verb *verb, int argc, char **argv)
{
        const char *p = verb->words;

        for (int n = 0; n < argc; n++) {
                const size_t length = strcspn(p, " ");

                if (strlen(argv[n]) != length || strncmp(p, argv[n], length) != 0) return 0;
                p += length;
                if (!*p) return n + 1;
                p++;
        }
        return 0;
}

static const Verb *find(int argc, char **argv, int *ret_words)
{
        const Verb *best = NULL;

        *ret_words = 0;
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
                const int n = match(verbs[i], argc, argv);

                if (n <= *ret_words) continue;
                *ret_words = n;
                best = verbs[i];
        }
        return best;
}

static bool asked(int argc, char **argv, const char *name, const char *other)
{
        for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
                if (strcmp(argv[i], name) == 0 || (other && strcmp(argv[i], other) == 0)) return true;
        return false;
}

/* The verbs whose words start with what was typed, or all of them. */
static int list_verbs(FILE *f, int argc, char **argv)
{
        const char *noun = argc > 0 && argv[0][0] != '-' ? argv[0] : NULL;
        int n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
                const size_t length = noun ? strlen(noun) : 0;

                if (noun && (strncmp(verbs[i]->words, noun, length) != 0 || verbs[i]->words[length] != ' '))
                        continue;
                if (n++ == 0) fputs("Commands:\n", f);
                fprintf(f, "  %-24s %s\n", verbs[i]->words, verbs[i]->summary);
        }
        return n;
}

static void help_all(FILE *f, int argc, char **argv)
{
        fputs("Usage: halfkey COMMAND [OPTION...]\n"
              "\n"
              "Disk keys of which one half is sealed in this machine's TPM and the other half is\n"
              "given by the cluster to a machine that proves what it booted.\n"
              "\n",
              f);
        if (list_verbs(f, argc, argv) == 0) list_verbs(f, 0, NULL);
        fputs("\n'halfkey COMMAND --help' explains one of them, halfkey(1) all.\n"
              "Exit codes: 0 yes, 1 the verdict is no, 2 cannot tell.\n",
              f);
}

static void help_verb(const Verb *verb)
{
        printf("Usage: halfkey %s %s\n\n%s.\n\n%s", verb->words, verb->arguments, verb->summary, verb->help);
}

int main(int argc, char **argv)
{
        const Verb *verb;
        int words;

        argc--;
        argv++;
        if (asked(argc, argv, "--version", NULL)) {
                puts("halfkey " HALFKEY_VERSION);
                return fflush(stdout) == 0 ? EXIT_YES : EXIT_CANNOT;
        }
        verb = find(argc, argv, &words);
        if (asked(argc, argv, "--help", "-h")) {
                if (verb) help_verb(verb);
                else help_all(stdout, argc, argv);
                return fflush(stdout) == 0 ? EXIT_YES : EXIT_CANNOT;
        }
        if (verb) return verb->run(argc - words + 1, argv + words - 1);
        if (argc == 0) help_all(stderr, argc, argv);
        else if (list_verbs(stderr, argc, argv) == 0) return cli_usage(NULL, "no command '%s'", argv[0]);
        return EXIT_CANNOT;
}
