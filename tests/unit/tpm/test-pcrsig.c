/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What systemd-measure signs for a UKI opens a seal of ours, with the cap on top. */

#include "check.h"
#include "tpm/internal.h"
#include "tpm/scene.h"

#define MEASURE "/lib/systemd/systemd-measure"

typedef struct Uki {
        Scene scene;
        PrivateKey *key;
        Approved approved;
} Uki;

/* The stub's measurements, systemd-stub(7): for each section its name with a NUL, then its content. Then the word
 * of the boot phase. */
static void measure(Rig *rig, const char *text, size_t size)
{
        uint8_t digest[SHA256_SIZE];

        CHECK_OK(hash_sha256(BYTES(text, size), digest));
        rig_extend_by(rig, 11, digest);
}

static void boot_uki(Rig *rig)
{
        measure(rig, ".linux", 7);
        measure(rig, "a kernel", 8);
        measure(rig, ".cmdline", 9);
        measure(rig, "quiet", 5);
        measure(rig, "enter-initrd", 12);
}

/* Signs the state at `phase` with a fresh key: `pol` and `sig` are what .pcrsig holds. */
static void measure_and_sign(Uki *u, const char *phase)
{
        rig_run(u->scene.rig,
                "printf 'a kernel' >linux && printf quiet >cmdline && "
                "openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem && "
                "openssl pkey -in key.pem -pubout -out public.pem && openssl pkcs8 -topk8 -nocrypt -in key.pem "
                "-outform der -out key && " MEASURE
                " sign --linux=linux --cmdline=cmdline --phase=%s --bank=sha256 --private-key=key.pem "
                "--public-key=public.pem --tpm2-device=%s >pcrsig && "
                "python3 -c 'import json, base64; e = json.load(open(\"pcrsig\"))[\"sha256\"][0]; "
                "assert e[\"pcrs\"] == [11]; open(\"pol\", \"wb\").write(bytes.fromhex(e[\"pol\"])); "
                "open(\"sig\", \"wb\").write(base64.b64decode(e[\"sig\"]))'",
                phase, rig_tcti(u->scene.rig));
        const Bytes key = rig_read(u->scene.rig, "key"), pol = rig_read(u->scene.rig, "pol"),
                    sig = rig_read(u->scene.rig, "sig");
        CHECK_OK(private_key_import(key, &u->key));
        CHECK(pol.size == SHA256_SIZE && sig.size == 256);
        const Policy policy = { { 0 } };
        approve(u->key, &policy, 0, 0, &u->approved); /* for the public area alone */
        memcpy(u->approved.policy.bytes, pol.data, pol.size);
        memcpy(u->approved.signature, sig.data, sig.size);
        free((void *)key.data);
        free((void *)pol.data);
        free((void *)sig.data);
}

static void seal_for_uki(Uki *u)
{
        Policy policy = policy_authorized(u->key, BYTES(NULL, 0));
        TpmPcrValues cap;

        CHECK_OK(tpm_pcr_read(u->scene.tpm, HASH_SHA256, TPM_PCR_MASK(TPM_PCR_CAP), &cap));
        policy = policy_pcr_of(&policy, &cap);
        scene_seal(&u->scene, &policy);
        u->scene.params.approval = &u->approved.approval;
        u->scene.params.mask = TPM_PCR_MASK(11);
        u->scene.params.mask_after = TPM_PCR_MASK(TPM_PCR_CAP);
}

static void uki_init(Uki *u, const char *phase)
{
        scene_init(&u->scene);
        measure_and_sign(u, phase);
        boot_uki(u->scene.rig);
        seal_for_uki(u);
}

static void uki_deinit(Uki *u)
{
        private_key_free(u->key);
        scene_deinit(&u->scene);
}
#define cleanup_uki _cleanup_(uki_deinit)

static void the_signature_of_a_uki_opens_until_the_cap(void)
{
        cleanup_uki Uki u = { 0 };
        cleanup_secret Secret *half = NULL;
        Secret *none = NULL;
        const Digest d = { .alg = HASH_SHA256, .size = 32, .bytes = { 1 } };

        uki_init(&u, "enter-initrd");
        CHECK_OK(tpm_unseal(u.scene.tpm, &u.scene.params, &half));
        CHECK_BYTES(secret_bytes(half), secret_bytes(u.scene.half));
        CHECK_OK(tpm_pcr_cap(u.scene.tpm, &d, 1, HASH_SHA256));
        CHECK_RESULT(tpm_unseal(u.scene.tpm, &u.scene.params, &none), TPM_E_CAPPED);
        CHECK(rig_loaded(u.scene.rig) == 0);
}

static void another_phase_or_kernel_does_not(void)
{
        Secret *none = NULL;

        for (int i = 0; i < 2; i++) {
                cleanup_uki Uki u = { 0 };

                uki_init(&u, i == 0 ? "enter-initrd:leave-initrd" : "enter-initrd");
                if (i == 1) rig_extend(u.scene.rig, 11);
                CHECK_RESULT(tpm_unseal(u.scene.tpm, &u.scene.params, &none), TPM_E_POLICY);
        }
}

int main(void)
{
        RUN(the_signature_of_a_uki_opens_until_the_cap);
        RUN(another_phase_or_kernel_does_not);
        return 0;
}
