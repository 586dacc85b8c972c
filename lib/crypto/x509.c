/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Making certificates. Extensions are built as structures, never from OpenSSL's configuration strings, in which
 * an address with a comma would become a second one. */

#include "crypto/x509.h"

#include "crypto/internal.h"

#include <openssl/x509v3.h>
#include <string.h>

DEFINE_CLEANUP(BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free)
DEFINE_CLEANUP(ASN1_BIT_STRING, ASN1_BIT_STRING_free)
DEFINE_CLEANUP(ASN1_OCTET_STRING, ASN1_OCTET_STRING_free)
DEFINE_CLEANUP(AUTHORITY_KEYID, AUTHORITY_KEYID_free)
DEFINE_CLEANUP(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)
DEFINE_CLEANUP(GENERAL_NAMES, GENERAL_NAMES_free)
DEFINE_CLEANUP(GENERAL_NAME, GENERAL_NAME_free)

/* Bits of KeyUsage (RFC 5280 4.2.1.3), as positions in the BIT STRING. */
enum { USAGE_DIGITAL_SIGNATURE = 0, USAGE_KEY_ENCIPHERMENT = 2, USAGE_CERT_SIGN = 5 };

static int add(X509 *x, int nid, void *value, bool critical)
{
        if (X509_add1_ext_i2d(x, nid, value, critical ? 1 : 0, 0) != 1)
                return openssl_fail(-EIO, "certificate extension");
        return 0;
}

static int add_constraints(X509 *x, bool ca)
{
        _cleanup_(BASIC_CONSTRAINTS_freep) BASIC_CONSTRAINTS *b = BASIC_CONSTRAINTS_new();

        if (!b) return -ENOMEM;
        b->ca = ca ? 0xff : 0;
        if (ca) {
                b->pathlen = ASN1_INTEGER_new();
                if (!b->pathlen || ASN1_INTEGER_set(b->pathlen, 0) != 1) return -ENOMEM;
        }
        return add(x, NID_basic_constraints, b, true);
}

static int add_usage(X509 *x, int bit)
{
        _cleanup_(ASN1_BIT_STRING_freep) ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();

        if (!usage || ASN1_BIT_STRING_set_bit(usage, bit, 1) != 1) return -ENOMEM;
        return add(x, NID_key_usage, usage, true);
}

static int add_extended_usage(X509 *x, unsigned uses)
{
        _cleanup_(EXTENDED_KEY_USAGE_freep) EXTENDED_KEY_USAGE *list = EXTENDED_KEY_USAGE_new();

        if (!list) return -ENOMEM;
        if (uses & X509_USE_SERVER && sk_ASN1_OBJECT_push(list, OBJ_nid2obj(NID_server_auth)) <= 0) return -ENOMEM;
        if (uses & X509_USE_CLIENT && sk_ASN1_OBJECT_push(list, OBJ_nid2obj(NID_client_auth)) <= 0) return -ENOMEM;
        return add(x, NID_ext_key_usage, list, false);
}

/* A key identifier as RFC 7093 method 1 has it: the first 160 bits of a SHA-256 of the key. */
static int key_identifier(const X509 *x, ASN1_OCTET_STRING **ret)
{
        uint8_t digest[SHA256_SIZE];
        const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);
        _cleanup_(ASN1_OCTET_STRING_freep) ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
        int r;

        if (!bits || !id) return -ENOMEM;
        r = hash_sha256(BYTES(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits)), digest);
        if (r < 0) return r;
        if (ASN1_OCTET_STRING_set(id, digest, 20) != 1) return -ENOMEM;
        *ret = TAKE_PTR(id);
        return 0;
}

/* Subject and authority key identifiers (RFC 5280 4.2.1.1, 4.2.1.2). */
static int add_identifiers(X509 *x, const X509 *issuer)
{
        _cleanup_(ASN1_OCTET_STRING_freep) ASN1_OCTET_STRING *id = NULL;
        _cleanup_(AUTHORITY_KEYID_freep) AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
        int r;

        if (!authority) return -ENOMEM;
        r = key_identifier(x, &id);
        if (r == 0) r = key_identifier(issuer, &authority->keyid);
        if (r == 0) r = add(x, NID_subject_key_identifier, id, false);
        if (r == 0) r = add(x, NID_authority_key_identifier, authority, false);
        return r;
}

static bool is_dns_name(const char *s)
{
        const size_t n = strlen(s);

        if (n == 0 || n > 253 || s[0] == '.' || s[0] == '-') return false;
        return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == n;
}

static int general_name(const char *san, GENERAL_NAME **ret)
{
        _cleanup_(GENERAL_NAME_freep) GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_OCTET_STRING *ip = a2i_IPADDRESS(san);
        ASN1_IA5STRING *dns = NULL;

        ERR_clear_error();
        if (!name) return -ENOMEM;
        if (ip) GENERAL_NAME_set0_value(name, GEN_IPADD, ip);
        else if (!is_dns_name(san)) return error_set(-EINVAL, "'%.64s' is neither an address nor a DNS name", san);
        else {
                dns = ASN1_IA5STRING_new();
                if (!dns || ASN1_STRING_set(dns, san, -1) != 1) return -ENOMEM;
                GENERAL_NAME_set0_value(name, GEN_DNS, dns);
        }
        *ret = TAKE_PTR(name);
        return 0;
}

static int add_sans(X509 *x, const char *const *sans, size_t n)
{
        _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *list = GENERAL_NAMES_new();

        if (!list) return -ENOMEM;
        if (n == 0) return 0;
        for (size_t i = 0; i < n; i++) {
                GENERAL_NAME *name = NULL;
                const int r = general_name(sans[i], &name);

                if (r < 0) return r;
                if (sk_GENERAL_NAME_push(list, name) <= 0) {
                        GENERAL_NAME_free(name);
                        return -ENOMEM;
                }
        }
        return add(x, NID_subject_alt_name, list, false);
}

static int set_serial(X509 *x)
{
        cleanup_bignum BIGNUM *n = NULL;
        uint8_t serial[16];
        int r;

        r = random_bytes(serial, sizeof(serial));
        if (r < 0) return r;
        serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, and always of one length */
        n = BN_bin2bn(serial, sizeof(serial), NULL);
        if (!n || !BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x))) return -ENOMEM;
        return 0;
}

static int set_validity(X509 *x)
{
        if (ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "19700101000000Z") != 1 ||
            ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z") != 1)
                return openssl_fail(-EIO, "certificate validity");
        return 0;
}

static int set_subject(X509 *x, const char *name)
{
        const size_t n = strlen(name);

        if (n == 0 || n > X509_NAME_MAX) return error_set(-EINVAL, "a certificate name of %zu characters", n);
        for (size_t i = 0; i < n; i++)
                if (name[i] < 0x20 || name[i] > 0x7e)
                        return error_set(-EINVAL, "a certificate name with unprintable characters");
        if (X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_ASC,
                                       (const unsigned char *)name, (int)n, -1, 0) != 1)
                return openssl_fail(-EIO, "certificate name");
        return 0;
}

/* Everything but extensions and signature. */
static int begin(const char *name, EVP_PKEY *key, X509 **ret)
{
        cleanup_x509 X509 *x = X509_new();
        int r;

        if (!x) return -ENOMEM;
        if (X509_set_version(x, X509_VERSION_3) != 1 || X509_set_pubkey(x, key) != 1)
                return openssl_fail(-EIO, "certificate");
        r = set_serial(x);
        if (r == 0) r = set_validity(x);
        if (r == 0) r = set_subject(x, name);
        if (r < 0) return r;
        *ret = TAKE_PTR(x);
        return 0;
}

/* Names the issuer (x itself, or a CA), signs, and writes DER. */
static int finish(X509 *x, const X509 *issuer, const PrivateKey *key, uint8_t **ret, size_t *ret_size)
{
        int r;

        if (X509_set_issuer_name(x, X509_get_subject_name(issuer)) != 1) return openssl_fail(-EIO, "certificate");
        r = add_identifiers(x, issuer);
        if (r < 0) return r;
        if (X509_sign(x, key->pkey, EVP_sha256()) <= 0) return openssl_fail(-EIO, "signing a certificate");
        return OPENSSL_DER(x, i2d_X509, ret, ret_size);
}

int x509_make_ca(const PrivateKey *key, const char *name, uint8_t **ret, size_t *ret_size)
{
        cleanup_x509 X509 *x = NULL;
        int r;

        r = begin(name, key->pkey, &x);
        if (r == 0) r = add_constraints(x, true);
        if (r == 0) r = add_usage(x, USAGE_CERT_SIGN);
        return r < 0 ? r : finish(x, x, key, ret, ret_size);
}

int x509_make_recovery(const PrivateKey *key, const char *name, uint8_t **ret, size_t *ret_size)
{
        cleanup_x509 X509 *x = NULL;
        int r;

        if (key->type != KEY_RSA || key->bits < 3072)
                return error_set(-EINVAL, "recovery keys are RSA of 3072 bits or more");
        r = begin(name, key->pkey, &x);
        if (r == 0) r = add_constraints(x, false);
        if (r == 0) r = add_usage(x, USAGE_KEY_ENCIPHERMENT);
        return r < 0 ? r : finish(x, x, key, ret, ret_size);
}

static int check_request(const PrivateKey *ca_key, const Certificate *ca, const X509Leaf *leaf)
{
        if (leaf->n_sans > X509_SANS_MAX) return error_set(-EINVAL, "more than %d addresses", X509_SANS_MAX);
        if ((leaf->uses & (X509_USE_SERVER | X509_USE_CLIENT)) == 0)
                return error_set(-EINVAL, "a certificate without a use");
        if (X509_check_private_key(ca->x509, ca_key->pkey) != 1) {
                ERR_clear_error();
                return error_set(-EINVAL, "the CA's certificate and key do not belong together");
        }
        return 0;
}

int x509_make_leaf(const PrivateKey *ca_key, Bytes ca, const X509Leaf *leaf, uint8_t **ret, size_t *ret_size)
{
        cleanup_certificate Certificate *issuer = NULL;
        cleanup_x509 X509 *x = NULL;
        int r;

        r = certificate_new(ca, &issuer);
        if (r == 0) r = check_request(ca_key, issuer, leaf);
        if (r == 0) r = begin(leaf->name, leaf->key->pkey, &x);
        if (r == 0) r = add_constraints(x, false);
        if (r == 0) r = add_usage(x, USAGE_DIGITAL_SIGNATURE);
        if (r == 0) r = add_extended_usage(x, leaf->uses);
        if (r == 0) r = add_sans(x, leaf->sans, leaf->n_sans);
        return r < 0 ? r : finish(x, issuer->x509, ca_key, ret, ret_size);
}
