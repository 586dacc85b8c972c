/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Authenticode signatures of PE images, as UEFI firmware checks them (UEFI 2.10 section 32.2.4; Microsoft,
 * "Windows Authenticode Portable Executable Signature Format"): PKCS#7 SignedData over SpcIndirectDataContent,
 * which holds the image's digest. No dates are looked at, and any certificate of a chain can be the trust
 * anchor: firmware does the same. */

#include "crypto/hash.h"
#include "crypto/x509.h"

enum {
        AUTHENTICODE_MAX = 256 * 1024, /* a signature; those with time stamps and chains are about 10 kB */
};

typedef struct Authenticode Authenticode;
/* Parses the SignedData of one WIN_CERTIFICATE (zeros may follow it). -EBADMSG for anything that is not
 * Authenticode with a digest of SHA-256, SHA-384 or SHA-512, or SHA-1 (seen in old images, trusted by none). */
_must_check_ int authenticode_new(Bytes pkcs7, Authenticode **ret);
void authenticode_free(Authenticode *a);
DEFINE_CLEANUP(Authenticode, authenticode_free)
#define cleanup_authenticode _cleanup_(authenticode_freep)

/* The digest of the image that was signed; a view into a. */
HashAlg authenticode_alg(const Authenticode *a);
Bytes authenticode_digest(const Authenticode *a);
/* Subject of the first signer, as certificate_subject() gives it. -EBADMSG where the certificate is missing. */
_must_check_ int authenticode_signer(const Authenticode *a, char ret[static X509_SUBJECT_MAX]);
/* 0 if a key that chains to this certificate (DER) signed it; -EBADMSG else. That the digest is the image's is
 * for the caller to see. */
_must_check_ int authenticode_verify(const Authenticode *a, Bytes trusted);
