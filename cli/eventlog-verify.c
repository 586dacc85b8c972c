/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Decides in one place (verify()), then says it as text or as JSON. */

#include "cli/eventlog.h"

#include "base/error.h"
#include "cli/eventlog-quote.h"
#include "eventlog/compare.h"
#include "eventlog/coverage.h"
#include "eventlog/locality.h"
#include "json/writer.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
        OUTPUT_MAX = 256 * 1024 * 1024,
        OPTION_QUOTE = 256,
        OPTION_SIGNATURE,
        OPTION_AK,
        OPTION_NONCE,
};

extern const Verb verb_eventlog_verify;

/* The PCRs of a bank by what can be said of them. */
typedef struct Scope {
        uint32_t compared;
        uint32_t unknown;  /* in the log, but an event has no digest of this bank */
        uint32_t no_value; /* asked for or in the log, but there is nothing to compare with */
        uint32_t no_event; /* there is a value, but the log has no event */
} Scope;

/* One bank: EXIT_YES, EXIT_NO, or EXIT_CANNOT where there was nothing to compare. */
typedef struct BankReport {
        HashAlg bank;
        int verdict;
        Scope scope;
        uint32_t equal;
        char why[EVENTLOG_TEXT_SIZE]; /* where nothing was compared at all */
        size_t n_mismatches;
        EventlogMismatch mismatches[EVENTLOG_PCRS];
} BankReport;

typedef struct Report {
        const LogFile *f;
        int verdict;
        size_t n_banks;
        BankReport banks[EVENTLOG_BANKS_MAX];
} Report;

/* ---- the verdict --------------------------------------------------------------------------------------- */

/* Firmware logs an event for each of PCR 0 to 7, a separator at least (PFP 1.06 section 3.3.2): where the log has
 * none, but the PCR was extended, events are missing, and the value is not what the log leads to. */
static uint32_t lost_pcrs(const LogFile *f, const PcrValues *actual, uint32_t no_event)
{
        enum { FIRMWARE_PCRS = 8 };
        uint32_t lost = 0;

        for (uint32_t pcr = 0; pcr < FIRMWARE_PCRS; pcr++) {
                uint8_t start[HASH_SIZE_MAX];

                if (!(no_event >> pcr & 1)) continue;
                eventlog_start_value(f->log, actual->bank, pcr, start);
                if (!bytes_equal(pcr_value(actual, pcr), BYTES(start, pcr_value(actual, pcr).size)))
                        lost |= UINT32_C(1) << pcr;
        }
        return lost;
}

static Scope scope_of(const LogFile *f, const PcrValues *replayed, const PcrValues *actual, uint32_t wanted)
{
        const uint32_t in_log = replayed->extended | replayed->incomplete;
        const uint32_t no_event = wanted ? 0 : actual->extended & ~in_log;
        const uint32_t lost = lost_pcrs(f, actual, no_event);
        const uint32_t asked = wanted ? wanted : in_log | lost;

        return (Scope){
                .compared = asked & actual->extended & ~replayed->incomplete,
                .unknown = asked & actual->extended & replayed->incomplete,
                .no_value = asked & ~actual->extended,
                .no_event = no_event & ~lost,
        };
}

/* Each PCR by itself, so that every one that differs is named. */
static int compare(const LogFile *f, const PcrValues *replayed, const PcrValues *actual, BankReport *b)
{
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                const uint32_t bit = UINT32_C(1) << pcr;
                int r;

                if (!(b->scope.compared & bit)) continue;
                r = eventlog_explain(f->log, replayed, actual, bit, &b->mismatches[b->n_mismatches]);
                if (r < 0) return r;
                if (r > 0) b->n_mismatches++;
                else b->equal |= bit;
        }
        return 0;
}

static int verify_bank(const LogFile *f, const PcrValues *actual, uint32_t wanted, BankReport *ret)
{
        BankReport b = { .bank = actual->bank, .verdict = EXIT_CANNOT };
        PcrValues replayed;
        int r;

        r = log_file_values(f, actual->bank, &replayed);
        if (r > 0 || r == -EOPNOTSUPP) {
                (void)snprintf(b.why, sizeof(b.why), "%s", error_detail(r));
                *ret = b;
                return 0;
        }
        if (r < 0) return r;
        b.scope = scope_of(f, &replayed, actual, wanted);
        r = compare(f, &replayed, actual, &b);
        if (r < 0) return r;
        if (b.scope.compared) b.verdict = b.n_mismatches ? EXIT_NO : EXIT_YES;
        *ret = b;
        return 0;
}

/* No beats cannot tell, which beats yes; but a bank that only one side has is no reason for doubt while another
 * one was compared. */
static int conclude(const Report *report, uint32_t wanted)
{
        bool yes = false, no = false, doubt = false;

        for (size_t i = 0; i < report->n_banks; i++) {
                const BankReport *b = &report->banks[i];

                yes = yes || b->verdict == EXIT_YES;
                no = no || b->verdict == EXIT_NO;
                doubt = doubt || b->scope.unknown || (wanted && b->scope.no_value);
        }
        return no ? EXIT_NO : yes && !doubt ? EXIT_YES : EXIT_CANNOT;
}

static int verify(const LogFile *f, const PcrFile *pcrs, uint32_t wanted, Report *ret)
{
        ret->f = f;
        for (size_t i = 0; i < pcrs->n_banks; i++) {
                int r = verify_bank(f, &pcrs->banks[i], wanted, &ret->banks[ret->n_banks++]);

                if (r < 0) return r;
        }
        ret->verdict = conclude(ret, wanted);
        return 0;
}

/* ---- as text -------------------------------------------------------------------------------------------- */

static void put_pcrs(Writer *out, uint32_t mask)
{
        const char *separator = "";

        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                if (!(mask >> pcr & 1)) continue;
                writer_format(out, "%s%" PRIu32, separator, pcr);
                separator = " ";
        }
}

static void put_line(Writer *out, const char *before, uint32_t mask, const char *after)
{
        if (mask == 0) return;
        writer_text(out, before);
        put_pcrs(out, mask);
        writer_text(out, after);
}

static void put_text_bank(Writer *out, const BankReport *b)
{
        const char *bank = hash_name((uint16_t)b->bank);

        if (b->why[0]) {
                writer_format(out, "%s: not compared: %s\n", bank, b->why);
                return;
        }
        if (b->scope.compared == 0) writer_format(out, "%s: no PCR to compare\n", bank);
        else writer_format(out, "%s: PCR ", bank);
        put_line(out, "", b->scope.compared,
                 b->verdict == EXIT_YES ? ": the log gives these values\n"
                                        : ": the log does not give these values\n");
        for (size_t i = 0; i < b->n_mismatches; i++) writer_format(out, "  %s\n", b->mismatches[i].text);
        put_line(out, "  not compared, an event has no digest of this bank: PCR ", b->scope.unknown, "\n");
        put_line(out, "  not compared, no event in the log: PCR ", b->scope.no_event, "\n");
        put_line(out, "  in the log, but no value to compare with: PCR ", b->scope.no_value, "\n");
}

/* ---- as JSON -------------------------------------------------------------------------------------------- */

static const char *verdict_name(int verdict)
{
        return verdict == EXIT_YES ? "yes" : verdict == EXIT_NO ? "no" : "cannot tell";
}

static void put_mask(JsonWriter *w, const char *key, uint32_t mask)
{
        json_writer_open_array(w, key);
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++)
                if (mask >> pcr & 1) json_writer_int(w, NULL, pcr);
        json_writer_close(w);
}

static void put_json_bank(JsonWriter *w, const BankReport *b)
{
        json_writer_open_object(w, NULL);
        json_writer_text(w, "bank", hash_name((uint16_t)b->bank));
        json_writer_text(w, "verdict", verdict_name(b->verdict));
        if (b->why[0]) json_writer_text(w, "why", b->why);
        put_mask(w, "compared", b->scope.compared);
        put_mask(w, "equal", b->equal);
        put_mask(w, "no_digest", b->scope.unknown);
        put_mask(w, "no_event", b->scope.no_event);
        put_mask(w, "no_value", b->scope.no_value);
        json_writer_open_array(w, "mismatches");
        for (size_t i = 0; i < b->n_mismatches; i++) {
                const EventlogMismatch *m = &b->mismatches[i];

                json_writer_open_object(w, NULL);
                json_writer_int(w, "pcr", m->pcr);
                if (m->event) json_writer_int(w, "event", m->event->index);
                json_writer_text(w, "text", m->text);
                json_writer_close(w);
        }
        json_writer_close(w);
        json_writer_close(w);
}

static int put_range(const UncoveredRange *range, void *context)
{
        JsonWriter *w = context;

        json_writer_open_object(w, NULL);
        json_writer_int(w, "offset", (int64_t)range->offset);
        json_writer_int(w, "size", (int64_t)range->size);
        json_writer_text(w, "kind", uncovered_kind_name(range->kind));
        if (range->event) json_writer_int(w, "event", range->event->index);
        json_writer_close(w);
        return 0;
}

/* Only what is equal was verified. */
static int put_uncovered(JsonWriter *w, const Report *report)
{
        EventlogVerified verified[EVENTLOG_BANKS_MAX];
        int r;

        for (size_t i = 0; i < report->n_banks; i++)
                verified[i] = (EventlogVerified){ .bank = report->banks[i].bank, .pcrs = report->banks[i].equal };
        json_writer_open_array(w, "unproven");
        r = eventlog_uncovered(report->f->log, verified, report->n_banks, put_range, w);
        json_writer_close(w);
        return r;
}

static int put_json(Writer *out, const Report *report)
{
        JsonWriter w = JSON_WRITER_INIT(out);
        int r;

        w.compact = true;
        json_writer_open_object(&w, NULL);
        json_writer_text(&w, "verdict", verdict_name(report->verdict));
        json_writer_open_array(&w, "banks");
        for (size_t i = 0; i < report->n_banks; i++) put_json_bank(&w, &report->banks[i]);
        json_writer_close(&w);
        r = put_uncovered(&w, report);
        json_writer_close(&w);
        if (r == 0) r = json_writer_finish(&w);
        writer_text(out, "\n");
        return r;
}

/* ---- the verb ------------------------------------------------------------------------------------------- */

typedef struct Options {
        const char *pcrs, *tcti, *userspace;
        QuoteFiles quote;
        uint32_t wanted;
        bool json;
} Options;

static int parse_option(Options *o, int c, const char *argument)
{
        switch (c) {
        case 'f': return cli_format(argument, &o->json);
        case 'p': o->pcrs = argument; return 0;
        case 't': o->tcti = argument; return 0;
        case 'u': o->userspace = argument; return 0;
        case 'o': return pcr_list_parse(argument, &o->wanted);
        case OPTION_QUOTE: o->quote.quote = argument; return 0;
        case OPTION_SIGNATURE: o->quote.signature = argument; return 0;
        case OPTION_AK: o->quote.ak = argument; return 0;
        default: o->quote.nonce = argument; return 0;
        }
}

/* Values to compare with: of a file, of a quote - which vouches for a file, where both are given - or of a TPM. */
static int values_of(const Options *o, const LogFile *f, PcrFile *ret, uint32_t *wanted)
{
        int r;

        if (o->pcrs) {
                r = pcr_file_open(o->pcrs, ret);
                if (r == 0 && o->quote.quote) r = quote_check_values(&o->quote, ret, wanted);
                return r;
        }
        if (o->quote.quote) return quote_check_log(&o->quote, f, ret, wanted);
        return pcr_tpm_read(o->tcti, ret);
}

static int answer(const Options *o, const LogFile *f, const PcrFile *pcrs, uint32_t wanted)
{
        cleanup_free Report *report = calloc(1, sizeof(*report));
        Writer out = WRITER_INIT(OUTPUT_MAX);
        int r;

        r = report ? verify(f, pcrs, wanted, report) : -ENOMEM;
        if (r == 0 && o->json) r = put_json(&out, report);
        for (size_t i = 0; r == 0 && !o->json && i < report->n_banks; i++) put_text_bank(&out, &report->banks[i]);
        if (r == 0) return cli_print(&out, report->verdict);
        writer_deinit(&out);
        return cli_fail(r, f->path);
}

static int run(int argc, char **argv)
{
        static const struct option options[] = {
                { "format", required_argument, NULL, 'f' },
                { "userspace", required_argument, NULL, 'u' },
                { "pcrs", required_argument, NULL, 'p' },
                { "only", required_argument, NULL, 'o' },
                { "tpm", required_argument, NULL, 't' },
                { "quote", required_argument, NULL, OPTION_QUOTE },
                { "signature", required_argument, NULL, OPTION_SIGNATURE },
                { "ak", required_argument, NULL, OPTION_AK },
                { "nonce", required_argument, NULL, OPTION_NONCE },
                { NULL },
        };
        cleanup_log_file LogFile f = { 0 };
        Options o = { 0 };
        PcrFile pcrs;
        int c, r;

        while ((c = getopt_long(argc, argv, "f:p:o:t:u:", options, NULL)) != -1) {
                if (c == '?') return cli_usage(&verb_eventlog_verify, "wrong option");
                r = parse_option(&o, c, optarg);
                if (r < 0) return cli_usage(&verb_eventlog_verify, "%s", error_detail(r));
        }
        if (argc - optind > 1) return cli_usage(&verb_eventlog_verify, "one log at a time");
        if ((o.pcrs || o.quote.quote) && o.tcti)
                return cli_usage(&verb_eventlog_verify, "either --pcrs, --quote or --tpm");
        if (o.quote.quote && (!o.quote.signature || !o.quote.ak || !o.quote.nonce))
                return cli_usage(&verb_eventlog_verify, "--quote wants --signature, --ak and --nonce as well");
        log_file_open(argv[optind], &f);
        if (f.result != 0) return EXIT_CANNOT;
        if (o.userspace && log_file_add_userspace(&f, o.userspace) != 0) return EXIT_CANNOT;
        r = values_of(&o, &f, &pcrs, &o.wanted);
        if (r != 0) {
                cli_say(error_detail(r)); /* names file or TPM itself */
                return o.quote.quote && r == QUOTE_E_NO ? EXIT_NO : EXIT_CANNOT;
        }
        return answer(&o, &f, &pcrs, o.wanted);
}

const Verb verb_eventlog_verify = {
        .words = "eventlog verify",
        .arguments = "[--tpm TCTI | --pcrs FILE | --quote FILE ...] [OPTION...] [FILE]",
        .summary = "Check that an event log leads to the PCR values of a TPM",
        .help = "Replays the log and compares. A log that leads to the values of the TPM is complete and\n"
                "its digests are true; where it does not, the first PCR that differs is named with the\n"
                "event that explains it, if one does. By default the kernel's log is compared with this\n"
                "machine's TPM: every PCR that the log extends, in every bank both have, and each of 0 to 7\n"
                "that was extended: firmware logs all of those. PCRs that\n"
                "something else extended after the firmware differ and are named, too: 10 by IMA, 11 and\n"
                "15 by systemd.\n"
                "\n"
                "  -t, --tpm TCTI   another TPM, such as swtpm:path=/run/swtpm.sock\n"
                "  -p, --pcrs FILE  values: JSON as 'eventlog replay --format json' prints it, or what\n"
                "                   tpm2_pcrread prints; - is standard input\n"
                "      --quote FILE --signature FILE --ak FILE --nonce HEX\n"
                "                   a quote (TPMS_ATTEST, as tpm2_quote -m writes it), its signature\n"
                "                   (TPMT_SIGNATURE), the key's TPMT_PUBLIC or TPM2B_PUBLIC, and the 32\n"
                "                   bytes of qualifying data; with --pcrs it vouches for those values\n"
                "  -u, --userspace FILE\n"
                "                   what userspace measured behind the log: /run/log/systemd/tpm2-measure.log\n"
                "  -o, --only LIST  compare exactly these PCRs, such as 0-7,9\n"
                "  -f, --format text|json\n"
                "                   json lists as 'unproven' each range of the log's bytes that this says\n"
                "                   nothing about: types, data that no digest covers, digests not compared\n"
                "\n"
                "Exit codes: 0 the values are the log's, 1 they are not, 2 cannot tell.\n"
                "\n"
                "Examples:\n"
                "  halfkey eventlog verify --only 0-7,9\n"
                "  tpm2_pcrread | halfkey eventlog verify --pcrs -\n",
        .run = run,
};
