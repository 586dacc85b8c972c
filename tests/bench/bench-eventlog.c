/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a log costs beyond its hashing: bench-eventlog [LOG...] prints rows {"name", "value", "unit"}. Without a
 * log, one of 50 kB in three banks is made up. "Hashing alone" is the same extends, in the same banks, each
 * with one prefetched context, from digests that lie ready. The best of many rounds counts: others are the
 * machine's. */

#include "base/error.h"
#include "base/fd.h"
#include "eventlog/replay.h"
#include "synth.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 300, OUTPUT_MAX = 1 << 20 };

static int64_t now(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* One bank's hasher and the digests its PCRs are extended with. */
typedef struct Bank {
        HashAlg alg;
        Hasher *hasher;
        Bytes *digests;
        uint32_t *pcrs;
        size_t n;
} Bank;

static int prepare(const EventLog *log, HashAlg alg, Bank *ret)
{
        Bank b = { .alg = alg };

        b.digests = calloc(log->n_events, sizeof(*b.digests));
        b.pcrs = calloc(log->n_events, sizeof(*b.pcrs));
        if (!b.digests || !b.pcrs) return -1;
        for (size_t i = 0; i < log->n_events; i++) {
                const Event *event = &log->events[i];

                if (!eventlog_event_extends(event) || eventlog_event_digest(log, event, alg, &b.digests[b.n]) != 0)
                        continue;
                b.pcrs[b.n++] = event->pcr;
        }
        *ret = b;
        return hasher_new(alg, &ret->hasher);
}

static int hash_alone(const Bank *b, uint8_t values[EVENTLOG_PCRS][HASH_SIZE_MAX])
{
        const size_t size = hash_size((uint16_t)b->alg);

        for (size_t i = 0; i < b->n; i++) {
                const Bytes parts[] = { BYTES(values[b->pcrs[i]], size), b->digests[i] };
                int r = hasher_digest(b->hasher, parts, 2, values[b->pcrs[i]]);

                if (r < 0) return r;
        }
        return 0;
}

static int parse_and_replay(Bytes bytes, const Bank *banks)
{
        cleanup_eventlog EventLog *log = NULL;
        int r;

        r = eventlog_parse(bytes, &log);
        if (r != 0) return r;
        for (size_t i = 0; i < log->n_banks; i++) {
                PcrValues values;

                r = eventlog_replay_with(log, banks[i].alg, banks[i].hasher, &values);
                if (r != 0) return r;
        }
        return 0;
}

static int measure(Bytes bytes, int64_t *ret_ours, int64_t *ret_hashing, size_t *ret_banks)
{
        cleanup_eventlog EventLog *log = NULL;
        Bank banks[EVENTLOG_BANKS_MAX];
        int64_t ours = INT64_MAX, hashing = INT64_MAX;
        int r;

        r = eventlog_parse(bytes, &log);
        if (r != 0) return r;
        for (size_t i = 0; i < log->n_banks; i++) {
                r = prepare(log, log->banks[i], &banks[i]);
                if (r < 0) return r;
        }
        for (int round = 0; round < ROUNDS; round++) {
                uint8_t values[EVENTLOG_PCRS][HASH_SIZE_MAX] = { 0 };
                const int64_t start = now();
                int64_t middle, end;

                r = parse_and_replay(bytes, banks);
                middle = now();
                for (size_t i = 0; r == 0 && i < log->n_banks; i++) r = hash_alone(&banks[i], values);
                end = now();
                if (r != 0) return r;
                ours = MIN(ours, middle - start);
                hashing = MIN(hashing, end - middle);
        }
        for (size_t i = 0; i < log->n_banks; i++) {
                hasher_free(banks[i].hasher);
                free(banks[i].digests);
                free(banks[i].pcrs);
        }
        *ret_ours = ours;
        *ret_hashing = hashing;
        *ret_banks = log->n_banks;
        return 0;
}

/* Rounded to three places in text, for JSON has no more to say. */
static void put_row(Writer *out, const char *separator, const char *name, double value, const char *unit)
{
        writer_format(out, "%s  {\"name\": \"%s\", \"value\": %.3f, \"unit\": \"%s\"}", separator, name, value,
                      unit);
}

static int bench(Bytes bytes, Writer *out, const char *separator)
{
        int64_t ours, hashing;
        size_t banks;
        int r;

        r = measure(bytes, &ours, &hashing, &banks);
        if (r != 0) return r;
        put_row(out, separator, "eventlog.size", (double)bytes.size, "bytes");
        put_row(out, ",\n", "eventlog.banks", (double)banks, "banks");
        put_row(out, ",\n", "eventlog.parse_replay_us", (double)ours / 1000, "us");
        put_row(out, ",\n", "eventlog.hashing_us", (double)hashing / 1000, "us");
        put_row(out, ",\n", "eventlog.ratio_to_hashing", (double)ours / (double)hashing, "ratio");
        return 0;
}

/* About 50 kB: GRUB's commands are what fills real logs. */
static void make_up(Synth *s)
{
        static const HashAlg banks[] = { HASH_SHA1, HASH_SHA256, HASH_SHA384 };

        synth_init(s, banks, ARRAY_SIZE(banks));
        synth_boot(s, true, "/vmlinuz root=/dev/sda ro");
        while (s->log.size < 50000) {
                synth_grub(s, "grub_cmd",
                           "menuentry Debian --class os { load_video; insmod gzio; linux /vmlinuz; }");
                synth_image(s, 4, "\\EFI\\debian\\grubx64.efi");
        }
}

int main(int argc, char **argv)
{
        cleanup_writer Writer out = WRITER_INIT(OUTPUT_MAX);
        cleanup_synth Synth s = { 0 };
        Bytes text = { 0 };
        int r = 0;

        writer_text(&out, "[\n");
        if (argc == 1) {
                make_up(&s);
                r = bench(synth_bytes(&s), &out, "");
        }
        for (int i = 1; i < argc && r == 0; i++) {
                cleanup_free uint8_t *data = NULL;
                size_t size;

                r = file_read(argv[i], EVENTLOG_SIZE_MAX, &data, &size);
                if (r == 0) r = bench(BYTES(data, size), &out, i == 1 ? "" : ",\n");
        }
        writer_text(&out, "\n]\n");
        if (r == 0) r = writer_finish(&out, &text);
        if (r == 0) r = fd_write_all(STDOUT_FILENO, text);
        if (r != 0) fprintf(stderr, "bench-eventlog: %s\n", error_detail(r));
        return r != 0;
}
