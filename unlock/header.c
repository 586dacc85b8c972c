/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The order matters only for the sentence a person reads: config first, since its requirements say whether a
 * re-encryption is in progress; then each part alone; then what ties them together. */

#include "unlock/header.h"

#include "base/error.h"
#include "json/value.h"
#include "unlock/header-parse.h"
#include "unlock/token.h"

#include <errno.h>
#include <string.h>

enum {
        BINARY_HEADER_SIZE = 4096, /* LUKS2 On-Disk Format, section 2.1 */
        METADATA_MIN = 16 * 1024,
        METADATA_MAX = 4 * 1024 * 1024,
};

const char *const header_hashes[] = { "sha256", "sha384", "sha512", NULL };
const char *const header_ciphers[] = { "aes-xts-plain64", NULL };

const HeaderKeyslot *header_keyslot(const Header *h, int number)
{
        for (size_t i = 0; i < h->n_keyslots; i++)
                if (h->keyslots[i].number == number) return &h->keyslots[i];
        return NULL;
}

static int parse_flag(const Field *f, uint32_t *flags)
{
        static const struct {
                const char *name;
                uint32_t flag;
        } known[] = {
                { "allow-discards", HEADER_FLAG_ALLOW_DISCARDS },
                { "same-cpu-crypt", HEADER_FLAG_SAME_CPU_CRYPT },
                { "submit-from-crypt-cpus", HEADER_FLAG_SUBMIT_FROM_CRYPT_CPUS },
                { "no-read-workqueue", HEADER_FLAG_NO_READ_WORKQUEUE },
                { "no-write-workqueue", HEADER_FLAG_NO_WRITE_WORKQUEUE },
        };
        const char *text = NULL;

        if (json_value_text(f->value, &text) < 0) return field_refuse(f, "no string");
        for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
                if (strcmp(text, known[i].name) != 0) continue;
                *flags |= known[i].flag;
                return 0;
        }
        return field_refuse(f, "'%.48s' is not allowed", text);
}

static int parse_flags(const Field *config, Header *h)
{
        Field flags, f;
        bool there = false;
        size_t n = 0;
        int r;

        r = field_optional(config, "flags", &flags, &there);
        if (r < 0 || !there) return r;
        r = field_array(&flags, 8, &n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                r = field_element(&flags, i, &f);
                if (r == 0) r = parse_flag(&f, &h->flags);
        }
        return r;
}

static int parse_requirement(const Field *f, HeaderContext *ctx)
{
        const char *text = NULL;

        if (json_value_text(f->value, &text) < 0) return field_refuse(f, "no string");
        if (ctx->use != HEADER_USE_INSTALLER || strcmp(text, "online-reencrypt-v2") != 0)
                return field_refuse(f, "'%.48s' is not allowed", text);
        ctx->header->reencrypting = true;
        return 0;
}

static int parse_requirements(const Field *config, HeaderContext *ctx)
{
        static const char *const keys[] = { "mandatory", NULL };
        Field requirements, mandatory, f;
        bool there = false;
        size_t n = 0;
        int r;

        r = field_optional(config, "requirements", &requirements, &there);
        if (r < 0 || !there) return r;
        r = field_object(&requirements, keys, NULL);
        if (r == 0) r = field_member(&requirements, "mandatory", &mandatory);
        if (r == 0) r = field_array(&mandatory, 1, &n);
        if (r < 0 || n == 0) return r;
        r = field_element(&mandatory, 0, &f);
        return r == 0 ? parse_requirement(&f, ctx) : r;
}

int header_parse_config(const Field *f, HeaderContext *ctx)
{
        static const char *const required[] = { "json_size", "keyslots_size", NULL };
        static const char *const optional[] = { "flags", "requirements", NULL };
        Header *h = ctx->header;
        int r;

        r = field_object(f, required, optional);
        if (r == 0) r = field_u64(f, "json_size", &h->json_size);
        if (r == 0) r = field_u64(f, "keyslots_size", &h->keyslots_size);
        if (r < 0) return r;
        if (h->json_size != ctx->facts->metadata_size - BINARY_HEADER_SIZE)
                return field_refuse(f, "json_size %llu is not the header's", (unsigned long long)h->json_size);
        if (h->keyslots_size != ctx->facts->keyslots_size)
                return field_refuse(f, "keyslots_size %llu is not the header's",
                                    (unsigned long long)h->keyslots_size);
        r = parse_flags(f, h);
        if (r == 0) r = parse_requirements(f, ctx);
        return r;
}

static int parse_own_token(const Field *f, int number, uint32_t keyslots, HeaderContext *ctx)
{
        Header *h = ctx->header;

        if (h->token >= 0) return field_refuse(f, "a second token of type " TOKEN_TYPE);
        if (ctx->use == HEADER_USE_INSTALLER)
                return field_refuse(f, "the volume has a halfkey token: it is only ever unlocked");
        h->token = number;
        if (__builtin_popcount(keyslots) == 1) h->token_keyslot = __builtin_ctz(keyslots);
        if (ctx->use == HEADER_USE_TOKEN && h->token_keyslot < 0)
                return field_refuse(f, "not exactly one keyslot");
        return 0;
}

static int parse_token(const Field *f, int number, void *context)
{
        HeaderContext *ctx = context;
        const char *type = NULL;
        uint32_t keyslots = 0;
        int r;

        r = field_text(f, "type", &type);
        if (r == 0) r = field_number_set(f, "keyslots", &keyslots);
        if (r < 0) return r;
        if (keyslots & ~ctx->seen_keyslots) return field_refuse(f, "names a keyslot that is not there");
        return strcmp(type, TOKEN_TYPE) == 0 ? parse_own_token(f, number, keyslots, ctx) : 0;
}

int header_parse_tokens(const Field *f, HeaderContext *ctx)
{
        int r;

        r = field_each_numbered(f, HEADER_TOKENS_MAX, parse_token, ctx);
        if (r < 0) return r;
        if (ctx->use == HEADER_USE_TOKEN && ctx->header->token < 0)
                return field_refuse(f, "no token of type " TOKEN_TYPE);
        return 0;
}

/* Whether the costs of a keyslot that a person's passphrase opens are such that a boot may pay them. */
static bool affordable(const HeaderKeyslot *k)
{
        if (k->kdf == HEADER_KDF_PBKDF2) return k->iterations <= HEADER_TYPED_PBKDF2_MAX;
        return k->memory <= HEADER_TYPED_ARGON2_MEMORY_MAX && k->iterations <= HEADER_TYPED_ARGON2_TIME_MAX &&
               k->cpus <= HEADER_ARGON2_CPUS_MAX;
}

static int check_own_kdf(const Field *keyslots, const HeaderKeyslot *k)
{
        if (k->kdf == HEADER_KDF_PBKDF2) {
                if (k->iterations > HEADER_OWN_PBKDF2_MAX)
                        return field_refuse(keyslots, "%d.kdf.iterations: %u, above %d", k->number, k->iterations,
                                            HEADER_OWN_PBKDF2_MAX);
                return 0;
        }
        if (k->kdf != HEADER_KDF_ARGON2ID) return field_refuse(keyslots, "%d.kdf.type: 'argon2i'", k->number);
        if (k->memory > HEADER_OWN_ARGON2_MEMORY_MAX)
                return field_refuse(keyslots, "%d.kdf.memory: %u KiB, above %d", k->number, k->memory,
                                    HEADER_OWN_ARGON2_MEMORY_MAX);
        if (k->iterations > HEADER_OWN_ARGON2_TIME_MAX)
                return field_refuse(keyslots, "%d.kdf.time: %u, above %d", k->number, k->iterations,
                                    HEADER_OWN_ARGON2_TIME_MAX);
        if (k->cpus > HEADER_ARGON2_CPUS_MAX)
                return field_refuse(keyslots, "%d.kdf.cpus: %u, above %d", k->number, k->cpus,
                                    HEADER_ARGON2_CPUS_MAX);
        return 0;
}

static int check_own_keyslot(const Field *keyslots, const Header *h)
{
        const HeaderKeyslot *k = header_keyslot(h, h->token_keyslot);

        if (!k) return field_refuse(keyslots, "%d: the token's keyslot is not there", h->token_keyslot);
        if (!k->bound) return field_refuse(keyslots, "%d: no digest binds the token's keyslot", k->number);
        return check_own_kdf(keyslots, k);
}

/* Areas that overlap would let one keyslot's removal or writing destroy another. */
static int check_overlaps(const Field *keyslots, const Header *h)
{
        for (size_t i = 0; i < h->n_keyslots; i++)
                for (size_t j = 0; j < i; j++) {
                        const HeaderKeyslot *a = &h->keyslots[i], *b = &h->keyslots[j];

                        if (a->area_offset < b->area_offset + b->area_size &&
                            b->area_offset < a->area_offset + a->area_size)
                                return field_refuse(keyslots, "the areas of %d and %d overlap", b->number,
                                                    a->number);
                }
        return 0;
}

static int tie_together(const Field *keyslots, HeaderContext *ctx)
{
        Header *h = ctx->header;
        int r;

        r = check_overlaps(keyslots, h);
        if (r < 0) return r;
        for (size_t i = 0; i < h->n_keyslots; i++) {
                HeaderKeyslot *k = &h->keyslots[i];

                k->bound = !k->reencrypt && (h->digest.keyslots & (1U << k->number));
                k->usable = k->bound && affordable(k);
        }
        return ctx->use == HEADER_USE_TOKEN ? check_own_keyslot(keyslots, h) : 0;
}

static int parse_root(const Field *root, HeaderContext *ctx)
{
        static const char *const keys[] = { "keyslots", "tokens", "segments", "digests", "config", NULL };
        Field config, keyslots, segments, digests, tokens;
        int r;

        r = field_object(root, keys, NULL);
        if (r == 0) r = field_member(root, "config", &config);
        if (r == 0) r = field_member(root, "keyslots", &keyslots);
        if (r == 0) r = field_member(root, "segments", &segments);
        if (r == 0) r = field_member(root, "digests", &digests);
        if (r == 0) r = field_member(root, "tokens", &tokens);
        if (r == 0) r = header_parse_config(&config, ctx);
        if (r == 0) r = header_parse_keyslots(&keyslots, ctx);
        if (r == 0) r = header_parse_segments(&segments, ctx);
        if (r == 0) r = header_parse_digests(&digests, ctx);
        if (r == 0) r = header_parse_tokens(&tokens, ctx);
        if (r == 0) r = tie_together(&keyslots, ctx);
        return r;
}

/* The sizes are the first thing an attacker turns: everything below adds them up. */
static int check_facts(const HeaderFacts *f)
{
        const uint64_t most = 1ULL << 40;

        if (f->metadata_size < METADATA_MIN || f->metadata_size > METADATA_MAX)
                return error_set(HEADER_E_REFUSED, "metadata of %llu bytes", (unsigned long long)f->metadata_size);
        if (f->keyslots_size == 0 || f->keyslots_size > most || header_area_end(f) > f->device_size)
                return error_set(HEADER_E_REFUSED, "a keyslots area of %llu bytes on a device of %llu",
                                 (unsigned long long)f->keyslots_size, (unsigned long long)f->device_size);
        return 0;
}

int header_check(Bytes json, const HeaderFacts *facts, HeaderUse use, Header *ret)
{
        cleanup_json JsonValue *document = NULL;
        Header h = { .token = -1, .token_keyslot = -1, .final_digest = -1 };
        HeaderContext ctx = { .facts = facts, .use = use, .header = &h, .final_segment = -1 };
        Field root;
        int r;

        r = check_facts(facts);
        if (r != 0) return r;
        r = json_value_parse(json, HEADER_JSON_USED_MAX, &document);
        if (r == 0) {
                root = field_root(document);
                r = parse_root(&root, &ctx);
        }
        if (r < 0) return r == -ENOMEM ? r : HEADER_E_REFUSED;
        *ret = h;
        return 0;
}
