/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/eventlog-json.h"

#include "cli/eventlog.h"
#include "eventlog/describe.h"
#include "eventlog/summary.h"

#include <inttypes.h>
#include <stdio.h>

static void put_quirks(JsonWriter *w, const EventLog *log)
{
        json_writer_open_array(w, "quirks");
        for (EventlogQuirk q = 0; q < EVENTLOG_QUIRK_COUNT; q++) {
                if (!(log->quirks >> q & 1)) continue;
                json_writer_open_object(w, NULL);
                json_writer_text(w, "id", eventlog_quirk_name(q));
                json_writer_text(w, "text", eventlog_quirk_text(q));
                json_writer_text(w, "source", eventlog_quirk_source(q));
                if (log->quirk_event[q] != UINT32_MAX) json_writer_int(w, "event", log->quirk_event[q]);
                json_writer_close(w);
        }
        json_writer_close(w);
}

static int put_summary(JsonWriter *w, const EventLog *log, HashAlg bank)
{
        cleanup_free EventlogSummary *summary = NULL;
        int r;

        r = eventlog_summary(log, bank, &summary);
        if (r != 0) return r;
        json_writer_open_array(w, "summary");
        for (size_t i = 0; i < summary->n_rows; i++) {
                const SummaryRow *row = &summary->rows[i];

                json_writer_open_object(w, NULL);
                json_writer_text(w, "key", row->key);
                json_writer_text(w, "text", row->text);
                json_writer_text(w, "certainty", summary_certainty_name(row->certainty));
                json_writer_bool(w, "warning", row->warning);
                if (row->event) json_writer_int(w, "event", row->event->index);
                json_writer_close(w);
        }
        json_writer_close(w);
        return 0;
}

int eventlog_json_heading(JsonWriter *w, const EventLog *log, const HashAlg *bank)
{
        json_writer_text(w, "format", log_format_name(log->format));
        json_writer_open_array(w, "banks");
        for (size_t i = 0; i < log->n_banks; i++) json_writer_text(w, NULL, hash_name((uint16_t)log->banks[i]));
        json_writer_close(w);
        json_writer_text(w, "proof_bank", bank ? hash_name((uint16_t)*bank) : NULL);
        put_quirks(w, log);
        if (log->faulty) {
                json_writer_open_object(w, "fault");
                json_writer_int(w, "offset", (int64_t)log->fault_offset);
                json_writer_text(w, "text", log->fault);
                json_writer_close(w);
        }
        return bank ? put_summary(w, log, *bank) : 0;
}

static void put_digests(JsonWriter *w, const EventLog *log, const Event *event)
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

void eventlog_json_event(JsonWriter *w, const EventLog *log, const Event *event, EventlogProof proof)
{
        char meaning[EVENTLOG_TEXT_SIZE];

        eventlog_event_describe(log, event, meaning);
        json_writer_open_object(w, NULL);
        json_writer_int(w, "index", event->index);
        json_writer_int(w, "offset", (int64_t)event->offset);
        json_writer_int(w, log->format == EVENTLOG_FORMAT_CCEL ? "ccmr" : "pcr", event->pcr);
        json_writer_int(w, "type", event->type);
        json_writer_text(w, "type_name", eventlog_type_name(event->type));
        put_digests(w, log, event);
        json_writer_text(w, "proof", eventlog_proof_name(proof));
        json_writer_text(w, "meaning", meaning);
        json_writer_hex(w, "data", event->data);
        /* What a record of userspace holds beside the text that was hashed. */
        if (log->json && event->type >= EVENTLOG_TYPE_SYSTEMD)
                json_writer_bytes_text(w, "record", BYTES(log->bytes.data + event->offset, event->size));
        json_writer_close(w);
}
