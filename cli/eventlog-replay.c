/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog.h"

#include "base/error.h"
#include "base/hex.h"
#include "json/writer.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

/* 8 banks of 24 PCRs with a key and 128 digits each, with room to spare. */
enum { OUTPUT_MAX = 1 << 20 };

extern const Verb verb_eventlog_replay;

static void put_json(JsonWriter *w, const PcrValues *values)
{
        if (known_pcrs(values) == 0) return;
        json_writer_open_object(w, hash_name((uint16_t)values->bank));
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                char key[12];

                if (!(known_pcrs(values) >> pcr & 1)) continue;
                (void)snprintf(key, sizeof(key), "%" PRIu32, pcr);
                json_writer_hex(w, key, pcr_value(values, pcr));
        }
        json_writer_close(w);
}

static void put_text(Writer *out, const PcrValues *values)
{
        char hex[2 * HASH_SIZE_MAX + 1];

        if (known_pcrs(values) == 0) return;
        writer_format(out, "%s:\n", hash_name((uint16_t)values->bank));
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                if (!(known_pcrs(values) >> pcr & 1)) continue;
                hex_encode(pcr_value(values, pcr), hex);
                writer_format(out, "  %2" PRIu32 ": %s\n", pcr, hex);
        }
}

/* One bank into the JSON or the text, whichever there is; counts those that came out. */
static int put_bank(const LogFile *f, HashAlg bank, JsonWriter *json, Writer *text, size_t *n)
{
        PcrValues values;
        int r;

        r = log_file_replay(f, bank, &values);
        if (r == -EOPNOTSUPP) {
                fprintf(stderr, "halfkey: %s: %s is left out: %s\n", f->path, hash_name((uint16_t)bank),
                        error_detail(r));
                return 0;
        }
        if (r != 0) return r;
        ++*n;
        if (json) put_json(json, &values);
        else put_text(text, &values);
        return 0;
}

static int replay(const LogFile *f, const HashAlg *only, bool as_json)
{
        Writer out = WRITER_INIT(OUTPUT_MAX);
        JsonWriter json = JSON_WRITER_INIT(&out);
        size_t n = 0;
        int r = 0;

        if (as_json) json_writer_open_object(&json, NULL);
        if (only) r = put_bank(f, *only, as_json ? &json : NULL, &out, &n);
        for (size_t i = 0; !only && r == 0 && i < f->log->n_banks; i++)
                r = put_bank(f, f->log->banks[i], as_json ? &json : NULL, &out, &n);
        if (as_json) json_writer_close(&json);
        if (r == 0 && as_json) r = json_writer_finish(&json);
        if (r == 0 && n == 0) r = error_set(-EOPNOTSUPP, "no bank of the log can be computed");
        if (r == 0) return cli_print(&out, EXIT_YES);
        writer_deinit(&out);
        return cli_fail(r, f->path);
}

static int run(int argc, char **argv)
{
        static const struct option options[] = {
                { "format", required_argument, NULL, 'f' },
                { "bank", required_argument, NULL, 'b' },
                { "userspace", required_argument, NULL, 'u' },
                { NULL },
        };
        cleanup_log_file LogFile f = { 0 };
        bool as_json = false, one_bank = false;
        const char *userspace = NULL;
        HashAlg bank = HASH_SHA256;
        int c;

        while ((c = getopt_long(argc, argv, "f:b:u:", options, NULL)) != -1) {
                int r = c == 'f' ? cli_format(optarg, &as_json) : c == 'b' ? hash_from_name(optarg, &bank) : 0;

                if (c == '?') return cli_usage(&verb_eventlog_replay, "wrong option");
                if (r < 0) return cli_usage(&verb_eventlog_replay, "%s", error_detail(r));
                if (c == 'b') one_bank = true;
                if (c == 'u') userspace = optarg;
        }
        if (argc - optind > 1) return cli_usage(&verb_eventlog_replay, "one log at a time");
        log_file_open(argv[optind], &f);
        if (f.result != 0) return EXIT_CANNOT;
        if (userspace && log_file_add_userspace(&f, userspace) != 0) return EXIT_CANNOT;
        return replay(&f, one_bank ? &bank : NULL, as_json);
}

const Verb verb_eventlog_replay = {
        .words = "eventlog replay",
        .arguments = "[--format text|json] [--bank NAME] [--userspace LOG] [FILE]",
        .summary = "Compute the PCR values that an event log leads to",
        .help = "Each event of the log extended one PCR; replaying them gives the values the TPM must\n"
                "hold if the log is true and complete. Only PCRs that the log extends are printed.\n"
                "Without FILE the log of this boot is read from the kernel:\n"
                "  " EVENTLOG_DEFAULT_PATH "\n"
                "\n"
                "  -f, --format text|json  json: {\"sha256\": {\"0\": \"hex digits\", ...}, ...}\n"
                "  -u, --userspace LOG     what userspace measured behind it, as systemd logs it\n"
                "  -b, --bank NAME         only this bank: sha1, sha256, sha384, sha512, sm3_256\n"
                "\n"
                "Example, against what the TPM holds now:\n"
                "  halfkey eventlog replay --bank sha256\n"
                "  tpm2_pcrread sha256\n",
        .run = run,
};
