/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/aead.h"

#include "crypto/internal.h"

#include <string.h>

/* A context with key, nonce and additional data in it; `encrypt` as EVP_CipherInit_ex2 has it. */
static int begin(Bytes key, const uint8_t *nonce, Bytes aad, int encrypt, EVP_CIPHER_CTX **ret)
{
        cleanup_cipher_context EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        int n;

        if (!c) return -ENOMEM;
        if (EVP_CipherInit_ex2(c, EVP_aes_256_gcm(), key.data, nonce, encrypt, NULL) != 1)
                return openssl_fail(-EIO, "AES-256-GCM");
        if (aad.size > 0 && EVP_CipherUpdate(c, NULL, &n, aad.data, (int)aad.size) != 1)
                return openssl_fail(-EIO, "AES-256-GCM");
        *ret = TAKE_PTR(c);
        return 0;
}

static bool sizes_fit(Bytes key, Bytes aad, size_t plain_size)
{
        return key.size == AEAD_KEY_SIZE && aad.size <= SECRET_MAX && plain_size > 0 && plain_size <= SECRET_MAX;
}

int aead_seal(Bytes key, Bytes aad, Bytes plain, uint8_t **ret, size_t *ret_size)
{
        cleanup_cipher_context EVP_CIPHER_CTX *c = NULL;
        cleanup_free uint8_t *blob = NULL;
        uint8_t *body;
        int r, n;

        if (!sizes_fit(key, aad, plain.size)) return error_set(-EINVAL, "nothing that AES-256-GCM can seal");
        blob = malloc(plain.size + AEAD_OVERHEAD);
        if (!blob) return -ENOMEM;
        body = blob + AEAD_NONCE_SIZE;
        r = random_bytes(blob, AEAD_NONCE_SIZE);
        if (r == 0) r = begin(key, blob, aad, 1, &c);
        if (r < 0) return r;
        if (EVP_EncryptUpdate(c, body, &n, plain.data, (int)plain.size) != 1 ||
            EVP_EncryptFinal_ex(c, body + plain.size, &n) != 1 ||
            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, body + plain.size) != 1)
                return openssl_fail(-EIO, "AES-256-GCM");
        *ret = TAKE_PTR(blob);
        *ret_size = plain.size + AEAD_OVERHEAD;
        return 0;
}

int aead_open(Bytes key, Bytes aad, Bytes blob, Secret **ret)
{
        cleanup_cipher_context EVP_CIPHER_CTX *c = NULL;
        cleanup_secret Secret *plain = NULL;
        uint8_t tag[AEAD_TAG_SIZE];
        int r, n;

        if (blob.size <= AEAD_OVERHEAD || !sizes_fit(key, aad, blob.size - AEAD_OVERHEAD))
                return error_set(-EBADMSG, "%zu bytes are no sealed blob", blob.size);
        r = secret_new(blob.size - AEAD_OVERHEAD, &plain);
        if (r == 0) r = begin(key, blob.data, aad, 0, &c);
        if (r < 0) return r;
        memcpy(tag, blob.data + blob.size - AEAD_TAG_SIZE, AEAD_TAG_SIZE);
        if (EVP_DecryptUpdate(c, plain->data, &n, blob.data + AEAD_NONCE_SIZE, (int)plain->size) != 1 ||
            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_SIZE, tag) != 1 ||
            EVP_DecryptFinal_ex(c, tag, &n) != 1) {
                ERR_clear_error();
                return error_set(-EBADMSG, "the sealed blob does not open with this key and context");
        }
        *ret = TAKE_PTR(plain);
        return 0;
}
