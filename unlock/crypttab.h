/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who wants which volume opened under which name: /etc/crypttab (crypttab(5)) and the kernel command line
 * (systemd-cryptsetup-generator(8)). Pure functions over text. */

#include "base/macros.h"
#include "base/reader.h"

enum {
        CRYPTTAB_TEXT_MAX = 256 * 1024,
        CRYPTTAB_ENTRIES_MAX = 256,
        CRYPTTAB_NAME_MAX = 127, /* device-mapper's limit */
        CRYPTTAB_FIELD_MAX = 4096,
};

typedef struct CrypttabEntry {
        char *name;
        char *source;   /* as written: "UUID=...", "PARTUUID=...", "LABEL=...", a path */
        char *key_file; /* NULL for none, "-" and absent */
        char *options;  /* as written; NULL for none, "-" and absent */
        unsigned line;  /* from 1; 0: from the command line */
} CrypttabEntry;

typedef struct Crypttab {
        CrypttabEntry *entries;
        size_t n;
} Crypttab;

void crypttab_deinit(Crypttab *t);
#define cleanup_crypttab _cleanup_(crypttab_deinit)

/* Parses a whole crypttab. Blank lines and comments ('#' first) are passed over; quoting as systemd reads it
 * is not undone: crypttab has none. -EBADMSG with the line number: NUL or control characters, a missing
 * source, a fifth field, a name with '/' or too long, the same name twice. */
_must_check_ int crypttab_parse(Bytes text, Crypttab *ret);

/* What the kernel command line wants (rd.luks.* as an initrd reads them; luks.* are read too):
 *   rd.luks=0 or rd.luks.crypttab=0 switches; rd.luks.name=UUID=NAME; rd.luks.uuid=[luks-]UUID;
 *   rd.luks.key=[UUID=]FILE; rd.luks.options=[UUID=]OPTIONS
 * One entry a UUID; without rd.luks.name the name is "luks-UUID". Double quotes are undone. Malformed values
 * are passed over as systemd does, since a boot must not end on a foreign word; never in doubt about ours. */
typedef struct CrypttabKernel {
        bool enabled;       /* rd.luks */
        bool read_crypttab; /* rd.luks.crypttab */
        Crypttab volumes;
} CrypttabKernel;

void crypttab_kernel_deinit(CrypttabKernel *k);
#define cleanup_crypttab_kernel _cleanup_(crypttab_kernel_deinit)

_must_check_ int crypttab_parse_kernel(Bytes command_line, CrypttabKernel *ret);

/* crypttab's entries in effect, as systemd merges the two: where rd.luks.uuid or rd.luks.name name volumes,
 * only those crypttab entries whose UUID is among them, under the name given there; each UUID of the command
 * line without a crypttab line becomes an entry. ret is a copy. */
_must_check_ int crypttab_merge(const Crypttab *file, const CrypttabKernel *kernel, Crypttab *ret);

/* The UUID in a source ("UUID=x", "/dev/disk/by-uuid/x"), lower case, into ret; -ENOENT for other sources. */
_must_check_ int crypttab_source_uuid(const char *source, char ret[static 40]);
/* 0 if the comma-separated options hold the word (before any '='); *ret_value, where wanted, is what follows
 * the '=', not terminated: up to the next comma; NULL without '='. -ENOENT. */
_must_check_ int crypttab_option(const char *options, const char *word, Bytes *ret_value);
