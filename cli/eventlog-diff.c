/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog.h"

#include "base/error.h"
#include "eventlog/diff.h"
#include "json/writer.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

enum { OUTPUT_MAX = 64 * 1024 * 1024 };

extern const Verb verb_eventlog_diff;

typedef struct DiffOutput {
        Writer out;
        JsonWriter json;
        bool as_json;
        size_t n;
} DiffOutput;

static int put_change(const EventlogChange *c, void *context)
{
        DiffOutput *o = context;
        static const char marks[] = { '~', '+', '-', '~' };

        o->n++;
        if (!o->as_json) {
                writer_format(&o->out, "PCR %2" PRIu32 " %c %s\n", c->pcr, marks[c->kind], c->text);
                return 0;
        }
        json_writer_open_object(&o->json, NULL);
        json_writer_int(&o->json, "pcr", c->pcr);
        json_writer_text(&o->json, "kind", eventlog_difference_name(c->kind));
        if (c->a) json_writer_int(&o->json, "a", c->a->index);
        if (c->b) json_writer_int(&o->json, "b", c->b->index);
        json_writer_text(&o->json, "text", c->text);
        json_writer_close(&o->json);
        return 0;
}

int log_common_bank(const EventLog *a, const EventLog *b, HashAlg *ret)
{
        int r = error_set(-EOPNOTSUPP, "the two logs have no bank in common");

        for (size_t i = 0; i < a->n_banks; i++)
                for (size_t j = 0; j < b->n_banks; j++) {
                        if (a->banks[i] != b->banks[j]) continue;
                        *ret = a->banks[i];
                        r = 0;
                }
        return r;
}

static int diff(const LogFile *a, const LogFile *b, bool as_json)
{
        DiffOutput o = { .out = WRITER_INIT(OUTPUT_MAX), .as_json = as_json };
        HashAlg bank = HASH_SHA256;
        int r;

        r = log_common_bank(a->log, b->log, &bank);
        if (r < 0) return cli_fail(r, b->path);
        o.json = (JsonWriter)JSON_WRITER_INIT(&o.out);
        if (as_json) {
                json_writer_open_object(&o.json, NULL);
                json_writer_text(&o.json, "bank", hash_name((uint16_t)bank));
                json_writer_open_array(&o.json, "changes");
        }
        r = eventlog_diff(a->log, b->log, bank, put_change, &o);
        if (r == EVENTLOG_E_NO_DIGEST && o.n > 0) {
                (void)cli_fail(r, b->path);
                r = 0;
        }
        if (as_json) {
                json_writer_close(&o.json);
                json_writer_close(&o.json);
                if (r == 0) r = json_writer_finish(&o.json);
        } else if (o.n == 0) {
                writer_format(&o.out, "no digest of %s differs\n", hash_name((uint16_t)bank));
        }
        if (r == 0) return cli_print(&o.out, o.n ? EXIT_NO : EXIT_YES);
        writer_deinit(&o.out);
        return cli_fail(r, b->path);
}

static int run(int argc, char **argv)
{
        static const struct option options[] = { { "format", required_argument, NULL, 'f' }, { NULL } };
        cleanup_log_file LogFile a = { 0 }, b = { 0 };
        bool as_json = false;
        int c;

        while ((c = getopt_long(argc, argv, "f:", options, NULL)) != -1) {
                if (c == '?') return cli_usage(&verb_eventlog_diff, "wrong option");
                if (cli_format(optarg, &as_json) < 0)
                        return cli_usage(&verb_eventlog_diff, "%s", error_detail(-EINVAL));
        }
        if (argc - optind < 1 || argc - optind > 2)
                return cli_usage(&verb_eventlog_diff,
                                 "expected the earlier log, and the later one if it is not this boot's");
        log_file_open(argv[optind], &a);
        log_file_open(argv[optind + 1], &b);
        return a.result == 0 && b.result == 0 ? diff(&a, &b, as_json) : EXIT_CANNOT;
}

const Verb verb_eventlog_diff = {
        .words = "eventlog diff",
        .arguments = "[--format text|json] A [B]",
        .summary = "Say what changed between two boots",
        .help = "A is the log of the earlier boot, B that of the later one, by default this one's. For each\n"
                "PCR the events are aligned by their digests; what is not equal is said in words: which\n"
                "image, which command line, which entries of db or dbx. + is new, - is gone, ~ is another.\n"
                "\n"
                "  -f, --format text|json\n"
                "\n"
                "Exit codes: 0 nothing that was measured differs, 1 something does, 2 cannot tell.\n"
                "\n"
                "Example:\n"
                "  halfkey eventlog diff last-boot.log\n",
        .run = run,
};
