/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading certificates: the parts halfkey asks for, and nothing decided by dates or names. */

#include "crypto/internal.h"
#include "crypto/x509.h"

#include <openssl/x509v3.h>
#include <string.h>

void certificate_free(Certificate *c)
{
        if (!c) return;
        X509_free(c->x509);
        free(c);
}

int certificate_new(Bytes der, Certificate **ret)
{
        cleanup_certificate Certificate *c = calloc(1, sizeof(*c));
        const unsigned char *at = der.data;

        if (!c) return -ENOMEM;
        if (der.size == 0 || der.size > X509_MAX)
                return error_set(-EBADMSG, "%zu bytes are no certificate", der.size);
        c->x509 = d2i_X509(NULL, &at, (long)der.size);
        if (!c->x509) return openssl_fail(-EBADMSG, "certificate");
        if (at != der.data + der.size) return error_set(-EBADMSG, "bytes behind the certificate");
        *ret = TAKE_PTR(c);
        return 0;
}

int certificate_spki(const Certificate *c, uint8_t **ret, size_t *ret_size)
{
        return OPENSSL_DER(X509_get_X509_PUBKEY(c->x509), i2d_X509_PUBKEY, ret, ret_size);
}

int certificate_pin(const Certificate *c, uint8_t ret[static SHA256_SIZE])
{
        cleanup_free uint8_t *spki = NULL;
        size_t size;
        int r;

        r = certificate_spki(c, &spki, &size);
        return r < 0 ? r : hash_sha256(BYTES(spki, size), ret);
}

int certificate_key(const Certificate *c, PublicKey **ret)
{
        cleanup_free uint8_t *spki = NULL;
        size_t size;
        int r;

        r = certificate_spki(c, &spki, &size);
        return r < 0 ? r : public_key_new_spki(BYTES(spki, size), ret);
}

static int print_name(const X509_NAME *name, char ret[static X509_SUBJECT_MAX])
{
        cleanup_bio BIO *out = BIO_new(BIO_s_mem());
        const char *text;
        long size;

        if (!out) return -ENOMEM;
        if (X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253) < 0)
                return openssl_fail(-EBADMSG, "certificate subject");
        size = MIN(BIO_get_mem_data(out, &text), (long)X509_SUBJECT_MAX - 1);
        for (long i = 0; i < size; i++) ret[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
        ret[size < 0 ? 0 : size] = '\0';
        return 0;
}

int certificate_subject(const Certificate *c, char ret[static X509_SUBJECT_MAX])
{
        return print_name(X509_get_subject_name(c->x509), ret);
}

/* Takes the next element off the front, which must be of this kind: a universal tag, or a context's with its bit.
 */
static bool take(Bytes *from, int wanted, Bytes *ret_content, Bytes *ret_whole)
{
        const unsigned char *at = from->data;
        int tag = 0, class = 0;
        long size = 0;

        if (from->size == 0 || from->size > X509_MAX) return false;
        /* 0x80 is an error, 1 an element without a length. */
        if (ASN1_get_object(&at, &size, &tag, &class, (long)from->size) & 0x81) return false;
        if ((tag | class) != wanted) return false;
        *ret_content = BYTES(at, (size_t)size);
        *ret_whole = BYTES(from->data, (size_t)(at - from->data) + (size_t)size);
        *from = BYTES(at + size, from->size - ret_whole->size);
        return true;
}

int x509_subject(Bytes der, char ret[static X509_SUBJECT_MAX])
{
        /* Certificate and tbsCertificate; then version (optional), serial, signature, issuer, validity, subject
         * (RFC 5280 4.1). */
        static const int before[] = { V_ASN1_INTEGER, V_ASN1_SEQUENCE, V_ASN1_SEQUENCE, V_ASN1_SEQUENCE };
        Bytes rest = der, body, fields, skipped, whole = { 0 };
        const unsigned char *at;
        X509_NAME *name;
        bool ok;
        int r;

        ok = take(&rest, V_ASN1_SEQUENCE, &body, &whole) && rest.size == 0 &&
             take(&body, V_ASN1_SEQUENCE, &fields, &whole);
        if (ok) IGNORE_RESULT(take(&fields, V_ASN1_CONTEXT_SPECIFIC, &skipped, &whole));
        for (size_t i = 0; i < ARRAY_SIZE(before) && ok; i++) ok = take(&fields, before[i], &skipped, &whole);
        ok = ok && take(&fields, V_ASN1_SEQUENCE, &skipped, &whole);
        ERR_clear_error();
        if (!ok) return error_set(-EBADMSG, "a certificate without a subject");
        at = whole.data;
        name = d2i_X509_NAME(NULL, &at, (long)whole.size);
        if (!name) return openssl_fail(-EBADMSG, "certificate subject");
        r = print_name(name, ret);
        X509_NAME_free(name);
        return r;
}

/* SHA-1 and older can be forged, and X509_verify would take them. */
static int check_signature_hash(const Certificate *c)
{
        int md;

        if (X509_get_signature_info(c->x509, &md, NULL, NULL, NULL) != 1)
                return openssl_fail(-EBADMSG, "certificate signature");
        if (md != NID_sha256 && md != NID_sha384 && md != NID_sha512)
                return error_set(-EBADMSG, "a certificate signed with %s", OBJ_nid2ln(md));
        return 0;
}

int certificate_verify(const Certificate *c, const PublicKey *issuer)
{
        int r;

        r = check_signature_hash(c);
        if (r < 0) return r;
        if (X509_verify(c->x509, issuer->pkey) != 1) {
                ERR_clear_error();
                return error_set(-EBADMSG, "the certificate was not signed by this key");
        }
        return 0;
}

int certificate_check_leaf(const Certificate *c, unsigned uses)
{
        const uint32_t flags = X509_get_extension_flags(c->x509);
        uint32_t wanted = 0, listed;

        if (uses & X509_USE_SERVER) wanted |= XKU_SSL_SERVER;
        if (uses & X509_USE_CLIENT) wanted |= XKU_SSL_CLIENT;
        if (flags & (EXFLAG_INVALID | EXFLAG_CRITICAL))
                return error_set(-EBADMSG, "a certificate with extensions that cannot be honoured");
        if (flags & EXFLAG_CA) return error_set(-EBADMSG, "a CA certificate in place of a leaf");
        listed = flags & EXFLAG_XKUSAGE ? X509_get_extended_key_usage(c->x509) : 0;
        if (wanted == 0 || (listed & wanted) != wanted)
                return error_set(-EBADMSG, "a certificate that is not for this use");
        return 0;
}
