/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Searching this process for a secret that nobody should hold any more. The searcher itself knows it only turned
 * over, and looks at memory in place. Not under a sanitizer, which maps terabytes: there nothing is found. */

#include "base/secret.h"
#include "check.h"

enum { PIECE = 16 };

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_SEARCHED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_SEARCHED 0
#endif
#endif
#ifndef MEMORY_SEARCHED
#define MEMORY_SEARCHED 1
#endif

typedef struct Hidden {
        uint8_t bytes[PIECE]; /* each turned over */
} Hidden;

static inline Hidden hide(Bytes secret)
{
        Hidden h;

        for (size_t i = 0; i < PIECE; i++) h.bytes[i] = (uint8_t)(0xff - secret.data[i]);
        return h;
}

static inline bool memory_here(const uint8_t *p, const Hidden *h)
{
        for (size_t i = 0; i < PIECE; i++)
                if (p[i] + h->bytes[i] != 0xff) return false;
        return true;
}

static inline size_t memory_count_in(const uint8_t *from, const uint8_t *to, const Hidden *h, const char *line)
{
        size_t n = 0;

        for (const uint8_t *p = from; p + PIECE <= to; p++)
                if (memory_here(p, h)) {
                        fprintf(stderr, "  at %p in %s", (const void *)p, line);
                        n++;
                }
        return n;
}

/* How often it is in the memory of this process. */
static inline size_t memory_count(const Hidden *h)
{
        FILE *maps = fopen("/proc/self/maps", "re");
        char line[512], mode[5];
        unsigned long from, to;
        size_t n = 0;

        CHECK(maps);
        while (MEMORY_SEARCHED && fgets(line, sizeof(line), maps)) {
                CHECK(sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3);
                if (strncmp(mode, "rw", 2) != 0 || strstr(line, "[vv")) continue;
                n += memory_count_in((const uint8_t *)from, (const uint8_t *)to, h, line);
        }
        fclose(maps);
        return n;
}
