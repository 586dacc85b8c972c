/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* PEM (RFC 7468), the textual form in which keys and certificates lie in files. Written and read here rather than
 * by the crypto library, so that a private key passes through Secrets alone. */

#include "base/secret.h"
#include "base/writer.h"

enum {
        PEM_E_END = 1,        /* no block of that label, or not so many */
        PEM_SIZE_MAX = 49152, /* of the content; its text fits a Secret */
};

/* Appends one block: 64 characters a line. */
void pem_encode(Writer *w, const char *label, Bytes content);
/* The same as a Secret. -EMSGSIZE above PEM_SIZE_MAX, -EINVAL where empty. */
_must_check_ int pem_encode_secret(const char *label, Bytes content, Secret **ret);

/* Content of the index-th block of that label; text between blocks is skipped. PEM_E_END; -EBADMSG for a block
 * that is malformed or has headers. The caller frees *ret. */
_must_check_ int pem_decode(Bytes text, const char *label, size_t index, uint8_t **ret, size_t *ret_size);
/* Base64 as JSON carries it, without a label: 1..room bytes; -EBADMSG, -EMSGSIZE. */
_must_check_ int pem_decode_base64(Bytes text, uint8_t *ret, size_t room, size_t *ret_size);
/* The first block of that label, which must be there: -EBADMSG. */
_must_check_ int pem_decode_secret(Bytes text, const char *label, Secret **ret);
