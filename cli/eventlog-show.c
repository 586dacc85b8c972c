/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog.h"

#include "base/error.h"
#include "base/hex.h"
#include "eventlog/describe.h"
#include "eventlog/interpret.h"
#include "json/writer.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
        /* Hex, its key and the words take a few times the log's size. */
        OUTPUT_MAX = 16 * EVENTLOG_SIZE_MAX,
        COLUMNS = 100,
        /* Where the meaning starts in a line of text. */
        INDENT = 41,
};

extern const Verb verb_eventlog_show;

typedef struct Show {
        const LogFile *f;
        HashAlg bank; /* proofs are of this one */
        Hasher *hasher;
        bool digests;
        Writer out;
} Show;

static const char *format_name(EventlogFormat format)
{
        static const char *const names[] = {
                [EVENTLOG_FORMAT_SHA1] = "sha1",
                [EVENTLOG_FORMAT_AGILE] = "crypto-agile",
                [EVENTLOG_FORMAT_CCEL] = "ccel",
        };

        return names[format];
}

/* The strongest bank: the last known one of a usual Spec ID is, but not of every one. */
static int choose_bank(const EventLog *log, Hasher **ret, HashAlg *ret_bank)
{
        int r = error_set(-EOPNOTSUPP, "no bank of the log is known");

        for (size_t i = log->n_banks; i > 0; i--) {
                r = hasher_new(log->banks[i - 1], ret);
                if (r == 0) *ret_bank = log->banks[i - 1];
                if (r != -EOPNOTSUPP) return r;
        }
        return r;
}

static int proof_of(Show *s, const Event *event, EventlogProof *ret)
{
        if (s->hasher) return eventlog_event_proof(s->f->log, event, s->hasher, s->bank, ret);
        *ret = EVENTLOG_PROOF_NONE;
        return 0;
}

/* ---- text --------------------------------------------------------------------------------------------- */

/* One column a character; a line breaks at the last space or slash that fits. */
static void put_wrapped(Writer *out, const char *text)
{
        const size_t room = COLUMNS - INDENT;

        while (strlen(text) > room) {
                size_t n = room;

                while (n > room / 2 && !strchr(" /", text[n - 1])) n--;
                if (n == room / 2) n = room;
                while (((uint8_t)text[n] & 0xc0) == 0x80) n--; /* not inside a character */
                writer_bytes(out, BYTES(text, text[n - 1] == ' ' ? n - 1 : n));
                writer_format(out, "\n%*s", INDENT, "");
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

static char proof_mark(EventlogProof proof)
{
        static const char marks[] = {
                [EVENTLOG_PROOF_PROVEN] = '=',     [EVENTLOG_PROOF_PARTIAL] = '~',
                [EVENTLOG_PROOF_UNKNOWABLE] = '?', [EVENTLOG_PROOF_CONTRADICTED] = '!',
                [EVENTLOG_PROOF_NONE] = ' ',
        };

        return marks[proof];
}

static int put_event(Show *s, const Event *event)
{
        const char *type = eventlog_type_name(event->type);
        char meaning[EVENTLOG_TEXT_SIZE], number[24], pcr[12];
        EventlogProof proof;
        int r;

        r = proof_of(s, event, &proof);
        if (r < 0) return r;
        eventlog_event_describe(s->f->log, event, meaning);
        (void)snprintf(number, sizeof(number), "type 0x%" PRIx32, event->type);
        (void)snprintf(pcr, sizeof(pcr), "%" PRIu32, event->pcr);
        if (event->pcr >= EVENTLOG_PCRS) (void)snprintf(pcr, sizeof(pcr), "-");
        /* EV_ is on every name; without it they fit. */
        writer_format(&s->out, "%4" PRIu32 " %3s %c %-30s", event->index, pcr, proof_mark(proof),
                      type ? type + 3 : number);
        put_wrapped(&s->out, meaning);
        if (s->digests) put_digests(s, event);
        return 0;
}

static void put_heading(Show *s)
{
        const EventLog *log = s->f->log;

        writer_format(&s->out, "%s: %s, %zu events, banks", s->f->path, format_name(log->format), log->n_events);
        for (size_t i = 0; i < log->n_banks; i++)
                writer_format(&s->out, " %s", hash_name((uint16_t)log->banks[i]));
        writer_text(&s->out, "\n= digest is that of the data  ~ of a part of it  ? of what is not in the log  ! "
                             "of neither\n\n");
        writer_text(&s->out, log->format == EVENTLOG_FORMAT_CCEL
                                     ? " no.  MR   type                          meaning\n"
                                     : " no. PCR   type                          meaning\n");
}

static int show_text(Show *s)
{
        const EventLog *log = s->f->log;
        int r = 0;

        put_heading(s);
        for (size_t i = 0; i < log->n_events && r == 0; i++) r = put_event(s, &log->events[i]);
        if (log->quirks) writer_text(&s->out, "\nOddities of this log:\n");
        for (EventlogQuirk q = 0; q < EVENTLOG_QUIRK_COUNT; q++)
                if (log->quirks >> q & 1)
                        writer_format(&s->out, "  %s: %s\n", eventlog_quirk_name(q), eventlog_quirk_text(q));
        if (log->faulty) writer_format(&s->out, "\nMalformed at offset %zu: %s\n", log->fault_offset, log->fault);
        return r;
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

static void put_json_digests(const EventLog *log, const Event *event, JsonWriter *w)
{
        json_writer_open_object(w, "digests");
        for (size_t i = 0; i < event->n_digests; i++) {
                char number[8];
                uint16_t alg;
                Bytes digest;

                if (eventlog_event_digest_at(log, event, i, &alg, &digest) != 0) break;
                (void)snprintf(number, sizeof(number), "0x%04x", alg);
                json_writer_hex(w, hash_name(alg) ? hash_name(alg) : number, digest);
        }
        json_writer_close(w);
}

static int put_json_event(Show *s, const Event *event, JsonWriter *w)
{
        char meaning[EVENTLOG_TEXT_SIZE];
        EventlogProof proof;
        int r;

        r = proof_of(s, event, &proof);
        if (r < 0) return r;
        eventlog_event_describe(s->f->log, event, meaning);
        json_writer_open_object(w, NULL);
        json_writer_int(w, "index", event->index);
        json_writer_int(w, "offset", (int64_t)event->offset);
        json_writer_int(w, "pcr", event->pcr);
        json_writer_int(w, "type", event->type);
        json_writer_text(w, "type_name", eventlog_type_name(event->type));
        put_json_digests(s->f->log, event, w);
        json_writer_text(w, "proof", eventlog_proof_name(proof));
        json_writer_text(w, "meaning", meaning);
        json_writer_hex(w, "data", event->data);
        json_writer_close(w);
        return 0;
}

static void put_json_oddities(const EventLog *log, JsonWriter *w)
{
        json_writer_open_array(w, "quirks");
        for (EventlogQuirk q = 0; q < EVENTLOG_QUIRK_COUNT; q++) {
                if (!(log->quirks >> q & 1)) continue;
                json_writer_open_object(w, NULL);
                json_writer_text(w, "id", eventlog_quirk_name(q));
                json_writer_text(w, "text", eventlog_quirk_text(q));
                json_writer_close(w);
        }
        json_writer_close(w);
        if (!log->faulty) return;
        json_writer_open_object(w, "fault");
        json_writer_int(w, "offset", (int64_t)log->fault_offset);
        json_writer_text(w, "text", log->fault);
        json_writer_close(w);
}

static int show_json(Show *s)
{
        const EventLog *log = s->f->log;
        JsonWriter w = JSON_WRITER_INIT(&s->out);
        int r = 0;

        json_writer_open_object(&w, NULL);
        json_writer_text(&w, "format", format_name(log->format));
        json_writer_open_array(&w, "banks");
        for (size_t i = 0; i < log->n_banks; i++) json_writer_text(&w, NULL, hash_name((uint16_t)log->banks[i]));
        json_writer_close(&w);
        json_writer_text(&w, "proof_bank", s->hasher ? hash_name((uint16_t)s->bank) : NULL);
        put_json_oddities(log, &w);
        json_writer_open_array(&w, "events");
        for (size_t i = 0; i < log->n_events && r == 0; i++) r = put_json_event(s, &log->events[i], &w);
        json_writer_close(&w);
        json_writer_close(&w);
        return r < 0 ? r : json_writer_finish(&w);
}

/* ---- the verb ----------------------------------------------------------------------------------------- */

static int show(const LogFile *f, bool as_json, bool digests)
{
        cleanup_hasher Hasher *hasher = NULL;
        Show s = { .f = f, .digests = digests, .out = WRITER_INIT(OUTPUT_MAX) };
        int r;

        r = choose_bank(f->log, &hasher, &s.bank);
        s.hasher = hasher;
        if (r == 0 || r == -EOPNOTSUPP) r = as_json ? show_json(&s) : show_text(&s);
        if (r == 0) return cli_print(&s.out, f->result == 0 ? EXIT_YES : EXIT_CANNOT);
        writer_deinit(&s.out);
        return cli_fail(r, f->path);
}

static int run(int argc, char **argv)
{
        static const struct option options[] = {
                { "format", required_argument, NULL, 'f' },
                { "digests", no_argument, NULL, 'd' },
                { NULL },
        };
        cleanup_log_file LogFile f = { 0 };
        bool as_json = false, digests = false;
        int c, r = 0;

        while ((c = getopt_long(argc, argv, "f:d", options, NULL)) != -1) {
                if (c == '?') return cli_usage(&verb_eventlog_show, "wrong option");
                if (c == 'f') r = cli_format(optarg, &as_json);
                if (c == 'd') digests = true;
                if (r < 0) return cli_usage(&verb_eventlog_show, "%s", error_detail(r));
        }
        if (argc - optind > 1) return cli_usage(&verb_eventlog_show, "one log at a time");
        log_file_open(argv[optind], &f);
        return f.log ? show(&f, as_json, digests) : EXIT_CANNOT;
}

const Verb verb_eventlog_show = {
        .words = "eventlog show",
        .arguments = "[--format text|json] [--digests] [FILE]",
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
                "  -d, --digests           digests of all banks below each event\n"
                "\n"
                "A malformed log is shown as far as it can be read, and the exit code is 2.\n"
                "\n"
                "Example, all that was said about Secure Boot:\n"
                "  halfkey eventlog show --format json | jq -r '.events[] | select(.pcr == 7).meaning'\n",
        .run = run,
};
