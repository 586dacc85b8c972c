/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "maker.h"

#include "check.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

enum { DAY_S = 86400 };

static EVP_PKEY *new_key(void)
{
        EVP_PKEY *k = EVP_EC_gen("P-256");

        CHECK(k);
        return k;
}

static void add(X509 *x, int nid, void *value, int critical)
{
        CHECK(X509_add1_ext_i2d(x, nid, value, critical, 0) == 1);
}

static void add_constraints(X509 *x, const MakerSpec *s)
{
        BASIC_CONSTRAINTS *b = BASIC_CONSTRAINTS_new();

        b->ca = s->ca ? 0xff : 0;
        if (s->ca && s->path_length >= 0) {
                b->pathlen = ASN1_INTEGER_new();
                CHECK(ASN1_INTEGER_set(b->pathlen, s->path_length) == 1);
        }
        add(x, NID_basic_constraints, b, 1);
        BASIC_CONSTRAINTS_free(b);
}

static void add_usages(X509 *x, const MakerSpec *s)
{
        ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
        EXTENDED_KEY_USAGE *list = EXTENDED_KEY_USAGE_new();

        for (int i = 0; i < 8; i++)
                if (s->bits & (0x80u >> i)) CHECK(ASN1_BIT_STRING_set_bit(bits, i, 1) == 1);
        if (s->bits) add(x, NID_key_usage, bits, 1);
        if (s->usage) {
                CHECK(sk_ASN1_OBJECT_push(list, OBJ_txt2obj(s->usage, 1)) > 0);
                add(x, NID_ext_key_usage, list, 0);
        }
        ASN1_BIT_STRING_free(bits);
        EXTENDED_KEY_USAGE_free(list);
}

/* The TPM's maker, model and version in a critical SAN that has nothing else (EK Credential Profile, 3.2.9). */
static void add_tpm_name(X509 *x)
{
        static const char *const oids[] = { "2.23.133.2.1", "2.23.133.2.2", "2.23.133.2.3" };
        static const char *const values[] = { "id:54455354", "model", "id:00010002" };
        GENERAL_NAMES *names = GENERAL_NAMES_new();
        GENERAL_NAME *name = GENERAL_NAME_new();
        X509_NAME *directory = X509_NAME_new();

        for (size_t i = 0; i < 3; i++) {
                ASN1_OBJECT *oid = OBJ_txt2obj(oids[i], 1);

                CHECK(X509_NAME_add_entry_by_OBJ(directory, oid, MBSTRING_UTF8, (const unsigned char *)values[i],
                                                 -1, -1, 0) == 1);
                ASN1_OBJECT_free(oid);
        }
        GENERAL_NAME_set0_value(name, GEN_DIRNAME, directory);
        CHECK(sk_GENERAL_NAME_push(names, name) > 0);
        add(x, NID_subject_alt_name, names, 1);
        GENERAL_NAMES_free(names);
}

static void add_unknown(X509 *x)
{
        ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
        ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
        X509_EXTENSION *e;

        CHECK(ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x05", 2) == 1);
        e = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value);
        CHECK(e && X509_add_ext(x, e, -1) == 1);
        X509_EXTENSION_free(e);
        ASN1_OCTET_STRING_free(value);
        ASN1_OBJECT_free(oid);
}

static void add_name_constraint(X509 *x, const char *below)
{
        NAME_CONSTRAINTS *constraints = NAME_CONSTRAINTS_new();
        GENERAL_SUBTREE *tree = GENERAL_SUBTREE_new();
        X509_NAME *name = X509_NAME_new();

        CHECK(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, (const unsigned char *)below, -1, -1,
                                         0) == 1);
        GENERAL_NAME_set0_value(tree->base, GEN_DIRNAME, name);
        constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
        CHECK(sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees, tree) > 0);
        add(x, NID_name_constraints, constraints, 1);
        NAME_CONSTRAINTS_free(constraints);
}

static void set_key(X509 *x, const MakerSpec *s, Maker *m)
{
        const unsigned char *at = s->spki.data;
        EVP_PKEY *theirs;
        X509_ALGOR *algorithm;

        if (s->spki.size == 0) m->key = new_key();
        theirs = s->spki.size > 0 ? d2i_PUBKEY(NULL, &at, (long)s->spki.size) : m->key;
        CHECK(theirs && X509_set_pubkey(x, theirs) == 1);
        if (s->spki.size > 0) EVP_PKEY_free(theirs);
        if (!s->oaep) return;
        CHECK(X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, X509_get_X509_PUBKEY(x)) == 1);
        CHECK(X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_rsaesOaep), V_ASN1_UNDEF, NULL) == 1);
}

Maker maker_new(const MakerSpec *s)
{
        Maker m = { .certificate = X509_new() };
        X509 *x = m.certificate;
        const Maker *by = s->issuer ? s->issuer : &m;

        CHECK(X509_set_version(x, X509_VERSION_3) == 1);
        CHECK(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), s->serial) == 1);
        CHECK(X509_gmtime_adj(X509_getm_notBefore(x), (long)s->from_days * DAY_S));
        CHECK(X509_gmtime_adj(X509_getm_notAfter(x), (long)s->to_days * DAY_S));
        CHECK(X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_ASC,
                                         (const unsigned char *)s->name, -1, -1, 0) == 1);
        set_key(x, s, &m);
        CHECK(X509_set_issuer_name(x, X509_get_subject_name(by->certificate)) == 1);
        add_constraints(x, s);
        add_usages(x, s);
        if (!s->ca) add_tpm_name(x);
        if (s->critical) add_unknown(x);
        if (s->below) add_name_constraint(x, s->below);
        CHECK(X509_sign(x, by->key, s->sha1 ? EVP_sha1() : EVP_sha256()) > 0);
        return m;
}

void maker_deinit(Maker *m)
{
        EVP_PKEY_free(m->key);
        X509_free(m->certificate);
}

Maker maker_root(const char *name)
{
        return maker_new(&(MakerSpec){ .name = name,
                                       .ca = true,
                                       .path_length = -1,
                                       .bits = KU_KEY_CERT_SIGN,
                                       .serial = 1,
                                       .from_days = -10,
                                       .to_days = 10 });
}

Maker maker_ek(const Maker *issuer, uint64_t serial, Bytes spki)
{
        return maker_new(&(MakerSpec){ .name = "TPM",
                                       .issuer = issuer,
                                       .usage = "2.23.133.8.1",
                                       .bits = KU_KEY_AGREEMENT,
                                       .serial = serial,
                                       .from_days = -10,
                                       .to_days = 10,
                                       .spki = spki });
}

Bytes maker_der(const Maker *m)
{
        unsigned char *der = NULL;
        const int n = i2d_X509(m->certificate, &der);

        CHECK(n > 0);
        return BYTES(der, (size_t)n);
}

Bytes maker_spki(const Maker *m)
{
        unsigned char *spki = NULL;
        const int n = i2d_PUBKEY(m->key, &spki);

        CHECK(n > 0);
        return BYTES(spki, (size_t)n);
}

Bytes maker_pem(const Maker *const *list, size_t n)
{
        BIO *out = BIO_new(BIO_s_mem());
        const uint8_t *text;
        uint8_t *copy;
        long size;

        for (size_t i = 0; i < n; i++) CHECK(PEM_write_bio_X509(out, list[i]->certificate) == 1);
        size = BIO_get_mem_data(out, &text);
        copy = malloc((size_t)size + 1);
        CHECK(copy);
        memcpy(copy, text, (size_t)size);
        BIO_free(out);
        return BYTES(copy, (size_t)size);
}

/* ---- attribute certificates ---- */

typedef struct Der {
        uint8_t bytes[2048];
        size_t size;
} Der;

static void put(Der *d, Bytes b)
{
        CHECK(d->size + b.size <= sizeof(d->bytes));
        if (b.size > 0) memcpy(d->bytes + d->size, b.data, b.size);
        d->size += b.size;
}

static void put_element(Der *d, uint8_t tag, Bytes content)
{
        const uint8_t head[4] = { tag, 0x82, (uint8_t)(content.size >> 8), (uint8_t)content.size };
        const uint8_t middle[3] = { tag, 0x81, (uint8_t)content.size }, small[2] = { tag, (uint8_t)content.size };

        if (content.size < 0x80) put(d, BYTES_ARRAY(small));
        else if (content.size < 0x100) put(d, BYTES_ARRAY(middle));
        else put(d, BYTES_ARRAY(head));
        put(d, content);
}

static void wrap(Der *d, uint8_t tag)
{
        Der all = { 0 };

        put_element(&all, tag, BYTES(d->bytes, d->size));
        *d = all;
}

static void put_der(Der *d, const Der *other)
{
        put(d, BYTES(other->bytes, other->size));
}

/* GeneralNames with one directoryName. */
static Der names_of(const X509_NAME *name)
{
        unsigned char *der = NULL;
        const int n = i2d_X509_NAME(name, &der);
        Der d = { 0 };

        CHECK(n > 0);
        put(&d, BYTES(der, (size_t)n));
        OPENSSL_free(der);
        wrap(&d, 0xa4);
        wrap(&d, 0x30);
        return d;
}

static Der holder_of(const MakerAttribute *s)
{
        const X509 *x = s->holder->certificate;
        const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
        uint8_t octets[32];
        Der d = names_of(X509_get_issuer_name(x));

        if (s->nameless) {
                wrap(&d, 0xa1);
                wrap(&d, 0x30);
                return d;
        }
        CHECK(serial->length > 0 && (size_t)serial->length < sizeof(octets));
        memcpy(octets, serial->data, (size_t)serial->length);
        octets[serial->length - 1] = (uint8_t)(octets[serial->length - 1] + s->serial_off);
        put_element(&d, 0x02, BYTES(octets, (size_t)serial->length));
        wrap(&d, 0xa0);
        wrap(&d, 0x30);
        return d;
}

/* ecdsa-with-SHA256 */
static const uint8_t algorithm[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };

static Der info_of(const MakerAttribute *s)
{
        static const uint8_t critical[] = { 0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55,
                                            0x1d, 0x37, 0x01, 0x01, 0xff, 0x04, 0x00 };
        const char *from = s->not_before ? s->not_before : "20200101000000Z",
                   *to = s->not_after ? s->not_after : "20990101000000Z";
        Der d = { 0 }, validity = { 0 }, issuer = names_of(X509_get_subject_name(s->issuer->certificate));
        const Der holder = holder_of(s);

        put_element(&d, 0x02, BYTES_ARRAY((const uint8_t[]){ 1 }));
        put_der(&d, &holder);
        wrap(&issuer, 0xa0);
        put_der(&d, &issuer);
        put(&d, BYTES_ARRAY(algorithm));
        put_element(&d, 0x02, BYTES_ARRAY((const uint8_t[]){ 7 }));
        put_element(&validity, 0x18, BYTES(from, strlen(from)));
        put_element(&validity, 0x18, BYTES(to, strlen(to)));
        wrap(&validity, 0x30);
        put_der(&d, &validity);
        put_element(&d, 0x30, BYTES(NULL, 0));
        if (s->critical) put(&d, BYTES_ARRAY(critical));
        wrap(&d, 0x30);
        return d;
}

Bytes maker_attribute(const MakerAttribute *s)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        Der d = info_of(s);
        uint8_t signature[1 + 80] = { 0 }, *copy;
        size_t size = sizeof(signature) - 1;

        CHECK(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, s->issuer->key) == 1);
        CHECK(EVP_DigestSign(ctx, signature + 1, &size, d.bytes, d.size) == 1);
        EVP_MD_CTX_free(ctx);
        put(&d, BYTES_ARRAY(algorithm));
        put_element(&d, 0x03, BYTES(signature, size + 1));
        wrap(&d, 0x30);
        copy = malloc(d.size);
        CHECK(copy);
        memcpy(copy, d.bytes, d.size);
        return BYTES(copy, d.size);
}
