/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One crypt_device, loaded once. What libcryptsetup (2.6.1 read) does with it:
 *   crypt_dump_json() prints hdr->jobj, the object that every later call works on; not the disk.
 *   crypt_volume_key_get() takes area and KDF from that object, reads the area from the disk, and verifies the
 *     key by the digest in the object.
 *   crypt_activate_by_volume_key() verifies by the same digest and builds the table from the same object:
 *     segment, cipher, sector size, persistent flags. It reads nothing of the header again.
 * So a disk that changes after crypt_load() can only spoil a keyslot. Duplicate members of an object on the
 * disk are gone in it (the last one wins), and so are comments and trailing bytes: what is checked is what is
 * used. */

#include "unlock/volume.h"

#include "base/error.h"
#include "base/fd.h"
#include "unlock/find.h"
#include "unlock/recovery-key.h"
#include "unlock/volume-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void keep_message(int level, const char *message, void *user_data)
{
        Volume *v = user_data;

        if (level != CRYPT_LOG_ERROR) return;
        (void)snprintf(v->message, sizeof(v->message), "%s", message);
        v->message[strcspn(v->message, "\n")] = '\0';
}

int volume_failed(Volume *v, int r, const char *what)
{
        const char *why = v->message[0] ? v->message : strerror(-r);

        r = error_set(r, "%s: %s: %s", v->path, what, why);
        v->message[0] = '\0';
        return r;
}

static int read_start(const char *path, uint64_t *ret_size, uint8_t ret_sector[static 512])
{
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
        off_t end;

        if (fd < 0) return error_set(-errno, "%s: %m", path);
        end = lseek(fd, 0, SEEK_END);
        if (end < 0) return error_set(-errno, "%s: %m", path);
        if (pread(fd, ret_sector, 512, 0) != 512) return error_set(-ENOTBLK, "%s: too small for a volume", path);
        *ret_size = (uint64_t)end;
        return 0;
}

/* LUKS2 On-Disk Format, section 2.1: magic of the first or the second copy, version, size of the copy (be64). */
static uint64_t metadata_size(const uint8_t *sector, Bytes magic)
{
        uint64_t size = 0;

        if (!bytes_equal(BYTES(sector, magic.size), magic) || sector[6] != 0 || sector[7] != 2) return 0;
        for (size_t i = 0; i < 8; i++) size = size << 8 | sector[8 + i];
        return size;
}

/* libcryptsetup hashes and parses up to 4 MiB twice before we are asked; nobody needs that much. Where the first
 * copy is broken it looks for the second one at each size that the format knows. */
static int refuse_large(const char *path, const uint8_t first[static 512])
{
        static const off_t large[] = { 0x80000, 0x100000, 0x200000, 0x400000 };
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
        uint64_t size = metadata_size(first, BYTES_LITERAL("LUKS\xba\xbe"));
        uint8_t second[512];

        if (fd < 0) return error_set(-errno, "%s: %m", path);
        for (size_t i = 0; size <= VOLUME_METADATA_MAX && i < ARRAY_SIZE(large); i++)
                if (pread(fd, second, sizeof(second), large[i]) == sizeof(second))
                        size = metadata_size(second, BYTES_LITERAL("SKUL\xba\xbe"));
        if (size <= VOLUME_METADATA_MAX) return 0;
        return error_set(-EBADMSG, "%s: header refused: metadata of %llu bytes, above %d", path,
                         (unsigned long long)size, VOLUME_METADATA_MAX);
}

static int load(Volume *v, const uint8_t sector[static 512])
{
        char uuid[FIND_UUID_MAX + 1];
        int r;

        r = crypt_init(&v->cd, v->path);
        if (r < 0) return volume_failed(v, r, "cannot be opened");
        crypt_set_log_callback(v->cd, keep_message, v);
        r = crypt_load(v->cd, CRYPT_LUKS2, NULL);
        if (r >= 0) return 0;
        if (r != -EINVAL) return volume_failed(v, r, "LUKS2 header");
        if (find_parse_uuid(sector, 512, uuid) == 0) return volume_failed(v, -EBADMSG, "broken LUKS2 header");
        return error_set(-ENOTBLK, "%s: no LUKS2 volume", v->path);
}

int volume_open(const char *path, Volume **ret)
{
        cleanup_volume Volume *v = calloc(1, sizeof(*v));
        uint8_t sector[512];
        int r;

        if (!v) return -ENOMEM;
        v->path = strdup(path);
        if (!v->path) return -ENOMEM;
        crypt_token_external_disable();
        r = read_start(path, &v->size, sector);
        if (r == 0) r = refuse_large(path, sector);
        if (r < 0) return r;
        r = load(v, sector);
        if (r < 0) return r;
        *ret = TAKE_PTR(v);
        return 0;
}

void volume_free(Volume *v)
{
        if (!v) return;
        crypt_free(v->cd);
        free(v->header);
        free(v->path);
        free(v);
}

const char *volume_path(const Volume *v)
{
        return v->path;
}

const char *volume_uuid(const Volume *v)
{
        return crypt_get_uuid(v->cd);
}

uint64_t volume_size(const Volume *v)
{
        return v->size;
}

const Header *volume_header(const Volume *v)
{
        return v->header;
}

void volume_invalidate(Volume *v)
{
        free(v->header);
        v->header = NULL;
}

int volume_token_json(const Volume *v, int i, Bytes *ret)
{
        const char *json = NULL;

        if (crypt_token_json_get(v->cd, i, &json) < 0 || !json) return -ENOENT;
        *ret = BYTES(json, strlen(json));
        return 0;
}

int volume_find_token(const Volume *v, const char *type, int from)
{
        const int max = crypt_token_max(CRYPT_LUKS2);

        for (int i = from; i < max; i++) {
                const char *its = NULL;

                if (crypt_token_status(v->cd, i, &its) > CRYPT_TOKEN_INACTIVE && its && strcmp(its, type) == 0)
                        return i;
        }
        return -ENOENT;
}

int volume_has_token(const Volume *v)
{
        const int i = volume_find_token(v, TOKEN_TYPE, 0);

        return i < 0 ? i : 0;
}

int volume_token(const Volume *v, Token **ret)
{
        const int i = volume_find_token(v, TOKEN_TYPE, 0);
        Bytes json;
        int r;

        if (i < 0) return error_set(i, "no halfkey token");
        if (volume_find_token(v, TOKEN_TYPE, i + 1) >= 0)
                return error_set(VOLUME_E_REFUSED, "more than one halfkey token");
        r = volume_token_json(v, i, &json);
        if (r < 0) return r;
        r = token_parse(json, ret);
        return r < 0 ? error_prefix(r, "tokens.%d", i) : 0;
}

static int check_header(const Volume *v, HeaderUse use, Header *ret)
{
        HeaderFacts facts = { .device_size = v->size };
        const char *json = NULL;
        int r;

        r = crypt_get_metadata_size(v->cd, &facts.metadata_size, &facts.keyslots_size);
        if (r < 0) return error_set(r, "no size of the metadata");
        r = crypt_dump_json(v->cd, &json, 0);
        if (r < 0) return error_set(r, "no metadata");
        return header_check(BYTES(json, strlen(json)), &facts, use, ret);
}

/* The token must parse and belong to the keyslot that the header check looked at. */
static int check_token(const Volume *v, HeaderUse use, const Header *h)
{
        cleanup_token Token *t = NULL;
        int r;

        if (h->token < 0) return 0;
        r = volume_token(v, &t);
        if (r == 0 && t->keyslot != h->token_keyslot) return -EBADMSG;
        /* A typed key opens the volume even where another program's token is in the way. */
        return use == HEADER_USE_TOKEN ? r : 0;
}

int volume_check(Volume *v, HeaderUse use)
{
        cleanup_free Header *h = calloc(1, sizeof(*h));
        int r;

        volume_invalidate(v);
        if (!h) return -ENOMEM;
        r = check_header(v, use, h);
        if (r == 0) r = check_token(v, use, h);
        if (r == -ENOMEM) return r;
        if (r != 0) return error_prefix(VOLUME_E_REFUSED, "%s: header refused", v->path);
        v->header = TAKE_PTR(h);
        v->use = use;
        return 0;
}

static int record_result(const Volume *v, int r)
{
        return r == RECORD_E_REFUSED ? error_prefix(VOLUME_E_REFUSED, "%s: header refused", v->path) : r;
}

int volume_compare_record(const Volume *v, const Token *t)
{
        if (!v->header) return error_set(-EPERM, "%s: the header was not checked", v->path);
        return record_result(v, record_compare(v->header, t));
}

int volume_verify_record(const Volume *v, const Token *t, RecordTag which, const Secret *key)
{
        if (!v->header) return error_set(-EPERM, "%s: the header was not checked", v->path);
        return record_result(v, record_verify(v->header, t, which, key));
}

static int allowed(const Volume *v, int keyslot)
{
        const HeaderKeyslot *k;

        if (!v->header) return error_set(-EPERM, "%s: the header was not checked", v->path);
        if (v->header->reencrypting) return error_set(-EPERM, "%s: re-encryption is not finished", v->path);
        if (v->use == HEADER_USE_TOKEN && keyslot != v->header->token_keyslot)
                return error_set(-EPERM, "%s: keyslot %d is not the token's", v->path, keyslot);
        k = header_keyslot(v->header, keyslot);
        if (!k || !k->usable) return error_set(-EPERM, "%s: keyslot %d is not to be tried", v->path, keyslot);
        return 0;
}

int volume_unlock_keyslot(Volume *v, int keyslot, const Secret *passphrase, Secret **ret_key)
{
        cleanup_secret Secret *key = NULL;
        size_t size;
        int r;

        r = allowed(v, keyslot);
        if (r < 0) return r;
        r = secret_new(header_keyslot(v->header, keyslot)->key_size, &key);
        if (r < 0) return r;
        size = key->size;
        r = crypt_volume_key_get(v->cd, keyslot, (char *)key->data, &size, (const char *)passphrase->data,
                                 passphrase->size);
        if (r == -EPERM)
                return error_set(VOLUME_E_WRONG_KEY, "%s: the key does not open keyslot %d", v->path, keyslot);
        if (r < 0) return volume_failed(v, r, "keyslot");
        if (r != keyslot || size != key->size) return error_set(-EBADMSG, "%s: another keyslot answered", v->path);
        /* The keyslot's own digest was verified; this one is the segment's. */
        r = crypt_volume_key_verify(v->cd, (const char *)key->data, key->size);
        if (r < 0) return volume_failed(v, r, "the keyslot holds another volume's key");
        *ret_key = TAKE_PTR(key);
        return 0;
}

int volume_try_any_raw(Volume *v, const Secret *passphrase, int *ret_keyslot, Secret **ret_key)
{
        int r;

        if (!v->header || v->use == HEADER_USE_TOKEN)
                return error_set(-EPERM, "%s: the header was not checked for typed keys", v->path);
        for (int i = 0; i < HEADER_KEYSLOTS_MAX; i++) {
                const HeaderKeyslot *k = header_keyslot(v->header, i);

                if (!k || !k->usable || k->priority == 0) continue;
                r = volume_unlock_keyslot(v, i, passphrase, ret_key);
                if (r == VOLUME_E_WRONG_KEY) continue;
                if (r == 0) *ret_keyslot = i;
                return r;
        }
        return error_set(VOLUME_E_WRONG_KEY, "%s: no keyslot opens with this key", v->path);
}

int volume_try_any(Volume *v, const Secret *typed, int *ret_keyslot, Secret **ret_key)
{
        cleanup_secret Secret *canonical = NULL;
        const int form = recovery_key_parse(typed, &canonical);
        int r;

        if (form < 0) return form;
        r = volume_try_any_raw(v, canonical ? canonical : typed, ret_keyslot, ret_key);
        if (r != VOLUME_E_WRONG_KEY || form != RECOVERY_KEY_E_TYPO) return r;
        /* Once more for its sentence, which the tries have replaced. */
        return recovery_key_parse(typed, &canonical) == RECOVERY_KEY_E_TYPO ? VOLUME_E_TYPO : r;
}

static uint32_t map_flags(unsigned flags)
{
        uint32_t f = 0;

        if (flags & VOLUME_MAP_READONLY) f |= CRYPT_ACTIVATE_READONLY;
        if (flags & VOLUME_MAP_DISCARDS) f |= CRYPT_ACTIVATE_ALLOW_DISCARDS;
        return f;
}

int volume_map(Volume *v, const char *name, const Secret *volume_key, unsigned flags)
{
        int r;

        if (!v->header || v->header->reencrypting)
                return error_set(-EPERM, "%s: no checked header to map by", v->path);
        if (name[0] == '\0' || strlen(name) > 127 || strchr(name, '/'))
                return error_set(-EINVAL, "'%s' is no name for a mapping", name);
        r = crypt_activate_by_volume_key(v->cd, name, (const char *)volume_key->data, volume_key->size,
                                         map_flags(flags));
        return r < 0 ? volume_failed(v, r, "cannot be mapped") : 0;
}

int volume_unmap(const char *name)
{
        const int r = crypt_deactivate(NULL, name);

        return r < 0 ? error_set(r, "/dev/mapper/%s: cannot be removed: %s", name, strerror(-r)) : 0;
}
