/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "eventlog/summary.h"

#include "base/error.h"
#include "base/writer.h"
#include "eventlog/describe.h"
#include "eventlog/proof.h"
#include "eventlog/structures.h"
#include "eventlog/text.h"
#include "eventlog/variable.h"

#include <errno.h>
#include <string.h>

enum {
        PCR_FIRMWARE = 0,
        PCR_IMAGES = 4,
        PCR_STATE = 7,
        PCR_GRUB = 8,
        PCR_UKI = 11,
        PCR_OPTIONS = 12,
        LINE_SIZE = 4096
};

typedef struct Summarizer {
        const EventLog *log;
        EventlogSummary *out;
        Prover prover;
        HashAlg bank;
} Summarizer;

/* A new row, for its text; NULL when there is no room. */
static SummaryRow *add(Summarizer *s, const char *key, const char *label, const Event *event, Text *text)
{
        SummaryRow *row;

        if (s->out->n_rows == SUMMARY_ROWS_MAX) return NULL;
        row = &s->out->rows[s->out->n_rows++];
        row->key = key;
        row->label = label;
        row->event = event;
        row->certainty = SUMMARY_CLAIMED;
        text_init(text, row->text, sizeof(row->text));
        if (s->out->n_rows < SUMMARY_ROWS_MAX) return row;
        row->key = "more";
        row->label = "More";
        text_put(text, "there is more than fits here");
        return NULL;
}

static SummaryCertainty certainty(Summarizer *s, const Event *event)
{
        EventlogProof proof = EVENTLOG_PROOF_NONE;

        if (eventlog_event_proof(s->log, event, s->prover.hasher, s->bank, &proof) < 0) return SUMMARY_CLAIMED;
        if (proof == EVENTLOG_PROOF_CONTRADICTED) return SUMMARY_CONTRADICTED;
        return proof == EVENTLOG_PROOF_PROVEN ? SUMMARY_PROVEN : SUMMARY_CLAIMED;
}

/* The separator of a PCR by what it hashed (PFP 1.06 section 10.4.3): its type no digest covers. */
static bool is_separator(Summarizer *s, const Event *event)
{
        static const uint8_t values[][4] = { { 0 }, { 0xff, 0xff, 0xff, 0xff } };

        return prover_matches_bytes(&s->prover, event, BYTES_ARRAY(values[0])) ||
               prover_matches_bytes(&s->prover, event, BYTES_ARRAY(values[1]));
}

/* A digest proves the data. That it means what the log says follows from its place: of this PCR, before the
 * separator that firmware ends its part with. Anything can be extended later on, under any label. */
static SummaryCertainty certainty_of_firmware(Summarizer *s, size_t at, uint32_t pcr)
{
        const SummaryCertainty result = certainty(s, &s->log->events[at]);

        if (result != SUMMARY_PROVEN) return result;
        if (s->log->events[at].pcr != pcr) return SUMMARY_CLAIMED;
        for (size_t i = 0; i < s->log->n_events; i++) {
                const Event *event = &s->log->events[i];

                if (event->pcr == pcr && eventlog_event_extends(event) && is_separator(s, event))
                        return at < i ? SUMMARY_PROVEN : SUMMARY_CLAIMED;
        }
        return SUMMARY_CLAIMED;
}

static bool is_text(const Event *event, const char *text)
{
        const size_t n = strlen(text);

        return event->data.size >= n && bytes_equal(BYTES(event->data.data, n), BYTES(text, n));
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

static void put_format(Summarizer *s)
{
        static const char *const names[] = {
                [EVENTLOG_FORMAT_SHA1] = "SHA-1 format of TPM 1.2",
                [EVENTLOG_FORMAT_AGILE] = "crypto-agile",
                [EVENTLOG_FORMAT_CCEL] = "CCEL of a confidential virtual machine",
                [EVENTLOG_FORMAT_CEL] = "records of userspace (CEL)",
        };
        Text t;
        SummaryRow *row = add(s, "format", "Log", NULL, &t);

        if (!row) return;
        text_format(&t, "%s, %zu events, banks", names[s->log->format], s->log->n_events);
        for (size_t i = 0; i < s->log->n_banks; i++) text_format(&t, " %s", hash_name((unsigned)s->log->banks[i]));
        row->warning = s->log->faulty;
        if (s->log->faulty) text_format(&t, "; broken at offset %zu", s->log->fault_offset);
}

static void put_firmware(Summarizer *s)
{
        for (size_t i = 0; i < s->log->n_events; i++) {
                const Event *event = &s->log->events[i];
                char meaning[EVENTLOG_TEXT_SIZE];
                ManifestNames names;
                Text t;

                if (event->type == EV_NO_ACTION && manifest_names(event->data, &names)) {
                        if (!add(s, "firmware", "Firmware", event, &t)) return;
                        text_utf8(&t, names.firmware_manufacturer);
                        text_put(&t, " ");
                        text_utf8(&t, names.firmware_version);
                        text_put(&t, " on ");
                        text_utf8(&t, names.platform_manufacturer);
                        text_put(&t, " ");
                        text_utf8(&t, names.platform_model);
                }
                if (event->type != EV_S_CRTM_VERSION || event->data.size <= 2) continue;
                eventlog_event_describe(s->log, event, meaning);
                SummaryRow *row = add(s, "firmware", "Firmware", event, &t);

                if (!row) return;
                text_put(&t, meaning);
                row->certainty = certainty_of_firmware(s, i, PCR_FIRMWARE);
        }
}

static void put_secure_boot(Summarizer *s)
{
        SummaryRow *row;
        bool on = false;
        Text t;
        int r;

        r = eventlog_secure_boot(s->log, s->bank, &on);
        if (r < 0) return;
        row = add(s, "secure-boot", "Secure Boot", NULL, &t);
        if (!row) return;
        row->warning = r != 0 || !on;
        if (r == 0) {
                row->certainty = SUMMARY_PROVEN;
                text_put(&t, on ? "on" : "off");
                return;
        }
        if (r == EVENTLOG_E_CONTRADICTED) row->certainty = SUMMARY_CONTRADICTED;
        text_put(&t, "not known: ");
        text_put(&t, error_detail(r));
}

static void put_databases(Summarizer *s)
{
        for (size_t i = 0; i < s->log->n_events; i++) {
                const Event *event = &s->log->events[i];
                char meaning[EVENTLOG_TEXT_SIZE];
                SummaryRow *row;
                Variable v;
                Text t;

                if (event->type != EV_EFI_VARIABLE_DRIVER_CONFIG || variable_parse(event->data, &v) < 0 ||
                    !variable_is_database(&v) || v.value.size == 0)
                        continue;
                row = add(s, "database", "Keys", event, &t);
                if (!row) return;
                eventlog_event_describe(s->log, event, meaning);
                text_put(&t, meaning);
                row->certainty = certainty_of_firmware(s, i, PCR_STATE);
        }
}

static bool is_image(const Event *event)
{
        return event->type == EV_EFI_BOOT_SERVICES_APPLICATION || event->type == EV_EFI_BOOT_SERVICES_DRIVER ||
               event->type == EV_EFI_RUNTIME_SERVICES_DRIVER;
}

static bool vouches(const Event *event)
{
        Variable v;

        return event->type == EV_EFI_VARIABLE_AUTHORITY && variable_parse(event->data, &v) == 0 &&
               authority_vouches(&v);
}

/* Firmware measures who vouches for an image right before the image, shim right behind it. */
static const Event *authority_of(const EventLog *log, size_t image)
{
        for (size_t i = image; i > 0 && !is_image(&log->events[i - 1]); i--)
                if (vouches(&log->events[i - 1])) return &log->events[i - 1];
        return image + 1 < log->n_events && vouches(&log->events[image + 1]) ? &log->events[image + 1] : NULL;
}

static void put_images(Summarizer *s)
{
        for (size_t i = 0; i < s->log->n_events; i++) {
                const Event *event = &s->log->events[i], *by;
                char meaning[EVENTLOG_TEXT_SIZE];
                Text t;

                if (!is_image(event)) continue;
                by = authority_of(s->log, i);
                if (!add(s, "image", event->pcr == PCR_IMAGES ? "Loaded" : "Driver", event, &t)) return;
                eventlog_event_describe(s->log, event, meaning);
                text_put(&t, meaning);
                if (!by) continue;
                eventlog_event_describe(s->log, by, meaning);
                text_put(&t, ", ");
                text_put(&t, meaning);
        }
}

/* ---- the kernel and its command line ---------------------------------------------------------------------- */

static bool grub_line(Summarizer *s, const Event **ret, char line[static LINE_SIZE])
{
        bool found = false;

        for (size_t i = 0; i < s->log->n_events; i++) {
                const Event *event = &s->log->events[i];
                Bytes text = { 0 };

                if (event->pcr != PCR_GRUB || event->type != EV_IPL) continue;
                if (!is_text(event, "kernel_cmdline") || !prover_string(&s->prover, event, &text)) continue;
                if (text.size >= LINE_SIZE) continue;
                memcpy(line, text.data, text.size);
                line[text.size] = '\0';
                *ret = event;
                found = true;
        }
        return found;
}

static bool loader_line(Summarizer *s, const Event **ret, char line[static LINE_SIZE])
{
        for (size_t i = 0; i < s->log->n_events; i++) {
                const Event *event = &s->log->events[i];
                Writer w = {
                        .data = (uint8_t *)line, .capacity = LINE_SIZE - 1, .max = LINE_SIZE - 1, .fixed = true
                };

                if (event->pcr != PCR_OPTIONS || event->type != EV_IPL) continue;
                if (!prover_matches_bytes(&s->prover, event, event->data)) continue;
                if (text_from_utf16(event->data, &w) < 0) continue;
                line[w.size] = '\0';
                *ret = event;
                return true;
        }
        return false;
}

static void put_command_line(Summarizer *s)
{
        const Event *event = NULL;
        char line[LINE_SIZE];
        SummaryRow *row;
        Text t;
        int r;

        if (!grub_line(s, &event, line) && !loader_line(s, &event, line)) return;
        row = add(s, "command-line", "Command line", event, &t);
        if (!row) return;
        text_utf8(&t, BYTES(line, strlen(line)));
        r = eventlog_command_line_check(s->log, s->bank, line, NULL);
        if (r == 0) row->certainty = SUMMARY_PROVEN;
        if (r == EVENTLOG_E_CONTRADICTED) row->certainty = SUMMARY_CONTRADICTED;
}

static void put_kernel(Summarizer *s)
{
        const Event *event = NULL, *image = NULL;
        char line[LINE_SIZE], meaning[EVENTLOG_TEXT_SIZE];
        bool uki = false;
        Text t;

        for (size_t i = 0; i < s->log->n_events; i++) {
                const Event *e = &s->log->events[i];

                if (e->pcr == PCR_UKI && e->type == EV_IPL) uki = true;
                if (e->pcr == PCR_IMAGES && e->type == EV_EFI_BOOT_SERVICES_APPLICATION && !uki) image = e;
        }
        if (grub_line(s, &event, line)) {
                if (!add(s, "kernel", "Kernel", event, &t)) return;
                text_utf8(&t, BYTES(line, strcspn(line, " ")));
                text_put(&t, ", loaded by GRUB");
        } else if (image) {
                if (!add(s, "kernel", "Kernel", image, &t)) return;
                eventlog_event_describe(s->log, image, meaning);
                text_put(&t, meaning);
                if (uki) text_put(&t, ", a unified kernel image");
        }
}

/* ---- what to be wary of ------------------------------------------------------------------------------------ */

static void warn(Summarizer *s, const Event *event, const char *text)
{
        Text t;
        SummaryRow *row = add(s, "warning", "Warning", event, &t);

        if (!row) return;
        text_put(&t, text);
        row->warning = true;
        if (event && certainty(s, event) == SUMMARY_CONTRADICTED) row->certainty = SUMMARY_CONTRADICTED;
}

static void put_warnings(Summarizer *s)
{
        static const struct {
                const char *begin, *text;
        } actions[] = {
                { "UEFI Debug Mode", "firmware ran in debug mode" },
                { "DMA Protection Disabled", "protection against DMA was off" },
                { "Exit Boot Services Returned with Failure", "leaving firmware failed at first" },
        };
        const Event *exit_event = NULL;
        size_t contradicted = 0;

        for (size_t i = 0; i < s->log->n_events; i++) {
                const Event *event = &s->log->events[i];

                if (event->type == EV_SEPARATOR && event->data.size == 4 &&
                    bytes_equal(event->data, BYTES("\1\0\0\0", 4)))
                        warn(s, event, "firmware reports an error by its separator");
                if (certainty(s, event) == SUMMARY_CONTRADICTED) contradicted++;
                if (event->type != EV_EFI_ACTION) continue;
                if (is_text(event, "Exit Boot Services Returned with Success")) exit_event = event;
                for (size_t k = 0; k < ARRAY_SIZE(actions); k++)
                        if (is_text(event, actions[k].begin)) warn(s, event, actions[k].text);
        }
        if (contradicted > 0) warn(s, NULL, "events are contradicted by their own digests");
        if (!exit_event && s->log->format != EVENTLOG_FORMAT_SHA1)
                warn(s, NULL, "the log does not hold the end of firmware (Exit Boot Services)");
}

int eventlog_summary(const EventLog *log, HashAlg bank, EventlogSummary **ret)
{
        cleanup_hasher Hasher *hasher = NULL;
        cleanup_free EventlogSummary *out = NULL;
        Summarizer s = { .log = log, .bank = bank };
        int r;

        r = hasher_new(bank, &hasher);
        if (r < 0) return r;
        out = calloc(1, sizeof(*out));
        if (!out) return -ENOMEM;
        s.out = out;
        s.prover = (Prover){ .log = log, .bank = bank, .hasher = hasher };
        put_format(&s);
        put_firmware(&s);
        put_secure_boot(&s);
        put_databases(&s);
        put_images(&s);
        put_kernel(&s);
        put_command_line(&s);
        put_warnings(&s);
        if (s.prover.error < 0) return s.prover.error;
        *ret = TAKE_PTR(out);
        return 0;
}

const char *summary_certainty_name(SummaryCertainty c)
{
        static const char *const names[] = { "proven", "claimed", "contradicted" };

        return names[c];
}
