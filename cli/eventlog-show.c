/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog.h"

#include "base/error.h"
#include "base/hex.h"
#include "cli/eventlog-json.h"
#include "eventlog/describe.h"
#include "eventlog/summary.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
        COLUMNS = 100,
        /* Where the meaning starts in a line of text. */
        INDENT = 41,
        SUMMARY_INDENT = 18,
        OPTION_TYPE = 256,
        OPTION_PROOF,
        OPTION_COLOR,
};

extern const Verb verb_eventlog_show;

typedef struct Show {
        const LogFile *f;
        HashAlg bank; /* proofs are of this one */
        Hasher *hasher;
        bool json, digests, summary, color;
        uint32_t pcrs; /* those to show; 0: all events */
        const char *type, *proof;
        Writer out;
} Show;

static int proof_of(Show *s, const Event *event, EventlogProof *ret)
{
        if (s->hasher) return eventlog_event_proof(s->f->log, event, s->hasher, s->bank, ret);
        *ret = EVENTLOG_PROOF_NONE;
        return 0;
}

/* ---- text --------------------------------------------------------------------------------------------- */

/* Our own text in colour, never the log's. */
static void put_colored(Show *s, const char *code, const char *text)
{
        if (s->color && code[0]) writer_format(&s->out, "\x1b[%sm%s\x1b[0m", code, text);
        else writer_text(&s->out, text);
}

/* One column a character; a line breaks at the last space or slash that fits. */
static void put_wrapped(Writer *out, const char *text, size_t indent)
{
        const size_t room = COLUMNS - indent;

        while (strlen(text) > room) {
                size_t n = room;

                while (n > room / 2 && !strchr(" /", text[n - 1])) n--;
                if (n == room / 2) n = room;
                while (((uint8_t)text[n] & 0xc0) == 0x80) n--; /* not inside a character */
                writer_bytes(out, BYTES(text, text[n - 1] == ' ' ? n - 1 : n));
                writer_format(out, "\n%*s", (int)indent, "");
                text += n;
        }
        writer_text(out, text);
        writer_text(out, "\n");
}

static void put_digests(Show *s, const Event *event)
{
        for (size_t i = 0; i < event->n_digests; i++) {
                char hex[2 * HASH_SIZE_MAX + 1];
                uint16_t alg;
                Bytes digest;

                if (eventlog_event_digest_at(s->f->log, event, i, &alg, &digest) != 0) return;
                if (!hash_name(alg)) continue;
                hex_encode(digest, hex);
                writer_format(&s->out, "%10s%-7s ", "", hash_name(alg));
                /* SHA-512 takes two lines. */
                for (const char *p = hex; *p; p += strnlen(p, 80))
                        writer_format(&s->out, "%s%.80s", p == hex ? "" : "\n                  ", p);
                writer_text(&s->out, "\n");
        }
}

static const struct {
        const char mark[2], *color;
} proof_marks[] = {
        [EVENTLOG_PROOF_PROVEN] = { "=", "32" },   [EVENTLOG_PROOF_PARTIAL] = { "~", "32" },
        [EVENTLOG_PROOF_UNKNOWABLE] = { "?", "" }, [EVENTLOG_PROOF_CONTRADICTED] = { "!", "1;31" },
        [EVENTLOG_PROOF_NONE] = { " ", "" },
};

static void put_event(Show *s, const Event *event, EventlogProof proof)
{
        const char *type = eventlog_type_name(event->type);
        char meaning[EVENTLOG_TEXT_SIZE], number[24], pcr[12];

        eventlog_event_describe(s->f->log, event, meaning);
        (void)snprintf(number, sizeof(number), "type 0x%" PRIx32, event->type);
        (void)snprintf(pcr, sizeof(pcr), "%" PRIu32, event->pcr);
        if (event->pcr >= EVENTLOG_PCRS) (void)snprintf(pcr, sizeof(pcr), "-");
        /* EV_ is on every name; without it they fit. */
        if (type && strncmp(type, "EV_", 3) == 0) type += 3;
        writer_format(&s->out, "%4" PRIu32 " %3s ", event->index, pcr);
        put_colored(s, proof_marks[proof].color, proof_marks[proof].mark);
        writer_format(&s->out, " %-30s", type ? type : number);
        put_wrapped(&s->out, meaning, INDENT);
        if (s->digests) put_digests(s, event);
}

static void put_heading(Show *s)
{
        const EventLog *log = s->f->log;

        writer_format(&s->out, "%s: %s, %zu events, banks", s->f->path, log_format_name(log->format),
                      log->n_events);
        for (size_t i = 0; i < log->n_banks; i++)
                writer_format(&s->out, " %s", hash_name((uint16_t)log->banks[i]));
        writer_text(&s->out, "\n= digest is that of the data  ~ of a part of it  ? of what is not in the log  ! "
                             "of neither\n\n");
        put_colored(s, "1",
                    log->format == EVENTLOG_FORMAT_CCEL ? " no.  MR   type                          meaning\n"
                                                        : " no. PCR   type                          meaning\n");
}

static int show_summary(Show *s)
{
        cleanup_free EventlogSummary *summary = NULL;
        int r;

        if (!s->hasher) return 0;
        r = eventlog_summary(s->f->log, s->bank, &summary);
        for (size_t i = 0; r == 0 && i < summary->n_rows; i++) {
                const SummaryRow *row = &summary->rows[i];
                static const char marks[] = {
                        [SUMMARY_PROVEN] = '=', [SUMMARY_CLAIMED] = ' ', [SUMMARY_CONTRADICTED] = '!'
                };

                writer_format(&s->out, "%-15s %c ", row->label, marks[row->certainty]);
                if (s->color && row->warning) writer_text(&s->out, "\x1b[1;33m");
                put_wrapped(&s->out, row->text, SUMMARY_INDENT);
                if (s->color && row->warning) writer_text(&s->out, "\x1b[0m");
        }
        return r;
}

static void put_quirks(Show *s)
{
        const EventLog *log = s->f->log;

        if (log->quirks) writer_text(&s->out, "\nOddities of this log:\n");
        for (EventlogQuirk q = 0; q < EVENTLOG_QUIRK_COUNT; q++) {
                char where[32] = "";

                if (!(log->quirks >> q & 1)) continue;
                if (log->quirk_event[q] != UINT32_MAX)
                        (void)snprintf(where, sizeof(where), " (event %" PRIu32 ")", log->quirk_event[q]);
                writer_format(&s->out, "  %s%s: %s\n      known from: %s\n", eventlog_quirk_name(q), where,
                              eventlog_quirk_text(q), eventlog_quirk_source(q));
        }
}

/* ---- filters ------------------------------------------------------------------------------------------- */

static bool is_wanted(const Show *s, const Event *event, EventlogProof proof)
{
        const char *type = eventlog_type_name(event->type);

        if (s->pcrs && (event->pcr >= EVENTLOG_PCRS || !(s->pcrs >> event->pcr & 1))) return false;
        if (s->type && (!type || !strcasestr(type, s->type))) return false;
        return !s->proof || strcmp(eventlog_proof_name(proof), s->proof) == 0;
}

/* All events that are wanted, in the form that put() gives them. */
static int each_event(Show *s, int (*put)(Show *s, const Event *event, EventlogProof proof, void *context),
                      void *context)
{
        for (size_t i = 0; i < s->f->log->n_events; i++) {
                const Event *event = &s->f->log->events[i];
                EventlogProof proof = EVENTLOG_PROOF_NONE;
                int r;

                r = proof_of(s, event, &proof);
                if (r == 0 && is_wanted(s, event, proof)) r = put(s, event, proof, context);
                if (r < 0) return r;
        }
        return 0;
}

static int put_text_event(Show *s, const Event *event, EventlogProof proof, void *context)
{
        (void)context;
        put_event(s, event, proof);
        return 0;
}

static int put_json_event(Show *s, const Event *event, EventlogProof proof, void *context)
{
        eventlog_json_event(context, s->f->log, event, proof);
        return 0;
}

static int show_text(Show *s)
{
        const EventLog *log = s->f->log;
        int r;

        if (s->summary) return show_summary(s);
        put_heading(s);
        r = each_event(s, put_text_event, NULL);
        put_quirks(s);
        if (log->faulty) writer_format(&s->out, "\nMalformed at offset %zu: %s\n", log->fault_offset, log->fault);
        return r;
}

static int show_json(Show *s)
{
        JsonWriter w = JSON_WRITER_INIT(&s->out);
        int r;

        json_writer_open_object(&w, NULL);
        r = eventlog_json_heading(&w, s->f->log, s->hasher ? &s->bank : NULL);
        json_writer_open_array(&w, "events");
        if (r == 0 && !s->summary) r = each_event(s, put_json_event, &w);
        json_writer_close(&w);
        json_writer_close(&w);
        return r < 0 ? r : json_writer_finish(&w);
}

/* ---- the verb ----------------------------------------------------------------------------------------- */

static int show(Show *s)
{
        cleanup_hasher Hasher *hasher = NULL;
        int r;

        s->out = WRITER_INIT(EVENTLOG_OUTPUT_MAX);
        r = log_choose_bank(s->f->log, &hasher, &s->bank);
        s->hasher = hasher;
        if (r == 0) r = eventlog_content_quirks(s->f->log, s->bank);
        if (r == 0 || r == -EOPNOTSUPP) r = s->json ? show_json(s) : show_text(s);
        if (r == 0) return cli_print(&s->out, s->f->result == 0 ? EXIT_YES : EXIT_CANNOT);
        writer_deinit(&s->out);
        return cli_fail(r, s->f->path);
}

static int parse_color(const char *when, bool *ret)
{
        if (strcmp(when, "always") == 0) *ret = true;
        else if (strcmp(when, "never") == 0) *ret = false;
        else if (strcmp(when, "auto") != 0) return error_set(-EINVAL, "--color is auto, always or never");
        return 0;
}

static int parse_proof(const char *name, const char **ret)
{
        for (EventlogProof p = EVENTLOG_PROOF_PROVEN; p <= EVENTLOG_PROOF_NONE; p++)
                if (strcmp(eventlog_proof_name(p), name) == 0) {
                        *ret = name;
                        return 0;
                }
        return error_set(-EINVAL, "--proof is proven, partial, 'cannot be proven', contradicted or none");
}

static int parse_option(Show *s, int c, const char *argument)
{
        switch (c) {
        case 'f': return cli_format(argument, &s->json);
        case 'd': s->digests = true; return 0;
        case 's': s->summary = true; return 0;
        case 'p': return pcr_list_parse(argument, &s->pcrs);
        case OPTION_TYPE: s->type = argument; return 0;
        case OPTION_PROOF: return parse_proof(argument, &s->proof);
        default: return parse_color(argument, &s->color);
        }
}

static int run(int argc, char **argv)
{
        static const struct option options[] = {
                { "format", required_argument, NULL, 'f' },
                { "digests", no_argument, NULL, 'd' },
                { "summary", no_argument, NULL, 's' },
                { "pcr", required_argument, NULL, 'p' },
                { "type", required_argument, NULL, OPTION_TYPE },
                { "proof", required_argument, NULL, OPTION_PROOF },
                { "color", required_argument, NULL, OPTION_COLOR },
                { NULL },
        };
        cleanup_log_file LogFile f = { 0 };
        Show s = { .f = &f, .color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") };
        int c;

        while ((c = getopt_long(argc, argv, "f:dsp:", options, NULL)) != -1) {
                if (c == '?') return cli_usage(&verb_eventlog_show, "wrong option");
                if (parse_option(&s, c, optarg) < 0)
                        return cli_usage(&verb_eventlog_show, "%s", error_detail(-EINVAL));
        }
        if (argc - optind > 1) return cli_usage(&verb_eventlog_show, "one log at a time");
        log_file_open(argv[optind], &f);
        return f.log ? show(&s) : EXIT_CANNOT;
}

const Verb verb_eventlog_show = {
        .words = "eventlog show",
        .arguments = "[--summary] [--pcr LIST] [--type NAME] [OPTION...] [FILE]",
        .summary = "Print the events of a log, one a line, with what they mean",
        .help = "Each event measured something into a PCR before the system ran: firmware, its settings,\n"
                "boot loader, kernel, command line. The mark before the type says what the digest in the\n"
                "log proves: that of the data shown (=), of a part of it (~), of something that is not in\n"
                "the log, such as an image (?), or of neither although it should (!). Types and texts are\n"
                "claims of the log; only digests are measured.\n"
                "Without FILE the log of this boot is read from the kernel:\n"
                "  " EVENTLOG_DEFAULT_PATH "\n"
                "\n"
                "  -f, --format text|json  json holds everything: offsets, all digests, data in hex\n"
                "  -s, --summary           the boot on one page: firmware, Secure Boot, what was loaded\n"
                "  -d, --digests           digests of all banks below each event\n"
                "  -p, --pcr LIST          only events of these PCRs, such as 4,7 or 0-7\n"
                "      --type NAME         only events whose type contains this, such as ipl\n"
                "      --proof KIND        only proven, partial, 'cannot be proven', contradicted or none\n"
                "      --color WHEN        auto, always or never\n"
                "\n"
                "A malformed log is shown as far as it can be read, and the exit code is 2.\n"
                "\n"
                "Example, all that was said about Secure Boot:\n"
                "  halfkey eventlog show --pcr 7\n",
        .run = run,
};
