/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the header*.c files only. Each parses one member of the metadata into ctx->header and refuses what
 * is not admitted: 0, -EBADMSG with the detail, -ENOMEM. */

#include "unlock/fields.h"
#include "unlock/header.h"

typedef struct HeaderContext {
        const HeaderFacts *facts;
        HeaderUse use;
        Header *header;
        /* while parsing */
        uint32_t seen_keyslots;   /* bit n: keyslot n is there */
        uint32_t segment_numbers; /* bit n: segment n is there */
        size_t n_segments, n_digests, n_tokens, n_reencrypt;
        bool have_segment;
        int final_segment; /* flag backup-final; -1 */
        size_t n_backups;  /* segments with a backup flag */
} HeaderContext;

extern const char *const header_hashes[];
extern const char *const header_ciphers[];

/* First byte behind both copies of the metadata; the keyslots area starts there. */
static inline uint64_t header_area_start(const HeaderFacts *f)
{
        return 2 * f->metadata_size;
}
static inline uint64_t header_area_end(const HeaderFacts *f)
{
        return header_area_start(f) + f->keyslots_size;
}

_must_check_ int header_parse_config(const Field *f, HeaderContext *ctx);
_must_check_ int header_parse_keyslots(const Field *f, HeaderContext *ctx);
_must_check_ int header_parse_segments(const Field *f, HeaderContext *ctx);
_must_check_ int header_parse_digests(const Field *f, HeaderContext *ctx);
_must_check_ int header_parse_tokens(const Field *f, HeaderContext *ctx);
