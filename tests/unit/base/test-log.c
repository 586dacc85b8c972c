/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a program says of errors, and how it looks on stderr. */

#include "check.h"

#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/* The line that log_notice() writes to a file on stderr; named: JOURNAL_STREAM says that the file is the journal.
 */
static void logged(bool named, const char *text, char ret[static 256])
{
        const int kept = dup(STDERR_FILENO), fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        char stream[64];
        struct stat st;
        ssize_t n;

        CHECK(kept >= 0 && fd >= 0 && fstat(fd, &st) == 0);
        (void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + !named);
        CHECK(setenv("JOURNAL_STREAM", stream, 1) == 0 && dup2(fd, STDERR_FILENO) >= 0);
        log_init("halfkey-test", LOG_LEVEL_INFO);
        log_notice("%s", text);
        log_debug("not said");
        CHECK(dup2(kept, STDERR_FILENO) >= 0);
        n = pread(fd, ret, 255, 0);
        CHECK(n >= 0);
        ret[n] = '\0';
        (void)close(fd);
        (void)close(kept);
}

static void priorities_are_for_the_journal_alone(void)
{
        char line[256];

        logged(true, "said", line);
        CHECK_TEXT(line, "<5>said\n");
        logged(false, "said", line);
        CHECK_TEXT(line, "halfkey-test: said\n");
}

static void control_characters_reach_no_terminal(void)
{
        char line[256];

        logged(false, "a\x1b[2Jb\nc\x7f", line);
        CHECK_TEXT(line, "halfkey-test: a?[2Jb?c?\n");
}

static void a_detail_is_made_of_the_one_before(void)
{
        CHECK(error_set(-EIO, "first") == -EIO);
        CHECK(error_set(-ENODEV, "%s, and then", error_detail(-EIO)) == -ENODEV);
        CHECK_TEXT(error_detail(-ENODEV), "first, and then");
        CHECK(error_prefix(1, "context") == 1);
        CHECK_TEXT(error_detail(1), "context: first, and then");
        error_clear();
        CHECK_TEXT(error_detail(-ENOENT), "No such file or directory");
}

int main(void)
{
        RUN(priorities_are_for_the_journal_alone);
        RUN(control_characters_reach_no_terminal);
        RUN(a_detail_is_made_of_the_one_before);
        return 0;
}
