/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a machine booted, and the PCR values its log leads to:
 *
 *   cc eventlog.c $(pkg-config --cflags --libs halfkey-eventlog) -o eventlog
 *   ./eventlog /sys/kernel/security/tpm0/binary_bios_measurements
 */

#include <halfkey-eventlog.h>

#include <stdio.h>
#include <stdlib.h>

enum { LOG_MAX = 1 << 20, TEXT_SIZE = 256, DIGEST_MAX = 64, PCRS = 24, SHA256 = 0x0b };

static void print_events(const halfkey_eventlog *log)
{
        static const char marks[] = { '=', '~', '?', '!', ' ' };
        struct halfkey_eventlog_event event;

        for (size_t i = 0; halfkey_eventlog_get(log, i, &event) == 0; i++) {
                enum halfkey_eventlog_proof proof = HALFKEY_EVENTLOG_NONE;
                char text[TEXT_SIZE];

                if (halfkey_eventlog_describe(log, i, text, sizeof(text)) != 0) return;
                if (halfkey_eventlog_prove(log, i, SHA256, &proof) != 0) return;
                printf("%4zu  PCR %2d  %c  %s\n", i, event.pcr < PCRS ? (int)event.pcr : -1, marks[proof], text);
        }
}

static void print_pcrs(const halfkey_eventlog *log)
{
        for (unsigned pcr = 0; pcr < PCRS; pcr++) {
                uint8_t value[DIGEST_MAX];
                size_t size;

                if (halfkey_eventlog_replay(log, SHA256, pcr, value, &size) != 0) continue;
                printf("%2u  ", pcr);
                for (size_t i = 0; i < size; i++) printf("%02x", value[i]);
                printf("\n");
        }
}

int main(int argc, char **argv)
{
        static uint8_t bytes[LOG_MAX];
        halfkey_eventlog *log = NULL;
        FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;
        size_t size;
        int r;

        if (!file) return 2;
        size = fread(bytes, 1, sizeof(bytes), file); /* the kernel says the file has no size: read to its end */
        fclose(file);
        r = halfkey_eventlog_parse(bytes, size, &log);
        if (r != 0) fprintf(stderr, "%s: %s\n", argv[1], halfkey_eventlog_error());
        if (r < 0) return 2;
        print_events(log);
        print_pcrs(log);
        halfkey_eventlog_free(log);
        return r == 0 ? 0 : 2;
}
