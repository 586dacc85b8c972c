/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The strict allow-list over LUKS2 metadata (LUKS2 On-Disk Format Specification 1.1.1, section 3).
 *
 * A pure function from JSON text to a Header, or a refusal that names JSON path and value. Anything that is
 * not known to be harmless is refused: unknown members, duplicates, wrong types, numbers out of bounds.
 * Admitted:
 *   segments  exactly one, "crypt", offset at or behind both header copies and the keyslots area and inside
 *             the device, size "dynamic", iv_tweak "0", no integrity, no flags, sector_size 512 or 4096,
 *             encryption aes-xts-plain64 (64- or 32-byte key)
 *   digests   exactly one, pbkdf2 with sha256/sha384/sha512, that binds the segment and our keyslot (before
 *             enrolment two more may bind nothing: what an interrupted start of a re-encryption leaves)
 *   keyslots  luks2 with luks1 AF of 4000 stripes, raw area inside the keyslots area and overlapping no other,
 *             encrypted with aes-xts-plain64; KDF bounds below. A keyslot that is not to be tried may cost
 *             what it likes
 *   tokens    any type but two of ours; each bounded
 *   config    json_size and keyslots_size of the binary header; flags of the list below; requirements none
 * While a re-encryption is in progress (requirement online-reencrypt-v2, HEADER_USE_INSTALLER only): up to
 * 3 digests, up to 8 crypt segments, some of them with the flags of a re-encryption, and one keyslot of type
 * "reencrypt", mode "reencrypt", direction "forward", area "checksum": what enrol_reencrypt() writes. */

#include "base/macros.h"
#include "base/reader.h"
#include "crypto/hash.h"

enum {
        HEADER_JSON_USED_MAX = 64 * 1024, /* what we accept as text in it: 12 KiB is the default area */
        HEADER_KEYSLOTS_MAX = 32,
        HEADER_TOKENS_MAX = 32,
        HEADER_SEGMENTS_MAX = 8,
        HEADER_DIGESTS_MAX = 3,
        HEADER_AF_STRIPES = 4000, /* the only number that cryptsetup writes */
        HEADER_SALT_MAX = 64,
        /* Our own keyslot guards 256 random bits; a slow KDF buys nothing and is only a way to stall a boot. */
        HEADER_OWN_PBKDF2_MAX = 100000,
        HEADER_OWN_ARGON2_MEMORY_MAX = 64 * 1024, /* KiB */
        HEADER_OWN_ARGON2_TIME_MAX = 8,
        /* Keyslots of typed passphrases: what cryptsetup's own benchmark can produce. */
        HEADER_TYPED_PBKDF2_MAX = 50000000,
        HEADER_TYPED_ARGON2_MEMORY_MAX = 1024 * 1024, /* KiB: cryptsetup's default limit */
        HEADER_TYPED_ARGON2_TIME_MAX = 64,
        HEADER_ARGON2_CPUS_MAX = 4,
        HEADER_DIGEST_ITERATIONS_MAX = 2000000,
};

typedef enum HeaderUse {
        HEADER_USE_TOKEN,
        HEADER_USE_TYPED,
        HEADER_USE_INSTALLER,
} HeaderUse;

enum { HEADER_E_REFUSED = 1 };

/* What the binary header and the device say; the JSON is held against it. */
typedef struct HeaderFacts {
        uint64_t metadata_size; /* of one copy: binary header and JSON area */
        uint64_t keyslots_size;
        uint64_t device_size;
} HeaderFacts;

typedef enum HeaderKdf {
        HEADER_KDF_PBKDF2,
        HEADER_KDF_ARGON2I,
        HEADER_KDF_ARGON2ID,
} HeaderKdf;

typedef struct HeaderKeyslot {
        int number;
        bool reencrypt;    /* the keyslot of a re-encryption in progress: opens nothing */
        bool bound;        /* the segment's digest binds it: it holds the volume key */
        bool usable;       /* may be tried with a typed key: bound, its cost within HEADER_TYPED_* */
        uint32_t key_size; /* bytes */
        int priority;      /* 0 ignore, 1 normal, 2 prefer; 1 where absent */
        uint64_t area_offset, area_size;
        char area_encryption[24];
        uint32_t area_key_size;
        char af_hash[12];
        HeaderKdf kdf;
        char kdf_hash[12];   /* pbkdf2 */
        uint32_t iterations; /* pbkdf2; argon2: time */
        uint32_t memory, cpus;
        uint8_t salt[HEADER_SALT_MAX];
        size_t salt_size;
} HeaderKeyslot;

typedef struct HeaderSegment {
        uint64_t offset;
        char encryption[24];
        uint32_t sector_size;
} HeaderSegment;

typedef struct HeaderDigest {
        int number;
        char hash[12];
        uint32_t iterations;
        uint8_t salt[HEADER_SALT_MAX];
        size_t salt_size;
        uint8_t digest[HASH_SIZE_MAX];
        size_t digest_size;
        uint32_t keyslots; /* bit n: keyslot n */
} HeaderDigest;

typedef struct Header {
        bool reencrypting; /* then digest is empty and segment the first one: not for mapping */
        bool reencrypted;  /* ... but the whole device is done, only the header was not cleaned up */
        int final_digest;  /* the number of the fresh key's digest while reencrypting; -1 */
        HeaderSegment segment;
        HeaderDigest digest; /* the one that binds the segment */
        HeaderKeyslot keyslots[HEADER_KEYSLOTS_MAX];
        size_t n_keyslots;
        uint32_t flags;     /* HEADER_FLAG_* */
        int token;          /* number of the halfkey token; -1: none */
        int token_keyslot;  /* the one keyslot it names; -1 */
        uint64_t json_size; /* of the area */
        uint64_t keyslots_size;
} Header;

/* config.flags: persistent activation flags. Others (no-journal and what comes later) are refused. */
enum {
        HEADER_FLAG_ALLOW_DISCARDS = 1 << 0,
        HEADER_FLAG_SAME_CPU_CRYPT = 1 << 1,
        HEADER_FLAG_SUBMIT_FROM_CRYPT_CPUS = 1 << 2,
        HEADER_FLAG_NO_READ_WORKQUEUE = 1 << 3,
        HEADER_FLAG_NO_WRITE_WORKQUEUE = 1 << 4,
};

/* 0; HEADER_E_REFUSED with JSON path and value as detail (also for text that is no JSON); -ENOMEM. *ret is
 * written on 0 only. */
_must_check_ int header_check(Bytes json, const HeaderFacts *facts, HeaderUse use, Header *ret);
/* NULL where there is none of that number. */
const HeaderKeyslot *header_keyslot(const Header *h, int number);
