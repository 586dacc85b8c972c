/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Platform certificates. OpenSSL 3.0 has no type for attribute certificates (RFC 5755, 4.1), so one is taken apart
 * here; whatever is not needed for the decision is still read, so that no byte of it is of unknown meaning. */

#include "crypto/der.h"
#include "crypto/endorsement-internal.h"
#include "crypto/internal.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

DEFINE_CLEANUP(X509_NAME, X509_NAME_free)
DEFINE_CLEANUP(X509_ALGOR, X509_ALGOR_free)
#define cleanup_name _cleanup_(X509_NAME_freep)

enum { TIME_SIZE = 15 }; /* YYYYMMDDHHMMSSZ (RFC 5755, 4.2.6) */

/* Views of an attribute certificate; elements with their tag and length but for the serial number and times. */
typedef struct Attribute {
        Bytes signed_part, algorithm, signature;
        Bytes holder_issuer, holder_serial; /* the names and the number of the EK certificate */
        Bytes issuer;                       /* Name */
        Bytes not_before, not_after;
        const char *why; /* of what cannot be read, where there is more to say */
} Attribute;

/* ---- reading ---- */

static int unreadable(Attribute *a, const char *why)
{
        a->why = why;
        return -EBADMSG;
}

/* GeneralNames that are one directoryName: its Name. */
static int read_directory_name(Reader *r, Bytes *ret)
{
        Reader names, name;

        if (der_enter(r, DER_SEQUENCE, &names) < 0 || der_enter(&names, DER_CONTEXT(4), &name) < 0 ||
            der_whole(&name, DER_SEQUENCE, ret) < 0 || reader_finish(&name) < 0)
                return -EBADMSG;
        return reader_finish(&names);
}

/* Holder, with baseCertificateID [0] IssuerSerial; entityName [1] and objectDigestInfo [2] bind to nothing here.
 */
static int read_holder(Reader *r, Attribute *a)
{
        Reader holder, id;

        if (der_enter(r, DER_SEQUENCE, &holder) < 0) return -EBADMSG;
        if (!der_is(&holder, DER_CONTEXT(0)))
                return unreadable(a, "its holder is not named by issuer and serial number of a certificate");
        if (der_enter(&holder, DER_CONTEXT(0), &id) < 0 || read_directory_name(&id, &a->holder_issuer) < 0 ||
            der_next(&id, DER_INTEGER, &a->holder_serial) < 0 || der_skip_optional(&id, DER_BIT_STRING) < 0 ||
            reader_finish(&id) < 0)
                return -EBADMSG;
        if (der_skip_optional(&holder, DER_CONTEXT(1)) < 0 || der_skip_optional(&holder, DER_CONTEXT(2)) < 0)
                return -EBADMSG;
        return reader_finish(&holder);
}

/* AttCertIssuer: v2Form [0] with issuerName alone (RFC 5755, 4.2.3). */
static int read_issuer(Reader *r, Attribute *a)
{
        Reader form;

        if (der_enter(r, DER_CONTEXT(0), &form) < 0 || read_directory_name(&form, &a->issuer) < 0) return -EBADMSG;
        return reader_finish(&form);
}

static int read_time(Reader *r, Bytes *ret)
{
        if (der_next(r, DER_GENERALIZED_TIME, ret) < 0 || ret->size != TIME_SIZE ||
            ret->data[TIME_SIZE - 1] != 'Z')
                return -EBADMSG;
        for (size_t i = 0; i < TIME_SIZE - 1; i++)
                if (ret->data[i] < '0' || ret->data[i] > '9') return -EBADMSG;
        return 0;
}

static int read_validity(Reader *r, Attribute *a)
{
        Reader validity;

        if (der_enter(r, DER_SEQUENCE, &validity) < 0 || read_time(&validity, &a->not_before) < 0 ||
            read_time(&validity, &a->not_after) < 0)
                return -EBADMSG;
        return reader_finish(&validity);
}

/* Extensions: none of those that matter here is critical, so one that is cannot be honoured. */
static int read_extensions(Reader *r, Attribute *a)
{
        Reader list, extension;
        Bytes ignored, critical;

        if (!der_is(r, DER_SEQUENCE)) return 0;
        if (der_enter(r, DER_SEQUENCE, &list) < 0) return -EBADMSG;
        while (reader_left(&list) > 0) {
                if (der_enter(&list, DER_SEQUENCE, &extension) < 0 || der_next(&extension, DER_OID, &ignored) < 0)
                        return -EBADMSG;
                if (der_is(&extension, DER_BOOLEAN)) {
                        if (der_next(&extension, DER_BOOLEAN, &critical) < 0 || critical.size != 1)
                                return -EBADMSG;
                        if (critical.data[0])
                                return unreadable(a, "it has a critical extension that is not known here");
                }
                if (der_next(&extension, DER_OCTET_STRING, &ignored) < 0 || reader_finish(&extension) < 0)
                        return -EBADMSG;
        }
        return 0;
}

static int read_info(Reader *r, Attribute *a)
{
        Bytes version, algorithm, ignored;
        int q;

        if (der_next(r, DER_INTEGER, &version) < 0 || version.size != 1 || version.data[0] != 1) return -EBADMSG;
        q = read_holder(r, a);
        if (q == 0) q = read_issuer(r, a);
        if (q == 0) q = der_whole(r, DER_SEQUENCE, &algorithm);
        if (q == 0) q = der_next(r, DER_INTEGER, &ignored); /* its own serial number */
        if (q == 0) q = read_validity(r, a);
        if (q == 0) q = der_next(r, DER_SEQUENCE, &ignored); /* attributes */
        if (q == 0) q = der_skip_optional(r, DER_BIT_STRING);
        if (q == 0) q = read_extensions(r, a);
        if (q == 0) q = reader_finish(r);
        if (q < 0) return q;
        return bytes_equal(algorithm, a->algorithm) ? 0 : unreadable(a, "it names two signature algorithms");
}

static int read_attribute(Bytes der, Attribute *a)
{
        Reader all = READER_INIT(der), outer, info;
        Bytes bits;

        if (der_enter(&all, DER_SEQUENCE, &outer) < 0 || reader_finish(&all) < 0) return -EBADMSG;
        if (der_whole(&outer, DER_SEQUENCE, &a->signed_part) < 0 ||
            der_whole(&outer, DER_SEQUENCE, &a->algorithm) < 0 || der_next(&outer, DER_BIT_STRING, &bits) < 0 ||
            reader_finish(&outer) < 0)
                return -EBADMSG;
        if (bits.size < 1 || bits.data[0] != 0) return -EBADMSG; /* whole octets */
        a->signature = BYTES(bits.data + 1, bits.size - 1);
        all = READER_INIT(a->signed_part);
        if (der_enter(&all, DER_SEQUENCE, &info) < 0) return -EBADMSG;
        return read_info(&info, a);
}

/* ---- deciding ---- */

static X509_NAME *name_of(Bytes der)
{
        const unsigned char *at = der.data;
        X509_NAME *n = d2i_X509_NAME(NULL, &at, (long)der.size);

        if (!n) ERR_clear_error();
        return n;
}

/* "Platform certificate serial a constant": both issuer and number count, and the number's very octets. */
static int check_holder(const Attribute *a, const Certificate *ek)
{
        cleanup_name X509_NAME *issuer = name_of(a->holder_issuer);
        const ASN1_INTEGER *number;
        cleanup_free uint8_t *serial = NULL;
        size_t size;
        Bytes theirs;
        Reader r;
        int q;

        if (!ek)
                return error_set(ENDORSEMENT_E_OTHER_TPM,
                                 "it names an EK certificate, and the TPM showed none that is trusted");
        if (!issuer) return error_set(ENDORSEMENT_E_FORM, "its holder's issuer is no name");
        number = X509_get0_serialNumber(ek->x509);
        q = OPENSSL_DER(number, i2d_ASN1_INTEGER, &serial, &size);
        if (q < 0) return q;
        r = READER_INIT(BYTES(serial, size));
        q = der_next(&r, DER_INTEGER, &theirs);
        if (q < 0) return q;
        if (X509_NAME_cmp(issuer, X509_get_issuer_name(ek->x509)) == 0 && bytes_equal(theirs, a->holder_serial))
                return 0;
        return error_set(ENDORSEMENT_E_OTHER_TPM, "it was made for a TPM with another EK certificate");
}

static int check_dates(const Attribute *a, uint64_t now)
{
        const time_t t = (time_t)now;
        char text[TIME_SIZE + 1];
        struct tm tm;

        if (!gmtime_r(&t, &tm) || strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &tm) != TIME_SIZE)
                return error_set(-EINVAL, "a clock that tells no date");
        if (strncmp(text, (const char *)a->not_before.data, TIME_SIZE) < 0)
                return error_set(ENDORSEMENT_E_DATES, "it is not valid yet");
        if (strncmp(text, (const char *)a->not_after.data, TIME_SIZE) > 0)
                return error_set(ENDORSEMENT_E_DATES, "it is no longer valid");
        return 0;
}

static int signature_kind(Bytes algorithm, HashAlg *ret_hash, int *ret_key)
{
        static const struct {
                int nid;
                HashAlg alg;
        } hashes[] = { { NID_sha256, HASH_SHA256 }, { NID_sha384, HASH_SHA384 }, { NID_sha512, HASH_SHA512 } };
        const unsigned char *at = algorithm.data;
        _cleanup_(X509_ALGOR_freep) X509_ALGOR *a = d2i_X509_ALGOR(NULL, &at, (long)algorithm.size);
        const ASN1_OBJECT *oid = NULL;
        int md;

        if (a) X509_ALGOR_get0(&oid, NULL, NULL, a);
        if (!oid || OBJ_find_sigid_algs(OBJ_obj2nid(oid), &md, ret_key) != 1) {
                ERR_clear_error();
                return error_set(ENDORSEMENT_E_ISSUER, "it is signed in a way that is not known here");
        }
        for (size_t i = 0; i < ARRAY_SIZE(hashes); i++)
                if (hashes[i].nid == md) {
                        *ret_hash = hashes[i].alg;
                        return 0;
                }
        return error_set(ENDORSEMENT_E_ISSUER, "it is signed with a hash that is not taken");
}

/* 0 if this certificate's key signed it. */
static int verify_by(const Attribute *a, const Certificate *issuer)
{
        cleanup_public_key PublicKey *key = NULL;
        uint8_t digest[HASH_SIZE_MAX];
        HashAlg alg = HASH_SHA256;
        int r, kind = NID_undef;
        Bytes hashed;

        r = signature_kind(a->algorithm, &alg, &kind);
        if (r == 0) r = certificate_key(issuer, &key);
        if (r == 0) r = hash_bytes(alg, a->signed_part, digest);
        if (r != 0) return r;
        hashed = BYTES(digest, hash_size(alg));
        if (kind == NID_rsaEncryption) return public_key_verify_rsassa(key, alg, hashed, a->signature);
        if (kind == NID_X9_62_id_ecPublicKey) return public_key_verify_ecdsa_der(key, alg, hashed, a->signature);
        return -EBADMSG;
}

typedef struct IssuerSearch {
        const Attribute *attribute;
        const PlatformCheck *check;
        X509_NAME *name;
        char *root;
        int result; /* of the best candidate so far */
} IssuerSearch;

/* One that has the name, signed it, may sign, and is vouched for. That a root vouches for a certificate does not
 * say that it may issue platform certificates: the root's leaves are platforms, signers and who knows what. Who
 * may is said by the site, which has it in its set (RFC 5755, 4.5), or by the root, which made it a CA. */
static void try_issuer(const Certificate *c, bool is_given, void *userdata)
{
        const uint32_t signs = KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN;
        IssuerSearch *s = userdata;

        if (s->result == 0 || X509_NAME_cmp(X509_get_subject_name(c->x509), s->name) != 0) return;
        if (is_given && X509_check_ca(c->x509) != 1) return;
        if (!(X509_get_key_usage(c->x509) & signs) || verify_by(s->attribute, c) != 0) return;
        s->result = certificate_set_verify(s->check->set, c, s->check->given, s->root);
}

static int check_issuer(const Attribute *a, const PlatformCheck *p, char ret[static X509_SUBJECT_MAX])
{
        cleanup_name X509_NAME *name = name_of(a->issuer);
        IssuerSearch s = { .attribute = a, .check = p, .name = name, .root = ret, .result = ENDORSEMENT_E_ISSUER };

        if (!name) return error_set(ENDORSEMENT_E_FORM, "its issuer is no name");
        certificate_set_each(p->set, p->given, try_issuer, &s);
        if (s.result > 0) return error_set(ENDORSEMENT_E_ISSUER, "no known platform CA issued it");
        return s.result;
}

static int check_attribute(const PlatformCheck *p, char ret[static X509_SUBJECT_MAX])
{
        Attribute a = { 0 };
        int r;

        r = read_attribute(p->der, &a);
        if (r < 0)
                return error_set(ENDORSEMENT_E_FORM, "it cannot be read%s%s", a.why ? ": " : "",
                                 a.why ? a.why : "");
        r = check_holder(&a, p->ek_certificate);
        if (r == 0) r = check_issuer(&a, p, ret);
        return r == 0 ? check_dates(&a, p->now) : r;
}

/* A certificate of the EK's own key. */
static int check_public_key_form(const Certificate *c, const PlatformCheck *p, char ret[static X509_SUBJECT_MAX])
{
        /* tcg-kp-PlatformAttributeCertificate, tcg-kp-PlatformKeyCertificate */
        static const char *const platform[] = { "2.23.133.8.2", "2.23.133.8.4" };
        time_t now = (time_t)p->now;
        int r;

        r = endorsement_check_key(c, p->ek);
        if (r == ENDORSEMENT_E_KEY) return error_set(ENDORSEMENT_E_OTHER_TPM, "it is of another key than the EK");
        if (r == 0) r = endorsement_check_form(c);
        if (r == 0 && !(X509_get_extension_flags(c->x509) & EXFLAG_XKUSAGE))
                r = error_set(ENDORSEMENT_E_USE, "it does not say that it is a platform's");
        if (r == 0) r = endorsement_check_usage(c, platform, ARRAY_SIZE(platform));
        if (r == 0) r = certificate_set_verify(p->set, c, p->given, ret);
        if (r != 0) return r;
        if (X509_cmp_time(X509_get0_notBefore(c->x509), &now) != -1)
                return error_set(ENDORSEMENT_E_DATES, "it is not valid yet");
        if (X509_cmp_time(X509_get0_notAfter(c->x509), &now) != 1)
                return error_set(ENDORSEMENT_E_DATES, "it is no longer valid");
        return 0;
}

int platform_certificate_check(const PlatformCheck *p, char ret[static X509_SUBJECT_MAX])
{
        cleanup_certificate Certificate *c = NULL;
        char root[X509_SUBJECT_MAX];
        int r;

        if (p->der.size > X509_MAX) return error_set(ENDORSEMENT_E_FORM, "it has %zu bytes", p->der.size);
        r = certificate_new(p->der, &c);
        if (r == 0) r = check_public_key_form(c, p, root);
        else if (r == -EBADMSG) r = check_attribute(p, root);
        if (r == 0) (void)snprintf(ret, X509_SUBJECT_MAX, "%s", root);
        return r;
}
