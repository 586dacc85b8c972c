/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rd.luks.* of the kernel command line, and its merger with crypttab, after systemd-cryptsetup-generator(8) of
 * systemd 252: our generator must see the volumes that the stock one sees, under the same names. */

#include "base/error.h"
#include "unlock/crypttab-entry.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

typedef struct Disk {
        char uuid[40];
        const char *name;
        const char *key_file;
        const char *options;
        bool wanted; /* by .uuid or .name */
} Disk;

typedef struct Words {
        Disk disks[CRYPTTAB_ENTRIES_MAX];
        size_t n;
        const char *key_file; /* for every disk without one of its own */
        const char *options;
        CrypttabKernel *kernel;
} Words;

void crypttab_kernel_deinit(CrypttabKernel *k)
{
        crypttab_deinit(&k->volumes);
}

/* The next word of the text in place, quotes undone; NULL at the end. A quote left open ends with the text. */
static char *next_word(char **at)
{
        char *from = *at, *to, *word;
        char quote = 0;

        while (*from == ' ' || *from == '\t' || *from == '\n') from++;
        if (*from == '\0') return NULL;
        for (word = to = from; *from; from++) {
                if (quote ? *from == quote : *from == '"' || *from == '\'') quote = quote ? 0 : *from;
                else if (!quote && (*from == ' ' || *from == '\t' || *from == '\n')) break;
                else *to++ = *from;
        }
        *at = *from ? from + 1 : from;
        *to = '\0';
        return word;
}

static bool key_is(const char *key, const char *wanted)
{
        for (; *key && *wanted; key++, wanted++)
                if ((*key == '-' ? '_' : *key) != *wanted) return false;
        return *key == *wanted;
}

static bool is_false(const char *value)
{
        static const char *const words[] = { "0", "no", "n", "false", "f", "off" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strcasecmp(value, words[i]) == 0) return true;
        return false;
}

static Disk *disk_of(Words *w, const char *uuid, size_t n)
{
        char lower[40];

        if (crypttab_uuid(uuid, n, lower) < 0) return NULL;
        for (size_t i = 0; i < w->n; i++)
                if (strcmp(w->disks[i].uuid, lower) == 0) return &w->disks[i];
        if (w->n == CRYPTTAB_ENTRIES_MAX) return NULL;
        memcpy(w->disks[w->n].uuid, lower, sizeof(lower));
        return &w->disks[w->n++];
}

/* "UUID=REST": the disk and REST; NULL where it has not that form. */
static Disk *disk_with_rest(Words *w, const char *value, const char **ret_rest)
{
        const size_t n = strspn(value, "0123456789abcdefABCDEF-");
        Disk *d;

        if (n == 0 || value[n] != '=' || value[n + 1] == '\0') return NULL;
        d = disk_of(w, value, n);
        if (d) *ret_rest = value + n + 1;
        return d;
}

static void read_uuid(Words *w, const char *value)
{
        Disk *d;

        if (strncmp(value, "luks-", 5) == 0) value += 5;
        d = disk_of(w, value, strlen(value));
        if (d) d->wanted = true;
}

static void read_name(Words *w, const char *value)
{
        const char *rest = NULL;
        Disk *d = disk_with_rest(w, value, &rest);

        if (!d || !crypttab_name_ok(rest)) return;
        d->name = rest;
        d->wanted = true;
}

static void read_key(Words *w, const char *value)
{
        const char *rest = NULL;
        Disk *d = disk_with_rest(w, value, &rest);

        if (d) d->key_file = rest;
        else if (*value) w->key_file = value;
}

static void read_options(Words *w, const char *value)
{
        const char *rest = NULL;
        Disk *d = disk_with_rest(w, value, &rest);

        if (d) d->options = rest;
        else if (*value) w->options = value;
}

static void read_word(Words *w, char *word)
{
        char *value = strchr(word, '=');
        const char *key = strncmp(word, "rd.", 3) == 0 ? word + 3 : word;

        if (value) *value++ = '\0';
        if (key_is(key, "luks")) w->kernel->enabled = !value || !is_false(value);
        if (key_is(key, "luks.crypttab")) w->kernel->read_crypttab = !value || !is_false(value);
        if (!value) return;
        if (key_is(key, "luks.uuid")) read_uuid(w, value);
        if (key_is(key, "luks.name")) read_name(w, value);
        if (key_is(key, "luks.key")) read_key(w, value);
        if (key_is(key, "luks.options")) read_options(w, value);
}

static int add_disk(const Words *w, const Disk *d)
{
        char name[5 + sizeof(d->uuid)] = "luks-", source[5 + sizeof(d->uuid)] = "UUID=";

        memcpy(name + 5, d->uuid, sizeof(d->uuid));
        memcpy(source + 5, d->uuid, sizeof(d->uuid));
        return crypttab_add(&w->kernel->volumes,
                            &(CrypttabEntry){
                                    .name = d->name ? (char *)d->name : name,
                                    .source = source,
                                    .key_file = (char *)(d->key_file ? d->key_file : w->key_file),
                                    .options = (char *)(d->options ? d->options : w->options),
                            });
}

int crypttab_parse_kernel(Bytes command_line, CrypttabKernel *ret)
{
        cleanup_crypttab_kernel CrypttabKernel kernel = { .enabled = true, .read_crypttab = true };
        cleanup_free char *copied = NULL;
        cleanup_free Words *w = NULL;
        char *at;
        int r;

        r = crypttab_text(command_line, &copied);
        if (r < 0) return error_prefix(r, "kernel command line");
        w = calloc(1, sizeof(*w));
        if (!w) return -ENOMEM;
        w->kernel = &kernel;
        at = copied;
        for (char *word = next_word(&at); word; word = next_word(&at)) read_word(w, word);
        for (size_t i = 0; i < w->n; i++) {
                r = w->disks[i].wanted ? add_disk(w, &w->disks[i]) : 0;
                if (r < 0) return r;
        }
        *ret = TAKE(kernel, (CrypttabKernel){ 0 });
        return 0;
}

static int entry_uuid(const CrypttabEntry *e, char ret[static 40])
{
        if (crypttab_source_uuid(e->source, ret) == 0) return 0;
        if (strncmp(e->name, "luks-", 5) == 0) return crypttab_uuid(e->name + 5, strlen(e->name + 5), ret);
        return -ENOENT;
}

/* The volume of `among` with the UUID that e is about. */
static const CrypttabEntry *same_volume(const Crypttab *among, const CrypttabEntry *e)
{
        char wanted[40], uuid[40];

        if (entry_uuid(e, wanted) < 0) return NULL;
        for (size_t i = 0; i < among->n; i++)
                if (entry_uuid(&among->entries[i], uuid) == 0 && strcmp(uuid, wanted) == 0)
                        return &among->entries[i];
        return NULL;
}

static int merge_file(const Crypttab *file, const Crypttab *wanted, Crypttab *t)
{
        for (size_t i = 0; i < file->n; i++) {
                CrypttabEntry e = file->entries[i];
                const CrypttabEntry *same = same_volume(wanted, &e);
                int r;

                if (wanted->n > 0 && !same) continue;
                if (same && same->options) e.options = same->options;
                r = crypttab_add(t, &e);
                if (r < 0) return r;
        }
        return 0;
}

int crypttab_merge(const Crypttab *file, const CrypttabKernel *kernel, Crypttab *ret)
{
        cleanup_crypttab Crypttab t = { 0 };
        int r;

        if (kernel->enabled && kernel->read_crypttab) {
                r = merge_file(file, &kernel->volumes, &t);
                if (r < 0) return r;
        }
        for (size_t i = 0; kernel->enabled && i < kernel->volumes.n; i++) {
                if (same_volume(&t, &kernel->volumes.entries[i])) continue;
                r = crypttab_add(&t, &kernel->volumes.entries[i]);
                if (r < 0) return r;
        }
        *ret = TAKE(t, (Crypttab){ 0 });
        return 0;
}
