/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Certificates by which makers vouch for a TPM and for the machine it is in: EK certificates (TCG EK Credential
 * Profile for TPM Family 2.0) and platform certificates (TCG Platform Certificate Profile; RFC 5755).
 *
 * An EK certificate says where a key was born, which stays true: TPMs outlive their certificates and their makers'
 * intermediates, so no date of a chain is looked at. What ends the trust in a maker is to take its root away. The
 * platform certificate's own dates count, since it describes a configuration that is sold, serviced and scrapped.
 */

#include "crypto/x509.h"

enum {
        CERTIFICATE_SET_MAX = 512, /* all TPM makers together publish about 200 */
        CERTIFICATE_GIVEN_MAX = 4, /* issuers that come with a certificate; makers' chains are two or three long */
        CERTIFICATE_CHAIN_MAX = 6, /* between leaf and root */
};

typedef enum EndorsementOutcome {
        ENDORSEMENT_E_FORM = 1,  /* cannot be read, or has critical extensions that cannot be honoured */
        ENDORSEMENT_E_KEY,       /* of another key than the EK */
        ENDORSEMENT_E_USE,       /* not made for an EK, or for a platform */
        ENDORSEMENT_E_ISSUER,    /* no chain to a root of the set */
        ENDORSEMENT_E_OTHER_TPM, /* a platform certificate that names another TPM */
        ENDORSEMENT_E_DATES,     /* a platform certificate that is not valid yet, or no longer */
} EndorsementOutcome;
/* Each comes with a detail that says which defect it is. */

/* The certificates a site trusts: those that signed themselves are roots, all others only links to one. */
typedef struct CertificateSet CertificateSet;
_must_check_ int certificate_set_new(CertificateSet **ret);
void certificate_set_free(CertificateSet *s);
DEFINE_CLEANUP(CertificateSet, certificate_set_free)
#define cleanup_certificate_set _cleanup_(certificate_set_freep)
/* Every CERTIFICATE block of a PEM text. -EBADMSG names the block, also where there is none; -E2BIG. */
_must_check_ int certificate_set_add(CertificateSet *s, Bytes pem);
size_t certificate_set_roots(const CertificateSet *s);
size_t certificate_set_size(const CertificateSet *s);

/* Issuers that came with a certificate, from wherever: links, never roots. DER, each a view. */
typedef struct GivenCertificates {
        Bytes der[CERTIFICATE_GIVEN_MAX];
        size_t n;
} GivenCertificates;

/* A chain from leaf to a root of the set, through its other certificates and those given (one that cannot be read
 * is passed over): every issuer a CA that may sign certificates, path lengths and name constraints kept, nothing
 * signed with less than SHA-256 or keys below 112 bits of strength. ENDORSEMENT_E_ISSUER; *ret is the root's
 * subject.
 */
_must_check_ int certificate_set_verify(const CertificateSet *s, const Certificate *leaf,
                                        const GivenCertificates *given, char ret[static X509_SUBJECT_MAX]);

/* Whether this is the certificate of this EK: the same key (also under the OID of RSAES-OAEP, which some makers
 * write), no CA, key encipherment or key agreement among its key usages and tcg-kp-EKCertificate among its
 * extended ones where it lists any, no critical extension beyond those of RFC 5280 that are honoured.
 * ENDORSEMENT_E_KEY, _FORM, _USE. */
_must_check_ int endorsement_check_key(const Certificate *c, const PublicKey *ek);
_must_check_ int endorsement_check_use(const Certificate *c);

typedef struct PlatformCheck {
        Bytes der;                         /* the platform certificate */
        const Certificate *ek_certificate; /* NULL: the TPM has none */
        const PublicKey *ek;
        const CertificateSet *set; /* platform makers' */
        const GivenCertificates *given;
        uint64_t now; /* seconds since 1970 */
} PlatformCheck;

/* The platform certificate is bound to the TPM and signed by an issuer with a chain to a root. Taken are
 *   an attribute certificate, whose holder names issuer and serial number of the EK certificate, and whose issuer
 *   is a certificate of the set, or a CA;
 *   a certificate of the EK's own key with tcg-kp-PlatformAttributeCertificate or tcg-kp-PlatformKeyCertificate as
 *   extended key usage, as swtpm makes them.
 * ENDORSEMENT_E_FORM, _OTHER_TPM, _USE, _ISSUER, _DATES; *ret is the root's subject. */
_must_check_ int platform_certificate_check(const PlatformCheck *p, char ret[static X509_SUBJECT_MAX]);
