/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates and private keys out of memory, PEM or DER. Nothing is read from a file and nobody is ever
 * asked for a password. */

#include "rpc/identity.h"

#include "base/error.h"
#include "rpc/pin.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

enum {
        CHAIN_CERTIFICATES_MAX = 8, /* a leaf and the CA that was pinned; room for cross-signed ones */
        CHAIN_BYTES_MAX = 65536,
};

static inline void bio_freep(BIO **b)
{
        BIO_free(*b);
}
#define cleanup_bio _cleanup_(bio_freep)

static inline void x509_freep(X509 **x)
{
        X509_free(*x);
}
#define cleanup_x509 _cleanup_(x509_freep)

static int no_password(char *buffer, int size, int writing, void *userdata)
{
        (void)buffer, (void)size, (void)writing, (void)userdata;
        return -1;
}

static bool is_pem(Bytes b)
{
        return b.size > 0 && memmem(b.data, b.size, "-----BEGIN ", 11) != NULL;
}

static int parse_der_certificate(Bytes b, X509 **ret)
{
        const uint8_t *p = b.data;
        X509 *x = d2i_X509(NULL, &p, (long)b.size);

        if (x && p == b.data + b.size) {
                *ret = x;
                return 0;
        }
        X509_free(x);
        ERR_clear_error();
        return error_set(-EBADMSG, "not one certificate in DER");
}

static int push(RpcIdentity *i, X509 *x)
{
        if (!i->leaf) {
                i->leaf = x;
                return 0;
        }
        if (sk_X509_num(i->others) >= CHAIN_CERTIFICATES_MAX - 1 || sk_X509_push(i->others, x) <= 0) {
                X509_free(x);
                return error_set(-EBADMSG, "more than %d certificates in a chain", CHAIN_CERTIFICATES_MAX);
        }
        return 0;
}

static int parse_chain(RpcIdentity *i, Bytes b)
{
        cleanup_bio BIO *bio = NULL;
        X509 *x = NULL;
        int r;

        if (b.size == 0 || b.size > CHAIN_BYTES_MAX) return error_set(-EBADMSG, "a chain of %zu bytes", b.size);
        if (!is_pem(b)) return parse_der_certificate(b, &i->leaf);
        bio = BIO_new_mem_buf(b.data, (int)b.size);
        if (!bio) return -ENOMEM;
        while ((x = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
                r = push(i, x);
                if (r < 0) return r;
        }
        /* The end of a PEM file is an error to OpenSSL; anything else is one to us. */
        r = ERR_GET_REASON(ERR_peek_last_error());
        ERR_clear_error();
        if (!i->leaf || r != PEM_R_NO_START_LINE)
                return error_set(-EBADMSG, "a certificate in PEM does not parse");
        return 0;
}

static int parse_key(const Secret *key, EVP_PKEY **ret)
{
        const uint8_t *p = key->data;
        EVP_PKEY *k;

        if (is_pem(secret_bytes(key))) {
                cleanup_bio BIO *bio = BIO_new_mem_buf(key->data, (int)key->size);

                if (!bio) return -ENOMEM;
                k = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
        } else {
                k = d2i_AutoPrivateKey(NULL, &p, (long)key->size);
        }
        ERR_clear_error();
        if (!k) return error_set(-EBADMSG, "the private key does not parse");
        *ret = k;
        return 0;
}

int rpc_identity_new(Bytes chain, const Secret *key, RpcIdentity **ret)
{
        cleanup_rpc_identity RpcIdentity *i = calloc(1, sizeof(*i));
        int r;

        if (!i) return -ENOMEM;
        i->others = sk_X509_new_null();
        if (!i->others) return -ENOMEM;
        ERR_clear_error();
        r = parse_chain(i, chain);
        if (r < 0) return r;
        r = parse_key(key, &i->key);
        if (r < 0) return r;
        if (X509_check_private_key(i->leaf, i->key) != 1) {
                ERR_clear_error();
                return error_set(-EBADMSG, "the private key is not the first certificate's");
        }
        *ret = TAKE_PTR(i);
        return 0;
}

void rpc_identity_free(RpcIdentity *i)
{
        if (!i) return;
        X509_free(i->leaf);
        sk_X509_pop_free(i->others, X509_free);
        EVP_PKEY_free(i->key);
        free(i);
}

int rpc_pin_from_certificate(Bytes certificate, RpcPin *ret)
{
        cleanup_x509 X509 *x = NULL;
        cleanup_bio BIO *bio = NULL;
        RpcPin pin;
        int r;

        ERR_clear_error();
        if (certificate.size == 0 || certificate.size > CHAIN_BYTES_MAX)
                return error_set(-EBADMSG, "a certificate of %zu bytes", certificate.size);
        if (is_pem(certificate)) {
                bio = BIO_new_mem_buf(certificate.data, (int)certificate.size);
                if (!bio) return -ENOMEM;
                x = PEM_read_bio_X509(bio, NULL, no_password, NULL);
                ERR_clear_error();
                if (!x) return error_set(-EBADMSG, "a certificate in PEM does not parse");
        } else {
                r = parse_der_certificate(certificate, &x);
                if (r < 0) return r;
        }
        r = rpc_pin_of(x, &pin);
        if (r == 0) *ret = pin;
        return r;
}
