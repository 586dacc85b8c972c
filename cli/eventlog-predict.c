/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/hex.h"
#include "eventlog/describe.h"
#include "eventlog/predict.h"
#include "json/writer.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
        OUTPUT_MAX = 64 * 1024 * 1024,
        FILES_MAX = 128,
        /* A UKI with a large initrd; other files are smaller. */
        FILE_MAX = 1024 * 1024 * 1024,
};

extern const Verb verb_eventlog_predict;

/* Options in the order they were given; those without a short letter start above all characters. */
enum {
        OPTION_UKI = 256,
        OPTION_KERNEL,
        OPTION_SYSTEMD_BOOT,
        OPTION_SHIM,
        OPTION_GRUB,
        OPTION_IMAGE,
        OPTION_WAS,
        OPTION_CMDLINE,
        OPTION_OLD_CMDLINE,
        OPTION_INITRD,
        OPTION_FILE,
        OPTION_TEXT,
        OPTION_VARIABLE,
        OPTION_UPDATE,
        OPTION_CREDENTIAL,
        OPTION_GLOBAL_CREDENTIAL,
        OPTION_SYSEXT,
        OPTION_WORD,
        OPTION_EXPECT,
};

static const struct option options[] = {
        { "format", required_argument, NULL, 'f' },
        { "bank", required_argument, NULL, 'b' },
        { "uki", required_argument, NULL, OPTION_UKI },
        { "kernel", required_argument, NULL, OPTION_KERNEL },
        { "systemd-boot", required_argument, NULL, OPTION_SYSTEMD_BOOT },
        { "shim", required_argument, NULL, OPTION_SHIM },
        { "grub", required_argument, NULL, OPTION_GRUB },
        { "image", required_argument, NULL, OPTION_IMAGE },
        { "was", required_argument, NULL, OPTION_WAS },
        { "cmdline", required_argument, NULL, OPTION_CMDLINE },
        { "old-cmdline", required_argument, NULL, OPTION_OLD_CMDLINE },
        { "initrd", required_argument, NULL, OPTION_INITRD },
        { "file", required_argument, NULL, OPTION_FILE },
        { "text", required_argument, NULL, OPTION_TEXT },
        { "variable", required_argument, NULL, OPTION_VARIABLE },
        { "update", required_argument, NULL, OPTION_UPDATE },
        { "credential", required_argument, NULL, OPTION_CREDENTIAL },
        { "global-credential", required_argument, NULL, OPTION_GLOBAL_CREDENTIAL },
        { "sysext", required_argument, NULL, OPTION_SYSEXT },
        { "word", required_argument, NULL, OPTION_WORD },
        { "expect", required_argument, NULL, OPTION_EXPECT },
        { NULL },
};

/* One option with its argument, taken apart. */
typedef struct Change {
        int option;
        char *name;       /* what stands before '=', or the text, or the path of the file */
        const char *file; /* path of the new file */
        const char *was;  /* of --was */
} Change;

typedef struct Predict {
        bool as_json, one_bank;
        HashAlg bank;
        Change changes[FILES_MAX];
        size_t n_changes;
        const char *old_command_line, *expect;
        uint8_t *contents[2 * FILES_MAX]; /* of files, which the prediction looks into */
        size_t n_contents;
        ExtraFile extras[PREDICT_EXTRAS][PREDICTION_FILES_MAX];
        size_t n_extras[PREDICT_EXTRAS];
        bool extras_given[PREDICT_EXTRAS];
        const char *failed_at; /* what a failure is to be said of; NULL for the log */
} Predict;

static void predict_free(Predict *s)
{
        for (size_t i = 0; i < s->n_contents; i++) free(s->contents[i]);
        for (size_t i = 0; i < s->n_changes; i++) free(s->changes[i].name);
        free(s);
}
DEFINE_CLEANUP(Predict, predict_free)

/* ---- options -------------------------------------------------------------------------------------------- */

static bool takes_pair(int option)
{
        return option == OPTION_IMAGE || option == OPTION_FILE || option == OPTION_TEXT ||
               option == OPTION_VARIABLE || option == OPTION_UPDATE;
}

/* "A=B" for those that take two; else the argument is all of it. */
static int add_change(Predict *s, int option, const char *argument)
{
        Change *c = &s->changes[s->n_changes];
        const char *equals = takes_pair(option) ? strchr(argument, '=') : NULL;

        if (s->n_changes == FILES_MAX) return error_set(-E2BIG, "more than %d changes", FILES_MAX);
        if (takes_pair(option) && (!equals || equals == argument))
                return error_set(-EINVAL, "'%s' is not of the form A=B", argument);
        c->option = option;
        c->name = strndup(argument, equals ? (size_t)(equals - argument) : strlen(argument));
        c->file = equals ? equals + 1 : argument;
        if (!c->name) return -ENOMEM;
        s->n_changes++;
        return 0;
}

static int add_was(Predict *s, const char *argument)
{
        Change *last = s->n_changes ? &s->changes[s->n_changes - 1] : NULL;

        if (!last || !(last->option <= OPTION_IMAGE || last->option == OPTION_INITRD))
                return error_set(-EINVAL, "--was belongs behind the image or initrd that it was");
        last->was = argument;
        return 0;
}

static int parse_option(Predict *s, int c, const char *argument)
{
        switch (c) {
        case 'f': return cli_format(argument, &s->as_json);
        case 'b': s->one_bank = true; return hash_from_name(argument, &s->bank);
        case OPTION_WAS: return add_was(s, argument);
        case OPTION_OLD_CMDLINE: s->old_command_line = argument; return 0;
        case OPTION_EXPECT: s->expect = argument; return 0;
        default: return add_change(s, c, argument);
        }
}

/* ---- the changes ---------------------------------------------------------------------------------------- */

/* A file's bytes, which live as long as the prediction. */
static int load(Predict *s, const char *path, Bytes *ret)
{
        size_t size;
        int r;

        r = file_read(path, FILE_MAX, &s->contents[s->n_contents], &size);
        if (r < 0) return r;
        *ret = BYTES(s->contents[s->n_contents++], size);
        return 0;
}

static int change_image(Predict *s, Prediction *p, const Change *c)
{
        /* From OPTION_UKI on. */
        static const PredictedImage kinds[] = { PREDICT_UKI,  PREDICT_KERNEL, PREDICT_SYSTEMD_BOOT,
                                                PREDICT_SHIM, PREDICT_GRUB,   PREDICT_IMAGE };
        ImageChange change = { .kind = kinds[c->option - OPTION_UKI] };
        int r;

        if (c->option == OPTION_IMAGE) change.path = c->name;
        r = load(s, c->file, &change.now);
        if (r == 0 && c->was) r = load(s, c->was, &change.was);
        return r < 0 ? r : prediction_image(p, &change);
}

static int change_initrd(Predict *s, Prediction *p, const Change *c)
{
        Bytes now = { 0 }, was = { 0 };
        int r;

        r = load(s, c->file, &now);
        if (r == 0 && c->was) r = load(s, c->was, &was);
        return r < 0 ? r : prediction_initrd(p, now, was);
}

/* Collected, since all of a kind make one archive. An empty argument says that there will be none. */
static int collect_extra(Predict *s, PredictedExtra kind, const Change *c)
{
        const char *slash = strrchr(c->file, '/');
        ExtraFile *file = &s->extras[kind][s->n_extras[kind]];

        s->extras_given[kind] = true;
        if (!c->file[0]) return 0;
        if (s->n_extras[kind] == PREDICTION_FILES_MAX)
                return error_set(-E2BIG, "more than %d files of a kind", PREDICTION_FILES_MAX);
        file->name = slash ? slash + 1 : c->file;
        s->n_extras[kind]++;
        return load(s, c->file, &file->content);
}

static int apply_file(Predict *s, Prediction *p, const Change *c)
{
        Bytes content = { 0 };
        int r;

        r = load(s, c->file, &content);
        if (r < 0) return r;
        if (c->option == OPTION_FILE) return prediction_file(p, c->name, content);
        return prediction_database(p, c->name, content, c->option == OPTION_UPDATE);
}

static int apply(Predict *s, Prediction *p, const Change *c)
{
        switch (c->option) {
        case OPTION_CMDLINE: return prediction_command_line(p, c->name, s->old_command_line);
        case OPTION_INITRD: return change_initrd(s, p, c);
        case OPTION_TEXT: return prediction_text(p, c->name, c->file);
        case OPTION_FILE:
        case OPTION_VARIABLE:
        case OPTION_UPDATE: return apply_file(s, p, c);
        case OPTION_CREDENTIAL: return collect_extra(s, PREDICT_CREDENTIALS, c);
        case OPTION_GLOBAL_CREDENTIAL: return collect_extra(s, PREDICT_GLOBAL_CREDENTIALS, c);
        case OPTION_SYSEXT: return collect_extra(s, PREDICT_EXTENSIONS, c);
        case OPTION_WORD: return prediction_word(p, c->name);
        default: return change_image(s, p, c);
        }
}

/* What a change failed at: its file or today's, or its text; nothing where the detail says so itself. */
static const char *blame(const Change *c, int r)
{
        static const char today[] = "today's ";

        if (r == -ENOENT) return "predict";
        if (c->was && strncmp(error_detail(r), today, sizeof(today) - 1) == 0) return c->was;
        return c->option == OPTION_TEXT || !c->file ? c->name : c->file;
}

static int apply_all(Predict *s, Prediction *p)
{
        int r = 0;

        for (size_t i = 0; i < s->n_changes && r == 0; i++) {
                r = apply(s, p, &s->changes[i]);
                if (r < 0) s->failed_at = blame(&s->changes[i], r);
        }
        for (PredictedExtra kind = 0; kind < PREDICT_EXTRAS && r == 0; kind++)
                if (s->extras_given[kind]) r = prediction_extras(p, kind, s->extras[kind], s->n_extras[kind]);
        if (r < 0 && !s->failed_at) s->failed_at = "predict";
        return r == 0 ? prediction_finish(p) : r;
}

/* ---- the answer ----------------------------------------------------------------------------------------- */

static const char *kind_name(PredictedKind kind)
{
        static const char *const names[] = { "same", "changed", "added", "gone", "unknown" };

        return names[kind];
}

static void put_text_bank(Writer *out, const Prediction *p, const PredictedPcrs *pcrs)
{
        writer_format(out, "%s:\n", hash_name((uint16_t)pcrs->values.bank));
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                char hex[2 * HASH_SIZE_MAX + 1];
                PredictedEvent why;

                if (pcrs->known >> pcr & 1) {
                        hex_encode(pcr_value(&pcrs->values, pcr), hex);
                        writer_format(out, "  %2" PRIu32 ": %s%s\n", pcr, hex,
                                      pcrs->changed >> pcr & 1 ? "  changes" : "");
                } else if (pcrs->unknown >> pcr & 1) {
                        IGNORE_RESULT(prediction_event(p, pcrs->why[pcr], &why));
                        writer_format(out, "  %2" PRIu32 ": unknown: %s\n", pcr,
                                      why.text[0] ? why.text : "an event of today has no such digest");
                }
        }
}

static void put_text_events(Writer *out, const Prediction *p)
{
        PredictedEvent e;

        writer_text(out, "events that change:\n");
        for (size_t i = 0; prediction_event(p, i, &e); i++)
                if (e.kind != PREDICTED_SAME)
                        writer_format(out, "  PCR %2" PRIu32 "  %-8s %s\n", e.pcr, kind_name(e.kind), e.text);
}

static void put_json_bank(JsonWriter *w, const Prediction *p, const PredictedPcrs *pcrs, bool unknown)
{
        json_writer_open_object(w, hash_name((uint16_t)pcrs->values.bank));
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                char key[12];
                PredictedEvent why;

                (void)snprintf(key, sizeof(key), "%" PRIu32, pcr);
                if (!unknown && (pcrs->known >> pcr & 1)) json_writer_hex(w, key, pcr_value(&pcrs->values, pcr));
                if (!unknown || !(pcrs->unknown >> pcr & 1)) continue;
                IGNORE_RESULT(prediction_event(p, pcrs->why[pcr], &why));
                json_writer_text(w, key, why.text[0] ? why.text : "an event of today has no such digest");
        }
        json_writer_close(w);
}

static void put_json_event(JsonWriter *w, const LogFile *f, const Prediction *p, size_t i, const PredictedEvent *e)
{
        json_writer_open_object(w, NULL);
        json_writer_int(w, "pcr", e->pcr);
        json_writer_text(w, "kind", kind_name(e->kind));
        if (e->today) json_writer_int(w, "today", e->today->index);
        json_writer_text(w, "text", e->text);
        json_writer_open_object(w, "digests");
        for (size_t b = 0; b < f->log->n_banks; b++) {
                Bytes digest;

                if (prediction_digest(p, i, f->log->banks[b], &digest) != 0) continue;
                json_writer_hex(w, hash_name((uint16_t)f->log->banks[b]), digest);
        }
        json_writer_close(w);
        json_writer_close(w);
}

typedef struct Answer {
        PredictedPcrs banks[EVENTLOG_BANKS_MAX];
        size_t n_banks;
} Answer;

static void put_json(Writer *out, const LogFile *f, const Prediction *p, const Answer *a)
{
        JsonWriter w = JSON_WRITER_INIT(out);
        PredictedEvent e;

        json_writer_open_object(&w, NULL);
        for (int unknown = 0; unknown < 2; unknown++) {
                json_writer_open_object(&w, unknown ? "unknown" : "pcrs");
                for (size_t i = 0; i < a->n_banks; i++) put_json_bank(&w, p, &a->banks[i], unknown);
                json_writer_close(&w);
        }
        json_writer_open_array(&w, "events");
        for (size_t i = 0; prediction_event(p, i, &e); i++)
                if (e.kind != PREDICTED_SAME) put_json_event(&w, f, p, i, &e);
        json_writer_close(&w);
        json_writer_close(&w);
        if (json_writer_finish(&w) < 0 && out->error == 0) out->error = -EINVAL;
}

/* Against values that were seen: no where a known PCR is another, cannot tell where nothing was compared. */
static int check_expected(const char *path, const Answer *a)
{
        PcrFile expected;
        bool any = false, differs = false;
        int r;

        r = pcr_file_open(path, &expected);
        if (r < 0) {
                cli_say(error_detail(r));
                return EXIT_CANNOT;
        }
        for (size_t i = 0; i < a->n_banks; i++)
                for (size_t j = 0; j < expected.n_banks; j++)
                        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                                const PcrValues *x = &a->banks[i].values, *y = &expected.banks[j];

                                if (x->bank != y->bank || !(a->banks[i].known & y->extended & UINT32_C(1) << pcr))
                                        continue;
                                any = true;
                                if (bytes_equal(pcr_value(x, pcr), pcr_value(y, pcr))) continue;
                                differs = true;
                                fprintf(stderr, "halfkey: %s: PCR %" PRIu32 " of %s is not what was predicted\n",
                                        path, pcr, hash_name((uint16_t)x->bank));
                        }
        return differs ? EXIT_NO : any ? EXIT_YES : EXIT_CANNOT;
}

static int answer(const Predict *s, const LogFile *f, const Prediction *p)
{
        Writer out = WRITER_INIT(OUTPUT_MAX);
        Answer a = { 0 };
        int code = EXIT_YES, r;

        for (size_t i = 0; i < f->log->n_banks; i++) {
                const HashAlg bank = f->log->banks[i];

                if (s->one_bank && bank != s->bank) continue;
                r = prediction_pcrs(p, bank, &a.banks[a.n_banks]);
                if (r == -EOPNOTSUPP) continue;
                if (r != 0) return cli_fail(r, f->path);
                a.n_banks++;
        }
        if (a.n_banks == 0) return cli_fail(error_set(-EINVAL, "the log has no such bank"), f->path);
        if (s->expect) code = check_expected(s->expect, &a);
        if (s->as_json) put_json(&out, f, p, &a);
        for (size_t i = 0; i < a.n_banks && !s->as_json; i++) put_text_bank(&out, p, &a.banks[i]);
        if (!s->as_json) put_text_events(&out, p);
        return cli_print(&out, code);
}

static int run(int argc, char **argv)
{
        _cleanup_(predict_freep) Predict *s = calloc(1, sizeof(*s));
        cleanup_prediction Prediction *p = NULL;
        cleanup_log_file LogFile f = { 0 };
        int c, r = 0;

        if (!s) return cli_fail(-ENOMEM, "predict");
        while ((c = getopt_long(argc, argv, "f:b:", options, NULL)) != -1) {
                if (c == '?') return cli_usage(&verb_eventlog_predict, "wrong option");
                r = parse_option(s, c, optarg);
                if (r < 0) return cli_usage(&verb_eventlog_predict, "%s", error_detail(r));
        }
        if (argc - optind > 1) return cli_usage(&verb_eventlog_predict, "one log at a time");
        log_file_open(argv[optind], &f);
        if (f.result != 0) return EXIT_CANNOT;
        r = prediction_new(f.log, &p);
        if (r == 0) r = apply_all(s, p);
        return r == 0 ? answer(s, &f, p) : cli_fail(r, s->failed_at ? s->failed_at : f.path);
}

const Verb verb_eventlog_predict = {
        .words = "eventlog predict",
        .arguments = "[--format text|json] [--bank NAME] CHANGE... [FILE]",
        .summary = "Compute the PCR values of the next boot from today's log and what will change",
        .help = "Each PCR is said exactly, or said to be unknown and why. What is not named stays as it is\n"
                "today. Where the file of today is given as well (--was), the rule must first yield what was\n"
                "measured today, so that what comes out is exact; without it the event is found by its path.\n"
                "\n"
                "  --uki FILE               a unified kernel image, with all that it causes\n"
                "  --kernel FILE            a kernel that GRUB, systemd-boot or firmware loads\n"
                "  --systemd-boot FILE, --shim FILE, --grub FILE\n"
                "  --image PATH=FILE        the image whose device path ends in PATH\n"
                "  --was FILE               behind one of the above and --initrd: today's\n"
                "  --initrd FILE            an initrd that a loader passes to the kernel\n"
                "  --cmdline TEXT           the kernel command line; --old-cmdline TEXT is today's\n"
                "  --file PATH=FILE         a file that GRUB reads, such as its configuration\n"
                "  --text OLD=NEW           a text in GRUB's commands, such as a kernel's version\n"
                "  --variable NAME=FILE     PK, KEK, db, dbx, dbt or dbr: a signature list or a signed update\n"
                "  --update NAME=FILE       the same, added to what there is, as updates of dbx are\n"
                "  --credential FILE, --global-credential FILE, --sysext FILE\n"
                "                           all files beside the UKI, or in loader/credentials, as they will\n"
                "                           be; an empty argument: there will be none\n"
                "  --word WORD              extended by a unit that keeps no log: enter-initrd, leave-initrd,\n"
                "                           sysinit, ready\n"
                "  --expect FILE            compare with PCR values that were seen (as verify --pcrs): exit 1\n"
                "                           if a PCR that was predicted is another\n"
                "  -b, --bank NAME          only this bank\n"
                "  -f, --format text|json\n"
                "\n"
                "Examples:\n"
                "  halfkey eventlog predict --uki new.efi --was /efi/EFI/Linux/debian.efi\n"
                "  halfkey eventlog predict --update dbx=DBXUpdate.bin\n",
        .run = run,
};
