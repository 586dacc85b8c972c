/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* LUKS2 volumes in plain files, made by the cryptsetup command, and headers rewritten as an attacker would:
 * any JSON, with right checksums in both copies. */

#include "check.h"

#include "base/secret.h"
#include "crypto/hash.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
        IMAGE_METADATA = 16384,
        IMAGE_BINARY = 4096,
        IMAGE_CHECKSUM_AT = 448,
        IMAGE_DATA = 16 * 1024 * 1024,
        IMAGE_SECTOR = 4096,
};

static char image_dir[64];
static char image_path[PATH_MAX];

static inline _unused_ bool room_in(const char *dir)
{
        struct statvfs s;

        return access(dir, W_OK) == 0 && statvfs(dir, &s) == 0 && s.f_bavail * s.f_frsize > (512UL << 20);
}

static inline _unused_ void image_init(void)
{
        /* In memory where there is room: the tests write some gigabytes and sync each header. */
        (void)snprintf(image_dir, sizeof(image_dir), "%s/halfkey-unlock-XXXXXX",
                       room_in("/dev/shm") ? "/dev/shm" : "/tmp");
        CHECK(mkdtemp(image_dir));
        CHECK(snprintf(image_path, sizeof(image_path), "%s/volume", image_dir) < PATH_MAX);
}

static inline _unused_ void image_run(const char *fmt, ...) _printf_(1, 2);
static inline _unused_ void image_run(const char *fmt, ...)
{
        char command[2 * PATH_MAX];
        va_list ap;

        va_start(ap, fmt);
        CHECK(vsnprintf(command, sizeof(command), fmt, ap) < (int)sizeof(command));
        va_end(ap);
        if (system(command) == 0) return;
        fprintf(stderr, "failed: %s\n", command);
        exit(1);
}

static inline _unused_ void image_done(void)
{
        image_run("rm -r %s", image_dir);
}

/* `more` are further arguments of luksFormat. */
static inline _unused_ void image_format(size_t mib, const char *passphrase, const char *more)
{
        (void)unlink(image_path);
        image_run("truncate -s %zuM %s && printf %%s '%s' | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 "
                  "--pbkdf-force-iterations 1000 %s %s -",
                  mib, image_path, passphrase, more, image_path);
}

static inline _unused_ Secret *image_secret(const char *text)
{
        Secret *s = NULL;

        CHECK_OK(secret_new_copy(BYTES(text, strlen(text)), &s));
        return s;
}

static inline _unused_ void image_read(off_t at, void *p, size_t n)
{
        int fd = open(image_path, O_RDONLY | O_CLOEXEC);

        CHECK(fd >= 0 && pread(fd, p, n, at) == (ssize_t)n);
        close(fd);
}

static inline _unused_ void image_write(off_t at, const void *p, size_t n)
{
        int fd = open(image_path, O_WRONLY | O_CLOEXEC);

        CHECK(fd >= 0 && lseek(fd, at, SEEK_SET) == at && write(fd, p, n) == (ssize_t)n);
        close(fd);
}

/* The JSON text of the first copy. */
static inline _unused_ void image_json(char ret[static IMAGE_METADATA - IMAGE_BINARY])
{
        image_read(IMAGE_BINARY, ret, IMAGE_METADATA - IMAGE_BINARY);
}

static inline _unused_ void image_set_json(const char *json)
{
        static uint8_t copy[IMAGE_METADATA];

        CHECK(strlen(json) < IMAGE_METADATA - IMAGE_BINARY);
        for (int i = 0; i < 2; i++) {
                image_read(i * IMAGE_METADATA, copy, sizeof(copy));
                memset(copy + IMAGE_BINARY, 0, sizeof(copy) - IMAGE_BINARY);
                memcpy(copy + IMAGE_BINARY, json, strlen(json));
                memset(copy + IMAGE_CHECKSUM_AT, 0, 64);
                CHECK_OK(hash_sha256(BYTES_ARRAY(copy), copy + IMAGE_CHECKSUM_AT));
                image_write(i * IMAGE_METADATA, copy, sizeof(copy));
        }
}

/* One sector of the volume, by OpenSSL: AES-256-XTS, plain64. */
static inline _unused_ void image_crypt(const Secret *key, uint64_t sector, uint8_t data[static IMAGE_SECTOR],
                                        int encrypt)
{
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        uint8_t iv[16] = { 0 };
        int n = 0;

        for (size_t i = 0; i < 8; i++) iv[i] = (uint8_t)(sector * (IMAGE_SECTOR / 512) >> (8 * i));
        CHECK(ctx && key->size == 64);
        CHECK(EVP_CipherInit_ex2(ctx, EVP_aes_256_xts(), key->data, iv, encrypt, NULL) == 1);
        CHECK(EVP_CipherUpdate(ctx, data, &n, data, IMAGE_SECTOR) == 1 && n == IMAGE_SECTOR);
        EVP_CIPHER_CTX_free(ctx);
}

static inline _unused_ void image_pattern(uint64_t sector, uint8_t ret[static IMAGE_SECTOR])
{
        for (size_t i = 0; i < IMAGE_SECTOR; i++) ret[i] = (uint8_t)(sector * 31 + i / 16);
}

/* Writes a pattern that depends on the sector, as the holder of the key would. */
static inline _unused_ void image_fill(const Secret *key, uint64_t sectors)
{
        uint8_t data[IMAGE_SECTOR];

        for (uint64_t s = 0; s < sectors; s++) {
                image_pattern(s, data);
                image_crypt(key, s, data, 1);
                image_write((off_t)(IMAGE_DATA + s * IMAGE_SECTOR), data, sizeof(data));
        }
}

/* The first sector that does not decrypt to its pattern; `sectors` if all do. */
static inline _unused_ uint64_t image_verify(const Secret *key, uint64_t sectors)
{
        uint8_t data[IMAGE_SECTOR], expected[IMAGE_SECTOR];

        for (uint64_t s = 0; s < sectors; s++) {
                image_read((off_t)(IMAGE_DATA + s * IMAGE_SECTOR), data, sizeof(data));
                image_crypt(key, s, data, 0);
                image_pattern(s, expected);
                if (memcmp(data, expected, sizeof(data)) != 0) return s;
        }
        return sectors;
}
