/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* AES-256-GCM (NIST SP 800-38D) in the one blob form halfkey stores: nonce (12) || ciphertext || tag (16).
 *
 * The nonce comes from getrandom(2) at each seal, never from the caller. Random 96-bit nonces are good for 2^32
 * seals under one key; halfkey wraps one half a node and generation. */

#include "base/secret.h"

enum {
        AEAD_KEY_SIZE = 32,
        AEAD_NONCE_SIZE = 12,
        AEAD_TAG_SIZE = 16,
        AEAD_OVERHEAD = AEAD_NONCE_SIZE + AEAD_TAG_SIZE,
};

/* The plain text is 1..SECRET_MAX bytes and the key AEAD_KEY_SIZE, or -EINVAL. `aad` may be empty. *ret is the
 * caller's to free and has plain.size + AEAD_OVERHEAD bytes. */
_must_check_ int aead_seal(Bytes key, Bytes aad, Bytes plain, uint8_t **ret, size_t *ret_size);

/* -EBADMSG for a blob that is too short, too long, or was not sealed under this key with this aad: which of
 * these is not told apart. Nothing of the plain text is released before the tag was verified. */
_must_check_ int aead_open(Bytes key, Bytes aad, Bytes blob, Secret **ret);
