/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The few macros the whole project leans on: ownership by cleanup attribute, transfer by TAKE_PTR and
 * TAKE_FD, results that must be looked at. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define _must_check_ __attribute__((warn_unused_result))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))
#define _cleanup_(f) __attribute__((cleanup(f)))
#define _unused_ __attribute__((unused))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                                  \
        ({                                         \
                const typeof(a) min_a_ = (a);      \
                const typeof(b) min_b_ = (b);      \
                min_a_ < min_b_ ? min_a_ : min_b_; \
        })

/* Hands ownership on: the local is empty afterwards, so its cleanup does nothing. */
#define TAKE(x, empty)                \
        ({                            \
                typeof(x) taken_ = x; \
                x = empty;            \
                taken_;               \
        })
#define TAKE_PTR(p) TAKE(p, NULL)
#define TAKE_FD(fd) TAKE(fd, -1)

/* Defines NAMEp(), the cleanup function for a local `T *`, from the function that frees a T. */
#define DEFINE_CLEANUP(T, name)                    \
        static inline _unused_ void name##p(T **p) \
        {                                          \
                if (*p) name(*p);                  \
        }

static inline _unused_ void freep(void *p)
{
        free(*(void **)p);
}
#define cleanup_free _cleanup_(freep)

/* For the rare result that nothing can be done about, with the reason beside it. */
#define IGNORE_RESULT(expression)  \
        do {                       \
                if (expression) {} \
        } while (0)
