/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a kernel command line must not ask for: a program or shell in the place of init, a debug shell, units
 * masked, added or chosen, credentials, a stop before switch-root. The kernel parts words by spaces except between
 * double quotes, systemd knows single quotes too, shell scripts often neither: a word found in any of these ways
 * is refused. '-' and '_' are the same in names, as for systemd. halfkey-verifier(8) lists the words. */

#include "base/macros.h"

enum { COMMAND_LINE_WORD_MAX = 128, COMMAND_LINE_MAX = 4096 };

/* 0: nothing of the kind. VERIFIER_E_REFUSED (1): *ret_word is the word, cut at the buffer. */
_must_check_ int command_line_judge(const char *text, char ret_word[static COMMAND_LINE_WORD_MAX]);

/* Both: NAME=VALUE is looked for with this value, NAME with any or none; in names '-' is '_', and large letters
 * are small ones. Whether a word is in the line in any of the ways that kernel, systemd and a shell cut one. */
bool command_line_has(const char *text, const char *word);
/* Whether the kernel takes it from the line: cut as the kernel does, in front of "--", spelled as it spells it,
 * and no other word of that name has another value. */
bool command_line_requires(const char *text, const char *word);
