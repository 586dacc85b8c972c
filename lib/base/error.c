/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The detail lives in thread-local storage of fixed size: reporting an error allocates nothing, so it works
 * when memory is what failed. */

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DETAIL_MAX = 512 };

static _Thread_local char detail[DETAIL_MAX];

int error_set(int r, const char *fmt, ...)
{
        char text[DETAIL_MAX]; /* an argument may be the present detail */
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        memcpy(detail, text, sizeof(detail));
        return r;
}

int error_prefix(int r, const char *fmt, ...)
{
        char context[DETAIL_MAX], old[DETAIL_MAX];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(context, sizeof(context), fmt, ap);
        va_end(ap);
        (void)snprintf(old, sizeof(old), "%s", error_detail(r));
        (void)snprintf(detail, sizeof(detail), "%.*s: %.*s", 250, context, 250, old);
        return r;
}

const char *error_detail(int r)
{
        if (detail[0]) return detail;
        return strerror(r < 0 ? -r : r);
}

void error_clear(void)
{
        detail[0] = '\0';
}
