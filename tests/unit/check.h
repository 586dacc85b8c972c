/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The smallest test harness that names what failed. A test file is a list of functions, one a behaviour, run
 * by RUN() from main(); the first failed CHECK ends the program with its place and text. */

#include "base/error.h"
#include "base/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                        \
        do {                                                                                                    \
                if (!(condition)) {                                                                             \
                        fprintf(stderr, "%s:%d: %s: not true: %s\n", __FILE__, __LINE__, __func__, #condition); \
                        exit(1);                                                                                \
                }                                                                                               \
        } while (0)

/* An int result and the one expected. */
#define CHECK_RESULT(expression, expected)                                                                       \
        do {                                                                                                     \
                const int got_ = (expression), want_ = (expected);                                               \
                if (got_ != want_) {                                                                             \
                        fprintf(stderr, "%s:%d: %s: %s is %d (%s), expected %d\n", __FILE__, __LINE__, __func__, \
                                #expression, got_, got_ ? error_detail(got_) : "success", want_);                \
                        exit(1);                                                                                 \
                }                                                                                                \
        } while (0)
#define CHECK_OK(expression) CHECK_RESULT(expression, 0)

#define CHECK_BYTES(a, b)                                      \
        do {                                                   \
                const Bytes a_ = (a), b_ = (b);                \
                CHECK(a_.size == b_.size);                     \
                CHECK(memcmp(a_.data, b_.data, a_.size) == 0); \
        } while (0)

#define CHECK_TEXT(a, b)                                                                                        \
        do {                                                                                                    \
                const char *a_ = (a), *b_ = (b);                                                                \
                if (strcmp(a_, b_) != 0) {                                                                      \
                        fprintf(stderr, "%s:%d: %s: '%s' is not '%s'\n", __FILE__, __LINE__, __func__, a_, b_); \
                        exit(1);                                                                                \
                }                                                                                               \
        } while (0)

#define RUN(test)                                  \
        do {                                       \
                error_clear();                     \
                test();                            \
                fprintf(stderr, "ok %s\n", #test); \
        } while (0)
