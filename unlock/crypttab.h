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
        unsigned n_passed_over; /* lines that were not understood */
        unsigned passed_over;   /* the first of them; 0: none */
} Crypttab;

void crypttab_deinit(Crypttab *t);
#define cleanup_crypttab _cleanup_(crypttab_deinit)

/* Parses a whole crypttab as systemd does: blank lines and comments ('#' first) are skipped, fields behind the
 * fourth are ignored, there is no quoting. A line that systemd would refuse (no source, the same name twice)
 * and one that could not be a volume (a name with '/' or control characters, or too long) is passed over and
 * counted: a boot must not end on a line about something else. -EBADMSG for a NUL byte, -EMSGSIZE, -E2BIG. */
_must_check_ int crypttab_parse(Bytes text, Crypttab *ret);

/* What the kernel command line wants; rd.luks.* and luks.* alike, as in an initrd, '-' and '_' being equal:
 *   luks=BOOL luks.crypttab=BOOL luks.name=UUID=NAME luks.uuid=[luks-]UUID
 *   luks.key=[UUID=]FILE luks.options=[UUID=]OPTIONS
 * One entry a UUID that .uuid or .name named; without .name it is called "luks-UUID". Quotes are undone.
 * Malformed values are passed over, as systemd does. */
typedef struct CrypttabKernel {
        bool enabled;       /* luks */
        bool read_crypttab; /* luks.crypttab */
        Crypttab volumes;
} CrypttabKernel;

void crypttab_kernel_deinit(CrypttabKernel *k);
#define cleanup_crypttab_kernel _cleanup_(crypttab_kernel_deinit)

_must_check_ int crypttab_parse_kernel(Bytes command_line, CrypttabKernel *ret);

/* The entries in effect, merged as systemd-cryptsetup-generator does: where the command line names volumes,
 * only those lines of crypttab whose UUID (in the source, or in a name "luks-UUID") is among them, under
 * crypttab's name, with options of the command line where it has some; and each volume of the command line
 * that no line was about. luks=0: nothing; luks.crypttab=0: only the command line's. *ret is a copy. */
_must_check_ int crypttab_merge(const Crypttab *file, const CrypttabKernel *kernel, Crypttab *ret);

/* The UUID in a source ("UUID=x", "/dev/disk/by-uuid/x"), lower case, into ret; -ENOENT for other sources. */
_must_check_ int crypttab_source_uuid(const char *source, char ret[static 40]);
/* 0 if the comma-separated options hold the word (before any '='); *ret_value, where wanted, is what follows
 * the '=', not terminated: up to the next comma; NULL without '='. -ENOENT. */
_must_check_ int crypttab_option(const char *options, const char *word, Bytes *ret_value);
