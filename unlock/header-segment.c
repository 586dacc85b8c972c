/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* LUKS2 On-Disk Format, sections 3.3 and 3.5: segments and digests. */

#include "unlock/header-parse.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

static int parse_sector_size(const Field *f, HeaderSegment *s)
{
        int64_t size = 0;
        Field member;
        int r;

        r = field_int(f, "sector_size", 512, 4096, &size);
        if (r == 0) r = field_member(f, "sector_size", &member);
        if (r < 0) return r;
        if (size != 512 && size != 4096)
                return field_refuse(&member, "%lld, neither 512 nor 4096", (long long)size);
        s->sector_size = (uint32_t)size;
        return 0;
}

static int parse_place(const Field *f, const HeaderFacts *facts, HeaderSegment *s)
{
        Field member;
        int r;

        r = field_u64(f, "offset", &s->offset);
        if (r == 0) r = field_member(f, "offset", &member);
        if (r < 0) return r;
        if (s->offset < header_area_end(facts) || s->offset % s->sector_size != 0)
                return field_refuse(&member, "%llu is inside the header or not aligned",
                                    (unsigned long long)s->offset);
        if (s->offset >= facts->device_size || facts->device_size - s->offset < s->sector_size)
                return field_refuse(&member, "%llu is behind the device's end", (unsigned long long)s->offset);
        return 0;
}

/* The segment of a volume at rest. */
static int parse_whole(const Field *f, const HeaderFacts *facts, HeaderSegment *s)
{
        static const char *const keys[] = {
                "type", "offset", "size", "iv_tweak", "encryption", "sector_size", NULL
        };
        static const char *const dynamic[] = { "dynamic", NULL };
        static const char *const zero[] = { "0", NULL };
        char word[12];
        int r;

        r = field_object(f, keys, NULL);
        if (r == 0) r = field_word(f, "size", dynamic, word, sizeof(word));
        if (r == 0) r = field_word(f, "iv_tweak", zero, word, sizeof(word));
        if (r == 0) r = parse_sector_size(f, s);
        if (r == 0) r = parse_place(f, facts, s);
        return r;
}

/* What a segment is to a re-encryption in progress. */
typedef enum Part {
        PART_DATA,
        PART_IN_WORK,
        PART_PREVIOUS,
        PART_FINAL,
} Part;

static int parse_part_flags(const Field *f, Part *ret)
{
        static const char *const known[] = { "in-reencryption", "backup-previous", "backup-final", NULL };
        Field flags, element;
        bool there = false;
        size_t n = 0;
        int r;

        *ret = PART_DATA;
        r = field_optional(f, "flags", &flags, &there);
        if (r < 0 || !there) return r;
        r = field_array(&flags, 1, &n);
        if (r < 0 || n == 0) return r;
        r = field_element(&flags, 0, &element);
        if (r < 0) return r;
        for (size_t i = 0; known[i]; i++) {
                const char *text = NULL;

                if (json_value_text(element.value, &text) < 0) return field_refuse(&element, "no string");
                if (strcmp(text, known[i]) != 0) continue;
                *ret = (Part)(i + 1);
                return 0;
        }
        return field_refuse(&element, "not a flag of a re-encryption in progress");
}

static int parse_part_size(const Field *f, const HeaderFacts *facts, const HeaderSegment *s)
{
        const char *text = NULL;
        uint64_t size = 0;
        int r;

        r = field_text(f, "size", &text);
        if (r < 0 || strcmp(text, "dynamic") == 0) return r;
        r = field_u64(f, "size", &size);
        if (r < 0) return r;
        if (size == 0 || size % s->sector_size != 0 || size > facts->device_size - s->offset)
                return field_refuse(f, "size %llu does not fit the device", (unsigned long long)size);
        return 0;
}

/* One of the segments while a re-encryption is in progress. */
static int parse_part(const Field *f, const HeaderFacts *facts, HeaderSegment *s, Part *ret)
{
        static const char *const required[] = { "type",       "offset",      "size", "iv_tweak",
                                                "encryption", "sector_size", NULL };
        static const char *const optional[] = { "flags", NULL };
        uint64_t iv_tweak;
        int r;

        r = field_object(f, required, optional);
        if (r == 0) r = field_u64(f, "iv_tweak", &iv_tweak);
        if (r == 0) r = parse_sector_size(f, s);
        if (r == 0) r = parse_place(f, facts, s);
        if (r == 0) r = parse_part_size(f, facts, s);
        if (r == 0) r = parse_part_flags(f, ret);
        return r;
}

static void note_part(HeaderContext *ctx, int number, Part part, const HeaderSegment *s)
{
        if (part == PART_FINAL) ctx->final_segment = number;
        if (part == PART_FINAL || part == PART_PREVIOUS) {
                ctx->n_backups++;
        } else if (!ctx->have_segment) {
                ctx->header->segment = *s;
                ctx->have_segment = true;
        }
}

static int parse_segment(const Field *f, int number, void *context)
{
        static const char *const types[] = { "crypt", NULL };
        HeaderContext *ctx = context;
        HeaderSegment s = { 0 };
        Part part = PART_DATA;
        char type[8];
        int r;

        r = field_word(f, "type", types, type, sizeof(type));
        if (r == 0) r = field_word(f, "encryption", header_ciphers, s.encryption, sizeof(s.encryption));
        if (r < 0) return r;
        if (!ctx->header->reencrypting && ctx->n_segments > 0) return field_refuse(f, "a second segment");
        r = ctx->header->reencrypting ? parse_part(f, ctx->facts, &s, &part) : parse_whole(f, ctx->facts, &s);
        if (r < 0) return r;
        ctx->n_segments++;
        ctx->segment_numbers |= 1U << number;
        note_part(ctx, number, part, &s);
        return 0;
}

int header_parse_segments(const Field *f, HeaderContext *ctx)
{
        int r;

        r = field_each_numbered(f, HEADER_SEGMENTS_MAX, parse_segment, ctx);
        if (r < 0) return r;
        if (!ctx->have_segment) return field_refuse(f, "no segment");
        if (!ctx->header->reencrypting && ctx->segment_numbers != 1U) return field_refuse(f, "not segment 0");
        return 0;
}

static int parse_digest_value(const Field *f, HeaderDigest *d)
{
        HashAlg alg;
        size_t size;
        int r;

        r = hash_from_name(d->hash, &alg);
        if (r < 0) return field_refuse(f, "unknown hash");
        size = hash_size(alg);
        r = field_base64(f, "digest", size, size, d->digest, &d->digest_size);
        if (r == 0) r = field_base64(f, "salt", 8, HEADER_SALT_MAX, d->salt, &d->salt_size);
        return r;
}

/* The fresh key's digest binds the segment that describes the end; once it binds the only segment of data as
 * well, the whole device is done. */
static void note_final_digest(HeaderContext *ctx, const HeaderDigest *d, uint32_t segments)
{
        if (ctx->final_segment < 0 || !(segments & (1U << ctx->final_segment))) return;
        ctx->header->final_digest = d->number;
        ctx->header->reencrypted = ctx->n_segments - ctx->n_backups == 1 && (segments & 1U);
}

/* Exactly one digest binds segment 0. Others bind nothing, and only where enrolment may have left them. */
static int take_digest(const Field *f, HeaderContext *ctx, const HeaderDigest *d, uint32_t segments)
{
        if (ctx->header->reencrypting) {
                note_final_digest(ctx, d, segments);
                return 0;
        }
        if (segments == 0 && ctx->use == HEADER_USE_INSTALLER) return 0;
        if (segments != 1U) return field_refuse(f, "does not bind segment 0");
        if (ctx->header->digest.digest_size > 0) return field_refuse(f, "a second digest of the segment");
        ctx->header->digest = *d;
        return 0;
}

static int parse_digest(const Field *f, int number, void *context)
{
        static const char *const keys[] = { "type",       "keyslots", "segments", "hash",
                                            "iterations", "salt",     "digest",   NULL };
        static const char *const types[] = { "pbkdf2", NULL };
        HeaderContext *ctx = context;
        HeaderDigest d = { .number = number };
        int64_t iterations = 0;
        uint32_t segments = 0;
        char type[8];
        int r;

        if (ctx->n_digests++ >= HEADER_DIGESTS_MAX)
                return field_refuse(f, "more than %d digests", HEADER_DIGESTS_MAX);
        r = field_object(f, keys, NULL);
        if (r == 0) r = field_word(f, "type", types, type, sizeof(type));
        if (r == 0) r = field_word(f, "hash", header_hashes, d.hash, sizeof(d.hash));
        if (r == 0) r = field_int(f, "iterations", 1, HEADER_DIGEST_ITERATIONS_MAX, &iterations);
        if (r == 0) r = field_number_set(f, "keyslots", &d.keyslots);
        if (r == 0) r = field_number_set(f, "segments", &segments);
        if (r == 0) r = parse_digest_value(f, &d);
        if (r < 0) return r;
        d.iterations = (uint32_t)iterations;
        if (d.keyslots & ~ctx->seen_keyslots) return field_refuse(f, "names a keyslot that is not there");
        if (segments & ~ctx->segment_numbers) return field_refuse(f, "names a segment that is not there");
        return take_digest(f, ctx, &d, segments);
}

int header_parse_digests(const Field *f, HeaderContext *ctx)
{
        int r;

        r = field_each_numbered(f, HEADER_KEYSLOTS_MAX, parse_digest, ctx);
        if (r < 0) return r;
        if (!ctx->header->reencrypting && ctx->header->digest.digest_size == 0)
                return field_refuse(f, "no digest binds the segment");
        return 0;
}
