/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Key derivation. Every result is a Secret of its own; inputs stay the caller's. */

#include "base/secret.h"
#include "crypto/hash.h"

/* HKDF-SHA256, extract and expand (RFC 5869). An empty salt means 32 zero bytes, as the RFC says. `size` is
 * 1..8160 bytes; the input key is not empty. -EINVAL else. */
_must_check_ int kdf_hkdf_sha256(Bytes ikm, Bytes salt, Bytes info, size_t size, Secret **ret);

/* What the TPM's two functions take. The label's NUL is added by them. */
typedef struct KdfTpm {
        HashAlg alg;
        Bytes key; /* KDFe: z, padded to the curve's size */
        const char *label;
        Bytes u, v; /* contextU and contextV; KDFe: both parties' x coordinates, padded likewise; may be empty */
        unsigned bits; /* a multiple of 8, up to 2048 */
} KdfTpm;

/* KDFa (TPM 2.0 Part 1, "KDFa()"; NIST SP 800-108, counter mode with HMAC). -EINVAL for an empty key, an unknown
 * algorithm or odd bits. */
_must_check_ int kdf_kdfa(const KdfTpm *in, Secret **ret);

/* KDFe (TPM 2.0 Part 1, "KDFe()"; NIST SP 800-56A, concatenation). Errors as above. */
_must_check_ int kdf_kdfe(const KdfTpm *in, Secret **ret);
