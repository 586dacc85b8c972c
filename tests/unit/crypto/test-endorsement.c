/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates of TPMs and platforms: swtpm's real ones, and made-up ones for every defect. */

#include "crypto/endorsement.h"

#include "check.h"
#include "maker.h"
#include "tpm/certificate.h"
#include "tpm/keys.h"
#include "tpm/swtpm.h"

#include "attest/public.h"

#include <errno.h>
#include <time.h>

static const GivenCertificates none_given;

static Certificate *parsed(const Maker *m)
{
        const Bytes der = maker_der(m);
        Certificate *c;

        CHECK_OK(certificate_new(der, &c));
        free((void *)der.data);
        return c;
}

static CertificateSet *set_of(const Maker *const *list, size_t n)
{
        const Bytes pem = maker_pem(list, n);
        CertificateSet *s;

        CHECK_OK(certificate_set_new(&s));
        CHECK_OK(certificate_set_add(s, pem));
        free((void *)pem.data);
        return s;
}

static Bytes new_spki(unsigned bits)
{
        cleanup_private_key PrivateKey *key = NULL;
        cleanup_public_key PublicKey *public = NULL;
        uint8_t *spki;
        size_t size;

        CHECK_OK(private_key_generate(bits, &key));
        CHECK_OK(private_key_public(key, &public));
        CHECK_OK(public_key_spki(public, &spki, &size));
        return BYTES(spki, size);
}

static PublicKey *key_of(Bytes spki)
{
        PublicKey *k;

        CHECK_OK(public_key_new_spki(spki, &k));
        return k;
}

/* ---- chains ---- */

static void a_chain_ends_at_a_root_of_the_set(void)
{
        cleanup_maker Maker root = maker_root("Root"), other = maker_root("Other");
        cleanup_maker Maker middle = maker_new(&(MakerSpec){ .name = "Middle",
                                                             .issuer = &root,
                                                             .ca = true,
                                                             .path_length = 0,
                                                             .bits = KU_KEY_CERT_SIGN,
                                                             .to_days = 10 });
        cleanup_maker Maker ek = maker_ek(&middle, 5, BYTES(NULL, 0));
        cleanup_certificate Certificate *leaf = parsed(&ek);
        cleanup_certificate_set CertificateSet *full = set_of((const Maker *[]){ &root, &middle }, 2),
                                               *bare = set_of((const Maker *[]){ &other, &root }, 2),
                                               *wrong = set_of((const Maker *[]){ &other, &middle }, 2),
                                               *linkless = set_of((const Maker *[]){ &middle }, 1);
        const Bytes der = maker_der(&middle), root_der = maker_der(&root);
        const GivenCertificates given = { .der = { BYTES("junk", 4), der }, .n = 2 },
                                all = { .der = { root_der, der }, .n = 2 };
        char found[X509_SUBJECT_MAX] = "untouched";

        CHECK(certificate_set_roots(full) == 1 && certificate_set_size(full) == 2);
        CHECK(certificate_set_roots(bare) == 2 && certificate_set_roots(linkless) == 0);
        CHECK_OK(certificate_set_verify(full, leaf, &none_given, found));
        CHECK_TEXT(found, "CN=Root");
        strcpy(found, "untouched");
        CHECK_RESULT(certificate_set_verify(bare, leaf, &none_given, found), ENDORSEMENT_E_ISSUER);
        CHECK_OK(certificate_set_verify(bare, leaf, &given, found));
        strcpy(found, "untouched");
        /* neither what came along nor a link of the set is a root */
        CHECK_RESULT(certificate_set_verify(wrong, leaf, &all, found), ENDORSEMENT_E_ISSUER);
        CHECK_RESULT(certificate_set_verify(linkless, leaf, &all, found), ENDORSEMENT_E_ISSUER);
        CHECK_TEXT(found, "untouched");
        free((void *)der.data);
        free((void *)root_der.data);
}

/* Dates of a chain say nothing about where a key was born; everything else that X.509 asks is asked. */
static void what_makes_a_chain(void)
{
        static const struct {
                MakerSpec middle;
                int result;
        } cases[] = {
                { { .ca = true, .path_length = -1, .bits = KU_KEY_CERT_SIGN, .from_days = -20, .to_days = -10 },
                  0 },
                { { .ca = true, .path_length = -1, .bits = KU_KEY_CERT_SIGN, .from_days = 10, .to_days = 20 }, 0 },
                { { .ca = false, .bits = KU_KEY_CERT_SIGN, .to_days = 10 }, ENDORSEMENT_E_ISSUER },
                { { .ca = true, .path_length = -1, .bits = KU_DIGITAL_SIGNATURE, .to_days = 10 },
                  ENDORSEMENT_E_ISSUER },
                { { .ca = true, .path_length = -1, .bits = KU_KEY_CERT_SIGN, .to_days = 10, .critical = true },
                  ENDORSEMENT_E_ISSUER },
                { { .ca = true, .path_length = -1, .bits = KU_KEY_CERT_SIGN, .to_days = 10, .sha1 = true },
                  ENDORSEMENT_E_ISSUER },
        };
        cleanup_maker Maker root = maker_root("Root");
        cleanup_certificate_set CertificateSet *set = set_of((const Maker *[]){ &root }, 1);
        char found[X509_SUBJECT_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                MakerSpec spec = cases[i].middle;

                spec.name = "Middle";
                spec.issuer = &root;
                cleanup_maker Maker middle = maker_new(&spec), ek = maker_ek(&middle, 5, BYTES(NULL, 0));
                cleanup_certificate Certificate *leaf = parsed(&ek);
                const Bytes der = maker_der(&middle);

                CHECK_RESULT(
                        certificate_set_verify(set, leaf, &(GivenCertificates){ .der = { der }, .n = 1 }, found),
                        cases[i].result);
                free((void *)der.data);
        }
}

/* A root that allows no CA below it has one there. OpenSSL sees it where it can read the leaf's key, and we where
 * it cannot. */
static void path_lengths_are_kept_for_either_kind_of_key(void)
{
        const Bytes rsa = new_spki(2048);

        for (int limit = 0; limit < 2; limit++) {
                cleanup_maker Maker root = maker_new(&(MakerSpec){ .name = "Root",
                                                                   .ca = true,
                                                                   .path_length = limit,
                                                                   .bits = KU_KEY_CERT_SIGN,
                                                                   .to_days = 10 });
                cleanup_maker Maker middle = maker_new(&(MakerSpec){ .name = "Middle",
                                                                     .issuer = &root,
                                                                     .ca = true,
                                                                     .path_length = -1,
                                                                     .bits = KU_KEY_CERT_SIGN,
                                                                     .to_days = 10 });
                cleanup_certificate_set CertificateSet *set = set_of((const Maker *[]){ &root, &middle }, 2);
                char found[X509_SUBJECT_MAX];

                for (int oaep = 0; oaep < 2; oaep++) {
                        cleanup_maker Maker ek = maker_new(&(MakerSpec){ .name = "TPM",
                                                                         .issuer = &middle,
                                                                         .bits = KU_KEY_ENCIPHERMENT,
                                                                         .to_days = 10,
                                                                         .oaep = oaep,
                                                                         .spki = rsa });
                        cleanup_certificate Certificate *leaf = parsed(&ek);

                        CHECK_RESULT(certificate_set_verify(set, leaf, &none_given, found),
                                     limit == 1 ? 0 : ENDORSEMENT_E_ISSUER);
                }
        }
        free((void *)rsa.data);
}

/* The issuer, or the root above it, may certify other names only; for the leaf's key OpenSSL does not get that
 * far. */
static void name_constraints_are_kept_for_either_kind_of_key(void)
{
        const Bytes rsa = new_spki(2048);

        for (int constrained = 0; constrained < 3; constrained++) {
                cleanup_maker Maker root = maker_root("Root");
                cleanup_maker Maker middle = maker_new(&(MakerSpec){ .name = "Middle",
                                                                     .issuer = &root,
                                                                     .ca = true,
                                                                     .path_length = -1,
                                                                     .bits = KU_KEY_CERT_SIGN,
                                                                     .to_days = 10,
                                                                     .below = constrained == 1 ? "Other" : NULL });
                cleanup_maker Maker lower = maker_new(&(MakerSpec){ .name = "Lower",
                                                                    .issuer = &middle,
                                                                    .ca = true,
                                                                    .path_length = -1,
                                                                    .bits = KU_KEY_CERT_SIGN,
                                                                    .to_days = 10,
                                                                    .below = constrained == 2 ? "Other" : NULL });
                cleanup_certificate_set CertificateSet *set = set_of((const Maker *[]){ &root, &middle, &lower },
                                                                     3);
                char found[X509_SUBJECT_MAX];

                for (int oaep = 0; oaep < 2; oaep++) {
                        const Maker *const issuer = constrained == 1 ? &middle : &lower;
                        cleanup_maker Maker ek = maker_new(&(MakerSpec){ .name = "TPM",
                                                                         .issuer = issuer,
                                                                         .bits = KU_KEY_ENCIPHERMENT,
                                                                         .to_days = 10,
                                                                         .oaep = oaep,
                                                                         .spki = rsa });
                        cleanup_certificate Certificate *leaf = parsed(&ek);

                        CHECK_RESULT(certificate_set_verify(set, leaf, &none_given, found),
                                     constrained == 0 ? 0 : ENDORSEMENT_E_ISSUER);
                }
        }
        free((void *)rsa.data);
}

/* Two certificates of the issuer's one key: the first leads nowhere. */
static void the_next_issuer_is_tried(void)
{
        const Bytes rsa = new_spki(2048);
        cleanup_maker Maker root = maker_root("Root"), stranger = maker_root("Stranger");
        const MakerSpec spec = {
                .name = "Middle", .ca = true, .path_length = -1, .bits = KU_KEY_CERT_SIGN, .to_days = 10
        };
        MakerSpec good = spec, bad = spec;
        char found[X509_SUBJECT_MAX];

        good.issuer = &root;
        cleanup_maker Maker middle = maker_new(&good);
        const Bytes middle_key = maker_spki(&middle);
        bad.issuer = &stranger;
        bad.spki = middle_key;
        cleanup_maker Maker crossed = maker_new(&bad);
        cleanup_certificate_set CertificateSet *set = set_of((const Maker *[]){ &crossed, &root, &middle }, 3),
                                               *turned = set_of((const Maker *[]){ &middle, &root, &crossed }, 3),
                                               *alone = set_of((const Maker *[]){ &crossed, &root }, 2);
        cleanup_maker Maker ek = maker_new(&(MakerSpec){ .name = "TPM",
                                                         .issuer = &middle,
                                                         .bits = KU_KEY_ENCIPHERMENT,
                                                         .to_days = 10,
                                                         .oaep = true,
                                                         .spki = rsa });
        cleanup_certificate Certificate *leaf = parsed(&ek);

        CHECK_OK(certificate_set_verify(set, leaf, &none_given, found));
        CHECK_TEXT(found, "CN=Root");
        CHECK_OK(certificate_set_verify(turned, leaf, &none_given, found));
        CHECK_RESULT(certificate_set_verify(alone, leaf, &none_given, found), ENDORSEMENT_E_ISSUER);
        free((void *)rsa.data);
        free((void *)middle_key.data);
}

static void a_chain_is_not_endless(void)
{
        cleanup_maker Maker root = maker_root("Root");
        Maker links[CERTIFICATE_CHAIN_MAX + 1];
        const Maker *all[CERTIFICATE_CHAIN_MAX + 2] = { &root };
        char name[16], found[X509_SUBJECT_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
                snprintf(name, sizeof(name), "Link %zu", i);
                links[i] = maker_new(&(MakerSpec){ .name = name,
                                                   .issuer = all[i],
                                                   .ca = true,
                                                   .path_length = -1,
                                                   .bits = KU_KEY_CERT_SIGN,
                                                   .to_days = 10 });
                all[i + 1] = &links[i];
        }
        cleanup_certificate_set CertificateSet *set = set_of(all, ARRAY_SIZE(all));
        for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
                cleanup_maker Maker ek = maker_ek(&links[i], 5, BYTES(NULL, 0));
                cleanup_certificate Certificate *leaf = parsed(&ek);

                CHECK_RESULT(certificate_set_verify(set, leaf, &none_given, found),
                             i < CERTIFICATE_CHAIN_MAX ? 0 : ENDORSEMENT_E_ISSUER);
        }
        for (size_t i = 0; i < ARRAY_SIZE(links); i++) maker_deinit(&links[i]);
}

static void a_set_names_what_it_cannot_read(void)
{
        cleanup_certificate_set CertificateSet *set = NULL;

        CHECK_OK(certificate_set_new(&set));
        CHECK_RESULT(certificate_set_add(set, BYTES_LITERAL("nothing here")), -EBADMSG);
        CHECK_RESULT(certificate_set_add(set, BYTES_LITERAL("-----BEGIN CERTIFICATE-----\nMAA=\n"
                                                            "-----END CERTIFICATE-----\n")),
                     -EBADMSG);
        CHECK(strstr(error_detail(-EBADMSG), "certificate 1"));
        CHECK(certificate_set_size(set) == 0);
}

/* ---- the EK's certificate ---- */

static void what_an_ek_certificate_says(void)
{
        static const struct {
                MakerSpec spec;
                int result;
        } cases[] = {
                { { .usage = "2.23.133.8.1", .bits = KU_KEY_AGREEMENT }, 0 },
                { { .usage = "2.23.133.8.1", .bits = KU_KEY_ENCIPHERMENT }, 0 },
                { { .bits = KU_KEY_ENCIPHERMENT }, 0 },
                { { .usage = "2.23.133.8.1" }, 0 },
                { { .usage = "2.23.133.8.1", .bits = KU_DIGITAL_SIGNATURE }, ENDORSEMENT_E_USE },
                { { .usage = "2.23.133.8.3", .bits = KU_KEY_AGREEMENT }, ENDORSEMENT_E_USE }, /* an AK's */
                { { .usage = "2.23.133.8.2", .bits = KU_KEY_AGREEMENT }, ENDORSEMENT_E_USE }, /* a platform's */
                { { .usage = "2.23.133.8.1", .bits = KU_KEY_AGREEMENT, .critical = true }, ENDORSEMENT_E_FORM },
                { { .usage = "2.23.133.8.1", .ca = true, .path_length = -1, .bits = KU_KEY_AGREEMENT },
                  ENDORSEMENT_E_USE },
        };
        cleanup_maker Maker root = maker_root("Root");

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                MakerSpec spec = cases[i].spec;

                spec.name = "TPM";
                spec.issuer = &root;
                spec.to_days = 10;
                cleanup_maker Maker ek = maker_new(&spec);
                cleanup_certificate Certificate *c = parsed(&ek);

                CHECK_RESULT(endorsement_check_use(c), cases[i].result);
        }
}

static void a_key_under_either_name(void)
{
        const Bytes rsa = new_spki(2048), ec = new_spki(256), other = new_spki(2048);
        cleanup_maker Maker root = maker_root("Root");
        cleanup_certificate_set CertificateSet *set = set_of((const Maker *[]){ &root }, 1);
        char found[X509_SUBJECT_MAX];

        for (int oaep = 0; oaep < 2; oaep++) {
                cleanup_public_key PublicKey *ek = key_of(rsa), *stranger = key_of(other), *kind = key_of(ec);
                cleanup_maker Maker m = maker_new(&(MakerSpec){ .name = "TPM",
                                                                .issuer = &root,
                                                                .usage = "2.23.133.8.1",
                                                                .bits = KU_KEY_ENCIPHERMENT,
                                                                .to_days = 10,
                                                                .oaep = oaep,
                                                                .spki = rsa });
                cleanup_certificate Certificate *c = parsed(&m);

                CHECK_OK(endorsement_check_key(c, ek));
                CHECK_OK(endorsement_check_use(c));
                CHECK_OK(certificate_set_verify(set, c, &none_given, found));
                CHECK_RESULT(endorsement_check_key(c, stranger), ENDORSEMENT_E_KEY);
                CHECK_RESULT(endorsement_check_key(c, kind), ENDORSEMENT_E_KEY);
        }
        free((void *)rsa.data);
        free((void *)ec.data);
        free((void *)other.data);
}

/* ---- platform certificates ---- */

typedef struct Platform {
        Maker tpms, platforms, ek, other_ek, same_number; /* the last by another issuer */
        Certificate *ek_certificate;
        PublicKey *ek_key;
        CertificateSet *set;
} Platform;

static void platform_init(Platform *p)
{
        const Bytes spki = new_spki(256), other = new_spki(256);

        *p = (Platform){ .tpms = maker_root("TPMs"), .platforms = maker_root("Platforms") };
        p->ek = maker_ek(&p->tpms, 0x0102030405060708, spki);
        p->other_ek = maker_ek(&p->tpms, 0x0102030405060709, other);
        p->same_number = maker_ek(&p->platforms, 0x0102030405060708, spki);
        p->ek_certificate = parsed(&p->ek);
        p->ek_key = key_of(spki);
        p->set = set_of((const Maker *[]){ &p->platforms }, 1);
        free((void *)spki.data);
        free((void *)other.data);
}

static void platform_deinit(Platform *p)
{
        maker_deinit(&p->tpms);
        maker_deinit(&p->platforms);
        maker_deinit(&p->ek);
        maker_deinit(&p->other_ek);
        maker_deinit(&p->same_number);
        certificate_free(p->ek_certificate);
        public_key_free(p->ek_key);
        certificate_set_free(p->set);
}
#define cleanup_platform _cleanup_(platform_deinit)

static int check_given(const Platform *p, Bytes der, const GivenCertificates *given, char *root)
{
        return platform_certificate_check(&(PlatformCheck){ .der = der,
                                                            .ek_certificate = p->ek_certificate,
                                                            .ek = p->ek_key,
                                                            .set = p->set,
                                                            .given = given,
                                                            .now = 1790000000 },
                                          root);
}

static int check(const Platform *p, Bytes der, bool with_ek, uint64_t now, char *root)
{
        return platform_certificate_check(&(PlatformCheck){ .der = der,
                                                            .ek_certificate = with_ek ? p->ek_certificate : NULL,
                                                            .ek = p->ek_key,
                                                            .set = p->set,
                                                            .given = &none_given,
                                                            .now = now },
                                          root);
}

static const uint64_t in_2026 = 1790000000;

static void an_attribute_certificate_names_its_tpm(void)
{
        cleanup_platform Platform p;
        char root[X509_SUBJECT_MAX] = "untouched";

        platform_init(&p);
        const MakerAttribute cases[] = {
                { .issuer = &p.platforms, .holder = &p.ek },
                { .issuer = &p.platforms, .holder = &p.other_ek },
                { .issuer = &p.platforms, .holder = &p.ek, .serial_off = 1 },
                { .issuer = &p.platforms, .holder = &p.same_number },
                { .issuer = &p.tpms, .holder = &p.ek },
                { .issuer = &p.platforms, .holder = &p.ek, .critical = true },
                { .issuer = &p.platforms, .holder = &p.ek, .nameless = true },
                { .issuer = &p.platforms, .holder = &p.ek, .not_before = "20300101000000Z" },
                { .issuer = &p.platforms, .holder = &p.ek, .not_after = "20260101000000Z" },
                { .issuer = &p.platforms, .holder = &p.ek, .not_after = "2026010100000Z" },
        };
        static const int results[] = {
                0,
                ENDORSEMENT_E_OTHER_TPM,
                ENDORSEMENT_E_OTHER_TPM,
                ENDORSEMENT_E_OTHER_TPM,
                ENDORSEMENT_E_ISSUER,
                ENDORSEMENT_E_FORM,
                ENDORSEMENT_E_FORM,
                ENDORSEMENT_E_DATES,
                ENDORSEMENT_E_DATES,
                ENDORSEMENT_E_FORM,
        };
        for (size_t i = ARRAY_SIZE(cases); i-- > 0;) {
                const Bytes der = maker_attribute(&cases[i]);

                CHECK_RESULT(check(&p, der, true, in_2026, root), results[i]);
                CHECK_TEXT(root, i > 0 ? "untouched" : "CN=Platforms");
                free((void *)der.data);
        }
        const Bytes der = maker_attribute(&cases[0]);
        CHECK_RESULT(check(&p, der, false, in_2026, root), ENDORSEMENT_E_OTHER_TPM);
        free((void *)der.data);
}

/* A leaf of a platform maker's root is no issuer, unless the site has it in its set. */
static void not_every_leaf_issues_platform_certificates(void)
{
        cleanup_platform Platform p;
        char root[X509_SUBJECT_MAX];

        platform_init(&p);
        for (int ca = 0; ca < 2; ca++) {
                cleanup_maker Maker issuer = maker_new(
                        &(MakerSpec){ .name = "Issuer",
                                      .issuer = &p.platforms,
                                      .ca = ca,
                                      .path_length = -1,
                                      .bits = ca ? KU_KEY_CERT_SIGN : KU_DIGITAL_SIGNATURE,
                                      .to_days = 10 });
                const Bytes der = maker_der(&issuer),
                            made = maker_attribute(&(MakerAttribute){ .issuer = &issuer, .holder = &p.ek });
                const GivenCertificates given = { .der = { der }, .n = 1 };
                CertificateSet *const bare = p.set;

                CHECK_RESULT(check_given(&p, made, &given, root), ca ? 0 : ENDORSEMENT_E_ISSUER);
                p.set = set_of((const Maker *[]){ &p.platforms, &issuer }, 2);
                CHECK_OK(check_given(&p, made, &none_given, root));
                certificate_set_free(p.set);
                p.set = bare;
                free((void *)der.data);
                free((void *)made.data);
        }
}

/* No bit of it can be turned, no byte taken away or added. */
static void every_byte_of_it_counts(void)
{
        cleanup_platform Platform p;
        char root[X509_SUBJECT_MAX];

        platform_init(&p);
        const Bytes der = maker_attribute(&(MakerAttribute){ .issuer = &p.platforms, .holder = &p.ek });
        uint8_t copy[2048] = { 0 };
        memcpy(copy, der.data, der.size);
        for (size_t bit = 0; bit < der.size * 8; bit++) {
                copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
                CHECK(check(&p, BYTES(copy, der.size), true, in_2026, root) > 0);
                copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        CHECK_OK(check(&p, BYTES(copy, der.size), true, in_2026, root));
        for (size_t size = 0; size <= der.size + 1; size++)
                if (size != der.size) CHECK(check(&p, BYTES(copy, size), true, in_2026, root) > 0);
        free((void *)der.data);
}

/* ---- swtpm's ---- */

typedef struct Made {
        Rig *rig;
        TpmEk ek;
        TpmCertificates platform;
        Certificate *certificate;
        PublicKey *key;
        CertificateSet *set;
} Made;

static void made_init(Made *m)
{
        static const char *const files[] = { "ca/swtpm-localca-rootca-cert.pem", "ca/issuer.pem" };
        AttestPublic public;
        bool odd;
        Tpm *tpm;

        *m = (Made){ .rig = rig_new_manufactured() };
        CHECK_OK(tpm_open(rig_tcti(m->rig), &tpm));
        CHECK_OK(tpm_ek_read(tpm, &m->ek));
        CHECK_OK(tpm_platform_certificate_read(tpm, &m->platform, &odd));
        tpm_close(tpm);
        CHECK(m->ek.kind == TPM_EK_RSA_2048 && m->ek.certificate);
        CHECK_OK(certificate_new(BYTES(m->ek.certificate, m->ek.certificate_size), &m->certificate));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&m->ek.object.public_area), &public));
        CHECK_OK(attest_public_key(&public, &m->key));
        CHECK_OK(certificate_set_new(&m->set));
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                const Bytes pem = rig_read(m->rig, files[i]);

                CHECK_OK(certificate_set_add(m->set, pem));
                free((void *)pem.data);
        }
        CHECK(certificate_set_roots(m->set) == 1 && certificate_set_size(m->set) == 2);
}

static void made_deinit(Made *m)
{
        certificate_free(m->certificate);
        public_key_free(m->key);
        certificate_set_free(m->set);
        tpm_ek_deinit(&m->ek);
        tpm_certificates_deinit(&m->platform);
        rig_free(m->rig);
}
#define cleanup_made _cleanup_(made_deinit)

static int check_made(const Made *m, const Made *platform, const Made *set)
{
        char root[X509_SUBJECT_MAX];

        return platform_certificate_check(
                &(PlatformCheck){ .der = BYTES(platform->platform.data, platform->platform.size),
                                  .ek_certificate = m->certificate,
                                  .ek = m->key,
                                  .set = set->set,
                                  .given = &none_given,
                                  .now = (uint64_t)time(NULL) + 86400 },
                root);
}

static void two_tpms_of_swtpm(void)
{
        cleanup_made Made a, b;
        char root[X509_SUBJECT_MAX];

        made_init(&a);
        made_init(&b);
        CHECK_OK(endorsement_check_key(a.certificate, a.key));
        CHECK_OK(endorsement_check_use(a.certificate));
        CHECK_OK(certificate_set_verify(a.set, a.certificate, &none_given, root));
        CHECK_TEXT(root, "CN=swtpm-localca-rootca");
        CHECK_RESULT(endorsement_check_key(b.certificate, a.key), ENDORSEMENT_E_KEY);
        /* a CA of the same names, with other keys */
        CHECK_RESULT(certificate_set_verify(b.set, a.certificate, &none_given, root), ENDORSEMENT_E_ISSUER);
        CHECK_OK(check_made(&a, &a, &a));
        CHECK_RESULT(check_made(&a, &b, &b), ENDORSEMENT_E_OTHER_TPM);
        CHECK_RESULT(check_made(&a, &a, &b), ENDORSEMENT_E_ISSUER);
        /* the EK certificate does not pass for a platform's, nor that for the EK's */
        free(a.platform.data);
        a.platform = (TpmCertificates){ .data = malloc(a.ek.certificate_size), .size = a.ek.certificate_size };
        memcpy(a.platform.data, a.ek.certificate, a.platform.size);
        CHECK_RESULT(check_made(&a, &a, &a), ENDORSEMENT_E_USE);
        certificate_free(TAKE_PTR(b.certificate));
        CHECK_OK(certificate_new(BYTES(b.platform.data, b.platform.size), &b.certificate));
        CHECK_RESULT(endorsement_check_use(b.certificate), ENDORSEMENT_E_USE);
}

int main(void)
{
        RUN(a_chain_ends_at_a_root_of_the_set);
        RUN(what_makes_a_chain);
        RUN(path_lengths_are_kept_for_either_kind_of_key);
        RUN(name_constraints_are_kept_for_either_kind_of_key);
        RUN(the_next_issuer_is_tried);
        RUN(a_chain_is_not_endless);
        RUN(a_set_names_what_it_cannot_read);
        RUN(what_an_ek_certificate_says);
        RUN(a_key_under_either_name);
        RUN(an_attribute_certificate_names_its_tpm);
        RUN(not_every_leaf_issues_platform_certificates);
        RUN(every_byte_of_it_counts);
        RUN(two_tpms_of_swtpm);
        return 0;
}
