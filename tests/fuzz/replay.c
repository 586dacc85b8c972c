/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a fuzzer's function over files and folders of inputs, without libFuzzer: the corpus as a unit test.
 *
 *   fuzz-NAME [--mutate N] [--seed S] PATH...
 *
 * With --mutate each input is followed by N variants of it, the same ones for the same seed: bits flipped,
 * numbers put over others, pieces cut out, doubled or taken from elsewhere. A sanitizer's report ends with
 * the input and the number of the variant. At the end it says which input took most of the processor's time, and
 * the most memory that was ever resident. */

#include "fuzz.h"

#include "base/error.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

enum { INPUT_MAX = 16 * 1024 * 1024 };

static const char *current = "";
static unsigned long current_variant, mutations, inputs;
static uint64_t state = 1;

/* The slowest input so far. */
static struct {
        int64_t ns;
        char path[4096];
        unsigned long variant;
} slowest;

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void say_where(void)
{
        fprintf(stderr, "at input %s, variant %lu\n", current, current_variant);
}

/* xorshift64*: small, and the same everywhere. */
static uint64_t next_random(void)
{
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return state * UINT64_C(0x2545f4914f6cdd1d);
}

static size_t below(size_t n)
{
        return n ? (size_t)(next_random() % n) : 0;
}

/* Numbers that lengths and counts go wrong at, little endian. */
static void put_number(uint8_t *data, size_t size)
{
        static const uint64_t numbers[] = { 0,
                                            1,
                                            2,
                                            3,
                                            4,
                                            7,
                                            8,
                                            16,
                                            20,
                                            31,
                                            32,
                                            33,
                                            0x7f,
                                            0xff,
                                            0x100,
                                            0x7fff,
                                            0xffff,
                                            0x7fffffff,
                                            0x80000000,
                                            0xfffffffc,
                                            0xffffffff,
                                            UINT64_MAX / 2,
                                            UINT64_MAX - 3,
                                            UINT64_MAX };
        static const size_t widths[] = { 1, 2, 4, 8 };
        const uint64_t number = numbers[below(sizeof(numbers) / sizeof(numbers[0]))];
        const size_t width = widths[below(4)], at = below(size);

        for (size_t i = 0; i < width && at + i < size; i++) data[at + i] = (uint8_t)(number >> (8 * i));
}

static size_t mutate_once(uint8_t *data, size_t size)
{
        const size_t from = below(size), n = below(MIN(size - from, (size_t)64)) + 1, to = below(size);

        switch (below(6)) {
        case 0:
        case 1: data[from] ^= (uint8_t)(1U << below(8)); return size;
        case 2: put_number(data, size); return size;
        case 3: data[from] = (uint8_t)next_random(); return size;
        case 4: /* cut out */ memmove(data + from, data + from + n, size - from - n); return size - n;
        case 5: /* a piece over another */
        default: memmove(data + to, data + from, MIN(n, size - to)); return size;
        }
}

static void run_timed(const uint8_t *data, size_t size)
{
        struct timespec start, end;
        int64_t ns;

        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
        IGNORE_RESULT(LLVMFuzzerTestOneInput(data, size));
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        ns = (end.tv_sec - start.tv_sec) * INT64_C(1000000000) + end.tv_nsec - start.tv_nsec;
        if (ns <= slowest.ns) return;
        slowest.ns = ns;
        slowest.variant = current_variant;
        (void)snprintf(slowest.path, sizeof(slowest.path), "%s", current);
}

/* On the heap in its exact size, so that the address sanitizer sees a read of one byte more. */
static void run_variant(const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size ? size : 1);
        size_t left = size;

        if (!copy) abort();
        if (size) memcpy(copy, data, size);
        for (size_t i = below(4) + 1; i > 0 && left > 0; i--) left = mutate_once(copy, left);
        if (left != size && left > 0) {
                uint8_t *exact = realloc(copy, left);

                if (!exact) abort();
                copy = exact;
        }
        run_timed(copy, left);
        free(copy);
}

static int run_file(const char *path)
{
        cleanup_free uint8_t *data = NULL;
        size_t size;
        int r;

        r = file_read(path, INPUT_MAX, &data, &size);
        if (r < 0) return r;
        current = path;
        current_variant = 0;
        inputs++;
        run_timed(data, size);
        for (current_variant = 1; current_variant <= mutations; current_variant++) run_variant(data, size);
        return 0;
}

static int run_path(const char *path)
{
        struct dirent **names = NULL;
        struct stat st;
        int n, r = 0;

        if (stat(path, &st) < 0) return error_set(-errno, "%s: %s", path, strerror(errno));
        if (!S_ISDIR(st.st_mode)) return run_file(path);
        n = scandir(path, &names, NULL, alphasort);
        for (int i = 0; i < n; i++) {
                char inner[4096];

                (void)snprintf(inner, sizeof(inner), "%s/%s", path, names[i]->d_name);
                if (names[i]->d_name[0] != '.' && r == 0) r = run_path(inner);
                free(names[i]);
        }
        free(names);
        return r;
}

int main(int argc, char **argv)
{
        struct rusage usage = { 0 };
        int i = 1;

        if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(say_where);
        for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
                if (strcmp(argv[i], "--mutate") == 0) mutations = strtoul(argv[i + 1], NULL, 10);
                else if (strcmp(argv[i], "--seed") == 0) state = strtoul(argv[i + 1], NULL, 10) | 1;
                else return 2;
        }
        for (; i < argc; i++) {
                int r = run_path(argv[i]);

                if (r < 0) {
                        fprintf(stderr, "%s\n", error_detail(r));
                        return 2;
                }
        }
        (void)getrusage(RUSAGE_SELF, &usage);
        printf("%lu inputs, %lu variants of each, slowest %.1f ms (%s, variant %lu), peak %ld KiB\n", inputs,
               mutations, (double)slowest.ns / 1e6, slowest.path, slowest.variant, usage.ru_maxrss);
        return inputs == 0;
}
