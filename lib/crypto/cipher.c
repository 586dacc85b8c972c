/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/cipher.h"

#include "crypto/internal.h"

#include <limits.h>

static const EVP_CIPHER *cfb_of(size_t key_size)
{
        switch (key_size) {
        case 16: return EVP_aes_128_cfb128();
        case 24: return EVP_aes_192_cfb128();
        case 32: return EVP_aes_256_cfb128();
        default: return NULL;
        }
}

static int cfb(Bytes key, Bytes in, int encrypt, uint8_t *ret)
{
        static const uint8_t iv[16];
        cleanup_cipher_context EVP_CIPHER_CTX *c = NULL;
        const EVP_CIPHER *cipher = cfb_of(key.size);
        int n;

        if (!cipher || in.size > INT_MAX) return error_set(-EINVAL, "no AES key of %zu bytes", key.size);
        c = EVP_CIPHER_CTX_new();
        if (!c) return -ENOMEM;
        if (EVP_CipherInit_ex2(c, cipher, key.data, iv, encrypt, NULL) != 1) return openssl_fail(-EIO, "AES-CFB");
        if (in.size > 0 && EVP_CipherUpdate(c, ret, &n, in.data, (int)in.size) != 1)
                return openssl_fail(-EIO, "AES-CFB");
        return 0;
}

int cipher_cfb_encrypt(Bytes key, Bytes in, uint8_t *ret)
{
        return cfb(key, in, 1, ret);
}

int cipher_cfb_decrypt(Bytes key, Bytes in, uint8_t *ret)
{
        return cfb(key, in, 0, ret);
}
