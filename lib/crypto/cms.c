/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/cms.h"

#include "crypto/internal.h"

#include <openssl/cms.h>
#include <openssl/rsa.h>
#include <string.h>

DEFINE_CLEANUP(CMS_ContentInfo, CMS_ContentInfo_free)
#define cleanup_cms _cleanup_(CMS_ContentInfo_freep)

static int add_recipient(CMS_ContentInfo *cms, Bytes der)
{
        cleanup_certificate Certificate *c = NULL;
        cleanup_public_key PublicKey *key = NULL;
        CMS_RecipientInfo *recipient;
        EVP_PKEY_CTX *context;
        int r;

        r = certificate_new(der, &c);
        if (r == 0) r = certificate_key(c, &key);
        if (r < 0) return r;
        recipient = CMS_add1_recipient_cert(cms, c->x509, CMS_KEY_PARAM);
        if (!recipient) return openssl_fail(-EIO, "CMS recipient");
        if (public_key_type(key) != KEY_RSA) return 0;
        context = CMS_RecipientInfo_get0_pkey_ctx(recipient);
        return context ? openssl_oaep(context, HASH_SHA256, BYTES(NULL, 0)) : openssl_fail(-EIO, "CMS recipient");
}

int cms_encrypt(const Bytes *certificates, size_t n_certificates, Bytes content, uint8_t **ret, size_t *ret_size)
{
        cleanup_cms CMS_ContentInfo *cms = NULL;
        cleanup_bio BIO *in = NULL;

        if (n_certificates == 0 || n_certificates > CMS_RECIPIENTS_MAX)
                return error_set(-EINVAL, "%zu recipients", n_certificates);
        if (content.size == 0 || content.size > CMS_CONTENT_MAX)
                return error_set(-EINVAL, "%zu bytes to encrypt", content.size);
        cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());
        in = BIO_new_mem_buf(content.data, (int)content.size);
        if (!cms || !in) return -ENOMEM;
        for (size_t i = 0; i < n_certificates; i++) {
                const int r = add_recipient(cms, certificates[i]);

                if (r < 0) return r;
        }
        if (CMS_set_detached(cms, 0) != 1 || CMS_final(cms, in, NULL, CMS_BINARY) != 1)
                return openssl_fail(-EIO, "CMS");
        return OPENSSL_DER(cms, i2d_CMS_ContentInfo, ret, ret_size);
}

static int parse(Bytes message, CMS_ContentInfo **ret)
{
        cleanup_cms CMS_ContentInfo *cms = NULL;
        const unsigned char *at = message.data;

        if (message.size == 0 || message.size > CMS_MAX)
                return error_set(-EBADMSG, "%zu bytes are no CMS message", message.size);
        cms = d2i_CMS_ContentInfo(NULL, &at, (long)message.size);
        if (!cms) return openssl_fail(-EBADMSG, "CMS");
        if (at != message.data + message.size) return error_set(-EBADMSG, "bytes behind the CMS message");
        *ret = TAKE_PTR(cms);
        return 0;
}

int cms_decrypt(Bytes message, Bytes certificate, const PrivateKey *key, Secret **ret)
{
        cleanup_cms CMS_ContentInfo *cms = NULL;
        cleanup_certificate Certificate *c = NULL;
        cleanup_bio BIO *out = BIO_new(BIO_s_mem()); /* wiped when freed */
        char *plain;
        long size;
        int r;

        if (!out) return -ENOMEM;
        r = parse(message, &cms);
        if (r == 0) r = certificate_new(certificate, &c);
        if (r < 0) return r;
        if (CMS_decrypt(cms, key->pkey, c->x509, NULL, out, CMS_BINARY) != 1)
                return openssl_fail(-EBADMSG, "the message does not open with this key");
        size = BIO_get_mem_data(out, &plain);
        if (size <= 0 || size > SECRET_MAX) return error_set(-EBADMSG, "a message of %ld bytes", size);
        return secret_new_copy(BYTES(plain, (size_t)size), ret);
}
