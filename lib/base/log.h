/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where a program's messages go. Only programs log, never libraries; never a secret.
 *
 * Lines go to stderr, each with the syslog priority prefix <N> when stderr is the stream that JOURNAL_STREAM
 * names. */

#include "base/macros.h"

typedef enum LogLevel {
        LOG_LEVEL_ERROR = 3,
        LOG_LEVEL_WARNING = 4,
        LOG_LEVEL_NOTICE = 5,
        LOG_LEVEL_INFO = 6,
        LOG_LEVEL_DEBUG = 7,
} LogLevel;

/* `name` is put before each line where the journal does not do so; lines above max are dropped. */
void log_init(const char *name, LogLevel max);
void log_line(LogLevel level, const char *fmt, ...) _printf_(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
