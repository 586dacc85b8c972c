/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by crypttab.c and crypttab-kernel.c only. */

#include "unlock/crypttab.h"

/* Adds a copy of e. -E2BIG. */
_must_check_ int crypttab_add(Crypttab *t, const CrypttabEntry *e);
bool crypttab_name_ok(const char *name);
/* A copy with a NUL behind it. -EMSGSIZE, -EBADMSG for a NUL inside. */
_must_check_ int crypttab_text(Bytes text, char **ret);
/* n characters of hex digits and dashes in lower case; -ENOENT for anything else. */
_must_check_ int crypttab_uuid(const char *text, size_t n, char ret[static 40]);
