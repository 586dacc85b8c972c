/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* AES-CFB with a zero IV: what the TPM's credential and duplication blobs use (TPM 2.0 Part 1, "Credential
 * Protection" and "Protected Storage"). It authenticates nothing; callers check the HMAC beside it first. For
 * everything else there is aead.h. */

#include "base/reader.h"

/* The key is 16, 24 or 32 bytes, else -EINVAL. ret has room for in.size and may be in.data. */
_must_check_ int cipher_cfb_encrypt(Bytes key, Bytes in, uint8_t *ret);
_must_check_ int cipher_cfb_decrypt(Bytes key, Bytes in, uint8_t *ret);
