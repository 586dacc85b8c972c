/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* LUKS2 On-Disk Format, section 3.2: keyslots. */

#include "unlock/header-parse.h"

#include <errno.h>
#include <string.h>

enum { AREA_ALIGNMENT = 4096 }; /* LUKS2 On-Disk Format, section 3.2.2 */

static int parse_area_bounds(const Field *area, const HeaderContext *ctx, HeaderKeyslot *k)
{
        const uint64_t start = header_area_start(ctx->facts), end = header_area_end(ctx->facts);
        int r;

        r = field_u64(area, "offset", &k->area_offset);
        if (r == 0) r = field_u64(area, "size", &k->area_size);
        if (r < 0) return r;
        if (k->area_offset < start || k->area_offset > end || k->area_offset % AREA_ALIGNMENT != 0)
                return field_refuse(area, "offset %llu is not in the keyslots area",
                                    (unsigned long long)k->area_offset);
        if (k->area_size == 0 || k->area_size > end - k->area_offset || k->area_size % AREA_ALIGNMENT != 0)
                return field_refuse(area, "size %llu does not fit the keyslots area",
                                    (unsigned long long)k->area_size);
        return 0;
}

/* 512 bits, or 256 for AES-128-XTS. */
static int parse_key_size(const Field *f, uint32_t *ret)
{
        int64_t size = 0;
        Field member;
        int r;

        r = field_int(f, "key_size", 32, 64, &size);
        if (r == 0) r = field_member(f, "key_size", &member);
        if (r < 0) return r;
        if (size != 32 && size != 64) return field_refuse(&member, "%lld, neither 32 nor 64", (long long)size);
        *ret = (uint32_t)size;
        return 0;
}

static int parse_raw_area(const Field *keyslot, const HeaderContext *ctx, HeaderKeyslot *k)
{
        static const char *const keys[] = { "type", "offset", "size", "encryption", "key_size", NULL };
        static const char *const types[] = { "raw", NULL };
        char type[8];
        Field f;
        int r;

        r = field_member(keyslot, "area", &f);
        if (r == 0) r = field_object(&f, keys, NULL);
        if (r == 0) r = field_word(&f, "type", types, type, sizeof(type));
        if (r == 0)
                r = field_word(&f, "encryption", header_ciphers, k->area_encryption, sizeof(k->area_encryption));
        if (r == 0) r = parse_key_size(&f, &k->area_key_size);
        if (r == 0) r = parse_area_bounds(&f, ctx, k);
        if (r < 0) return r;
        if (k->area_size < (uint64_t)k->key_size * HEADER_AF_STRIPES)
                return field_refuse(&f, "size %llu is below the key material's", (unsigned long long)k->area_size);
        return 0;
}

static int parse_af(const Field *keyslot, HeaderKeyslot *k)
{
        static const char *const keys[] = { "type", "stripes", "hash", NULL };
        static const char *const types[] = { "luks1", NULL };
        int64_t stripes;
        char type[8];
        Field f;
        int r;

        r = field_member(keyslot, "af", &f);
        if (r == 0) r = field_object(&f, keys, NULL);
        if (r == 0) r = field_word(&f, "type", types, type, sizeof(type));
        if (r == 0) r = field_int(&f, "stripes", HEADER_AF_STRIPES, HEADER_AF_STRIPES, &stripes);
        if (r == 0) r = field_word(&f, "hash", header_hashes, k->af_hash, sizeof(k->af_hash));
        return r;
}

static int parse_pbkdf2(const Field *f, HeaderKeyslot *k)
{
        static const char *const keys[] = { "type", "hash", "iterations", "salt", NULL };
        int64_t iterations = 0;
        int r;

        r = field_object(f, keys, NULL);
        if (r == 0) r = field_word(f, "hash", header_hashes, k->kdf_hash, sizeof(k->kdf_hash));
        if (r == 0) r = field_int(f, "iterations", 1, UINT32_MAX, &iterations);
        k->iterations = (uint32_t)iterations;
        return r;
}

static int parse_argon2(const Field *f, HeaderKeyslot *k)
{
        static const char *const keys[] = { "type", "time", "memory", "cpus", "salt", NULL };
        int64_t iterations = 0, memory = 0, cpus = 0;
        int r;

        r = field_object(f, keys, NULL);
        if (r == 0) r = field_int(f, "time", 1, UINT32_MAX, &iterations);
        if (r == 0) r = field_int(f, "memory", 1, UINT32_MAX, &memory);
        if (r == 0) r = field_int(f, "cpus", 1, UINT32_MAX, &cpus);
        k->iterations = (uint32_t)iterations;
        k->memory = (uint32_t)memory;
        k->cpus = (uint32_t)cpus;
        return r;
}

static int parse_kdf(const Field *keyslot, HeaderKeyslot *k)
{
        static const char *const types[] = { "pbkdf2", "argon2i", "argon2id", NULL };
        char type[12];
        Field f;
        int r;

        r = field_member(keyslot, "kdf", &f);
        if (r == 0) r = field_word(&f, "type", types, type, sizeof(type));
        if (r < 0) return r;
        k->kdf = strcmp(type, "pbkdf2") == 0    ? HEADER_KDF_PBKDF2
                 : strcmp(type, "argon2i") == 0 ? HEADER_KDF_ARGON2I
                                                : HEADER_KDF_ARGON2ID;
        r = k->kdf == HEADER_KDF_PBKDF2 ? parse_pbkdf2(&f, k) : parse_argon2(&f, k);
        if (r == 0) r = field_base64(&f, "salt", 8, HEADER_SALT_MAX, k->salt, &k->salt_size);
        return r;
}

static int parse_priority(const Field *f, HeaderKeyslot *k)
{
        bool there = false;
        int64_t priority = 1;
        Field member;
        int r;

        r = field_optional(f, "priority", &member, &there);
        if (r == 0 && there) r = field_int(f, "priority", 0, 2, &priority);
        k->priority = (int)priority;
        return r;
}

static int parse_luks2(const Field *f, const HeaderContext *ctx, HeaderKeyslot *k)
{
        static const char *const required[] = { "type", "key_size", "af", "area", "kdf", NULL };
        static const char *const optional[] = { "priority", NULL };
        int r;

        r = field_object(f, required, optional);
        if (r == 0) r = parse_key_size(f, &k->key_size);
        if (r == 0) r = parse_priority(f, k);
        if (r == 0) r = parse_af(f, k);
        if (r == 0) r = parse_raw_area(f, ctx, k);
        if (r == 0) r = parse_kdf(f, k);
        return r;
}

static int parse_reencrypt_area(const Field *keyslot, const HeaderContext *ctx, HeaderKeyslot *k)
{
        static const char *const keys[] = { "type", "offset", "size", "hash", "sector_size", NULL };
        static const char *const types[] = { "checksum", NULL };
        int64_t sector_size;
        char type[12];
        Field f;
        int r;

        r = field_member(keyslot, "area", &f);
        if (r == 0) r = field_word(&f, "type", types, type, sizeof(type));
        if (r == 0) r = field_object(&f, keys, NULL);
        if (r == 0) r = field_word(&f, "hash", header_hashes, k->af_hash, sizeof(k->af_hash));
        if (r == 0) r = field_int(&f, "sector_size", 512, 4096, &sector_size);
        if (r == 0) r = parse_area_bounds(&f, ctx, k);
        return r;
}

static int parse_reencrypt(const Field *f, HeaderContext *ctx, HeaderKeyslot *k)
{
        static const char *const required[] = { "type", "key_size", "mode", "direction", "area", NULL };
        static const char *const optional[] = { "priority", NULL };
        static const char *const modes[] = { "reencrypt", NULL };
        static const char *const directions[] = { "forward", NULL };
        char word[12];
        int64_t key_size;
        int r;

        if (!ctx->header->reencrypting) return field_refuse(f, "a keyslot of type 'reencrypt'");
        if (ctx->n_reencrypt++ > 0) return field_refuse(f, "a second keyslot of type 'reencrypt'");
        k->reencrypt = true;
        r = field_object(f, required, optional);
        if (r == 0) r = field_int(f, "key_size", 1, 1, &key_size);
        if (r == 0) r = field_word(f, "mode", modes, word, sizeof(word));
        if (r == 0) r = field_word(f, "direction", directions, word, sizeof(word));
        if (r == 0) r = parse_priority(f, k);
        if (r == 0) r = parse_reencrypt_area(f, ctx, k);
        return r;
}

static int parse_keyslot(const Field *f, int number, void *context)
{
        static const char *const types[] = { "luks2", "reencrypt", NULL };
        HeaderContext *ctx = context;
        HeaderKeyslot k = { .number = number };
        char type[12];
        int r;

        r = field_word(f, "type", types, type, sizeof(type));
        if (r < 0) return r;
        r = strcmp(type, "luks2") == 0 ? parse_luks2(f, ctx, &k) : parse_reencrypt(f, ctx, &k);
        if (r < 0) return r;
        ctx->seen_keyslots |= 1U << number;
        ctx->header->keyslots[ctx->header->n_keyslots++] = k;
        return 0;
}

int header_parse_keyslots(const Field *f, HeaderContext *ctx)
{
        int r;

        /* Names are numbers below the limit and no name comes twice: the array has room. */
        r = field_each_numbered(f, HEADER_KEYSLOTS_MAX, parse_keyslot, ctx);
        if (r < 0) return r;
        if (ctx->header->reencrypting && ctx->n_reencrypt == 0)
                return field_refuse(f, "a re-encryption in progress without its keyslot");
        return 0;
}
