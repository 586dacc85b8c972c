/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog.h"

#include "base/error.h"
#include "base/hex.h"
#include "cli/eventlog-json.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

extern const Verb verb_eventlog_export;

typedef enum ExportFormat { EXPORT_JSON, EXPORT_YAML, EXPORT_CEL, EXPORT_FORMATS } ExportFormat;

static void put_hex(Writer *out, Bytes b)
{
        for (size_t i = 0; i < b.size; i++) writer_format(out, "%02x", b.data[i]);
}

/* ---- CEL: an array of records -------------------------------------------------------------------------- */

static void put_cel_digests(JsonWriter *w, const EventLog *log, const Event *event)
{
        json_writer_open_array(w, "digests");
        for (size_t i = 0; i < event->n_digests; i++) {
                uint16_t alg;
                Bytes digest;

                if (eventlog_event_digest_at(log, event, i, &alg, &digest) != 0) break;
                json_writer_open_object(w, NULL);
                if (hash_name(alg)) json_writer_text(w, "hashAlg", hash_name(alg));
                else json_writer_int(w, "hashAlg", alg);
                json_writer_hex(w, "digest", digest);
                json_writer_close(w);
        }
        json_writer_close(w);
}

static int put_cel_record(Writer *out, const EventLog *log, const Event *event)
{
        JsonWriter w = JSON_WRITER_INIT(out);
        const char *type = eventlog_type_name(event->type);

        w.compact = true;
        json_writer_open_object(&w, NULL);
        json_writer_int(&w, "recnum", event->index);
        json_writer_int(&w, log->format == EVENTLOG_FORMAT_CCEL ? "ccmr" : "pcr", event->pcr);
        put_cel_digests(&w, log, event);
        json_writer_text(&w, "content_type", "pcclient_std");
        json_writer_open_object(&w, "content");
        if (type) json_writer_text(&w, "event_type", type);
        else json_writer_int(&w, "event_type", event->type);
        json_writer_hex(&w, "event_data", event->data);
        json_writer_close(&w);
        json_writer_close(&w);
        return json_writer_finish(&w);
}

/* DEL and the controls above it may stand in JSON as they are, but not on a terminal; outside of strings they
 * cannot stand at all. */
static void put_record(Writer *out, Bytes record)
{
        for (size_t i = 0; i < record.size; i++) {
                const uint8_t c = record.data[i], next = i + 1 < record.size ? record.data[i + 1] : 0;

                if (c == 0x7f) {
                        writer_text(out, "\\u007f");
                } else if (c == 0xc2 && next >= 0x80 && next <= 0x9f) {
                        writer_format(out, "\\u%04x", next);
                        i++;
                } else {
                        writer_u8(out, c);
                }
        }
}

/* A record that is not firmware's stays as it is, with all it holds. */
static int put_cel(Writer *out, const LogFile *f)
{
        const EventLog *log = f->log;
        int r = 0;

        writer_text(out, "[");
        for (size_t i = 0; i < log->n_events && r == 0; i++) {
                const Event *event = &log->events[i];

                writer_text(out, i ? ",\n" : "\n");
                if (log->json && event->type >= EVENTLOG_TYPE_SYSTEMD)
                        put_record(out, BYTES(log->bytes.data + event->offset, event->size));
                else r = put_cel_record(out, log, event);
        }
        writer_text(out, "\n]\n");
        return r;
}

/* ---- JSON ------------------------------------------------------------------------------------------------ */

static int put_json(Writer *out, const LogFile *f)
{
        cleanup_hasher Hasher *hasher = NULL;
        JsonWriter w = JSON_WRITER_INIT(out);
        HashAlg bank;
        int r;

        r = log_choose_bank(f->log, &hasher, &bank);
        if (r < 0 && r != -EOPNOTSUPP) return r;
        json_writer_open_object(&w, NULL);
        r = eventlog_json_heading(&w, f->log, hasher ? &bank : NULL);
        json_writer_open_array(&w, "events");
        for (size_t i = 0; i < f->log->n_events && r == 0; i++) {
                EventlogProof proof = EVENTLOG_PROOF_NONE;

                if (hasher) r = eventlog_event_proof(f->log, &f->log->events[i], hasher, bank, &proof);
                if (r == 0) eventlog_json_event(&w, f->log, &f->log->events[i], proof);
        }
        json_writer_close(&w);
        json_writer_close(&w);
        return r == 0 ? json_writer_finish(&w) : r;
}

/* ---- YAML, as tpm2_eventlog(1) prints it ------------------------------------------------------------------ */

static void put_yaml_digests(Writer *out, const EventLog *log, const Event *event)
{
        writer_format(out, "  DigestCount: %" PRIu32 "\n  Digests:\n", event->n_digests);
        for (size_t i = 0; i < event->n_digests; i++) {
                uint16_t alg;
                Bytes digest;

                if (eventlog_event_digest_at(log, event, i, &alg, &digest) != 0) break;
                if (hash_name(alg)) writer_format(out, "  - AlgorithmId: %s\n    Digest: \"", hash_name(alg));
                else writer_format(out, "  - AlgorithmId: 0x%x\n    Digest: \"", alg);
                put_hex(out, digest);
                writer_text(out, "\"\n");
        }
}

static void put_yaml_event(Writer *out, const EventLog *log, const Event *event)
{
        const char *type = eventlog_type_name(event->type);
        uint16_t alg;
        Bytes digest = { 0 };

        writer_format(out, "- EventNum: %" PRIu32 "\n  PCRIndex: %" PRIu32 "\n", event->index, event->pcr);
        if (type) writer_format(out, "  EventType: %s\n", type);
        else writer_format(out, "  EventType: 0x%" PRIx32 "\n", event->type);
        if (!log->json && (event->index == 0 || log->format == EVENTLOG_FORMAT_SHA1)) {
                writer_text(out, "  Digest: \"");
                if (eventlog_event_digest_at(log, event, 0, &alg, &digest) == 0) put_hex(out, digest);
                writer_text(out, "\"\n");
        } else {
                put_yaml_digests(out, log, event);
        }
        writer_format(out, "  EventSize: %zu\n  Event: \"", event->data.size);
        put_hex(out, event->data);
        writer_text(out, "\"\n");
}

static int put_yaml_pcrs(Writer *out, const LogFile *f)
{
        writer_text(out, "pcrs:\n");
        for (size_t i = 0; i < f->log->n_banks; i++) {
                PcrValues values;
                int r;

                r = eventlog_replay(f->log, f->log->banks[i], &values);
                if (r == -EOPNOTSUPP) continue;
                if (r != 0) return r;
                writer_format(out, "  %s:\n", hash_name((uint16_t)values.bank));
                for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                        if (!(known_pcrs(&values) >> pcr & 1)) continue;
                        writer_format(out, "    %-2" PRIu32 " : 0x", pcr);
                        put_hex(out, pcr_value(&values, pcr));
                        writer_text(out, "\n");
                }
        }
        return 0;
}

static int put_yaml(Writer *out, const LogFile *f)
{
        writer_text(out, "---\nversion: 1\nevents:\n");
        for (size_t i = 0; i < f->log->n_events; i++) put_yaml_event(out, f->log, &f->log->events[i]);
        return put_yaml_pcrs(out, f);
}

/* ---- the verb --------------------------------------------------------------------------------------------- */

static int parse_format(const char *name, ExportFormat *ret)
{
        static const char *const names[] = { "json", "yaml", "cel" };

        for (ExportFormat i = 0; i < EXPORT_FORMATS; i++)
                if (strcmp(names[i], name) == 0) {
                        *ret = i;
                        return 0;
                }
        return error_set(-EINVAL, "--format is json, yaml or cel, not '%s'", name);
}

static int run(int argc, char **argv)
{
        static int (*const put[])(Writer *, const LogFile *) = { put_json, put_yaml, put_cel };
        static const struct option options[] = { { "format", required_argument, NULL, 'f' }, { NULL } };
        cleanup_log_file LogFile f = { 0 };
        Writer out = WRITER_INIT(EVENTLOG_OUTPUT_MAX);
        ExportFormat format = EXPORT_JSON;
        int c, r;

        while ((c = getopt_long(argc, argv, "f:", options, NULL)) != -1) {
                if (c == '?') return cli_usage(&verb_eventlog_export, "wrong option");
                if (parse_format(optarg, &format) < 0)
                        return cli_usage(&verb_eventlog_export, "%s", error_detail(-EINVAL));
        }
        if (argc - optind > 1) return cli_usage(&verb_eventlog_export, "one log at a time");
        log_file_open(argv[optind], &f);
        if (f.result != 0) return EXIT_CANNOT;
        r = put[format](&out, &f);
        if (r == 0) return cli_print(&out, EXIT_YES);
        writer_deinit(&out);
        return cli_fail(r, f.path);
}

const Verb verb_eventlog_export = {
        .words = "eventlog export",
        .arguments = "[--format json|yaml|cel] [FILE]",
        .summary = "Write a log in another form, with everything that is in it",
        .help = "json is what 'show --format json' prints; cel is the TCG's Canonical Event Log, an array of\n"
                "records, StartupLocality among them. Both can be read again by every command here, and\n"
                "replay to the same values. yaml has the form of tpm2_eventlog, with all data in hexadecimal.\n"
                "A malformed log is not exported.\n"
                "\n"
                "  -f, --format json|yaml|cel\n"
                "\n"
                "Example:\n"
                "  halfkey eventlog export --format cel > boot.cel\n",
        .run = run,
};
