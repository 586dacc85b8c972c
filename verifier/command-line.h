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

/* Whether the line has this word. One with '=' is looked for as it is, one without also with any value. anyhow: in
 * any of the ways that kernel, systemd and a shell cut a line; else as the kernel does. */
bool command_line_has(const char *text, const char *word, bool anyhow);
