/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* SpcIndirectDataContent ::= SEQUENCE { data SpcAttributeTypeAndOptionalValue, messageDigest DigestInfo } is
 * taken apart by hand, with ASN1_get_object: OpenSSL has no type for it, and PKCS7_verify wants the content
 * without its outermost tag. */

#include "crypto/authenticode.h"

#include "crypto/internal.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <string.h>

struct Authenticode {
        PKCS7 *p7;
        HashAlg alg;
        Bytes content; /* of SpcIndirectDataContent, without tag and length */
        Bytes digest;
};

DEFINE_CLEANUP(X509_STORE, X509_STORE_free)
DEFINE_CLEANUP(X509_ALGOR, X509_ALGOR_free)

void authenticode_free(Authenticode *a)
{
        if (!a) return;
        PKCS7_free(a->p7);
        free(a);
}

/* The content of the next element of this tag; the reader moves behind it. */
static int element(Reader *r, int wanted, Bytes *ret)
{
        const Bytes rest = reader_rest(r);
        const unsigned char *at = rest.data;
        long length;
        int tag, class;

        if (rest.size == 0) return -EBADMSG;
        /* 0x80 is an error; 0x01 is the indefinite length that DER has not. */
        if (ASN1_get_object(&at, &length, &tag, &class, (long)rest.size) & 0x81) {
                ERR_clear_error();
                return -EBADMSG;
        }
        if (tag != wanted || class != V_ASN1_UNIVERSAL) return -EBADMSG;
        *ret = BYTES(at, (size_t)length);
        return reader_skip(r, (size_t)(at - rest.data) + (size_t)length);
}

static int alg_of(const X509_ALGOR *algorithm, HashAlg *ret)
{
        static const struct {
                int nid;
                HashAlg alg;
        } known[] = { { NID_sha1, HASH_SHA1 },
                      { NID_sha256, HASH_SHA256 },
                      { NID_sha384, HASH_SHA384 },
                      { NID_sha512, HASH_SHA512 } };
        const ASN1_OBJECT *object;

        X509_ALGOR_get0(&object, NULL, NULL, algorithm);
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (OBJ_obj2nid(object) == known[i].nid) {
                        *ret = known[i].alg;
                        return 0;
                }
        return error_set(-EBADMSG, "Authenticode: an unknown digest algorithm");
}

/* DigestInfo ::= SEQUENCE { digestAlgorithm AlgorithmIdentifier, digest OCTET STRING } */
static int read_digest(Authenticode *a, Bytes info)
{
        _cleanup_(X509_ALGOR_freep) X509_ALGOR *algorithm = NULL;
        const unsigned char *at = info.data;
        Reader r = READER_INIT(info);
        int result;

        algorithm = d2i_X509_ALGOR(NULL, &at, (long)info.size);
        if (!algorithm) return openssl_fail(-EBADMSG, "Authenticode digest");
        result = alg_of(algorithm, &a->alg);
        if (result < 0) return result;
        if (reader_skip(&r, (size_t)(at - info.data)) < 0 || element(&r, V_ASN1_OCTET_STRING, &a->digest) < 0 ||
            reader_finish(&r) < 0 || a->digest.size != hash_size((unsigned)a->alg))
                return error_set(-EBADMSG, "Authenticode: the digest does not parse");
        return 0;
}

static int read_content(Authenticode *a)
{
        const ASN1_TYPE *other = a->p7->d.sign->contents->d.other;
        Bytes sequence = { 0 }, data = { 0 }, info = { 0 };
        Reader outer, inner;

        if (!other || other->type != V_ASN1_SEQUENCE) return error_set(-EBADMSG, "Authenticode: no content");
        sequence = BYTES(other->value.sequence->data, (size_t)other->value.sequence->length);
        outer = READER_INIT(sequence);
        if (element(&outer, V_ASN1_SEQUENCE, &a->content) < 0 || reader_finish(&outer) < 0)
                return error_set(-EBADMSG, "Authenticode: the content does not parse");
        inner = READER_INIT(a->content);
        if (element(&inner, V_ASN1_SEQUENCE, &data) < 0 || element(&inner, V_ASN1_SEQUENCE, &info) < 0 ||
            reader_finish(&inner) < 0)
                return error_set(-EBADMSG, "Authenticode: the content does not parse");
        return read_digest(a, info);
}

static bool is_indirect_data(const PKCS7 *p7)
{
        static const char spc_indirect_data[] = "1.3.6.1.4.1.311.2.1.4";
        char oid[64] = "";

        if (!PKCS7_type_is_signed(p7) || !p7->d.sign || !p7->d.sign->contents) return false;
        IGNORE_RESULT(OBJ_obj2txt(oid, sizeof(oid), p7->d.sign->contents->type, 1) > 0);
        return strcmp(oid, spc_indirect_data) == 0;
}

/* WIN_CERTIFICATE is padded to eight bytes with zeros. */
static bool is_padding(Bytes b)
{
        for (size_t i = 0; i < b.size; i++)
                if (b.data[i] != 0) return false;
        return b.size < 8;
}

int authenticode_new(Bytes pkcs7, Authenticode **ret)
{
        cleanup_authenticode Authenticode *a = calloc(1, sizeof(*a));
        const unsigned char *at = pkcs7.data;
        int r;

        if (!a) return -ENOMEM;
        if (pkcs7.size == 0 || pkcs7.size > AUTHENTICODE_MAX)
                return error_set(-EBADMSG, "%zu bytes are no Authenticode signature", pkcs7.size);
        a->p7 = d2i_PKCS7(NULL, &at, (long)pkcs7.size);
        if (!a->p7) return openssl_fail(-EBADMSG, "Authenticode");
        if (!is_padding(BYTES(at, pkcs7.size - (size_t)(at - pkcs7.data))))
                return error_set(-EBADMSG, "Authenticode: bytes behind the signature");
        if (!is_indirect_data(a->p7)) return error_set(-EBADMSG, "a signature that is not Authenticode");
        r = read_content(a);
        if (r < 0) return r;
        *ret = TAKE_PTR(a);
        return 0;
}

HashAlg authenticode_alg(const Authenticode *a)
{
        return a->alg;
}

Bytes authenticode_digest(const Authenticode *a)
{
        return a->digest;
}

int authenticode_signer(const Authenticode *a, char ret[static X509_SUBJECT_MAX])
{
        STACK_OF(X509) *signers = PKCS7_get0_signers(a->p7, NULL, 0);
        Certificate c = { 0 };
        int r;

        if (!signers || sk_X509_num(signers) == 0) {
                sk_X509_free(signers);
                return openssl_fail(-EBADMSG, "Authenticode signer");
        }
        c.x509 = sk_X509_value(signers, 0);
        r = certificate_subject(&c, ret);
        sk_X509_free(signers);
        return r;
}

/* A store that trusts this certificate alone, at any place of a chain, at any time and for any purpose. */
static X509_STORE *store_of(const Certificate *trusted)
{
        X509_STORE *store = X509_STORE_new();

        if (!store) return NULL;
        if (X509_STORE_add_cert(store, trusted->x509) == 1 &&
            X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME) == 1 &&
            X509_STORE_set_purpose(store, X509_PURPOSE_ANY) == 1)
                return store;
        X509_STORE_free(store);
        return NULL;
}

int authenticode_verify(const Authenticode *a, Bytes trusted)
{
        _cleanup_(X509_STORE_freep) X509_STORE *store = NULL;
        cleanup_certificate Certificate *anchor = NULL;
        cleanup_bio BIO *content = NULL;
        int r;

        r = certificate_new(trusted, &anchor);
        if (r < 0) return r;
        store = store_of(anchor);
        content = BIO_new_mem_buf(a->content.data, (int)a->content.size);
        if (!store || !content) return openssl_fail(-ENOMEM, "Authenticode");
        if (PKCS7_verify(a->p7, NULL, store, content, NULL, PKCS7_BINARY) != 1) {
                ERR_clear_error();
                return error_set(-EBADMSG, "not signed by a key of this certificate");
        }
        return 0;
}
