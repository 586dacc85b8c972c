/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog.h"

#include "base/error.h"
#include "base/writer.h"
#include "eventlog/compare.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OUTPUT_MAX = 1 << 20 };

extern const Verb verb_eventlog_verify;

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

/* Every PCR of the mask that differs, each with what explains it. */
static int put_mismatches(const LogFile *f, const PcrValues *replayed, const PcrValues *actual, uint32_t mask,
                          Writer *out)
{
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                EventlogMismatch m;
                int r;

                if (!(mask >> pcr & 1)) continue;
                r = eventlog_explain(f->log, replayed, actual, UINT32_C(1) << pcr, &m);
                if (r < 0) return r;
                if (r > 0) writer_format(out, "  %s\n", m.text);
        }
        return 0;
}

/* The PCRs of a bank by what can be said of them. */
typedef struct Scope {
        uint32_t compared;
        uint32_t unknown;  /* in the log, but an event has no digest of this bank */
        uint32_t no_value; /* asked for or in the log, but there is nothing to compare with */
        uint32_t no_event; /* there is a value, but the log has no event */
} Scope;

static Scope scope_of(const PcrValues *replayed, const PcrValues *actual, uint32_t wanted)
{
        const uint32_t asked = wanted ? wanted : replayed->extended | replayed->incomplete;

        return (Scope){
                .compared = asked & actual->extended & ~replayed->incomplete,
                .unknown = asked & actual->extended & replayed->incomplete,
                .no_value = asked & ~actual->extended,
                .no_event = wanted ? 0 : actual->extended & ~replayed->extended & ~replayed->incomplete,
        };
}

static int verify_scope(const LogFile *f, const PcrValues *replayed, const PcrValues *actual, const Scope *scope,
                        Writer *out)
{
        EventlogMismatch m;
        int r = 0;

        writer_format(out, "%s: PCR ", hash_name((uint16_t)actual->bank));
        put_pcrs(out, scope->compared);
        r = eventlog_explain(f->log, replayed, actual, scope->compared, &m);
        if (r < 0) return r;
        writer_text(out, r == 0 ? ": the log gives these values\n" : ": the log does not give these values\n");
        if (r == 0) return EXIT_YES;
        r = put_mismatches(f, replayed, actual, scope->compared, out);
        return r < 0 ? r : EXIT_NO;
}

/* One bank; EXIT_YES, EXIT_NO, EXIT_CANNOT where there was nothing to compare, or a failure. *doubt is set where
 * a PCR that counts could not be compared. */
static int verify_bank(const LogFile *f, const PcrValues *actual, uint32_t wanted, Writer *out, bool *doubt)
{
        const char *bank = hash_name((uint16_t)actual->bank);
        PcrValues replayed;
        Scope scope;
        int r;

        r = eventlog_replay(f->log, actual->bank, &replayed);
        if (r > 0 || r == -EOPNOTSUPP) {
                writer_format(out, "%s: not compared: %s\n", bank, error_detail(r));
                return EXIT_CANNOT;
        }
        if (r < 0) return r;
        scope = scope_of(&replayed, actual, wanted);
        if (scope.unknown || (wanted && scope.no_value)) *doubt = true;
        if (scope.compared == 0) writer_format(out, "%s: no PCR to compare\n", bank);
        r = scope.compared ? verify_scope(f, &replayed, actual, &scope, out) : EXIT_CANNOT;
        put_line(out, "  not compared, an event has no digest of this bank: PCR ", scope.unknown, "\n");
        put_line(out, "  not compared, no event in the log: PCR ", scope.no_event, "\n");
        put_line(out, "  in the log, but no value to compare with: PCR ", scope.no_value, "\n");
        return r;
}

/* No beats cannot tell, which beats yes; but a bank that only one side has is no reason for doubt while
 * another one was compared. */
static int verify(const LogFile *f, const PcrFile *pcrs, uint32_t wanted)
{
        Writer out = WRITER_INIT(OUTPUT_MAX);
        bool yes = false, no = false, doubt = false;

        for (size_t i = 0; i < pcrs->n_banks; i++) {
                const int r = verify_bank(f, &pcrs->banks[i], wanted, &out, &doubt);

                if (r < 0) {
                        writer_deinit(&out);
                        return cli_fail(r, f->path);
                }
                yes = yes || r == EXIT_YES;
                no = no || r == EXIT_NO;
        }
        return cli_print(&out, no ? EXIT_NO : yes && !doubt ? EXIT_YES : EXIT_CANNOT);
}

static int run(int argc, char **argv)
{
        static const struct option options[] = {
                { "pcrs", required_argument, NULL, 'p' },
                { "only", required_argument, NULL, 'o' },
                { "tpm", required_argument, NULL, 't' },
                { NULL },
        };
        cleanup_log_file LogFile f = { 0 };
        const char *pcrs_path = NULL, *tcti = NULL;
        uint32_t wanted = 0;
        PcrFile pcrs;
        int c, r = 0;

        while ((c = getopt_long(argc, argv, "p:o:t:", options, NULL)) != -1) {
                if (c == '?') return cli_usage(&verb_eventlog_verify, "wrong option");
                if (c == 'p') pcrs_path = optarg;
                if (c == 't') tcti = optarg;
                if (c == 'o') r = pcr_list_parse(optarg, &wanted);
                if (r < 0) return cli_usage(&verb_eventlog_verify, "%s", error_detail(r));
        }
        if (argc - optind > 1) return cli_usage(&verb_eventlog_verify, "one log at a time");
        if (pcrs_path && tcti) return cli_usage(&verb_eventlog_verify, "either --pcrs or --tpm");
        log_file_open(argv[optind], &f);
        if (f.result != 0) return EXIT_CANNOT;
        r = pcrs_path ? pcr_file_open(pcrs_path, &pcrs) : pcr_tpm_read(tcti, &pcrs);
        if (r != 0) {
                fprintf(stderr, "halfkey: %s\n", error_detail(r)); /* names file or TPM itself */
                return EXIT_CANNOT;
        }
        return verify(&f, &pcrs, wanted);
}

const Verb verb_eventlog_verify = {
        .words = "eventlog verify",
        .arguments = "[--tpm TCTI | --pcrs FILE] [--only LIST] [FILE]",
        .summary = "Check that an event log leads to the PCR values of a TPM",
        .help = "Replays the log and compares. A log that leads to the values of the TPM is complete and\n"
                "its digests are true; where it does not, the first PCR that differs is named with the\n"
                "event that explains it, if one does. By default the kernel's log is compared with this\n"
                "machine's TPM: every PCR that the log extends, in every bank both have. PCRs that\n"
                "something else extended after the firmware differ and are named, too: 10 by IMA, 11 and\n"
                "15 by systemd.\n"
                "\n"
                "  -t, --tpm TCTI   another TPM, such as swtpm:path=/run/swtpm.sock\n"
                "  -p, --pcrs FILE  values: JSON as 'eventlog replay --format json' prints it, or what\n"
                "                   tpm2_pcrread prints; - is standard input\n"
                "  -o, --only LIST  compare exactly these PCRs, such as 0-7,9\n"
                "\n"
                "Exit codes: 0 the values are the log's, 1 they are not, 2 cannot tell.\n"
                "\n"
                "Examples:\n"
                "  halfkey eventlog verify --only 0-7,9\n"
                "  tpm2_pcrread | halfkey eventlog verify --pcrs -\n",
        .run = run,
};
