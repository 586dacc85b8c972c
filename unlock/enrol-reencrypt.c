/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A fresh volume key, in place and offline. The installer's key opens a second keyslot, which holds the fresh
 * key and belongs to no segment yet; libcryptsetup then moves the data over, zone by zone, and keeps in the
 * header how far it got and checksums of the zone in work, so that a power cut at any write is repaired. At
 * the end it removes the old key's keyslots and the work area itself.
 *
 * Nothing in the header says "this key is fresh": such a word could be written by whoever had the disk
 * before. A run that ended between here and the token is repeated as a whole. */

#include "unlock/enrol.h"

#include "base/error.h"
#include "unlock/enrol-finish.h"
#include "unlock/volume-internal.h"

#include <errno.h>
#include <string.h>

enum {
        HOTZONE_SECTORS = 16 * 1024 * 1024 / 512, /* more costs memory: 41 MB at 16 MiB, 278 MB at the default */
        FRESH_KEY_SIZE = 64,                      /* AES-256-XTS */
};

typedef struct Run {
        EnrolProgress progress;
        void *user_data;
        bool stopped;
} Run;

static int report(uint64_t size, uint64_t offset, void *user_data)
{
        Run *run = user_data;

        if (run->progress && run->progress(offset, size, run->user_data) != 0) run->stopped = true;
        return run->stopped;
}

static int open_checked(const char *path, Volume **ret)
{
        cleanup_volume Volume *v = NULL;
        int r;

        r = volume_open(path, &v);
        if (r < 0) return r;
        r = volume_check(v, HEADER_USE_INSTALLER);
        if (r != 0) return r;
        *ret = TAKE_PTR(v);
        return 0;
}

int enrol_volume_key_state(Volume *v, EnrolVolumeKey *ret)
{
        int r;

        r = volume_check(v, HEADER_USE_INSTALLER);
        if (r != 0) return r;
        *ret = v->header->reencrypting ? ENROL_VOLUME_KEY_IN_PROGRESS : ENROL_VOLUME_KEY_SHARED;
        return 0;
}

/* The fresh key's keyslot costs as much to open as the one whose passphrase it shares. */
static int copy_kdf(Volume *v, int from)
{
        struct crypt_pbkdf_type kdf = { 0 };
        int r;

        r = crypt_keyslot_get_pbkdf(v->cd, from, &kdf);
        if (r < 0) return volume_failed(v, r, "key derivation of the installer's keyslot");
        kdf.flags |= CRYPT_PBKDF_NO_BENCHMARK;
        if (!kdf.hash) kdf.hash = "sha256";
        r = crypt_set_pbkdf_type(v->cd, &kdf);
        if (r < 0) return volume_failed(v, r, "key derivation");
        return 0;
}

/* Keyslots of an earlier run that ended before its re-encryption began. */
static int remove_unbound(Volume *v)
{
        for (int i = 0; i < HEADER_KEYSLOTS_MAX; i++) {
                int r;

                if (crypt_keyslot_status(v->cd, i) != CRYPT_SLOT_UNBOUND) continue;
                r = crypt_keyslot_destroy(v->cd, i);
                if (r < 0) return volume_failed(v, r, "left-over keyslot");
        }
        return 0;
}

static int add_fresh_key(Volume *v, int installer, const Secret *installer_key, int *ret_keyslot)
{
        cleanup_secret Secret *fresh = NULL;
        int r;

        r = remove_unbound(v);
        if (r < 0) return r;
        r = copy_kdf(v, installer);
        if (r < 0) return r;
        r = crypt_keyslot_set_encryption(v->cd, "aes-xts-plain64", 64);
        if (r < 0) return volume_failed(v, r, "keyslot encryption");
        r = secret_new_random(FRESH_KEY_SIZE, &fresh);
        if (r < 0) return r;
        r = crypt_keyslot_add_by_key(v->cd, CRYPT_ANY_SLOT, (const char *)fresh->data, fresh->size,
                                     (const char *)installer_key->data, installer_key->size,
                                     CRYPT_VOLUME_KEY_NO_SEGMENT);
        if (r < 0) return volume_failed(v, r, "keyslot for a fresh volume key");
        *ret_keyslot = r;
        return 0;
}

static int start(Volume *v, const Secret *installer_key)
{
        const struct crypt_params_luks2 luks2 = { .sector_size = v->header->segment.sector_size };
        const struct crypt_params_reencrypt params = {
                .mode = CRYPT_REENCRYPT_REENCRYPT,
                .direction = CRYPT_REENCRYPT_FORWARD,
                .resilience = "checksum",
                .hash = "sha256",
                .max_hotzone_size = HOTZONE_SECTORS,
                .luks2 = &luks2,
        };
        cleanup_secret Secret *old_key = NULL;
        int old = -1, fresh = -1, r;

        r = volume_try_any_raw(v, installer_key, &old, &old_key);
        if (r != 0) return r;
        volume_invalidate(v);
        r = add_fresh_key(v, old, installer_key, &fresh);
        if (r < 0) return r;
        r = crypt_reencrypt_init_by_passphrase(v->cd, NULL, (const char *)installer_key->data, installer_key->size,
                                               old, fresh, "aes", "xts-plain64", &params);
        return r < 0 ? volume_failed(v, r, "re-encryption cannot start") : 0;
}

static int reencrypt_call(Volume *v, const Secret *installer_key, uint32_t flags)
{
        /* Not what crypt_reencrypt_status() gives: its texts lie in the header, which the call reads anew (2.6.1).
         */
        const struct crypt_params_reencrypt params = {
                .mode = CRYPT_REENCRYPT_REENCRYPT,
                .direction = CRYPT_REENCRYPT_FORWARD,
                .resilience = "checksum",
                .hash = "sha256",
                .max_hotzone_size = HOTZONE_SECTORS,
                .flags = flags,
        };
        int r;

        volume_invalidate(v);
        r = crypt_reencrypt_init_by_passphrase(v->cd, NULL, (const char *)installer_key->data, installer_key->size,
                                               CRYPT_ANY_SLOT, CRYPT_ANY_SLOT, NULL, NULL, &params);
        if (r == -EPERM || r == -ENOENT)
                return error_set(VOLUME_E_WRONG_KEY, "%s: the key does not open the re-encryption", v->path);
        return r < 0 ? volume_failed(v, r, "re-encryption cannot go on") : 0;
}

static int reopen(const char *path, Volume **v)
{
        volume_free(TAKE_PTR(*v));
        return open_checked(path, v);
}

/* An interrupted zone is put right first, and so is an interrupted end; both leave a header to be read anew. */
static int repair(const char *path, const Secret *installer_key, Volume **v)
{
        int r = 0;

        if (crypt_reencrypt_status((*v)->cd, NULL) == CRYPT_REENCRYPT_CRASH) {
                r = reencrypt_call(*v, installer_key, CRYPT_REENCRYPT_RECOVERY);
                if (r == 0) r = reopen(path, v);
        }
        if (r == 0 && (*v)->header->reencrypted) {
                r = enrol_finish_reencryption(*v);
                if (r == 0) r = reopen(path, v);
        }
        return r;
}

static int prepare(const char *path, const Secret *installer_key, Volume **v)
{
        int r;

        if (!(*v)->header->reencrypting) return start(*v, installer_key);
        r = repair(path, installer_key, v);
        if (r != 0) return r;
        if (!(*v)->header->reencrypting) return 0; /* that was all there was left to do */
        return reencrypt_call(*v, installer_key, CRYPT_REENCRYPT_RESUME_ONLY);
}

static int confirm(const char *path, const Secret *installer_key)
{
        cleanup_volume Volume *v = NULL;
        cleanup_secret Secret *key = NULL;
        int keyslot = -1, r;

        r = open_checked(path, &v);
        if (r != 0) return r;
        r = volume_try_any_raw(v, installer_key, &keyslot, &key);
        return r < 0 ? error_prefix(r, "after re-encryption") : r;
}

int enrol_reencrypt(const char *path, const Secret *installer_key, EnrolProgress progress, void *user_data)
{
        Run run = { .progress = progress, .user_data = user_data };
        cleanup_volume Volume *v = NULL;
        int r;

        r = open_checked(path, &v);
        if (r != 0) return r;
        r = prepare(path, installer_key, &v);
        if (r != 0) return r;
        if (crypt_reencrypt_status(v->cd, NULL) != CRYPT_REENCRYPT_NONE) {
                r = crypt_reencrypt_run(v->cd, report, &run);
                if (r < 0) return volume_failed(v, r, "re-encryption");
        }
        if (run.stopped) return error_set(-ECANCELED, "%s: re-encryption stopped, to be resumed", path);
        return confirm(path, installer_key);
}
