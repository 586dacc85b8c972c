/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as what a node shows of its TPM: EK certificate, an issuer of it, platform certificate. */

#include "fuzz.h"

#include "crypto/endorsement.h"
#include "maker.h"

#define MUST(condition)                    \
        do {                               \
                if (!(condition)) abort(); \
        } while (0)

/* The same names and numbers as corpus-endorsement.c, with keys of its own: nothing that comes in is signed. */
typedef struct Site {
        Maker root, ek;
        Bytes ek_der;
        Certificate *certificate;
        PublicKey *key;
        CertificateSet *set;
} Site;

static const Site *site(void)
{
        static Site s;
        Bytes pem;

        if (s.set) return &s;
        s.root = maker_root("Root");
        s.ek = maker_ek(&s.root, 0x1234, BYTES(NULL, 0));
        s.ek_der = maker_der(&s.ek);
        pem = maker_pem((const Maker *[]){ &s.root }, 1);
        MUST(certificate_new(s.ek_der, &s.certificate) == 0 && certificate_key(s.certificate, &s.key) == 0);
        MUST(certificate_set_new(&s.set) == 0 && certificate_set_add(s.set, pem) == 0);
        free((void *)pem.data);
        return &s;
}

static void as_certificate(const Site *s, Bytes b)
{
        const GivenCertificates given = { .der = { b }, .n = 1 };
        cleanup_certificate Certificate *c = NULL;
        char root[X509_SUBJECT_MAX];

        MUST(certificate_set_verify(s->set, s->certificate, &given, root) == 0);
        if (certificate_new(b, &c) != 0) return;
        IGNORE_RESULT(endorsement_check_use(c));
        MUST(endorsement_check_key(c, s->key) != 0 || bytes_equal(b, s->ek_der));
        MUST(certificate_set_verify(s->set, c, &given, root) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const GivenCertificates none = { 0 };
        const Site *s = site();
        char root[X509_SUBJECT_MAX];

        as_certificate(s, BYTES(data, size));
        MUST(platform_certificate_check(&(PlatformCheck){ .der = BYTES(data, size),
                                                          .ek_certificate = s->certificate,
                                                          .ek = s->key,
                                                          .set = s->set,
                                                          .given = &none,
                                                          .now = 1790000000 },
                                        root) != 0);
        return 0;
}
