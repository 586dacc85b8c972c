/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* CMS AuthEnvelopedData (RFC 5083, RFC 5084 AES-256-GCM), DER: a secret encrypted to certificates, so that any
 * one of the private keys opens it. RSA recipients by RSAES-OAEP with SHA-256 (RFC 3560), EC recipients by
 * ephemeral-static ECDH (RFC 5753). `openssl cms -decrypt -inform DER` reads it. */

#include "base/secret.h"
#include "crypto/key.h"

enum {
        CMS_MAX = 65536, /* a message */
        CMS_RECIPIENTS_MAX = 16,
        CMS_CONTENT_MAX = 4096, /* recovery keys are under 100 bytes */
};

/* `certificates` are DER, 1..CMS_RECIPIENTS_MAX. -EBADMSG for one that does not parse or whose key is not of a
 * kind key.h takes; -EINVAL for no recipient, or a content that is empty or above CMS_CONTENT_MAX. The caller
 * frees *ret. */
_must_check_ int cms_encrypt(const Bytes *certificates, size_t n_certificates, Bytes content, uint8_t **ret,
                             size_t *ret_size);

/* Opens AuthEnvelopedData and, for what other tools made, EnvelopedData. -EBADMSG for a message that does not
 * parse, is not for this certificate, or was changed. */
_must_check_ int cms_decrypt(Bytes message, Bytes certificate, const PrivateKey *key, Secret **ret);
