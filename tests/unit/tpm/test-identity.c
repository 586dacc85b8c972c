/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The EK of every template, what its maker left in NV, and its use. */

#include "attest/credential.h"
#include "base/writer.h"
#include "check.h"
#include "crypto/x509.h"
#include "tpm/certificate.h"
#include "tpm/internal.h"
#include "tpm/keys.h"
#include "tpm/scene.h"

#include <errno.h>

/* What a manufacturer would have put there. */
static void define(Rig *rig, uint32_t index, Bytes content)
{
        rig_write(rig, "nv", content);
        rig_run(rig,
                "tpm2_nvdefine -Q -C p -s %zu -a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate' 0x%08x "
                "&& "
                "tpm2_nvwrite -Q -C p -i nv 0x%08x",
                content.size, index, index);
}

static const struct {
        TpmEkKind kind;
        uint32_t index;
} kinds[] = {
        { TPM_EK_ECC_P256, 0x01c0000a },      { TPM_EK_RSA_2048, 0x01c00002 },
        { TPM_EK_HIGH_ECC_P256, 0x01c00014 }, { TPM_EK_HIGH_ECC_P384, 0x01c00016 },
        { TPM_EK_HIGH_RSA_2048, 0x01c00012 }, { TPM_EK_HIGH_RSA_3072, 0x01c0001c },
};

/* Challenged as the verifier does it, and solved in an encrypted session. */
static void activate(Scene *s, const TpmEk *ek)
{
        cleanup_secret Secret *got = NULL;
        uint8_t secret[ATTEST_SECRET_SIZE];
        AttestCredential c;
        AttestPublic public, ak;
        AttestName name;

        CHECK_OK(random_bytes(secret, sizeof(secret)));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&ek->object.public_area), &public));
        CHECK_OK(attest_public_check_ek(&public));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&s->ak.public_area), &ak));
        CHECK_OK(attest_public_name(&ak, &name));
        CHECK_OK(attest_credential_make(&public, &name, secret, &c));
        CHECK_OK(tpm_activate_credential(s->tpm, &s->ak, ek, BYTES(c.blob, c.blob_size),
                                         BYTES(c.secret, c.secret_size), &got));
        CHECK_BYTES(secret_bytes(got), BYTES_ARRAY(secret));
        CHECK(!rig_saw_piece(s->rig, BYTES_ARRAY(secret)));
        CHECK(rig_loaded(s->rig) == 0);
}

static void every_template_is_made_and_used(void)
{
        static const uint8_t der[] = { 0x30, 0x01, 0x00 };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                cleanup_scene Scene s;
                cleanup_ek TpmEk first = { 0 }, chosen = { 0 };

                scene_init(&s);
                CHECK_OK(tpm_ek_read_kind(s.tpm, kinds[i].kind, &first));
                CHECK(first.kind == kinds[i].kind && !first.certificate);
                define(s.rig, kinds[i].index, BYTES_ARRAY(der));
                CHECK_OK(tpm_ek_read(s.tpm, &chosen));
                CHECK(chosen.kind == kinds[i].kind);
                CHECK_BYTES(BYTES(chosen.certificate, chosen.certificate_size), BYTES_ARRAY(der));
                CHECK_BYTES(tpm_name_bytes(&first.object.name), tpm_name_bytes(&chosen.object.name));
                activate(&s, &chosen);
        }
}

static void a_kind_that_the_tpm_lacks_is_named(void)
{
        cleanup_scene Scene s;
        TpmEk ek;

        scene_init(&s);
        rig_inject(s.rig, TPM2_CC_CreatePrimary, 0, 1, TPM2_RC_P | TPM2_RC_2 | TPM2_RC_CURVE);
        CHECK_RESULT(tpm_ek_read_kind(s.tpm, TPM_EK_HIGH_ECC_P384, &ek), TPM_E_UNSUPPORTED);
        CHECK_RESULT(tpm_ek_read_kind(s.tpm, TPM_EK_KINDS, &ek), -EINVAL);
}

/* ---- nonce and template in NV ---- */

static void the_nonce_is_in_the_key(void)
{
        static const uint32_t index[] = { 0x01c0000b, 0x01c00003 };
        static const size_t size[] = { 32, 20 };
        uint8_t nonce[32];

        memset(nonce, 0xa5, sizeof(nonce));
        for (size_t i = 0; i < ARRAY_SIZE(index); i++) {
                cleanup_scene Scene s;
                cleanup_ek TpmEk before = { 0 }, after = { 0 };
                const TpmEkKind kind = i == 0 ? TPM_EK_ECC_P256 : TPM_EK_RSA_2048;

                scene_init(&s);
                CHECK_OK(tpm_ek_read_kind(s.tpm, kind, &before));
                define(s.rig, index[i], BYTES(nonce, size[i]));
                CHECK_OK(tpm_ek_read_kind(s.tpm, kind, &after));
                CHECK_RESULT(tpm_object_check_name(&after.object, tpm_name_bytes(&before.object.name)),
                             TPM_E_NAME);
                CHECK(memmem(after.template_area.bytes, after.template_area.size, nonce, size[i]));
                activate(&s, &after);
        }
}

static void the_template_in_nv_is_used(void)
{
        static const TpmEkKind low[] = { TPM_EK_ECC_P256, TPM_EK_RSA_2048 };
        static const uint32_t index[] = { 0x01c0000c, 0x01c00004 };

        for (size_t i = 0; i < ARRAY_SIZE(low); i++) {
                cleanup_scene Scene s;
                cleanup_ek TpmEk standard = { 0 }, own = { 0 };
                TpmPublic t;

                scene_init(&s);
                CHECK_OK(tpm_ek_read_kind(s.tpm, low[i], &standard));
                t = standard.template_area;
                t.bytes[t.size - 1] ^= 0x11; /* in unique */
                define(s.rig, index[i], tpm_public_bytes(&t));
                CHECK_OK(tpm_ek_read_kind(s.tpm, low[i], &own));
                CHECK_BYTES(tpm_public_bytes(&own.template_area), tpm_public_bytes(&t));
                CHECK_RESULT(tpm_object_check_name(&own.object, tpm_name_bytes(&standard.object.name)),
                             TPM_E_NAME);
                activate(&s, &own);
        }
}

static void what_is_no_template_or_nonce_is_named(void)
{
        static const uint8_t junk[100] = { 0x23 };
        cleanup_scene Scene s;
        TpmEk ek;

        scene_init(&s);
        define(s.rig, 0x01c0000b, BYTES_ARRAY(junk));
        CHECK_RESULT(tpm_ek_read_kind(s.tpm, TPM_EK_ECC_P256, &ek), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "endorsement key: nonce: the TPM's EK nonce (100 bytes)"));
        define(s.rig, 0x01c0000c, BYTES_ARRAY(junk));
        CHECK_RESULT(tpm_ek_read_kind(s.tpm, TPM_EK_ECC_P256, &ek), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "endorsement key: template: not a public area"));
        CHECK(rig_loaded(s.rig) == 0);
}

/* ---- certificates ---- */

/* Three certificates over two indices, the second of them in both, filler at the end. */
static void a_chain_over_two_indices(void)
{
        static const uint8_t first[] = { 0x30, 0x02, 0x05, 0x00, 0x30, 0x03, 0x02 },
                             second[] = { 0x01, 0x07, 0x30, 0x01, 0x05, 0xff, 0xff, 0xff };
        static const size_t sizes[] = { 4, 5, 3 };
        cleanup_scene Scene s;
        cleanup_certificates TpmCertificates chain = { 0 };
        Bytes der;
        size_t n = 0;

        scene_init(&s);
        CHECK_RESULT(tpm_ek_chain_read(s.tpm, &chain), TPM_E_ABSENT);
        define(s.rig, 0x01c00101, BYTES_ARRAY(second));
        define(s.rig, 0x01c00100, BYTES_ARRAY(first));
        define(s.rig, 0x01c00200, BYTES_ARRAY(first)); /* is no chain's */
        CHECK_OK(tpm_ek_chain_read(s.tpm, &chain));
        CHECK(chain.size == sizeof(first) + sizeof(second));
        Reader r = READER_INIT(BYTES(chain.data, chain.size));
        for (int left; (left = tpm_certificates_next(&r, &der)) != -ENOENT; n++) {
                CHECK_OK(left);
                CHECK(n < 3 && der.size == sizes[n]);
        }
        CHECK(n == 3 && rig_loaded(s.rig) == 0);
}

static void a_chain_that_is_none(void)
{
        static const uint8_t bad[] = { 0x30, 0x01, 0x05, 0x31, 0x01, 0x05 };
        Reader r = READER_INIT(BYTES_ARRAY(bad));
        Bytes der;

        CHECK_OK(tpm_certificates_next(&r, &der));
        CHECK_RESULT(tpm_certificates_next(&r, &der), -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "offset 3"));
        CHECK_RESULT(tpm_certificates_next(&r, &der), -EBADMSG); /* does not advance, and says so again */
}

static void the_platform_certificate(void)
{
        uint8_t der[1500] = { 0x30, 0x82, 0x05, 0xd0 };
        cleanup_scene Scene s;
        cleanup_certificates TpmCertificates c = { 0 };
        bool odd;

        scene_init(&s);
        CHECK_RESULT(tpm_platform_certificate_read(s.tpm, &c, &odd), TPM_E_ABSENT);
        define(s.rig, 0x01c08000, BYTES_ARRAY(der));
        CHECK_OK(tpm_platform_certificate_read(s.tpm, &c, &odd));
        CHECK_BYTES(BYTES(c.data, c.size), BYTES(der, 0x5d0 + 4));
        CHECK(odd);
}

/* ---- made as makers do ---- */

/* The EK that is made is the one that its certificate is of: swtpm_setup's are RSA 2048 and P-384. */
static void check_certified(Scene *s, TpmEkKind kind)
{
        cleanup_ek TpmEk ek = { 0 };
        cleanup_certificate Certificate *certificate = NULL;
        cleanup_public_key PublicKey *certified = NULL;
        uint8_t in_certificate[SHA256_SIZE], in_tpm[SHA256_SIZE];
        AttestPublic public;

        CHECK_OK(tpm_ek_read_kind(s->tpm, kind, &ek));
        CHECK(ek.kind == kind && ek.certificate && !ek.certificate_odd);
        CHECK_OK(certificate_new(BYTES(ek.certificate, ek.certificate_size), &certificate));
        CHECK_OK(certificate_key(certificate, &certified));
        CHECK_OK(public_key_id(certified, in_certificate));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&ek.object.public_area), &public));
        CHECK_OK(attest_public_node_id(&public, in_tpm));
        CHECK_BYTES(BYTES_ARRAY(in_certificate), BYTES_ARRAY(in_tpm));
        activate(s, &ek);
}

static void makers_certificates(void)
{
        cleanup_certificates TpmCertificates platform = { 0 };
        cleanup_certificate Certificate *certificate = NULL;
        cleanup_scene Scene s = { .rig = rig_new_manufactured() };
        cleanup_ek TpmEk chosen = { 0 };
        bool odd = true;

        CHECK_OK(tpm_open(rig_tcti(s.rig), &s.tpm));
        CHECK_OK(tpm_ak_ensure(s.tpm, &s.ak));
        CHECK_OK(tpm_ek_read(s.tpm, &chosen));
        CHECK(chosen.kind == TPM_EK_RSA_2048);
        check_certified(&s, TPM_EK_RSA_2048);
        check_certified(&s, TPM_EK_HIGH_ECC_P384);
        CHECK_OK(tpm_platform_certificate_read(s.tpm, &platform, &odd));
        CHECK_OK(certificate_new(BYTES(platform.data, platform.size), &certificate));
        CHECK(!odd);
}

int main(void)
{
        RUN(makers_certificates);
        RUN(every_template_is_made_and_used);
        RUN(a_kind_that_the_tpm_lacks_is_named);
        RUN(the_nonce_is_in_the_key);
        RUN(the_template_in_nv_is_used);
        RUN(what_is_no_template_or_nonce_is_named);
        RUN(a_chain_over_two_indices);
        RUN(a_chain_that_is_none);
        RUN(the_platform_certificate);
        return 0;
}
