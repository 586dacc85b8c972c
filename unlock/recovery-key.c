/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Letters are turned into values by arithmetic over the alphabet, all of it looked at for every letter, so
 * neither a table index nor a branch depends on the key. */

#include "unlock/recovery-key.h"

#include "base/error.h"
#include "base/writer.h"
#include "crypto/compare.h"
#include "crypto/hash.h"

#include <errno.h>
#include <string.h>

enum {
        GROUP = 8,
        CHECK_SIZE = 2,
        LETTERS_OF_SYSTEMD = 2 * RECOVERY_KEY_SIZE,
        /* Typed text this long that is nearly all modhex is a recovery key with an error in it. */
        LETTERS_LIKELY_MIN = 60,
        LETTERS_LIKELY_MAX = 80,
        FOREIGN_LIKELY_MAX = 6,
};

static const char alphabet[] = "cbdefghijklnrtuv";

static char to_letter(unsigned value)
{
        unsigned letter = 0;

        for (unsigned i = 0; i < 16; i++) letter |= (unsigned)alphabet[i] & (0U - (unsigned)(i == value));
        return (char)letter;
}

/* 0..15, or 16 for a letter that is not in the alphabet. */
static unsigned to_value(uint8_t letter)
{
        const uint8_t lower = letter >= 'A' && letter <= 'Z' ? (uint8_t)(letter | 0x20) : letter;
        unsigned value = 16;

        for (unsigned i = 0; i < 16; i++) value -= (16 - i) & (0U - (unsigned)((uint8_t)alphabet[i] == lower));
        return value;
}

static int check_bytes(const uint8_t key[static RECOVERY_KEY_SIZE], uint8_t ret[static CHECK_SIZE])
{
        const Bytes parts[] = { BYTES_LITERAL("halfkey recovery key v1"), BYTES(key, RECOVERY_KEY_SIZE) };
        uint8_t digest[SHA256_SIZE];
        int r;

        r = hash_parts(HASH_SHA256, parts, ARRAY_SIZE(parts), digest);
        if (r < 0) return r;
        memcpy(ret, digest, CHECK_SIZE);
        secret_wipe(digest, sizeof(digest));
        return 0;
}

/* Key and check bytes to canonical text. */
static int to_text(const Secret *all, Secret **ret)
{
        cleanup_secret Secret *text = NULL;
        size_t at = 0;
        int r;

        r = secret_new(RECOVERY_KEY_TEXT_SIZE, &text);
        if (r < 0) return r;
        for (size_t i = 0; i < RECOVERY_KEY_LETTERS; i++) {
                const uint8_t byte = all->data[i / 2];

                if (i > 0 && i % GROUP == 0) text->data[at++] = '-';
                text->data[at++] = (uint8_t)to_letter(i % 2 ? byte & 15U : byte >> 4);
        }
        *ret = TAKE_PTR(text);
        return 0;
}

int recovery_key_generate(Secret **ret)
{
        cleanup_secret Secret *all = NULL;
        int r;

        r = secret_new(RECOVERY_KEY_SIZE + CHECK_SIZE, &all);
        if (r < 0) return r;
        r = random_bytes(all->data, RECOVERY_KEY_SIZE);
        if (r < 0) return r;
        r = check_bytes(all->data, all->data + RECOVERY_KEY_SIZE);
        if (r < 0) return r;
        return to_text(all, ret);
}

typedef struct Typed {
        size_t letters; /* of the alphabet */
        size_t foreign; /* of no use */
} Typed;

static bool is_filler(uint8_t c)
{
        return c == ' ' || c == '-' || c == '_' || c == '\t' || c == '\r' || c == '\n';
}

/* Packs the letters of the alphabet into all, as far as they fit, and counts. */
static Typed read_letters(const Secret *typed, Secret *all)
{
        Typed n = { 0 };

        for (size_t i = 0; i < typed->size; i++) {
                const unsigned value = to_value(typed->data[i]);

                if (is_filler(typed->data[i])) continue;
                if (value > 15) {
                        n.foreign++;
                        continue;
                }
                if (n.letters < RECOVERY_KEY_LETTERS)
                        all->data[n.letters / 2] |= (uint8_t)(n.letters % 2 ? value : value << 4);
                n.letters++;
        }
        return n;
}

static int judge_counts(Typed n)
{
        const size_t sum = n.letters + n.foreign;

        if (n.letters == RECOVERY_KEY_LETTERS && n.foreign == 0) return 0;
        /* 64 letters and nothing else: a recovery key as systemd-cryptenroll makes them. */
        if (n.letters == LETTERS_OF_SYSTEMD && n.foreign == 0) return RECOVERY_KEY_E_NOT_ONE;
        if (sum < LETTERS_LIKELY_MIN || sum > LETTERS_LIKELY_MAX || n.foreign > FOREIGN_LIKELY_MAX)
                return RECOVERY_KEY_E_NOT_ONE;
        if (n.foreign > 0)
                return error_set(RECOVERY_KEY_E_TYPO,
                                 "the recovery key has %zu characters that are in no recovery key", n.foreign);
        return error_set(RECOVERY_KEY_E_TYPO, "the recovery key has %zu letters, not %d", n.letters,
                         RECOVERY_KEY_LETTERS);
}

int recovery_key_parse(const Secret *typed, Secret **ret)
{
        cleanup_secret Secret *all = NULL;
        uint8_t check[CHECK_SIZE];
        int r;

        r = secret_new(RECOVERY_KEY_SIZE + CHECK_SIZE, &all);
        if (r < 0) return r;
        r = judge_counts(read_letters(typed, all));
        if (r != 0) return r;
        r = check_bytes(all->data, check);
        if (r < 0) return r;
        r = crypto_equal(BYTES_ARRAY(check), BYTES(all->data + RECOVERY_KEY_SIZE, CHECK_SIZE));
        secret_wipe(check, sizeof(check));
        if (r < 0)
                return error_set(RECOVERY_KEY_E_TYPO,
                                 "the recovery key's letters do not fit its check group: one is mistyped");
        return to_text(all, ret);
}
