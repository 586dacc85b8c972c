/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* After a secret was used and freed, its bytes are nowhere in this process. */

#include "check.h"
#include "tpm/internal.h"
#include "tpm/memory.h"
#include "tpm/scene.h"

static void test_search_finds_a_secret(void)
{
        cleanup_secret Secret *s = NULL;

        CHECK_OK(secret_new_random(32, &s));
        const Hidden h = hide(secret_bytes(s));
        CHECK(memory_count(&h) == 1);
}

static void test_sealing_and_unsealing(void)
{
        cleanup_scene Scene s;
        cleanup_secret Secret *got = NULL;

        scene_init(&s);
        const Policy policy = policy_pcr_now(s.tpm, HASH_SHA256, SCENE_MASK);
        scene_seal(&s, &policy);
        const Hidden h = hide(secret_bytes(s.half));
        secret_free(TAKE_PTR(s.half));
        CHECK(memory_count(&h) == 0);
        CHECK_OK(tpm_unseal(s.tpm, &s.params, &got));
        CHECK(memory_count(&h) == 1);
        secret_free(TAKE_PTR(got));
        CHECK(memory_count(&h) == 0);
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
                const Hidden h = hide(secret_bytes(half));
                CHECK(tpm_seal(s.tpm, &s.srk, BYTES_ARRAY(policy), half, &sealed) != 0);
                secret_free(half);
                CHECK(memory_count(&h) == 0);
        }
}

static void test_random_bytes(void)
{
        cleanup_scene Scene s;
        cleanup_secret Secret *got = NULL;

        scene_init(&s);
        CHECK_OK(tpm_random(s.tpm, &s.srk, 32, &got));
        const Hidden h = hide(secret_bytes(got));
        CHECK(memory_count(&h) == 1);
}

int main(void)
{
        RUN(test_search_finds_a_secret);
        RUN(test_sealing_and_unsealing);
        RUN(test_sealing_that_fails);
        RUN(test_random_bytes);
        return 0;
}
