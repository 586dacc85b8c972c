/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One HTML file that needs no other: no script, no font, no address to fetch. All text of the log goes through
 * put_text(), which escapes what HTML would take for markup; that it is printable on one line is the describing
 * functions' promise. */

#include "cli/eventlog.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/writer.h"
#include "eventlog/describe.h"
#include "eventlog/diff.h"
#include "eventlog/summary.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OUTPUT_MAX = 512 * 1024 * 1024, PROOFS = EVENTLOG_PROOF_NONE + 1 };

extern const Verb verb_eventlog_report;

typedef struct HtmlReport {
        const LogFile *f, *with; /* with: NULL where there is no second log */
        HashAlg bank;
        Hasher *hasher;
        EventlogSummary *summary;
        PcrValues values;
        size_t counts[EVENTLOG_PCRS][PROOFS];
        size_t changes;
        Writer out;
} HtmlReport;

static const char style[] =
        "body{font:15px/1.45 system-ui,sans-serif;color:#1c2430;background:#f5f6f8;margin:0 auto;max-width:68rem;"
        "padding:1.5rem}\n"
        "h1{font-size:1.5rem;margin:0 0 .2rem}h2{font-size:1.15rem;margin:2rem 0 "
        ".6rem}h3{font-size:1rem;margin:1.4rem 0 .3rem}\n"
        ".sub{color:#5b6675;margin:0 0 1rem}\n"
        ".card{background:#fff;border:1px solid #dde1e7;border-radius:8px;padding:.9rem 1.1rem}\n"
        ".chain{display:flex;flex-direction:column;gap:0}\n"
        ".box{border:1px solid #c3cad4;border-left:6px solid "
        "#8a94a3;border-radius:6px;background:#fff;padding:.45rem .8rem}\n"
        ".box b{display:block;font-size:.8rem;color:#5b6675;font-weight:600}\n"
        ".box.proven{border-left-color:#2b8a4b}.box.contradicted{border-left-color:#c3272b}.box.warn{background:#"
        "fff6e0}\n"
        ".box span{display:block;font-size:.8rem;color:#5b6675;overflow-wrap:anywhere}\n"
        ".arrow{color:#8a94a3;text-align:center;line-height:1.1;height:1.1rem}\n"
        "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.28rem .5rem;"
        "border-bottom:1px solid "
        "#e6e9ee;overflow-wrap:anywhere}th{font-size:.8rem;color:#5b6675;white-space:nowrap}\n"
        ".n{white-space:nowrap;color:#5b6675;width:1%}.hex{font:12px/1.4 ui-monospace,monospace;color:#3b4654}\n"
        ".p{white-space:nowrap;width:1%}.proven{color:#1d6b38}.partial{color:#1d6b38}.contradicted{color:#b01e22;"
        "font-weight:600}.unknowable{color:#5b6675}\n"
        ".bar{display:flex;height:.7rem;width:9rem;border-radius:3px;overflow:hidden;background:#e6e9ee}\n"
        ".bar i{display:block;height:100%}.bar .proven{background:#2b8a4b}.bar .partial{background:#7cbf92}"
        ".bar .unknowable{background:#b3bbc6}.bar .contradicted{background:#c3272b}\n"
        ".key span{margin-right:1.2rem}.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;"
        "margin-right:.35rem;vertical-align:-1px}\n"
        ".key .proven{background:#2b8a4b}.key .partial{background:#7cbf92}.key .unknowable{background:#b3bbc6}"
        ".key .contradicted{background:#c3272b}.key .claimed{background:#8a94a3}\n"
        "@media "
        "print{html{font-size:11px}body{background:#fff;max-width:none;padding:0;font-size:1rem}.hex{font-size:."
        "8rem}.box,tr{break-inside:avoid}h2,h3,.key{break-after:avoid}*{print-color-adjust:exact;-webkit-print-"
        "color-adjust:"
        "exact}}\n";

/* ---- pieces ---------------------------------------------------------------------------------------------- */

static void put_text(HtmlReport *s, const char *text)
{
        for (const char *p = text; *p; p++) switch (*p) {
                case '<': writer_text(&s->out, "&lt;"); break;
                case '>': writer_text(&s->out, "&gt;"); break;
                case '&': writer_text(&s->out, "&amp;"); break;
                case '"': writer_text(&s->out, "&quot;"); break;
                case '\'': writer_text(&s->out, "&#39;"); break;
                default: writer_u8(&s->out, (uint8_t)*p);
                }
}

static const char *proof_class(EventlogProof proof)
{
        static const char *const names[] = { "proven", "partial", "unknowable", "contradicted", "none" };

        return names[proof];
}

static const char *pcr_role(const EventLog *log, uint32_t pcr)
{
        static const char *const roles[] = { "firmware",
                                             "firmware settings, boot order",
                                             "drivers from cards and disks",
                                             "their settings",
                                             "boot loaders and what they start",
                                             "partition table, end of firmware",
                                             "for the manufacturer",
                                             "Secure Boot: state, keys, who vouched",
                                             "GRUB: commands and command line",
                                             "files GRUB read; kernel: options, initrd",
                                             "IMA",
                                             "unified kernel image, boot phases",
                                             "command line, credentials",
                                             "system extensions",
                                             "shim: machine owner's keys",
                                             "identity of the system" };
        static const char *const registers[] = { "MRTD", "RTMR 0: firmware", "RTMR 1: boot loader",
                                                 "RTMR 2: kernel", "RTMR 3: workload" };

        if (log->format == EVENTLOG_FORMAT_CCEL) return pcr < ARRAY_SIZE(registers) ? registers[pcr] : "";
        return pcr < ARRAY_SIZE(roles) ? roles[pcr] : "";
}

/* ---- the boot as a picture --------------------------------------------------------------------------------- */

/* A file in front of the device path that leads to it, which is the same at every boot. */
static void put_step(HtmlReport *s, const char *text)
{
        char device[EVENTLOG_TEXT_SIZE];
        const char *file = strstr(text, ")/\\");

        if (!file) {
                put_text(s, text);
                return;
        }
        (void)snprintf(device, sizeof(device), "%.*s", (int)(file + 1 - text), text);
        put_text(s, file + 2);
        writer_text(&s->out, "<span>");
        put_text(s, device);
        writer_text(&s->out, "</span>");
}

static void put_box(HtmlReport *s, const SummaryRow *row, bool *first)
{
        if (!*first) writer_text(&s->out, "<div class=arrow>&#8595;</div>\n");
        *first = false;
        writer_format(&s->out, "<div class=\"box %s%s\"><b>%s</b>", summary_certainty_name(row->certainty),
                      row->warning ? " warn" : "", row->label);
        put_step(s, row->text);
        writer_text(&s->out, "</div>\n");
}

/* What ran, in order; keys and warnings stand beside it. */
static bool is_step(const SummaryRow *row)
{
        static const char *const keys[] = { "firmware", "secure-boot", "image", "kernel", "command-line" };

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (strcmp(row->key, keys[i]) == 0) return true;
        return false;
}

static void put_picture(HtmlReport *s)
{
        bool first = true;

        writer_text(&s->out, "<h2>The boot</h2>\n<p class=key><span><i class=proven></i>proven by digests</span>"
                             "<span><i class=claimed></i>what the log says</span><span><i class=contradicted></i>"
                             "contradicted by a digest</span></p>\n<div class=chain>\n");
        for (size_t i = 0; i < s->summary->n_rows; i++)
                if (is_step(&s->summary->rows[i])) put_box(s, &s->summary->rows[i], &first);
        writer_text(&s->out, "</div>\n<h2>Also</h2>\n<div class=card><table>\n");
        for (size_t i = 0; i < s->summary->n_rows; i++) {
                const SummaryRow *row = &s->summary->rows[i];

                if (is_step(row)) continue;
                writer_format(&s->out, "<tr><td class=n>%s<td>", row->label);
                put_text(s, row->text);
                writer_format(&s->out, "<td class=\"p %s\">%s\n", summary_certainty_name(row->certainty),
                              summary_certainty_name(row->certainty));
        }
        writer_text(&s->out, "</table></div>\n");
}

/* ---- PCRs --------------------------------------------------------------------------------------------------- */

static void put_bar(HtmlReport *s, uint32_t pcr)
{
        size_t n = 0;

        for (EventlogProof p = 0; p < EVENTLOG_PROOF_NONE; p++) n += s->counts[pcr][p];
        writer_text(&s->out, "<div class=bar>");
        for (EventlogProof p = 0; p < EVENTLOG_PROOF_NONE && n > 0; p++)
                if (s->counts[pcr][p] > 0)
                        writer_format(&s->out, "<i class=%s style=\"width:%zu%%\"></i>", proof_class(p),
                                      (100 * s->counts[pcr][p] + n - 1) / n);
        writer_text(&s->out, "</div>");
}

static void put_pcr_value(HtmlReport *s, uint32_t pcr)
{
        char hex[2 * HASH_SIZE_MAX + 1];

        if (!(known_pcrs(&s->values) >> pcr & 1)) {
                writer_text(&s->out, "an event has no digest of this bank");
                return;
        }
        hex_encode(pcr_value(&s->values, pcr), hex);
        writer_text(&s->out, hex);
}

static void put_overview(HtmlReport *s)
{
        const bool ccel = s->f->log->format == EVENTLOG_FORMAT_CCEL;

        writer_format(
                &s->out,
                "<h2>%s</h2>\n<p class=key><span><i class=proven></i>the digest is that of the data shown</span>"
                "<span><i class=partial></i>of a part of it</span><span><i class=unknowable></i>of what is not in "
                "the log</span><span><i class=contradicted></i>of neither</span></p>\n<div class=card><table>\n"
                "<tr><th>%s<th>holds<th>events<th>value (%s)\n",
                ccel ? "Measurement registers" : "PCRs", ccel ? "MR" : "PCR", hash_name((uint16_t)s->bank));
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++) {
                if (!((s->values.extended | s->values.incomplete) >> pcr & 1)) continue;
                writer_format(&s->out, "<tr><td class=n><a href=\"#pcr%" PRIu32 "\">%" PRIu32 "</a><td>%s<td>",
                              pcr, pcr, pcr_role(s->f->log, pcr));
                put_bar(s, pcr);
                writer_text(&s->out, "<td class=hex>");
                put_pcr_value(s, pcr);
                writer_text(&s->out, "\n");
        }
        writer_text(&s->out, "</table></div>\n");
}

static int put_events(HtmlReport *s, uint32_t pcr)
{
        const EventLog *log = s->f->log;

        writer_format(&s->out,
                      "<h3 id=pcr%" PRIu32 ">%s %" PRIu32
                      ": %s</h3>\n<div class=card><table>\n<tr><th>no.<th>type<th>"
                      "meaning<th>\n",
                      pcr, log->format == EVENTLOG_FORMAT_CCEL ? "MR" : "PCR", pcr, pcr_role(log, pcr));
        for (size_t i = 0; i < log->n_events; i++) {
                const Event *event = &log->events[i];
                char meaning[EVENTLOG_TEXT_SIZE];
                EventlogProof proof;
                int r;

                if (event->pcr != pcr || !eventlog_event_extends(event)) continue;
                r = eventlog_event_proof(log, event, s->hasher, s->bank, &proof);
                if (r < 0) return r;
                eventlog_event_describe(log, event, meaning);
                writer_format(&s->out, "<tr><td class=n>%" PRIu32 "<td class=n>", event->index);
                if (eventlog_type_name(event->type)) put_text(s, eventlog_type_name(event->type));
                else writer_format(&s->out, "0x%" PRIx32, event->type);
                writer_text(&s->out, "<td>");
                put_text(s, meaning);
                writer_format(&s->out, "<td class=\"p %s\">%s\n", proof_class(proof), eventlog_proof_name(proof));
        }
        writer_text(&s->out, "</table></div>\n");
        return 0;
}

/* ---- the rest ------------------------------------------------------------------------------------------------
 */

static void put_quirks(HtmlReport *s)
{
        const EventLog *log = s->f->log;

        if (log->quirks == 0) return;
        writer_text(&s->out,
                    "<h2>Oddities</h2>\n<div class=card><table>\n<tr><th>name<th>what<th>event<th>known from\n");
        for (EventlogQuirk q = 0; q < EVENTLOG_QUIRK_COUNT; q++) {
                if (!(log->quirks >> q & 1)) continue;
                writer_format(&s->out, "<tr><td class=n>%s<td>", eventlog_quirk_name(q));
                put_text(s, eventlog_quirk_text(q));
                writer_text(&s->out, "<td class=n>");
                if (log->quirk_event[q] != UINT32_MAX) writer_format(&s->out, "%" PRIu32, log->quirk_event[q]);
                writer_text(&s->out, "<td>");
                put_text(s, eventlog_quirk_source(q));
                writer_text(&s->out, "\n");
        }
        writer_text(&s->out, "</table></div>\n");
}

static int put_change(const EventlogChange *c, void *context)
{
        HtmlReport *s = context;

        writer_format(&s->out, "<tr><td class=n>%" PRIu32 "<td class=n>%s<td>", c->pcr,
                      eventlog_difference_name(c->kind));
        put_text(s, c->text);
        writer_text(&s->out, "\n");
        s->changes++;
        return 0;
}

static int put_diff(HtmlReport *s)
{
        HashAlg bank = HASH_SHA256;
        int r;

        if (!s->with) return 0;
        r = log_common_bank(s->with->log, s->f->log, &bank);
        if (r < 0) return r;
        writer_text(&s->out, "<h2>What changed since ");
        put_text(s, s->with->path);
        writer_text(&s->out, "</h2>\n<div class=card><table>\n<tr><th>PCR<th><th>\n");
        r = eventlog_diff(s->with->log, s->f->log, bank, put_change, s);
        writer_text(&s->out, "</table></div>\n");
        if (r == 0 && s->changes == 0) writer_text(&s->out, "<p>Nothing: all digests are the same.</p>\n");
        if (r == EVENTLOG_E_NO_DIGEST) {
                writer_text(&s->out, "<p>Cannot tell of all: ");
                put_text(s, error_detail(r));
                writer_text(&s->out, ".</p>\n");
                r = 0;
        }
        return r;
}

static int count_proofs(HtmlReport *s)
{
        for (size_t i = 0; i < s->f->log->n_events; i++) {
                const Event *event = &s->f->log->events[i];
                EventlogProof proof;
                int r;

                if (!eventlog_event_extends(event)) continue;
                r = eventlog_event_proof(s->f->log, event, s->hasher, s->bank, &proof);
                if (r < 0) return r;
                s->counts[event->pcr][proof]++;
        }
        return 0;
}

static void put_head(HtmlReport *s)
{
        const EventLog *log = s->f->log;

        writer_text(&s->out, "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n"
                             "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n"
                             "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src "
                             "'unsafe-inline'\">\n<title>Measured boot: ");
        put_text(s, s->f->path);
        writer_format(&s->out, "</title>\n<style>\n%s</style></head><body>\n<h1>Measured boot</h1>\n<p class=sub>",
                      style);
        put_text(s, s->f->path);
        writer_format(&s->out, ": %zu events, %zu bytes, proofs by %s</p>\n", log->n_events, log->bytes.size,
                      hash_name((uint16_t)s->bank));
        if (!log->faulty) return;
        writer_format(&s->out,
                      "<div class=\"box contradicted warn\"><b>Malformed</b>at offset %zu: ", log->fault_offset);
        put_text(s, log->fault);
        writer_text(&s->out, "; what was read before that is shown</div>\n");
}

static int put_report(HtmlReport *s)
{
        int r;

        r = eventlog_content_quirks(s->f->log, s->bank);
        if (r == 0) r = eventlog_summary(s->f->log, s->bank, &s->summary);
        if (r == 0) r = eventlog_replay(s->f->log, s->bank, &s->values);
        if (r == 0) r = count_proofs(s);
        if (r != 0) return r;
        put_head(s);
        put_picture(s);
        r = put_diff(s);
        put_overview(s);
        put_quirks(s);
        writer_text(&s->out, "<h2>Events</h2>\n");
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS && r == 0; pcr++)
                if ((s->values.extended | s->values.incomplete) >> pcr & 1) r = put_events(s, pcr);
        writer_text(&s->out,
                    "<p class=sub>Types and texts are claims of the log; only digests are measured. A log whose "
                    "replay gives the values of a TPM is complete, and its digests are true.</p>\n"
                    "</body></html>\n");
        return r;
}

static int write_out(HtmlReport *s, const char *path)
{
        Bytes html = { 0 };
        int r;

        if (!path) return cli_print(&s->out, s->f->result == 0 ? EXIT_YES : EXIT_CANNOT);
        r = writer_finish(&s->out, &html);
        if (r == 0) r = file_write_atomic(path, html, 0644);
        writer_deinit(&s->out);
        if (r < 0) return cli_fail(r, path);
        return s->f->result == 0 ? EXIT_YES : EXIT_CANNOT;
}

static int report(const LogFile *f, const LogFile *with, const char *path)
{
        cleanup_hasher Hasher *hasher = NULL;
        HtmlReport s = { .f = f, .with = with, .out = WRITER_INIT(OUTPUT_MAX) };
        int r;

        r = log_choose_bank(f->log, &hasher, &s.bank);
        s.hasher = hasher;
        if (r == 0) r = put_report(&s);
        free(s.summary);
        if (r == 0) return write_out(&s, path);
        writer_deinit(&s.out);
        return cli_fail(r, f->path);
}

static int run(int argc, char **argv)
{
        static const struct option options[] = {
                { "with", required_argument, NULL, 'w' },
                { "output", required_argument, NULL, 'o' },
                { NULL },
        };
        cleanup_log_file LogFile f = { 0 }, with = { 0 };
        const char *output = NULL, *with_path = NULL;
        int c;

        while ((c = getopt_long(argc, argv, "w:o:", options, NULL)) != -1) {
                if (c == '?') return cli_usage(&verb_eventlog_report, "wrong option");
                if (c == 'w') with_path = optarg;
                else output = optarg;
        }
        if (argc - optind > 1) return cli_usage(&verb_eventlog_report, "one log at a time");
        if (with_path) log_file_open(with_path, &with);
        if (with_path && with.result != 0) return EXIT_CANNOT;
        log_file_open(argv[optind], &f);
        return f.log ? report(&f, with_path ? &with : NULL, output) : EXIT_CANNOT;
}

const Verb verb_eventlog_report = {
        .words = "eventlog report",
        .arguments = "[--with LOG] [--output FILE] [FILE]",
        .summary = "Write a page on a boot, to be read in a browser or printed",
        .help = "One HTML file that needs no other and runs nothing: the boot from firmware to kernel, the\n"
                "PCRs and what their events prove, every event with its meaning, the oddities of the log.\n"
                "\n"
                "  -w, --with LOG     the log of an earlier boot: says what changed since\n"
                "  -o, --output FILE  write there, not to standard output\n"
                "\n"
                "Example:\n"
                "  halfkey eventlog report --with last-boot.log --output boot.html\n",
        .run = run,
};
