/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* combine.h and recovery-key.h */

#include "check.h"
#include "unlock/combine.h"
#include "unlock/recovery-key.h"

#include "base/hex.h"

#include <ctype.h>
#include <errno.h>

static Secret *secret_of(const void *p, size_t n)
{
        Secret *s = NULL;

        CHECK_OK(secret_new_copy(BYTES(p, n), &s));
        return s;
}

static const uint8_t id[TOKEN_VOLUME_ID_SIZE] = { 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7,
                                                  0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf };

static Token *token_of(const char *role, uint8_t node_id_byte, uint64_t epoch)
{
        Token *t = NULL;

        CHECK_OK(token_new(&t));
        memcpy(t->volume_id, id, sizeof(id));
        memset(t->node_id, node_id_byte, sizeof(t->node_id));
        (void)snprintf(t->role, sizeof(t->role), "%s", role);
        t->epoch = epoch;
        return t;
}

static Secret *combined_at(uint64_t epoch, uint8_t node_byte, uint8_t cluster_byte, const char *role,
                           uint8_t node_id_byte)
{
        cleanup_secret Secret *node = NULL, *cluster = NULL;
        cleanup_token Token *t = token_of(role, node_id_byte, epoch);
        Secret *s = NULL;

        CHECK_OK(secret_new(COMBINE_HALF_SIZE, &node));
        CHECK_OK(secret_new(COMBINE_HALF_SIZE, &cluster));
        memset(node->data, node_byte, node->size);
        memset(cluster->data, cluster_byte, cluster->size);
        CHECK_OK(unlock_volume_passphrase(node, cluster, t, &s));
        return s;
}

static Secret *combined(uint8_t node_byte, uint8_t cluster_byte, const char *role, uint8_t node_id_byte)
{
        return combined_at(1, node_byte, cluster_byte, role, node_id_byte);
}

/* Made by Python's hmac module from the header's words (tests are to notice a change of the format):
 * PRK = HMAC(zeros, 11*32 22*32); OKM = HMAC(PRK, info || 01). */
static void passphrase_is_the_documented_one(void)
{
        cleanup_secret Secret *s = combined(0x11, 0x22, "root", 0xc0);
        uint8_t expected[COMBINE_PASSPHRASE_SIZE];

        CHECK_OK(hex_decode("f686f46987b791843422fc979064c470e1a1fa5a10817cbc71b1eba9de9006fd", expected,
                            sizeof(expected)));
        CHECK_BYTES(secret_bytes(s), BYTES_ARRAY(expected));
}

/* The same with info || 00000008 || epoch. */
static void a_rekey_makes_another_one(void)
{
        cleanup_secret Secret *s = combined_at(2, 0x11, 0x22, "root", 0xc0);
        uint8_t expected[COMBINE_PASSPHRASE_SIZE];

        CHECK_OK(hex_decode("7d8c805172a27834cd9e96c05651cccefa58b270e8ccd8461b2b07e549ec5322", expected,
                            sizeof(expected)));
        CHECK_BYTES(secret_bytes(s), BYTES_ARRAY(expected));
}

static void every_part_changes_the_passphrase(void)
{
        cleanup_secret Secret *s = combined(0x11, 0x22, "root", 0xc0);
        Secret *all[] = { combined(0x12, 0x22, "root", 0xc0), combined(0x11, 0x23, "root", 0xc0),
                          combined(0x22, 0x11, "root", 0xc0), combined(0x11, 0x22, "data:a", 0xc0),
                          combined(0x11, 0x22, "root", 0xc1), combined_at(2, 0x11, 0x22, "root", 0xc0) };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                CHECK(memcmp(s->data, all[i]->data, COMBINE_PASSPHRASE_SIZE) != 0);
                secret_free(all[i]);
        }
}

static void halves_have_one_size(void)
{
        cleanup_secret Secret *half = NULL, *shorter = NULL;
        cleanup_token Token *t = token_of("root", 0, 1), *nobody = token_of("", 0, 1),
                            *never = token_of("root", 0, 0);
        Secret *none = (Secret *)0x1;

        CHECK_OK(secret_new(COMBINE_HALF_SIZE, &half));
        CHECK_OK(secret_new(COMBINE_HALF_SIZE - 1, &shorter));
        CHECK_RESULT(unlock_volume_passphrase(half, shorter, t, &none), -EINVAL);
        CHECK_RESULT(unlock_volume_passphrase(shorter, half, t, &none), -EINVAL);
        CHECK_RESULT(unlock_volume_passphrase(half, half, nobody, &none), -EINVAL);
        CHECK_RESULT(unlock_volume_passphrase(half, half, never, &none), -EINVAL);
        CHECK(none == (Secret *)0x1);
}

static void recovery_key_has_its_form(void)
{
        cleanup_secret Secret *key = NULL, *other = NULL, *parsed = NULL;

        CHECK_OK(recovery_key_generate(&key));
        CHECK_OK(recovery_key_generate(&other));
        CHECK(key->size == RECOVERY_KEY_TEXT_SIZE);
        CHECK(memcmp(key->data, other->data, key->size) != 0);
        for (size_t i = 0; i < key->size; i++)
                CHECK(i % 9 == 8 ? key->data[i] == '-' : strchr("cbdefghijklnrtuv", key->data[i]) != NULL);
        CHECK_OK(recovery_key_parse(key, &parsed));
        CHECK_BYTES(secret_bytes(parsed), secret_bytes(key));
}

static void recovery_key_is_read_as_people_type(void)
{
        cleanup_secret Secret *key = NULL;
        char loud[2 * RECOVERY_KEY_TEXT_SIZE + 2] = "  ", bare[RECOVERY_KEY_TEXT_SIZE];
        size_t n = 2, m = 0;

        CHECK_OK(recovery_key_generate(&key));
        for (size_t i = 0; i < key->size; i++) {
                loud[n++] = (char)toupper(key->data[i]);
                if (i % 4 == 3) loud[n++] = ' ';
                if (key->data[i] != '-') bare[m++] = (char)key->data[i];
        }
        loud[n++] = '\n';
        for (int i = 0; i < 2; i++) {
                cleanup_secret Secret *typed = i ? secret_of(bare, m) : secret_of(loud, n), *parsed = NULL;

                CHECK_OK(recovery_key_parse(typed, &parsed));
                CHECK_BYTES(secret_bytes(parsed), secret_bytes(key));
        }
}

static void a_typing_error_is_told_apart(void)
{
        cleanup_secret Secret *key = NULL;
        size_t undetected = 0;

        CHECK_OK(recovery_key_generate(&key));
        for (size_t i = 0; i < key->size; i++) {
                cleanup_secret Secret *wrong = secret_of(key->data, key->size), *none = NULL;
                const uint8_t was = wrong->data[i];

                if (was == '-') continue;
                wrong->data[i] = was == 'c' ? 'b' : 'c';
                if (recovery_key_parse(wrong, &none) == 0) undetected++; /* one in 65,536 */
                wrong->data[i] = 'z';
                CHECK_RESULT(recovery_key_parse(wrong, &none), RECOVERY_KEY_E_TYPO);
        }
        CHECK(undetected <= 1);
        for (size_t cut = 1; cut < 8; cut++) {
                cleanup_secret Secret *shorter = secret_of(key->data, key->size - cut), *none = NULL;

                /* Without the whole check group it is what systemd makes: some other passphrase. */
                CHECK_RESULT(recovery_key_parse(shorter, &none),
                             cut == 4 || cut == 5 ? RECOVERY_KEY_E_NOT_ONE : RECOVERY_KEY_E_TYPO);
        }
}

static void other_passphrases_are_not_recovery_keys(void)
{
        static const char *const others[] = {
                "x",        "correct horse battery staple",
                "cbdefghi", "\xff\xfe",
                "----",     "a passphrase of some length that is not made of modhex letters"
        };

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                cleanup_secret Secret *typed = secret_of(others[i], strlen(others[i])), *none = NULL;

                CHECK_RESULT(recovery_key_parse(typed, &none), RECOVERY_KEY_E_NOT_ONE);
        }
}

int main(void)
{
        RUN(passphrase_is_the_documented_one);
        RUN(a_rekey_makes_another_one);
        RUN(every_part_changes_the_passphrase);
        RUN(halves_have_one_size);
        RUN(recovery_key_has_its_form);
        RUN(recovery_key_is_read_as_people_type);
        RUN(a_typing_error_is_told_apart);
        RUN(other_passphrases_are_not_recovery_keys);
        return 0;
}
