/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A real header, every field of its JSON changed: types, ranges, missing and extra members, duplicates, nesting,
 * length. test-unlock-mutants [COUNT [SEED]]: first each value with each change once, then by chance up to COUNT
 * in all.
 *
 * Each variant goes onto the disk in both copies and takes the way of a boot: libcryptsetup, allow-list, token,
 * record, tags. What comes through must be the same volume still, by what libcryptsetup says it would do with it:
 * that is not our own parser's word. */

#include "enrolled.h"
#include "json-mutant.h"
#include "unlock/accept.h"
#include "unlock/volume-internal.h"

#include <inttypes.h>

/* All that activation and the opening of our keyslot take from a header, as the library reads it. */
typedef struct Use {
        char cipher[64], keyslot_cipher[64];
        uint64_t data_offset, iv_offset;
        int sector_size, volume_key_size;
        uint32_t flags, requirements;
        int keyslot;
        struct crypt_pbkdf_type kdf;
        char kdf_type[16], kdf_hash[16];
        size_t keyslot_key_size;
        uint64_t area_offset, area_length;
        uint8_t token[SHA256_SIZE];
        uint8_t key[64];
} Use;

static size_t outcomes[4];
static uint64_t state;

static uint64_t next_random(void)
{
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return state * UINT64_C(0x2545f4914f6cdd1d);
}

static Use use_of(const Enrolled *e)
{
        struct crypt_device *cd = e->volume->cd;
        Use u;

        memset(&u, 0, sizeof(u)); /* padding too: it is compared as a whole */
        (void)snprintf(u.cipher, sizeof(u.cipher), "%s-%s", crypt_get_cipher(cd), crypt_get_cipher_mode(cd));
        u.data_offset = crypt_get_data_offset(cd);
        u.iv_offset = crypt_get_iv_offset(cd);
        u.sector_size = crypt_get_sector_size(cd);
        u.volume_key_size = crypt_get_volume_key_size(cd);
        CHECK_OK(crypt_persistent_flags_get(cd, CRYPT_FLAGS_ACTIVATION, &u.flags));
        CHECK_OK(crypt_persistent_flags_get(cd, CRYPT_FLAGS_REQUIREMENTS, &u.requirements));
        u.keyslot = e->token->keyslot;
        CHECK_OK(crypt_keyslot_get_pbkdf(cd, u.keyslot, &u.kdf));
        (void)snprintf(u.kdf_type, sizeof(u.kdf_type), "%s", u.kdf.type);
        (void)snprintf(u.kdf_hash, sizeof(u.kdf_hash), "%s", u.kdf.hash ? u.kdf.hash : "");
        u.kdf.type = u.kdf.hash = NULL;
        (void)snprintf(u.keyslot_cipher, sizeof(u.keyslot_cipher), "%s",
                       crypt_keyslot_get_encryption(cd, u.keyslot, &u.keyslot_key_size));
        CHECK_OK(crypt_keyslot_area(cd, u.keyslot, &u.area_offset, &u.area_length));
        CHECK_OK(token_hash(e->token, u.token));
        CHECK(e->key->size == sizeof(u.key));
        memcpy(u.key, e->key->data, sizeof(u.key));
        return u;
}

static void put_json(int fd, const char *json)
{
        static uint8_t copy[IMAGE_METADATA];

        for (int i = 0; i < 2; i++) {
                CHECK(pread(fd, copy, IMAGE_BINARY, i * IMAGE_METADATA) == IMAGE_BINARY);
                memset(copy + IMAGE_BINARY, 0, sizeof(copy) - IMAGE_BINARY);
                memcpy(copy + IMAGE_BINARY, json, strlen(json));
                memset(copy + IMAGE_CHECKSUM_AT, 0, 64);
                CHECK_OK(hash_sha256(BYTES_ARRAY(copy), copy + IMAGE_CHECKSUM_AT));
                CHECK(pwrite(fd, copy, sizeof(copy), i * IMAGE_METADATA) == sizeof(copy));
        }
}

/* How far a variant got: 0 libcryptsetup took none of it, 1 refused by the allow-list or the token's form, 2 by
 * record or tags, 3 opened. */
static int try_volume(Enrolled *e)
{
        if (volume_open(image_path, &e->volume) != 0) return 0;
        if (volume_check(e->volume, HEADER_USE_TOKEN) != 0 || volume_token(e->volume, &e->token) != 0) return 1;
        if (volume_compare_record(e->volume, e->token) != 0) return 2;
        return open_by_halves(e->volume, e->token, enrolled_node_half, enrolled_cluster_half, &e->key) == 0 ? 3
                                                                                                            : 2;
}

/* The allow-list alone, over the text as it is: what libcryptsetup would never hand it. */
static void try_text(const char *json)
{
        static const HeaderFacts facts = { .metadata_size = IMAGE_METADATA,
                                           .keyslots_size = IMAGE_DATA - 2 * IMAGE_METADATA,
                                           .device_size = 32 * 1024 * 1024 };
        Header h;

        for (HeaderUse use = HEADER_USE_TOKEN; use <= HEADER_USE_INSTALLER; use++)
                IGNORE_RESULT(header_check(BYTES(json, strlen(json)), &facts, use, &h));
}

static void try_variant(int fd, const char *json, const Use *genuine)
{
        cleanup_enrolled Enrolled e = { 0 };
        int outcome;
        Use u;

        try_text(json);
        if (strlen(json) >= IMAGE_METADATA - IMAGE_BINARY) return;
        put_json(fd, json);
        outcome = try_volume(&e);
        outcomes[outcome]++;
        if (outcome < 3) return;
        u = use_of(&e);
        if (memcmp(&u, genuine, sizeof(u)) == 0 && !accept_is_pending(e.token)) return;
        fprintf(stderr, "opened, and it is another volume:\n%s\n", json);
        exit(1);
}

/* One to three changes to places by chance; what is no JSON any more is not changed further. */
static void change_by_chance(const MutantText *good, char *json)
{
        static MutantText m;
        const unsigned changes = 1 + (unsigned)(next_random() % 3);

        strcpy(json, good->text);
        for (unsigned i = 0; i < changes && mutant_init(&m, json); i++)
                while (!mutant_make(&m, next_random() % m.n_nodes, (unsigned)(next_random() % MUTANT_KINDS),
                                    next_random() >> 8, json))
                        ;
}

static void run(size_t count)
{
        static MutantText good;
        static char json[MUTANT_TEXT_MAX], start[IMAGE_METADATA - IMAGE_BINARY];
        cleanup_enrolled Enrolled e = { 0 };
        const int fd = open(image_path, O_RDWR | O_CLOEXEC);
        size_t n = 0;
        Use genuine;

        CHECK(fd >= 0);
        CHECK_OK(enrolled_open(&e));
        genuine = use_of(&e);
        image_json(start);
        CHECK(mutant_init(&good, start));
        for (size_t which = 0; which < good.n_nodes; which++)
                for (unsigned kind = 0; kind < MUTANT_KINDS; kind++)
                        for (size_t choice = 0; choice < mutant_choices(kind) && n < count; choice++, n++)
                                if (mutant_make(&good, which, kind, choice, json)) try_variant(fd, json, &genuine);
        for (; n < count; n++) {
                change_by_chance(&good, json);
                try_variant(fd, json, &genuine);
        }
        put_json(fd, start);
        close(fd);
        printf("%zu variants of %zu values: %zu no LUKS2 header, %zu refused by the allow-list, %zu by record or "
               "tags, "
               "%zu opened as the same volume\n",
               n, good.n_nodes, outcomes[0], outcomes[1], outcomes[2], outcomes[3]);
        CHECK(outcomes[0] && outcomes[1] && outcomes[2] && outcomes[3]);
}

int main(int argc, char **argv)
{
        state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
        CHECK(state > 0);
        image_init();
        enrolled_make();
        image_run("cd %s && printf '%%s' '{\"type\":\"clevis\",\"keyslots\":[\"0\"],\"jwe\":{\"a\":1}}' | "
                  "cryptsetup token "
                  "import volume",
                  image_dir);
        run(argc > 1 ? strtoull(argv[1], NULL, 10) : 20000);
        enrolled_done();
        image_done();
        return 0;
}
