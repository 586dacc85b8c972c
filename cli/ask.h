/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/* Asks for a key on the terminal, without showing it; where stdin is none the key is all of it, but for a newline
 * at its end. -ENODATA: nothing was given. */
_must_check_ int cli_ask(const char *question, Secret **ret);
