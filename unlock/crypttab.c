/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* crypttab: lines of blank-separated fields. The kernel command line is in crypttab-kernel.c. */

#include "unlock/crypttab.h"

#include "base/error.h"
#include "unlock/crypttab-entry.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static void entry_deinit(CrypttabEntry *e)
{
        free(e->name);
        free(e->source);
        free(e->key_file);
        free(e->options);
        *e = (CrypttabEntry){ 0 };
}

void crypttab_deinit(Crypttab *t)
{
        for (size_t i = 0; i < t->n; i++) entry_deinit(&t->entries[i]);
        free(t->entries);
        *t = (Crypttab){ 0 };
}

static int copy(const char *text, char **ret)
{
        char *new = NULL;

        if (text) {
                new = strdup(text);
                if (!new) return -ENOMEM;
        }
        *ret = new;
        return 0;
}

int crypttab_add(Crypttab *t, const CrypttabEntry *e)
{
        CrypttabEntry new = { .line = e->line };
        CrypttabEntry *entries;
        int r;

        if (t->n >= CRYPTTAB_ENTRIES_MAX) return error_set(-E2BIG, "more than %d volumes", CRYPTTAB_ENTRIES_MAX);
        entries = reallocarray(t->entries, t->n + 1, sizeof(*entries));
        if (!entries) return -ENOMEM;
        t->entries = entries;
        r = copy(e->name, &new.name);
        if (r == 0) r = copy(e->source, &new.source);
        if (r == 0) r = copy(e->key_file, &new.key_file);
        if (r == 0) r = copy(e->options, &new.options);
        if (r < 0) {
                entry_deinit(&new);
                return r;
        }
        t->entries[t->n++] = new;
        return 0;
}

bool crypttab_name_ok(const char *name)
{
        const size_t n = strlen(name);

        if (n == 0 || n > CRYPTTAB_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return false;
        for (size_t i = 0; i < n; i++)
                if (name[i] == '/' || iscntrl((unsigned char)name[i])) return false;
        return true;
}

static bool is_known(const Crypttab *t, const char *name)
{
        for (size_t i = 0; i < t->n; i++)
                if (strcmp(t->entries[i].name, name) == 0) return true;
        return false;
}

static const char *unless_dash(const char *field)
{
        return field && strcmp(field, "-") != 0 && strcmp(field, "none") != 0 ? field : NULL;
}

/* Cuts the line, which is ours to change, into its fields. */
static size_t split(char *line, char *fields[static 4])
{
        char *state = NULL;
        size_t n = 0;

        for (char *f = strtok_r(line, " \t\r\v\f", &state); f && n < 4; f = strtok_r(NULL, " \t\r\v\f", &state))
                fields[n++] = f;
        return n;
}

static int read_line(Crypttab *t, char *line, unsigned number)
{
        char *fields[4] = { NULL };
        const size_t n = split(line, fields);

        if (n == 0 || fields[0][0] == '#') return 0;
        if (n < 2 || !crypttab_name_ok(fields[0]) || is_known(t, fields[0])) {
                if (t->n_passed_over++ == 0) t->passed_over = number;
                return 0;
        }
        return crypttab_add(t, &(CrypttabEntry){
                                       .name = fields[0],
                                       .source = fields[1],
                                       .key_file = (char *)unless_dash(fields[2]),
                                       .options = (char *)unless_dash(fields[3]),
                                       .line = number,
                               });
}

int crypttab_text(Bytes text, char **ret)
{
        char *copied;

        if (text.size > CRYPTTAB_TEXT_MAX)
                return error_set(-EMSGSIZE, "%zu bytes of text, above %d", text.size, CRYPTTAB_TEXT_MAX);
        if (text.size > 0 && memchr(text.data, 0, text.size)) return error_set(-EBADMSG, "a NUL byte in text");
        copied = malloc(text.size + 1);
        if (!copied) return -ENOMEM;
        if (text.size > 0) memcpy(copied, text.data, text.size);
        copied[text.size] = '\0';
        *ret = copied;
        return 0;
}

int crypttab_parse(Bytes text, Crypttab *ret)
{
        cleanup_crypttab Crypttab t = { 0 };
        cleanup_free char *copied = NULL;
        unsigned number = 0;
        char *next;
        int r;

        r = crypttab_text(text, &copied);
        if (r < 0) return error_prefix(r, "crypttab");
        for (char *line = copied; line; line = next) {
                next = strchr(line, '\n');
                if (next) *next++ = '\0';
                r = read_line(&t, line, ++number);
                if (r < 0) return error_prefix(r, "crypttab line %u", number);
        }
        *ret = TAKE(t, (Crypttab){ 0 });
        return 0;
}

int crypttab_source_uuid(const char *source, char ret[static 40])
{
        static const char *const prefixes[] = { "UUID=", "/dev/disk/by-uuid/" };

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
                const size_t skip = strlen(prefixes[i]);
                const char *uuid = source + skip;

                if (strncasecmp(source, prefixes[i], skip) != 0) continue;
                if (*uuid == '"') uuid++;
                return crypttab_uuid(uuid, strcspn(uuid, "\""), ret);
        }
        return -ENOENT;
}

int crypttab_uuid(const char *text, size_t n, char ret[static 40])
{
        if (n == 0 || n > 39) return -ENOENT;
        for (size_t i = 0; i < n; i++)
                if (!isxdigit((unsigned char)text[i]) && text[i] != '-') return -ENOENT;
        for (size_t i = 0; i < n; i++) ret[i] = (char)tolower((unsigned char)text[i]);
        ret[n] = '\0';
        return 0;
}

int crypttab_option(const char *options, const char *word, Bytes *ret_value)
{
        const size_t n = strlen(word);

        while (options && *options) {
                const size_t length = strcspn(options, ",");

                if (length >= n && strncmp(options, word, n) == 0 && (length == n || options[n] == '=')) {
                        if (ret_value)
                                *ret_value = length == n ? BYTES(NULL, 0) : BYTES(options + n + 1, length - n - 1);
                        return 0;
                }
                options += length;
                if (*options == ',') options++;
        }
        return -ENOENT;
}
