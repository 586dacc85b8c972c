/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Predictions from any log, with the rest of the input as the file that changes: a change is applied or refused,
 * and what is said to be known has a value for every event. The first two bytes say how much is the log. */

#include "fuzz.h"

#include "eventlog/predict.h"
#include "fuzz-text.h"

static void look_at(Prediction *p, const EventLog *log)
{
        PredictedPcrs pcrs;
        PredictedEvent e;

        if (prediction_finish(p) != 0) return;
        for (size_t i = 0; prediction_event(p, i, &e); i++)
                must(e.pcr < EVENTLOG_PCRS && strlen(e.text) < PREDICTION_TEXT_SIZE);
        for (size_t i = 0; i < log->n_banks; i++) {
                if (prediction_pcrs(p, log->banks[i], &pcrs) != 0) continue;
                must((pcrs.known & pcrs.unknown) == 0 && (pcrs.changed & ~pcrs.known) == 0);
        }
}

static int change(Prediction *p, unsigned which, Bytes file)
{
        static const char *const databases[] = { "PK", "db", "dbx" };
        const ExtraFile extra = { .name = "a.cred", .content = file };
        const ImageChange image = { .kind = (PredictedImage)(which % 6), .now = file, .path = "a.efi" };
        const ImageChange known = { .kind = PREDICT_UKI, .now = file, .was = file };
        char text[64] = "";

        memcpy(text, file.data, file.size < sizeof(text) ? file.size : sizeof(text) - 1);
        switch (which / 6 % 8) {
        case 0: return prediction_image(p, &image);
        case 1: return prediction_image(p, &known);
        case 2: return prediction_database(p, databases[which % 3], file, which & 1);
        case 3: return prediction_command_line(p, text, which & 1 ? "ro" : NULL);
        case 4: return prediction_initrd(p, file, (Bytes){ 0 });
        case 5: return prediction_extras(p, (PredictedExtra)(which % PREDICT_EXTRAS), &extra, 1);
        case 6: return prediction_text(p, text, "x");
        default: return prediction_file(p, "vmlinuz", file);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_eventlog EventLog *log = NULL;
        size_t n;

        if (size < 3) return 0;
        n = data[0] | (size_t)data[1] << 8;
        if (n > size - 3) n = size - 3;
        if (eventlog_parse(BYTES(data + 3, n), &log) != 0 || log->n_events > 200) return 0;
        for (unsigned i = 0; i < 2; i++) {
                cleanup_prediction Prediction *p = NULL;
                int r;

                if (prediction_new(log, &p) < 0) return 0;
                r = change(p, data[2] + 48 * i, BYTES(data + 3 + n, size - 3 - n));
                must(r <= 0 || r == EVENTLOG_E_NOT_MEASURED || r == EVENTLOG_E_CONTRADICTED);
                if (r == 0) look_at(p, log);
        }
        return 0;
}
