/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a log costs beyond its hashing: bench-eventlog [LOG...] prints rows {"name", "value", "unit"}. Without a
 * log, one of 50 kB in three banks is made up. "Hashing alone" is the same extends, in the same banks, each
 * with one prefetched context, from digests that lie ready. The best of many rounds counts: others are the
 * machine's. Whole processes are compared with tpm2_eventlog, on the same file in the same run; HALFKEY names the
 * command. */

#include "base/error.h"
#include "base/fd.h"
#include "eventlog/replay.h"
#include "synth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 300, PROCESS_ROUNDS = 60, OUTPUT_MAX = 1 << 20 };

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

static int measure(Bytes bytes, int rounds, int64_t *ret_ours, int64_t *ret_hashing, size_t *ret_banks)
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
        for (int round = 0; round < rounds; round++) {
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

        r = measure(bytes, ROUNDS, &ours, &hashing, &banks);
        if (r != 0) return r;
        put_row(out, separator, "eventlog.size", (double)bytes.size, "bytes");
        put_row(out, ",\n", "eventlog.banks", (double)banks, "banks");
        put_row(out, ",\n", "eventlog.parse_replay_us", (double)ours / 1000, "us");
        put_row(out, ",\n", "eventlog.hashing_us", (double)hashing / 1000, "us");
        put_row(out, ",\n", "eventlog.ratio_to_hashing", (double)ours / (double)hashing, "ratio");
        return 0;
}

/* GRUB's commands are what fills real logs. */
static void make_up(Synth *s, size_t size)
{
        static const HashAlg banks[] = { HASH_SHA1, HASH_SHA256, HASH_SHA384 };

        synth_init(s, banks, ARRAY_SIZE(banks));
        synth_boot(s, true, "/vmlinuz root=/dev/sda ro");
        while (s->log.size < size) {
                synth_grub(s, "grub_cmd",
                           "menuentry Debian --class os { load_video; insmod gzio; linux /vmlinuz; }");
                synth_image(s, 4, "\\EFI\\debian\\grubx64.efi");
        }
}

/* ---- growth ------------------------------------------------------------------------------------------- */

/* Microseconds a megabyte at each size: equal where the cost is linear. */
static int bench_growth(Writer *out)
{
        static const size_t sizes[] = { 50000, 1000000, 10000000 };
        static const char *const names[] = { "eventlog.us_per_mb_50k", "eventlog.us_per_mb_1m",
                                             "eventlog.us_per_mb_10m" };
        double first = 0, last = 0;

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                cleanup_synth Synth s = { 0 };
                int64_t ours, hashing;
                size_t banks;
                Bytes bytes;
                int r;

                make_up(&s, sizes[i]);
                bytes = synth_bytes(&s);
                r = measure(bytes, i == 0 ? ROUNDS : 7, &ours, &hashing, &banks);
                if (r != 0) return r;
                last = (double)ours / 1000 / ((double)bytes.size / 1e6);
                if (i == 0) first = last;
                put_row(out, ",\n", names[i], last, "us");
        }
        put_row(out, ",\n", "eventlog.growth_10m_to_50k", last / first, "ratio");
        return 0;
}

/* ---- whole processes ------------------------------------------------------------------------------------ */

/* One run with its output thrown away: nanoseconds, and the largest resident set in kB. */
static int run_once(char *const *argv, int64_t *ret_ns, long *ret_kib)
{
        const int64_t start = now();
        struct rusage usage;
        int status;
        pid_t pid;

        pid = fork();
        if (pid < 0) return error_set(-errno, "fork failed");
        if (pid == 0) {
                const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

                if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0) _exit(127);
                execvp(argv[0], argv);
                _exit(127);
        }
        if (wait4(pid, &status, 0, &usage) < 0) return error_set(-errno, "wait4 failed");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return error_set(-EIO, "%s failed with status 0x%x", argv[0], (unsigned)status);
        *ret_ns = now() - start;
        *ret_kib = usage.ru_maxrss;
        return 0;
}

/* The best of many runs, turn by turn, so that both see the same machine. */
static int bench_processes(const char *halfkey, char *path, Writer *out)
{
        char *const ours[] = { (char *)halfkey, "eventlog", "replay", "--format", "json", path, NULL };
        char *const peer[] = { "tpm2_eventlog", path, NULL };
        int64_t best_ours = INT64_MAX, best_peer = INT64_MAX, ns;
        long kib = 0, peak = 0;

        for (int round = 0; round < PROCESS_ROUNDS; round++) {
                int r = run_once(ours, &ns, &kib);

                if (r < 0) return r;
                best_ours = MIN(best_ours, ns);
                peak = kib > peak ? kib : peak;
                r = run_once(peer, &ns, &kib);
                if (r < 0) return r;
                best_peer = MIN(best_peer, ns);
        }
        put_row(out, ",\n", "eventlog.process_ms", (double)best_ours / 1e6, "ms");
        put_row(out, ",\n", "eventlog.tpm2_eventlog_ms", (double)best_peer / 1e6, "ms");
        put_row(out, ",\n", "eventlog.process_ratio_to_tpm2_eventlog", (double)best_ours / (double)best_peer,
                "ratio");
        put_row(out, ",\n", "eventlog.peak_kib", (double)peak, "KiB");
        return 0;
}

static int bench_command(Bytes log, Writer *out)
{
        const char *halfkey = getenv("HALFKEY");
        char path[] = "/tmp/bench-eventlog.XXXXXX";
        const int fd = mkstemp(path);
        int r;

        if (!halfkey) halfkey = "halfkey";
        if (fd < 0) return error_set(-errno, "no temporary file");
        r = fd_write_all(fd, log);
        fd_close(fd);
        if (r == 0) r = bench_processes(halfkey, path, out);
        (void)unlink(path);
        return r;
}

static int bench_made_up(Writer *out)
{
        cleanup_synth Synth s = { 0 };
        int r;

        make_up(&s, 50000);
        r = bench(synth_bytes(&s), out, "");
        if (r == 0) r = bench_growth(out);
        return r == 0 ? bench_command(synth_bytes(&s), out) : r;
}

int main(int argc, char **argv)
{
        cleanup_writer Writer out = WRITER_INIT(OUTPUT_MAX);
        Bytes text = { 0 };
        int r = 0;

        writer_text(&out, "[\n");
        if (argc == 1) r = bench_made_up(&out);
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
