/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How halfkey reports failure.
 *
 * Every fallible function returns int:
 *   0   it worked. A security verdict is success only as 0.
 *  <0   -errno: the machine, the environment or the input failed; forwarded unchanged. Malformed input
 *       from outside is -EBADMSG.
 *  >0   an outcome that the function's header documents as MODULE_E_*, which the caller handles or folds.
 *
 * Beside the number a failing function leaves a sentence for people: the detail. It is per thread, holds no
 * secret, and is read by the program at its top, once. Libraries never print. */

#include "base/macros.h"

/* Sets the detail and returns r, so that `return error_set(-EBADMSG, "...")` reads as one step. */
int error_set(int r, const char *fmt, ...) _printf_(2, 3);

/* Puts "context: " in front of the detail there is, and returns r. */
int error_prefix(int r, const char *fmt, ...) _printf_(2, 3);

/* The detail of the last failure; where none was set, the text of -r. Valid until the next failure. */
const char *error_detail(int r);

/* Forgets the detail, so that an old one is never shown for a new failure. */
void error_clear(void);
