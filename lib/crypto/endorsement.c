/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* EK certificates and chains. The path is found by OpenSSL's X509_verify_cert, which knows RFC 5280 better than we
 * would; what it is told is which certificates are roots, that dates do not count, and how long a chain may be. */

#include "crypto/endorsement-internal.h"
#include "crypto/internal.h"
#include "crypto/pem.h"

#include <openssl/objects.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { STRENGTH_112_BITS = 2 }; /* OpenSSL's "security level" */

struct CertificateSet {
        X509_STORE *roots;
        STACK_OF(X509) * links, *all; /* `all` owns them; links are those that are no roots */
        size_t n_roots;
};

DEFINE_CLEANUP(X509_STORE_CTX, X509_STORE_CTX_free)

/* Not the certificates: those are the set's, or the caller's. */
static void stack_free(STACK_OF(X509) * s)
{
        sk_X509_free(s);
}
DEFINE_CLEANUP(STACK_OF(X509), stack_free)

/* ---- the set ---- */

void certificate_set_free(CertificateSet *s)
{
        if (!s) return;
        X509_STORE_free(s->roots);
        sk_X509_free(s->links);
        sk_X509_pop_free(s->all, X509_free);
        free(s);
}

int certificate_set_new(CertificateSet **ret)
{
        cleanup_certificate_set CertificateSet *s = calloc(1, sizeof(*s));

        if (!s) return -ENOMEM;
        s->roots = X509_STORE_new();
        s->links = sk_X509_new_null();
        s->all = sk_X509_new_null();
        if (!s->roots || !s->links || !s->all) return -ENOMEM;
        *ret = TAKE_PTR(s);
        return 0;
}

static int add_one(CertificateSet *s, const Certificate *c)
{
        if (certificate_set_size(s) == CERTIFICATE_SET_MAX)
                return error_set(-E2BIG, "more than %d certificates", CERTIFICATE_SET_MAX);
        if (X509_up_ref(c->x509) != 1) return -ENOMEM;
        if (sk_X509_push(s->all, c->x509) <= 0) {
                X509_free(c->x509);
                return -ENOMEM;
        }
        /* With its signature: a name and a key identifier that fit make nobody a root. */
        if (X509_self_signed(c->x509, 1) == 1) {
                s->n_roots++;
                return X509_STORE_add_cert(s->roots, c->x509) == 1 ? 0 : openssl_fail(-ENOMEM, "certificate");
        }
        ERR_clear_error();
        return sk_X509_push(s->links, c->x509) > 0 ? 0 : -ENOMEM;
}

int certificate_set_add(CertificateSet *s, Bytes pem)
{
        int r = 0;

        for (size_t i = 0; r == 0; i++) {
                cleanup_certificate Certificate *c = NULL;
                cleanup_free uint8_t *der = NULL;
                size_t size;

                r = pem_decode(pem, "CERTIFICATE", i, &der, &size);
                if (r == PEM_E_END && i > 0) return 0;
                if (r == PEM_E_END) return error_set(-EBADMSG, "no certificate in it");
                if (r == 0) r = certificate_new(BYTES(der, size), &c);
                if (r == 0) r = add_one(s, c);
                if (r < 0) return error_prefix(r, "certificate %zu", i + 1);
        }
        return r;
}

size_t certificate_set_roots(const CertificateSet *s)
{
        return s->n_roots;
}

size_t certificate_set_size(const CertificateSet *s)
{
        return (size_t)sk_X509_num(s->all);
}

void certificate_set_each(const CertificateSet *s, const GivenCertificates *given,
                          void (*visit)(const Certificate *c, bool is_given, void *userdata), void *userdata)
{
        for (int i = 0; i < sk_X509_num(s->all); i++)
                visit(&(Certificate){ .x509 = sk_X509_value(s->all, i) }, false, userdata);
        for (size_t i = 0; i < given->n && i < CERTIFICATE_GIVEN_MAX; i++) {
                cleanup_certificate Certificate *c = NULL;

                if (certificate_new(given->der[i], &c) == 0) visit(c, true, userdata);
        }
}

/* ---- a chain ---- */

static int run_verify(const CertificateSet *s, X509 *leaf, STACK_OF(X509) * links, X509_STORE_CTX **ret)
{
        _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        X509_VERIFY_PARAM *how;

        if (!ctx || X509_STORE_CTX_init(ctx, s->roots, leaf, links) != 1)
                return openssl_fail(-ENOMEM, "certificate chain");
        how = X509_STORE_CTX_get0_param(ctx);
        if (X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_NO_CHECK_TIME) != 1)
                return openssl_fail(-EIO, "certificate chain");
        X509_VERIFY_PARAM_set_depth(how, CERTIFICATE_CHAIN_MAX);
        X509_VERIFY_PARAM_set_auth_level(how, STRENGTH_112_BITS);
        if (X509_verify_cert(ctx) != 1) {
                const int code = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);

                ERR_clear_error();
                return error_set(ENDORSEMENT_E_ISSUER, "%s, at issuer %d of the chain",
                                 X509_verify_cert_error_string(code), depth);
        }
        *ret = TAKE_PTR(ctx);
        return 0;
}

static int root_subject(const X509_STORE_CTX *ctx, char ret[static X509_SUBJECT_MAX])
{
        STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
        const Certificate root = { .x509 = sk_X509_value(chain, sk_X509_num(chain) - 1) };

        return certificate_subject(&root, ret);
}

static bool is_oaep(const Certificate *c)
{
        ASN1_OBJECT *oid;

        return X509_PUBKEY_get0_param(&oid, NULL, NULL, NULL, X509_get_X509_PUBKEY(c->x509)) == 1 &&
               OBJ_obj2nid(oid) == NID_rsaesOaep;
}

/* X509_verify_cert did not know that there is one more certificate below. */
static int check_path_lengths(const X509_STORE_CTX *ctx)
{
        const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

        for (int i = 0; i < sk_X509_num(chain); i++) {
                const long limit = X509_get_pathlen(sk_X509_value(chain, i));

                if (limit >= 0 && limit < i)
                        return error_set(ENDORSEMENT_E_ISSUER,
                                         "path length constraint exceeded, at issuer %d of "
                                         "the chain",
                                         i + 1);
        }
        return 0;
}

/* Nor which names it has. */
static int check_names(const X509_STORE_CTX *ctx, const Certificate *leaf)
{
        const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

        for (int i = 0; i < sk_X509_num(chain); i++) {
                int found = -1, code;
                NAME_CONSTRAINTS *allowed = X509_get_ext_d2i(sk_X509_value(chain, i), NID_name_constraints, &found,
                                                             NULL);

                if (!allowed && found == -1) continue;
                code = allowed ? NAME_CONSTRAINTS_check(leaf->x509, allowed)
                               : X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX;
                NAME_CONSTRAINTS_free(allowed);
                ERR_clear_error();
                if (code != X509_V_OK)
                        return error_set(ENDORSEMENT_E_ISSUER, "%s, at issuer %d of the chain",
                                         X509_verify_cert_error_string(code), i + 1);
        }
        return 0;
}

/* The chain above this issuer, and whether it may have the leaf below it. */
static int verify_above(const CertificateSet *s, X509 *issuer, const Certificate *leaf, STACK_OF(X509) * links,
                        char ret[static X509_SUBJECT_MAX])
{
        _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *ctx = NULL;
        int r;

        r = run_verify(s, issuer, links, &ctx);
        if (r == 0) r = check_path_lengths(ctx);
        if (r == 0) r = check_names(ctx, leaf);
        return r == 0 ? root_subject(ctx, ret) : r;
}

/* OpenSSL takes no chain whose leaf has a key it cannot read. The first step is ours then, the rest OpenSSL's. Of
 * several issuers with one key, as makers have where they cross-sign, any will do. */
static int verify_oaep(const CertificateSet *s, const Certificate *leaf, STACK_OF(X509) * issuers,
                       STACK_OF(X509) * links, char ret[static X509_SUBJECT_MAX])
{
        int result = error_set(ENDORSEMENT_E_ISSUER,
                               "unable to get local issuer certificate, at issuer 0 of the chain");

        for (int i = 0; i < sk_X509_num(issuers) && result > 0; i++) {
                const Certificate issuer = { .x509 = sk_X509_value(issuers, i) };
                cleanup_public_key PublicKey *key = NULL;
                int r;

                if (X509_check_issued(issuer.x509, leaf->x509) != X509_V_OK || X509_check_ca(issuer.x509) != 1)
                        continue;
                r = certificate_key(&issuer, &key);
                if (r == 0) r = certificate_verify(leaf, key);
                if (r == -EBADMSG) continue;
                result = r == 0 ? verify_above(s, issuer.x509, leaf, links, ret) : r;
        }
        return result;
}

int certificate_set_verify(const CertificateSet *s, const Certificate *leaf, const GivenCertificates *given,
                           char ret[static X509_SUBJECT_MAX])
{
        _cleanup_(stack_freep) STACK_OF(X509) *links = sk_X509_dup(s->links), *all = sk_X509_dup(s->all);
        _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *ctx = NULL;
        Certificate *parsed[CERTIFICATE_GIVEN_MAX] = { 0 };
        int r = 0;

        if (!links || !all) return -ENOMEM;
        for (size_t i = 0; i < given->n && i < CERTIFICATE_GIVEN_MAX && r == 0; i++)
                if (certificate_new(given->der[i], &parsed[i]) == 0 &&
                    (sk_X509_push(links, parsed[i]->x509) <= 0 || sk_X509_push(all, parsed[i]->x509) <= 0))
                        r = -ENOMEM;
        if (r == 0 && is_oaep(leaf)) r = verify_oaep(s, leaf, all, links, ret);
        else if (r == 0) {
                r = run_verify(s, leaf->x509, links, &ctx);
                if (r == 0) r = root_subject(ctx, ret);
        }
        X509_STORE_CTX_free(TAKE_PTR(ctx)); /* before what it looks at */
        for (size_t i = 0; i < CERTIFICATE_GIVEN_MAX; i++) certificate_free(parsed[i]);
        return r;
}

/* ---- the EK's certificate ---- */

/* RFC 4055, 4: the key is an RSAPublicKey under this OID as under rsaEncryption. The TPM Main Specification had
 * makers write it, and some kept to it. */
static int same_oaep_key(const Certificate *c, const PublicKey *ek)
{
        const unsigned char *theirs, *ours;
        int n_theirs, n_ours, r = ENDORSEMENT_E_KEY;
        X509_PUBKEY *spki = NULL;

        if (!is_oaep(c) || ek->type != KEY_RSA) return ENDORSEMENT_E_KEY;
        if (X509_PUBKEY_get0_param(NULL, &theirs, &n_theirs, NULL, X509_get_X509_PUBKEY(c->x509)) != 1)
                return openssl_fail(ENDORSEMENT_E_KEY, "key");
        if (X509_PUBKEY_set(&spki, ek->pkey) != 1) return openssl_fail(-ENOMEM, "key");
        if (X509_PUBKEY_get0_param(NULL, &ours, &n_ours, NULL, spki) == 1 &&
            bytes_equal(BYTES(ours, (size_t)n_ours), BYTES(theirs, (size_t)n_theirs)))
                r = 0;
        X509_PUBKEY_free(spki);
        return r;
}

int endorsement_check_key(const Certificate *c, const PublicKey *ek)
{
        cleanup_public_key PublicKey *key = NULL;
        uint8_t theirs[SHA256_SIZE], ours[SHA256_SIZE];
        int r;

        r = certificate_key(c, &key);
        if (r == -EBADMSG) r = same_oaep_key(c, ek);
        else {
                if (r == 0) r = public_key_id(key, theirs);
                if (r == 0) r = public_key_id(ek, ours);
                if (r == 0 && !bytes_equal(BYTES_ARRAY(theirs), BYTES_ARRAY(ours))) r = ENDORSEMENT_E_KEY;
        }
        return r > 0 ? error_set(r, "it is of another key than the EK") : r;
}

/* Extended key usages by their dotted form; OpenSSL has no names for TCG's. */
static bool has_usage(const Certificate *c, const char *const *oids, size_t n)
{
        EXTENDED_KEY_USAGE *list = X509_get_ext_d2i(c->x509, NID_ext_key_usage, NULL, NULL);
        bool found = false;
        char text[64];

        for (int i = 0; list && i < sk_ASN1_OBJECT_num(list); i++)
                for (size_t k = 0; k < n; k++)
                        if (OBJ_obj2txt(text, sizeof(text), sk_ASN1_OBJECT_value(list, i), 1) > 0 &&
                            strcmp(text, oids[k]) == 0)
                                found = true;
        EXTENDED_KEY_USAGE_free(list);
        return found;
}

/* What every certificate of a TPM or platform is: readable to the last extension, and no CA. */
int endorsement_check_form(const Certificate *c)
{
        const uint32_t flags = X509_get_extension_flags(c->x509);

        if (flags & EXFLAG_CRITICAL)
                return error_set(ENDORSEMENT_E_FORM, "it has a critical extension that is not known here");
        if (flags & EXFLAG_INVALID) return error_set(ENDORSEMENT_E_FORM, "an extension of it is malformed");
        if (flags & EXFLAG_CA) return error_set(ENDORSEMENT_E_USE, "it is a CA's");
        return 0;
}

int endorsement_check_usage(const Certificate *c, const char *const *oids, size_t n)
{
        if (!(X509_get_extension_flags(c->x509) & EXFLAG_XKUSAGE) || has_usage(c, oids, n)) return 0;
        return error_set(ENDORSEMENT_E_USE, "its extended key usages are others");
}

int endorsement_check_use(const Certificate *c)
{
        static const char *const ek[] = { "2.23.133.8.1" }; /* tcg-kp-EKCertificate */
        const uint32_t usage = X509_get_key_usage(c->x509); /* all bits where there is none */
        int r;

        r = endorsement_check_form(c);
        if (r == 0) r = endorsement_check_usage(c, ek, 1);
        if (r == 0 && !(usage & (KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT)))
                r = error_set(ENDORSEMENT_E_USE, "it is neither for key encipherment nor for key agreement");
        return r;
}
