/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unlock/data.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/writer.h"
#include "unlock/crypttab.h"
#include "unlock/enrol.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { KEY_SIZE = 32, LINE_MAX_SIZE = 2 * PATH_MAX };

static int check_name(const char *name)
{
        const size_t n = strlen(name);

        if (n == 0 || n > DATA_NAME_MAX || name[0] == '.')
                return error_set(-EINVAL, "'%s' is no name for a volume", name);
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
                        return error_set(-EINVAL, "'%s': a volume's name has letters, digits and - _ . alone",
                                         name);
        return 0;
}

/* No file is an empty one. */
static int read_crypttab(const char *path, uint8_t **ret, size_t *ret_size)
{
        const int r = file_read(path, CRYPTTAB_TEXT_MAX, ret, ret_size);

        if (r != -ENOENT) return r;
        *ret = (uint8_t *)strdup("");
        *ret_size = 0;
        return *ret ? 0 : -ENOMEM;
}

static int check_crypttab(const DataPlaces *places, const char *name, const char *uuid)
{
        cleanup_crypttab Crypttab table = { 0 };
        cleanup_free uint8_t *text = NULL;
        size_t size;
        int r;

        r = read_crypttab(places->crypttab, &text, &size);
        if (r == 0) r = crypttab_parse(BYTES(text, size), &table);
        if (r < 0) return error_prefix(r, "%s", places->crypttab);
        for (size_t i = 0; i < table.n; i++) {
                const CrypttabEntry *e = &table.entries[i];
                char its[40];

                if (strcmp(e->name, name) == 0)
                        return error_set(-EEXIST, "%s:%u: there is a volume of the name '%s'", places->crypttab,
                                         e->line, name);
                if (crypttab_source_uuid(e->source, its) == 0 && strcasecmp(its, uuid) == 0)
                        return error_set(-EEXIST, "%s:%u: this volume is there, as '%s'", places->crypttab,
                                         e->line, e->name);
        }
        return 0;
}

static int free_keyslot(const Volume *v, int *ret)
{
        for (int i = 0; i < HEADER_KEYSLOTS_MAX; i++)
                if (!header_keyslot(volume_header(v), i)) {
                        *ret = i;
                        return 0;
                }
        return error_set(-ENOSPC, "%s: no keyslot is free", volume_path(v));
}

int data_plan(Volume *v, const char *name, const DataPlaces *places, DataPlan *ret)
{
        char by_uuid[sizeof("luks-") + 40];
        DataPlan plan = { 0 };
        int r;

        (void)snprintf(by_uuid, sizeof(by_uuid), "luks-%s", volume_uuid(v));
        if (!name) name = by_uuid;
        if (volume_has_token(v) == 0)
                return error_set(VOLUME_E_REFUSED, "%s has a halfkey token: it is opened together with root",
                                 volume_path(v));
        r = check_name(name);
        if (r == 0) r = volume_check(v, HEADER_USE_TYPED);
        if (r == 0) r = check_crypttab(places, name, volume_uuid(v));
        if (r == 0) r = free_keyslot(v, &plan.keyslot);
        if (r != 0) return r;
        (void)snprintf(plan.name, sizeof(plan.name), "%s", name);
        if (snprintf(plan.key_file, sizeof(plan.key_file), "%s/%s.key", places->keys, name) >=
            (int)sizeof(plan.key_file))
                return -ENAMETOOLONG;
        *ret = plan;
        return 0;
}

/* The one that an interrupted run left is as good as a new one, where nobody else could read it. */
static int ensure_key_file(const DataPlan *plan, const DataPlaces *places, Secret **ret)
{
        cleanup_secret Secret *key = NULL;
        struct stat st;
        int r;

        if (mkdir(places->keys, 0700) < 0 && errno != EEXIST) return error_set(-errno, "%s: %m", places->keys);
        if (lstat(plan->key_file, &st) == 0) {
                if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0 || st.st_size != KEY_SIZE)
                        return error_set(-EEXIST, "%s is there and is none of ours: move it away", plan->key_file);
                return file_read_secret(plan->key_file, ret);
        }
        r = secret_new_random(KEY_SIZE, &key);
        if (r == 0) r = file_write_atomic(plan->key_file, secret_bytes(key), 0600);
        if (r == 0) *ret = TAKE_PTR(key);
        return r;
}

static int ensure_keyslot(Volume *v, const DataPlan *plan, const Secret *volume_key, const Secret *key)
{
        cleanup_secret Secret *same = NULL;
        int keyslot, r;

        r = volume_try_any_raw(v, key, &keyslot, &same);
        return r == VOLUME_E_WRONG_KEY ? enrol_add_keyslot(v, volume_key, plan->keyslot, key) : r;
}

/* nofail: what root does not stand on must not hold a boot up. */
static int add_line(const DataPlan *plan, const DataPlaces *places, const char *uuid)
{
        cleanup_writer Writer w = WRITER_INIT(CRYPTTAB_TEXT_MAX + LINE_MAX_SIZE);
        cleanup_free uint8_t *text = NULL;
        struct stat st;
        size_t size;
        Bytes all;
        int r;

        r = read_crypttab(places->crypttab, &text, &size);
        if (r < 0) return r;
        writer_bytes(&w, BYTES(text, size));
        if (size > 0 && text[size - 1] != '\n') writer_text(&w, "\n");
        writer_format(&w, "%s UUID=%s %s luks,nofail\n", plan->name, uuid, plan->key_file);
        r = writer_finish(&w, &all);
        if (r < 0) return r;
        return file_write_atomic(places->crypttab, all,
                                 stat(places->crypttab, &st) == 0 ? st.st_mode & 0777 : 0600);
}

int data_add(Volume *v, const DataPlan *plan, const DataPlaces *places, const Secret *typed)
{
        cleanup_secret Secret *volume_key = NULL, *key = NULL;
        int keyslot, r;

        r = volume_try_any(v, typed, &keyslot, &volume_key);
        if (r == 0) r = ensure_key_file(plan, places, &key);
        if (r == 0) r = ensure_keyslot(v, plan, volume_key, key);
        return r == 0 ? add_line(plan, places, volume_uuid(v)) : r;
}
