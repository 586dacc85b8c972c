/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Key derivation. Every result is a Secret of its own; inputs stay the caller's. */

#include "base/secret.h"
#include "crypto/hash.h"

/* HKDF-SHA256, extract and expand (RFC 5869). An empty salt means 32 zero bytes, as the RFC says. `size` is
 * 1..8160 bytes; the input key is not empty. -EINVAL else. */
_must_check_ int kdf_hkdf_sha256(Bytes ikm, Bytes salt, Bytes info, size_t size, Secret **ret);

/* KDFa (TPM 2.0 Part 1, "KDFa()"; NIST SP 800-108 counter mode with HMAC). The label's NUL is added here.
 * `bits` is a multiple of 8, up to 2048. */
_must_check_ int kdf_kdfa(HashAlg alg, Bytes key, const char *label, Bytes context_u, Bytes context_v, unsigned bits,
                          Secret **ret);

/* KDFe (TPM 2.0 Part 1, "KDFe()"; NIST SP 800-56A concatenation): z and both parties' x coordinates are padded
 * to the curve's size by the caller. The label's NUL is added here. `bits` as above. */
_must_check_ int kdf_kdfe(HashAlg alg, Bytes z, const char *label, Bytes party_u, Bytes party_v, unsigned bits,
                          Secret **ret);
