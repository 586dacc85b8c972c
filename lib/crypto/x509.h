/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Certificates (RFC 5280): those the cluster makes for itself, and reading others'.
 *
 * Trust in halfkey is a pinned key, not a chain of names and dates: initrds have no clock. What is made here is
 * valid from 1970 to 9999 (RFC 5280 4.1.2.5: "no well-defined expiration date"), and verifying is one signature
 * by one key. */

#include "crypto/key.h"

enum {
        X509_MAX = 16384,   /* a certificate; EK certificates are about 1 kB, platform certificates up to 4 */
        X509_NAME_MAX = 64, /* common name (RFC 5280, ub-common-name) */
        X509_SANS_MAX = 64, /* addresses of a verifier */
        X509_SUBJECT_MAX = 256,
};

/* Certificates are DER that the caller frees. Names are 1..X509_NAME_MAX printable ASCII characters; -EINVAL. */

/* A self-signed CA certificate: CA true, path length 0, keyCertSign. */
_must_check_ int x509_make_ca(const PrivateKey *key, const char *name, uint8_t **ret, size_t *ret_size);

/* A self-signed certificate whose only use is that secrets are encrypted to it (keyEncipherment): the site's
 * recovery recipient. RSA of 3072 bits or more; -EINVAL else. */
_must_check_ int x509_make_recovery(const PrivateKey *key, const char *name, uint8_t **ret, size_t *ret_size);

typedef enum X509Use {
        X509_USE_SERVER = 1 << 0, /* EKU serverAuth */
        X509_USE_CLIENT = 1 << 1, /* EKU clientAuth */
} X509Use;

typedef struct X509Leaf {
        const char *name;
        const PublicKey *key;
        const char *const *sans; /* DNS names and IP addresses, told apart by their form */
        size_t n_sans;           /* 0..X509_SANS_MAX */
        unsigned uses;           /* at least one X509Use */
} X509Leaf;

/* A leaf signed by the CA: CA false, digitalSignature, random serial of 127 bits, SAN list. `ca` is the CA's
 * certificate and must belong to ca_key, else -EINVAL. */
_must_check_ int x509_make_leaf(const PrivateKey *ca_key, Bytes ca, const X509Leaf *leaf, uint8_t **ret,
                                size_t *ret_size);

typedef struct Certificate Certificate;
/* Parses exactly one certificate; trailing bytes, or more than X509_MAX, are -EBADMSG. */
_must_check_ int certificate_new(Bytes der, Certificate **ret);
void certificate_free(Certificate *c);
DEFINE_CLEANUP(Certificate, certificate_free)
#define cleanup_certificate _cleanup_(certificate_freep)

/* The SubjectPublicKeyInfo as it stands in the certificate; the caller frees it. */
_must_check_ int certificate_spki(const Certificate *c, uint8_t **ret, size_t *ret_size);
/* SHA-256 of that: what halfkey pins. */
_must_check_ int certificate_pin(const Certificate *c, uint8_t ret[static SHA256_SIZE]);
/* The key, where it is of a kind key.h takes; -EBADMSG else. */
_must_check_ int certificate_key(const Certificate *c, PublicKey **ret);
/* The subject for people: RFC 2253 form, everything but printable ASCII as '?', cut at X509_SUBJECT_MAX - 1. */
_must_check_ int certificate_subject(const Certificate *c, char ret[static X509_SUBJECT_MAX]);
/* The same of a certificate that is only shown. Nothing behind the subject is looked at: most of what
 * certificate_new costs is the key. */
_must_check_ int x509_subject(Bytes der, char ret[static X509_SUBJECT_MAX]);
/* 0 if the issuer's key signed it, -EBADMSG else. No names, no dates, no extensions are looked at. */
_must_check_ int certificate_verify(const Certificate *c, const PublicKey *issuer);
/* 0 if it may act so: a leaf (CA false) whose EKU lists each of `uses`; -EBADMSG else. */
_must_check_ int certificate_check_leaf(const Certificate *c, unsigned uses);
