/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as DER from outside: an EK certificate out of a TPM's NV, a public key out of a request, a message to
 * the recovery key. */

#include "fuzz.h"

#include "crypto/cms.h"
#include "crypto/x509.h"

#include <stdlib.h>
#include <string.h>

#define MUST(condition)                    \
        do {                               \
                if (!(condition)) abort(); \
        } while (0)

static void try_certificate(Bytes b)
{
        cleanup_certificate Certificate *c = NULL;
        cleanup_public_key PublicKey *k = NULL;
        char subject[X509_SUBJECT_MAX], shown[X509_SUBJECT_MAX];
        uint8_t pin[SHA256_SIZE];
        const bool is_shown = x509_subject(b, shown) == 0;

        if (is_shown)
                for (const char *p = shown; *p; p++) MUST(*p >= 0x20 && *p < 0x7f);
        if (certificate_new(b, &c) != 0) return;
        if (certificate_subject(c, subject) == 0 && is_shown) MUST(strcmp(subject, shown) == 0);
        IGNORE_RESULT(certificate_pin(c, pin));
        IGNORE_RESULT(certificate_check_leaf(c, X509_USE_SERVER));
        if (certificate_key(c, &k) == 0) IGNORE_RESULT(certificate_verify(c, k));
}

/* One key has one encoding: what is taken comes out the same. */
static void try_key(Bytes b)
{
        cleanup_public_key PublicKey *k = NULL;
        cleanup_free uint8_t *der = NULL;
        size_t n;

        if (public_key_new_spki(b, &k) != 0) return;
        MUST(public_key_spki(k, &der, &n) == 0 && bytes_equal(BYTES(der, n), b));
}

static void try_message(Bytes b)
{
        static PrivateKey *key;
        static uint8_t *certificate;
        static size_t n;
        cleanup_secret Secret *s = NULL;

        if (!key) MUST(private_key_generate(256, &key) == 0);
        if (!certificate) MUST(x509_make_ca(key, "fuzz", &certificate, &n) == 0);
        IGNORE_RESULT(cms_decrypt(b, BYTES(certificate, n), key, &s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        try_certificate(BYTES(data, size));
        try_key(BYTES(data, size));
        try_message(BYTES(data, size));
        return 0;
}
