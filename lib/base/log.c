/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One formatted line per message; control characters become '?', so that text from the network or the disk
 * cannot drive the terminal that shows it. */

#include "base/log.h"

#include "base/fd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_LIMIT = 1024 };

static struct {
        const char *name;
        LogLevel max;
        bool journal;
} sink = { .name = "halfkey", .max = LOG_LEVEL_INFO };

/* systemd.exec(5): JOURNAL_STREAM is inherited by children whose stderr goes elsewhere, so it names the stream. */
static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        char ours[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0) return false;
        (void)snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        return strcmp(stream, ours) == 0;
}

void log_init(const char *name, LogLevel max)
{
        sink.name = name;
        sink.max = max;
        sink.journal = stderr_is_journal();
}

static void defuse(char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f) *text = '?';
}

void log_line(LogLevel level, const char *fmt, ...)
{
        char text[LINE_LIMIT], line[LINE_LIMIT + 64];
        va_list ap;
        int n;

        if (level > sink.max) return;
        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        defuse(text);

        if (sink.journal) n = snprintf(line, sizeof(line), "<%d>%s\n", (int)level, text);
        else n = snprintf(line, sizeof(line), "%s: %s\n", sink.name, text);
        IGNORE_RESULT(fd_write_all(STDERR_FILENO, BYTES(line, (size_t)n)));
}
