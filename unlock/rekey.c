/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "unlock/rekey.h"

#include "base/error.h"
#include "unlock/enrol-internal.h"

#include <errno.h>
#include <stdio.h>

/* The one keyslot that an interrupted rekey meant to add, unless the token uses it already; -ENOENT. */
static int begun_keyslot(const Volume *v, const Token *t)
{
        EnrolMark mark = { 0 };
        int number, k;

        if (enrol_find_mark(v, REKEY_MARK_TYPE, &mark, &number) < 0) return -ENOENT;
        if (__builtin_popcount(mark.planned) != 1) return -ENOENT;
        k = __builtin_ctz(mark.planned);
        return k == t->keyslot || k == t->recovery_keyslot ? -ENOENT : k;
}

int rekey_plan(const Volume *v, const Token *t, Token **ret)
{
        cleanup_token Token *next = NULL;
        int k, r;

        if (t->epoch == UINT64_MAX) return error_set(-ERANGE, "%s: no epoch is left", v->path);
        k = begun_keyslot(v, t);
        if (k < 0) k = enrol_free_keyslot(v);
        if (k < 0) return k;
        r = token_copy(t, &next);
        if (r < 0) return r;
        next->keyslot = k;
        next->epoch++;
        *ret = TAKE_PTR(next);
        return 0;
}

static int is_planned(const Token *t, const Token *next)
{
        uint8_t is[SHA256_SIZE], planned[SHA256_SIZE];
        int r;

        r = token_hash(t, is);
        if (r == 0) r = token_hash(next, planned);
        if (r < 0) return r;
        if (bytes_equal(BYTES_ARRAY(is), BYTES_ARRAY(planned))) return 0;
        return error_set(VOLUME_E_REFUSED, "the token is not the one that the rekey was planned for");
}

static int same_volume(const Volume *v, const Header *was)
{
        const int r = record_same_volume(was, v->header);

        return r == RECORD_E_REFUSED ? error_prefix(VOLUME_E_REFUSED, "%s: header refused", v->path) : r;
}

/* The header as it is on the disk now is the one that was opened, and its token leads to the planned one. */
static int read_again(const char *path, const Header *was, const RekeyKeys *keys, Volume **ret, Token **ret_token)
{
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        int r;

        r = volume_open(path, &v);
        if (r == 0) r = volume_check(v, HEADER_USE_TOKEN);
        if (r == 0) r = same_volume(v, was);
        if (r == 0) r = volume_token(v, &t);
        if (r == 0) r = volume_verify_record(v, t, RECORD_TAG_HALVES, keys->header_key);
        if (r != 0) return r;
        *ret = TAKE_PTR(v);
        *ret_token = TAKE_PTR(t);
        return 0;
}

/* Whether a keyslot is the one that an interrupted rekey added, and not somebody's who took its number since. */
static int is_ours(const char *path, int keyslot, const RekeyKeys *keys, bool *ret)
{
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *key = NULL;
        int r;

        r = volume_open(path, &v);
        if (r == 0) r = volume_check(v, HEADER_USE_TYPED);
        if (r != 0) return r;
        r = volume_unlock_keyslot(v, keyslot, keys->next_passphrase, &key);
        if (r < 0 && r != -EPERM) return r; /* -EPERM: one that nothing of ours could be */
        *ret = r == 0 && enrol_same_key(v, key, keys->volume_key) == 0;
        return 0;
}

/* The next run plans a keyslot that is free. */
static int give_up_keyslot(Volume *v, EnrolMark *mark, int keyslot)
{
        int r;

        mark->planned = 0;
        volume_invalidate(v);
        r = enrol_write_mark(v, mark);
        return r < 0 ? r
                     : error_set(-EEXIST, "%s: keyslot %d was taken by somebody since the rekey began", v->path,
                                 keyslot);
}

/* The mark first: from it the next run knows which keyslot a cut has left behind. */
static int add_keyslot(Volume *v, const Token *t, const RekeyKeys *keys, int keyslot)
{
        EnrolMark mark = { 0 };
        bool ours = false;
        int number, r;

        if (enrol_is_taken(v, keyslot)) {
                if (begun_keyslot(v, t) != keyslot)
                        return error_set(-EEXIST, "%s: keyslot %d is taken", v->path, keyslot);
                r = is_ours(v->path, keyslot, keys, &ours);
                if (r != 0) return r;
        }
        /* What an earlier rekey replaced and no host has removed yet is not forgotten. */
        if (enrol_find_mark(v, REKEY_MARK_TYPE, &mark, &number) < 0) mark = (EnrolMark){ .rekey = true };
        if (enrol_is_taken(v, keyslot) && !ours) return give_up_keyslot(v, &mark, keyslot);
        mark.leaving |= 1U << t->keyslot;
        mark.leaving &= ~(1U << keyslot);
        mark.planned = 1U << keyslot;
        volume_invalidate(v);
        r = enrol_write_mark(v, &mark);
        return r == 0 && !ours ? enrol_add_keyslot(v, keys->volume_key, keyslot, keys->next_passphrase) : r;
}

/* Of the header in memory, which the new token will be written into. */
static int record(Volume *v, const Header *was, const RekeyKeys *keys, Token *t)
{
        int r;

        r = volume_check(v, HEADER_USE_TYPED);
        if (r == 0) r = same_volume(v, was);
        return r == 0 ? record_write(v->header, t, keys->next_header_key, keys->volume_key) : r;
}

static int write_and_prove(Volume *v, const RekeyKeys *keys, const Token *t)
{
        cleanup_secret Secret *proven = NULL;
        int r;

        r = enrol_write_token(v, t);
        if (r == 0) r = enrol_prove(v->path, keys->next_passphrase, keys->next_header_key, &proven);
        return r == 0 ? enrol_same_key(v, proven, keys->volume_key) : r;
}

/* Nothing that was not proven stays: the old keyslot is there still. What has failed is what is said. */
static void put_back(const char *path, const Token *t)
{
        cleanup_volume Volume *v = NULL;

        if (volume_open(path, &v) == 0) IGNORE_RESULT(enrol_write_token(v, t));
}

int rekey_volume(const char *path, const Header *was, const RekeyKeys *keys, const Token *next)
{
        cleanup_token Token *old = NULL, *t = NULL;
        cleanup_volume Volume *v = NULL;
        char why[256];
        int r;

        r = read_again(path, was, keys, &v, &old);
        if (r == 0) r = token_copy(old, &t);
        if (r != 0) return r;
        t->keyslot = next->keyslot;
        t->epoch++;
        r = is_planned(t, next);
        if (r == 0) r = add_keyslot(v, old, keys, t->keyslot);
        if (r == 0) r = record(v, was, keys, t);
        if (r != 0) return r;
        r = write_and_prove(v, keys, t);
        if (r == 0) return 0;
        (void)snprintf(why, sizeof(why), "%s", error_detail(r));
        put_back(path, old);
        return error_set(r, "%s", why);
}

int rekey_retire(const char *path, uint64_t epoch, size_t *ret_removed)
{
        return enrol_remove_leaving(path, REKEY_MARK_TYPE, epoch, ret_removed);
}
