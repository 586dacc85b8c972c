/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keyslots and token. libcryptsetup writes each change of the metadata to both header copies in turn, with a
 * sequence number and a checksum, so a power cut leaves the old or the new metadata; the order of the changes
 * is what is decided here: plan, keyslot, proof, token, proof, and only then removal. */

#include "unlock/enrol.h"

#include "base/error.h"
#include "crypto/compare.h"
#include "unlock/enrol-internal.h"
#include "unlock/volume-internal.h"

#include <errno.h>
#include <string.h>

/* The least that LUKS2 allows: the passphrase is 256 random bits. */
static const struct crypt_pbkdf_type cheap_kdf = {
        .type = CRYPT_KDF_PBKDF2,
        .hash = "sha256",
        .iterations = 1000,
        .flags = CRYPT_PBKDF_NO_BENCHMARK,
};

bool enrol_is_taken(const Volume *v, int keyslot)
{
        return crypt_keyslot_status(v->cd, keyslot) != CRYPT_SLOT_INACTIVE;
}

int enrol_find_mark(const Volume *v, const char *type, EnrolMark *ret, int *ret_number)
{
        const int i = volume_find_token(v, type, 0);
        Bytes json;
        int r;

        if (i < 0) return i;
        r = volume_token_json(v, i, &json);
        if (r < 0) return r;
        *ret_number = i;
        r = enrol_mark_parse(json, ret);
        return r < 0 ? error_prefix(r, "%s: tokens.%d", v->path, i) : 0;
}

int enrol_destroy(Volume *v, int keyslot)
{
        int r;

        if (!enrol_is_taken(v, keyslot)) return 0;
        r = crypt_keyslot_destroy(v->cd, keyslot);
        return r < 0 ? volume_failed(v, r, "keyslot cannot be removed") : 0;
}

/* What an interrupted run has added: nobody holds the keys to it any more. */
static int clear_leftovers(Volume *v, uint32_t in_use, EnrolMark *ret)
{
        EnrolMark mark = { 0 };
        int number = -1;
        int r;

        r = enrol_find_mark(v, ENROL_MARK_TYPE, &mark, &number);
        if (r < 0 && r != -EBADMSG && r != -ENOENT) return r; /* one that is not ours to understand is replaced */
        *ret = mark;
        for (int i = 0; i < HEADER_KEYSLOTS_MAX; i++) {
                if (!(mark.planned & ~in_use & (1U << i))) continue;
                r = enrol_destroy(v, i);
                if (r < 0) return r;
        }
        return 0;
}

static int plan(const Volume *v, int installer, EnrolPlan *ret)
{
        EnrolPlan p = { .installer_keyslot = installer, .keyslot = -1, .recovery_keyslot = -1 };

        for (int i = 0; i < HEADER_KEYSLOTS_MAX && p.recovery_keyslot < 0; i++) {
                if (enrol_is_taken(v, i)) continue;
                if (p.keyslot < 0) p.keyslot = i;
                else p.recovery_keyslot = i;
        }
        if (p.recovery_keyslot < 0) return error_set(-ENOSPC, "%s: no two keyslots are free", v->path);
        *ret = p;
        return 0;
}

int enrol_write_mark(Volume *v, const EnrolMark *mark)
{
        const int old = volume_find_token(v, mark->rekey ? REKEY_MARK_TYPE : ENROL_MARK_TYPE, 0);
        cleanup_free char *json = NULL;
        int r;

        r = enrol_mark_print(mark, &json);
        if (r < 0) return r;
        r = crypt_token_json_set(v->cd, old < 0 ? CRYPT_ANY_TOKEN : old, json);
        return r < 0 ? volume_failed(v, r, "the mark of what is under way cannot be written") : 0;
}

int enrol_begin(Volume *v, const Secret *installer_key, EnrolPlan *ret, Secret **ret_volume_key)
{
        cleanup_secret Secret *key = NULL;
        EnrolPlan p = { 0 };
        EnrolMark mark;
        int installer = -1;
        int r;

        r = volume_check(v, HEADER_USE_INSTALLER);
        if (r != 0) return r;
        if (v->header->reencrypting)
                return error_set(VOLUME_E_REFUSED, "%s: re-encryption is not finished", v->path);
        r = volume_try_any_raw(v, installer_key, &installer, &key);
        if (r != 0) return r;
        volume_invalidate(v);
        r = clear_leftovers(v, 1U << installer, &mark);
        if (r < 0) return r;
        r = plan(v, installer, &p);
        if (r < 0) return r;
        mark = (EnrolMark){ .leaving = 1U << p.installer_keyslot,
                            .planned = 1U << p.keyslot | 1U << p.recovery_keyslot };
        r = enrol_write_mark(v, &mark);
        if (r < 0) return r;
        *ret = p;
        *ret_volume_key = TAKE_PTR(key);
        return 0;
}

int enrol_same_key(const Volume *v, const Secret *a, const Secret *b)
{
        if (crypto_equal(secret_bytes(a), secret_bytes(b)) == 0) return 0;
        return error_set(-EIO, "%s: a keyslot gave back another volume key", v->path);
}

static int prove_keyslot(const Volume *v, int keyslot, const Secret *passphrase, const Secret *volume_key)
{
        cleanup_volume Volume *fresh = NULL;
        cleanup_secret Secret *key = NULL;
        int r;

        r = volume_open(v->path, &fresh);
        if (r < 0) return r;
        r = volume_check(fresh, HEADER_USE_TYPED);
        if (r == 0) r = volume_unlock_keyslot(fresh, keyslot, passphrase, &key);
        if (r != 0) return error_prefix(-EIO, "a new keyslot cannot be proven");
        return enrol_same_key(v, key, volume_key);
}

int enrol_add_keyslot(Volume *v, const Secret *volume_key, int keyslot, const Secret *passphrase)
{
        int r;

        if (keyslot < 0 || keyslot >= HEADER_KEYSLOTS_MAX) return -EINVAL;
        if (enrol_is_taken(v, keyslot)) return error_set(-EEXIST, "%s: keyslot %d is taken", v->path, keyslot);
        volume_invalidate(v);
        r = crypt_set_pbkdf_type(v->cd, &cheap_kdf);
        if (r < 0) return volume_failed(v, r, "key derivation");
        r = crypt_keyslot_set_encryption(v->cd, "aes-xts-plain64", 64);
        if (r < 0) return volume_failed(v, r, "keyslot encryption");
        r = crypt_keyslot_add_by_key(v->cd, keyslot, (const char *)volume_key->data, volume_key->size,
                                     (const char *)passphrase->data, passphrase->size, 0);
        if (r < 0) return volume_failed(v, r, "keyslot cannot be added");
        return prove_keyslot(v, keyslot, passphrase, volume_key);
}

int enrol_record(const Volume *v, const EnrolKeys *keys, Token *t)
{
        cleanup_volume Volume *fresh = NULL;
        int r;

        r = volume_open(v->path, &fresh);
        if (r == 0) r = volume_check(fresh, HEADER_USE_TYPED);
        return r == 0 ? record_write(fresh->header, t, keys->header_key, keys->volume_key) : r;
}

/* The token on the disk, through everything that the next boot puts it through, is the one that was written. */
static int prove_token(const Volume *v, const char *json)
{
        cleanup_volume Volume *fresh = NULL;
        cleanup_token Token *t = NULL;
        cleanup_free char *again = NULL;
        int r;

        r = volume_open(v->path, &fresh);
        if (r < 0) return r;
        r = volume_check(fresh, HEADER_USE_TOKEN);
        if (r == 0) r = volume_token(fresh, &t);
        if (r == 0) r = token_print(t, &again);
        if (r != 0) return error_prefix(-EIO, "the token cannot be proven");
        return strcmp(json, again) == 0 ? 0 : error_set(-EIO, "%s: the token reads back changed", v->path);
}

int enrol_write_token(Volume *v, const Token *t)
{
        const int old = volume_find_token(v, TOKEN_TYPE, 0);
        cleanup_free char *json = NULL;
        int r;

        if (old >= 0 && volume_find_token(v, TOKEN_TYPE, old + 1) >= 0)
                return error_set(VOLUME_E_REFUSED, "%s: more than one halfkey token", v->path);
        r = token_print(t, &json);
        if (r < 0) return r;
        if (!enrol_is_taken(v, t->keyslot)) return error_set(-EINVAL, "%s: no keyslot %d", v->path, t->keyslot);
        volume_invalidate(v);
        r = crypt_token_json_set(v->cd, old < 0 ? CRYPT_ANY_TOKEN : old, json);
        if (r < 0) return volume_failed(v, r, "the token cannot be written");
        return prove_token(v, json);
}

int enrol_prove(const char *path, const Secret *passphrase, const Secret *header_key, Secret **ret_volume_key)
{
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *key = NULL;
        cleanup_token Token *t = NULL;
        int r;

        r = volume_open(path, &v);
        if (r < 0) return r;
        r = volume_check(v, HEADER_USE_TOKEN);
        if (r == 0) r = volume_token(v, &t);
        if (r == 0) r = volume_verify_record(v, t, RECORD_TAG_HALVES, header_key);
        if (r == 0) r = volume_unlock_keyslot(v, t->keyslot, passphrase, &key);
        if (r == 0) r = volume_verify_record(v, t, RECORD_TAG_VOLUME_KEY, key);
        if (r != 0) return r;
        *ret_volume_key = TAKE_PTR(key);
        return 0;
}

int enrol_protected_keyslots(const Volume *v, uint32_t *ret)
{
        cleanup_token Token *t = NULL;
        int r;

        r = volume_token(v, &t);
        if (r == -ENOENT) return error_set(VOLUME_E_REFUSED, "%s: no halfkey token, nothing is removed", v->path);
        if (r != 0) return error_prefix(VOLUME_E_REFUSED, "%s: nothing is removed", v->path);
        *ret = 1U << t->keyslot;
        if (t->recovery_keyslot >= 0) *ret |= 1U << t->recovery_keyslot;
        return 0;
}

static int remove_listed(Volume *v, uint32_t listed, size_t *ret_removed)
{
        size_t n = 0;
        int r;

        for (int i = 0; i < HEADER_KEYSLOTS_MAX; i++) {
                if (!(listed & (1U << i)) || !enrol_is_taken(v, i)) continue;
                r = enrol_destroy(v, i);
                if (r < 0) return r;
                n++;
        }
        *ret_removed = n;
        return 0;
}

int enrol_remove_leaving(const char *path, const char *type, uint64_t epoch, size_t *ret_removed)
{
        cleanup_volume Volume *v = NULL;
        cleanup_token Token *t = NULL;
        EnrolMark mark = { 0 };
        uint32_t stay = 0;
        size_t removed = 0;
        int number = -1, r;

        r = volume_open(path, &v);
        if (r < 0) return r;
        r = volume_check(v, HEADER_USE_TOKEN);
        if (r == 0) r = enrol_protected_keyslots(v, &stay);
        if (r == 0) r = volume_token(v, &t);
        if (r != 0) return r;
        *ret_removed = 0;
        if (epoch != 0 && t->epoch != epoch) return 0;
        r = enrol_find_mark(v, type, &mark, &number);
        if (r < 0 && r != -ENOENT) return r;
        /* A rekey that has begun and not ended needs its mark: else its keyslot would be nobody's. */
        if (r == 0 && !(mark.rekey && (mark.planned & ~stay))) {
                volume_invalidate(v);
                r = remove_listed(v, mark.leaving & ~stay, &removed);
                if (r < 0) return r;
                r = crypt_token_json_set(v->cd, number, NULL);
                if (r < 0) return volume_failed(v, r, "the mark of what was under way cannot be removed");
        }
        *ret_removed = removed;
        return 0;
}

int enrol_remove_installer(const char *path, size_t *ret_removed)
{
        return enrol_remove_leaving(path, ENROL_MARK_TYPE, 0, ret_removed);
}

int enrol_free_keyslot(const Volume *v)
{
        for (int i = 0; i < HEADER_KEYSLOTS_MAX; i++)
                if (!enrol_is_taken(v, i)) return i;
        return error_set(-ENOSPC, "%s: no keyslot is free", v->path);
}

int enrol_renew_recovery(Volume *v, const EnrolKeys *keys, Token *t, const Secret *recovery)
{
        const int old = t->recovery_keyslot;
        uint32_t stay = 0;
        EnrolMark mark;
        int fresh, r;

        r = enrol_protected_keyslots(v, &stay);
        if (r != 0) return r;
        volume_invalidate(v);
        r = clear_leftovers(v, stay, &mark);
        if (r < 0) return r;
        fresh = enrol_free_keyslot(v);
        if (fresh < 0) return fresh;
        mark.planned = stay | 1U << fresh;
        r = enrol_write_mark(v, &mark);
        if (r == 0) r = enrol_add_keyslot(v, keys->volume_key, fresh, recovery);
        if (r != 0) return r;
        t->recovery_keyslot = fresh;
        r = enrol_record(v, keys, t);
        if (r == 0) r = enrol_write_token(v, t);
        if (r != 0) return r;
        return old == TOKEN_KEYSLOT_NONE ? 0 : enrol_destroy(v, old);
}

int enrol_remove_keyslots_except(Volume *v, const int *keep, size_t n_keep)
{
        uint32_t kept = 0, stay = 0;
        size_t removed;
        int r;

        for (size_t i = 0; i < n_keep; i++) {
                if (keep[i] < 0 || keep[i] >= HEADER_KEYSLOTS_MAX || !enrol_is_taken(v, keep[i]))
                        return error_set(-EINVAL, "%s: no keyslot %d to keep", v->path, keep[i]);
                kept |= 1U << keep[i];
        }
        r = enrol_protected_keyslots(v, &stay);
        if (r != 0) return r;
        if ((kept & stay) != stay)
                return error_set(-EINVAL, "%s: the list leaves out a keyslot of the halfkey token", v->path);
        volume_invalidate(v);
        return remove_listed(v, ~kept, &removed);
}

int enrol_remove_keyslot(Volume *v, int keyslot)
{
        uint32_t stay = 0;
        int r;

        if (keyslot < 0 || keyslot >= HEADER_KEYSLOTS_MAX) return -EINVAL;
        r = enrol_protected_keyslots(v, &stay);
        if (r != 0) return r;
        if (stay & (1U << keyslot))
                return error_set(-EINVAL, "%s: keyslot %d belongs to the halfkey token", v->path, keyslot);
        volume_invalidate(v);
        return enrol_destroy(v, keyslot);
}
