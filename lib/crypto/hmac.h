/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* HMAC (RFC 2104, FIPS 198-1) over the concatenation of parts. */

#include "crypto/hash.h"

/* ret has room for hash_size(alg); at most 15 parts. The key is of any length but not empty: an unset key is a
 * mistake, and -EINVAL. -EOPNOTSUPP where the crypto library lacks the algorithm, -EINVAL for an unknown one. */
_must_check_ int hmac_parts(HashAlg alg, Bytes key, const Bytes *parts, size_t n_parts, uint8_t *ret);
_must_check_ int hmac_sha256(Bytes key, Bytes message, uint8_t ret[static SHA256_SIZE]);
