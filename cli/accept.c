/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey accept: a header that was changed on purpose becomes the one that the next boots expect. */

#include "base/error.h"
#include "base/fd.h"
#include "cli/verb.h"
#include "unlock/accept.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

extern const Verb verb_accept;

enum { TYPED_MAX = 512 };

static void put_change(const char *field, const char *was, const char *is, void *userdata)
{
        (void)userdata;
        printf("  %s: was %s, is %s\n", field, was, is);
}

/* Up to the end of a line, which is not part of it. */
static int read_line(int fd, Secret *typed)
{
        size_t n = 0;

        for (;;) {
                const ssize_t got = read(fd, typed->data + n, 1);

                if (got < 0 && errno == EINTR) continue;
                if (got < 0) return error_set(-errno, "reading the key: %m");
                if (got == 0 || typed->data[n] == '\n') break;
                if (++n == typed->size) return error_set(-E2BIG, "the key is longer than %d bytes", TYPED_MAX);
        }
        if (n == 0) return error_set(-ENODATA, "no key was given");
        secret_truncate(typed, n);
        return 0;
}

/* From the terminal without an echo; from a pipe as it comes. */
static int ask_key(Secret **ret)
{
        cleanup_secret Secret *typed = NULL;
        struct termios shown, hidden;
        const bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
        int r;

        r = secret_new(TYPED_MAX, &typed);
        if (r < 0) return r;
        if (terminal) {
                fputs("Recovery key, or a passphrase of the volume: ", stderr);
                hidden = shown;
                hidden.c_lflag &= ~(tcflag_t)ECHO;
                (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
        }
        r = read_line(STDIN_FILENO, typed);
        if (terminal) {
                (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
                fputs("\n", stderr);
        }
        if (r == 0) *ret = TAKE_PTR(typed);
        return r;
}

static int take_key(const char *file, Secret **ret)
{
        return file ? file_read_secret(file, ret) : ask_key(ret);
}

/* Opens with the key; what it opens with is not mapped. */
static int accept_with(Volume *v, const char *key_file)
{
        cleanup_secret Secret *typed = NULL, *volume_key = NULL;
        int keyslot, r;

        r = take_key(key_file, &typed);
        if (r == 0) r = volume_check(v, HEADER_USE_TYPED);
        if (r == 0) r = volume_try_any(v, typed, &keyslot, &volume_key);
        return r == 0 ? accept_header(v, volume_key) : r;
}

/* How many fields differ; what no key makes acceptable is an error. */
static int look(Volume *v, Token **ret)
{
        int r;

        r = volume_check(v, HEADER_USE_TOKEN);
        if (r == 0) r = volume_token(v, ret);
        return r == 0 ? accept_changes(v, *ret, put_change, NULL) : r < 0 ? r : -EBADMSG;
}

static int say_done(const Token *t, const char *device)
{
        printf("%s: the header is the one that halfkey wrote%s.\n", device,
               accept_is_pending(t) ? ", or that was accepted: the next boot signs it" : "");
        return fflush(stdout) == 0 ? EXIT_YES : EXIT_CANNOT;
}

static int say_no(int r, const char *consequence)
{
        cli_say(error_detail(r));
        cli_say(consequence);
        return EXIT_NO;
}

static int accept_volume(const char *device, const char *key_file, bool dry)
{
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        int n, r;

        r = volume_open(device, &v);
        n = r == 0 ? look(v, &t) : r;
        if (n == -EBADMSG) return say_no(n, "This cannot be accepted: enrol the machine again.");
        if (n == -ENOENT) return say_no(n, "It is no volume of halfkey's.");
        if (n < 0) return cli_fail(n, device);
        if (n == 0) return say_done(t, device);
        if (fflush(stdout) != 0) return EXIT_CANNOT;
        if (dry) return EXIT_NO;
        r = accept_with(v, key_file);
        if (r < 0) return cli_fail(r, device);
        if (r > 0) return say_no(r, "Nothing was accepted.");
        printf("%s: accepted. The next boot opens it by attestation again.\n", device);
        return fflush(stdout) == 0 ? EXIT_YES : EXIT_CANNOT;
}

static int run(int argc, char **argv)
{
        static const struct option options[] = { { "key-file", required_argument, NULL, 'k' },
                                                 { "dry-run", no_argument, NULL, 'n' },
                                                 { 0 } };
        const char *key_file = NULL;
        bool dry = false;
        int c, r;

        while ((c = getopt_long(argc, argv, "k:n", options, NULL)) != -1) {
                if (c == 'k') key_file = optarg;
                else if (c == 'n') dry = true;
                else return cli_usage(&verb_accept, "unknown option or missing value");
        }
        if (optind + 1 != argc) return cli_usage(&verb_accept, "expected one device");
        r = secret_protect_process();
        if (r < 0) return cli_fail(r, "accept");
        return accept_volume(argv[optind], key_file, dry);
}

const Verb verb_accept = {
        .words = "accept",
        .arguments = "[--dry-run] [--key-file FILE] DEVICE",
        .summary = "Accept a volume's LUKS2 header that was changed on purpose",
        .help = "A boot opens a volume only by the header that halfkey wrote its token for. Adding and\n"
                "removing passphrases is no change; 'cryptsetup refresh --persistent' is one. Shows each\n"
                "field that differs, asks for the recovery key or a passphrase of the volume, and writes\n"
                "what is there now into the token. The next boot opens it, and signs it with both halves.\n"
                "\n"
                "A header whose token was edited, or whose volume key is another one, cannot be\n"
                "accepted: enrol the node again.\n\n"
                "  -n, --dry-run        show the fields; exit status 1 where there are any\n"
                "  -k, --key-file FILE  the key from a file; else from the terminal or standard input\n\n"
                "Exit status: 0 accepted, or nothing was changed; 1 it cannot be, or the key is wrong.\n",
        .run = run,
};
