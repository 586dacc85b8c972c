/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "agent/key-file.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "unlock/crypttab.h"
#include "unlock/volume.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The volume of the state that the line is about, if its installer's keyslot is gone. */
static const StateVolume *find_cleaned(const State *state, const bool *cleaned, const CrypttabEntry *e)
{
        for (size_t i = 0; i < state->n_volumes; i++)
                if (cleaned[i] && strcmp(state->volumes[i].name, e->name) == 0) return &state->volumes[i];
        return NULL;
}

static bool names(const CrypttabEntry *e, const char *key_file)
{
        return e->key_file && strcmp(e->key_file, key_file) == 0;
}

/* A part of the file is the key: then the whole says nothing about what it opens. */
static bool is_part(const CrypttabEntry *e)
{
        return crypttab_option(e->options, "keyfile-offset", NULL) == 0 ||
               crypttab_option(e->options, "keyfile-size", NULL) == 0;
}

/* VOLUME_E_WRONG_KEY: not with this one. */
static int try_key(const StateVolume *v, const Secret *key)
{
        cleanup_volume Volume *volume = NULL;
        cleanup_secret Secret *volume_key = NULL;
        int keyslot, r;

        r = volume_open(v->device, &volume);
        if (r == 0) r = volume_check(volume, HEADER_USE_TYPED);
        return r == 0 ? volume_try_any_raw(volume, key, &keyslot, &volume_key) : r;
}

/* All lines that name it are about volumes that it has opened once and does no more. */
static bool is_useless(const State *state, const bool *cleaned, const Crypttab *t, const char *path)
{
        cleanup_secret Secret *key = NULL;

        for (size_t i = 0; i < t->n; i++)
                if (names(&t->entries[i], path) &&
                    (is_part(&t->entries[i]) || !find_cleaned(state, cleaned, &t->entries[i])))
                        return false;
        if (file_read_secret(path, &key) < 0) {
                log_warning("%s: cannot be read, so it stays: %s", path, error_detail(-EIO));
                return false;
        }
        for (size_t i = 0; i < t->n; i++) {
                int r;

                if (!names(&t->entries[i], path)) continue;
                r = try_key(find_cleaned(state, cleaned, &t->entries[i]), key);
                if (r == VOLUME_E_WRONG_KEY) continue;
                if (r != 0) log_warning("%s: cannot tell what it opens, so it stays: %s", path, error_detail(r));
                return false;
        }
        return true;
}

static bool is_regular(const char *path)
{
        struct stat st;

        return path[0] == '/' && lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int key_files_remove(const State *state, const bool cleaned[static STATE_VOLUMES_MAX], Bytes crypttab)
{
        cleanup_crypttab Crypttab t = { 0 };
        int r;

        r = crypttab_parse(crypttab, &t);
        if (r < 0) return error_prefix(r, "/etc/crypttab");
        for (size_t i = 0; i < t.n; i++) {
                const char *path = t.entries[i].key_file;

                if (!path || !is_regular(path) || !is_useless(state, cleaned, &t, path)) continue;
                if (unlink(path) == 0) log_notice("%s: removed, it opened nothing any more", path);
                else log_warning("%s: it opens nothing any more and cannot be removed: %m", path);
        }
        return 0;
}
