/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* After a secret was used and freed, its bytes are nowhere in this process. The test itself knows them only
 * turned over. */

#include "check.h"
#include "tpm/internal.h"
#include "tpm/scene.h"

enum { PIECE = 16 };

typedef struct Hidden {
        uint8_t bytes[PIECE]; /* each turned over */
} Hidden;

static Hidden hide(const Secret *s)
{
        Hidden h;

        for (size_t i = 0; i < PIECE; i++) h.bytes[i] = (uint8_t)(0xff - s->data[i]);
        return h;
}

static bool here(const uint8_t *p, const Hidden *h)
{
        for (size_t i = 0; i < PIECE; i++)
                if (p[i] + h->bytes[i] != 0xff) return false;
        return true;
}

/* Copies are avoided by looking at memory in place. */
static size_t count_in(const uint8_t *from, const uint8_t *to, const Hidden *h, const char *line)
{
        size_t n = 0;

        for (const uint8_t *p = from; p + PIECE <= to; p++)
                if (here(p, h)) {
                        fprintf(stderr, "  at %p in %s", (const void *)p, line);
                        n++;
                }
        return n;
}

static size_t count_everywhere(const Hidden *h)
{
        FILE *maps = fopen("/proc/self/maps", "re");
        char line[512], mode[5];
        unsigned long from, to;
        size_t n = 0;

        CHECK(maps);
        while (fgets(line, sizeof(line), maps)) {
                CHECK(sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3);
                if (strncmp(mode, "rw", 2) != 0 || strstr(line, "[vv")) continue;
                n += count_in((const uint8_t *)from, (const uint8_t *)to, h, line);
        }
        fclose(maps);
        return n;
}

static void test_search_finds_a_secret(void)
{
        cleanup_secret Secret *s = NULL;

        CHECK_OK(secret_new_random(32, &s));
        const Hidden h = hide(s);
        CHECK(count_everywhere(&h) == 1);
}

static void test_sealing_and_unsealing(void)
{
        cleanup_scene Scene s;
        cleanup_secret Secret *got = NULL;

        scene_init(&s);
        const Policy policy = policy_pcr_now(s.tpm, HASH_SHA256, SCENE_MASK);
        scene_seal(&s, &policy);
        const Hidden h = hide(s.half);
        secret_free(TAKE_PTR(s.half));
        CHECK(count_everywhere(&h) == 0);
        CHECK_OK(tpm_unseal(s.tpm, &s.params, &got));
        CHECK(count_everywhere(&h) == 1);
        secret_free(TAKE_PTR(got));
        CHECK(count_everywhere(&h) == 0);
}

/* ESYS is stuck then, and has a copy. */
static void test_sealing_that_fails(void)
{
        static const uint32_t faults[] = { 0, TPM2_RC_VALUE };
        cleanup_scene Scene s;

        scene_init(&s);
        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                Secret *half = NULL;
                TpmSealed sealed;
                static const uint8_t policy[SHA256_SIZE];

                if (faults[i]) rig_inject(s.rig, TPM2_CC_Create, 0, 1, faults[i]);
                else rig_bend(s.rig, TPM2_CC_Create);
                CHECK_OK(secret_new_random(32, &half));
                const Hidden h = hide(half);
                CHECK(tpm_seal(s.tpm, &s.srk, BYTES_ARRAY(policy), half, &sealed) != 0);
                secret_free(half);
                CHECK(count_everywhere(&h) == 0);
        }
}

static void test_random_bytes(void)
{
        cleanup_scene Scene s;
        cleanup_secret Secret *got = NULL;

        scene_init(&s);
        CHECK_OK(tpm_random(s.tpm, &s.srk, 32, &got));
        const Hidden h = hide(got);
        CHECK(count_everywhere(&h) == 1);
}

int main(void)
{
        RUN(test_search_finds_a_secret);
        RUN(test_sealing_and_unsealing);
        RUN(test_sealing_that_fails);
        RUN(test_random_bytes);
        return 0;
}
