/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Why a TPM is believed to be one, and the site's: by a list of EKs, by its maker's certificate, by the
 * platform's. Asked at Register alone; an enrolled node's release depends on no certificate and no list. Who is to
 * go gets quarantined or removed.
 *
 * DIR/ek-list/XX/HEX   an empty file for each EK that may enrol: HEX is SHA-256 of its SubjectPublicKeyInfo, which
 * is the node id, in 64 lower-case digits; XX are its first two. Looked up at each Register. DIR/ek-ca
 * certificates of TPM makers (PEM), a file or a folder of *.pem and *.crt; read at start DIR/platform-ca      the
 * same of platform makers
 */

#include "crypto/endorsement.h"
#include "verifier/refusal.h"
#include "verifier/settings.h"

enum { TRUST_TEXT_MAX = 240 };

typedef struct Trust {
        EkTrust mode;
        bool platform_required;
        char *list;                  /* path of ek-list; NULL: there is none */
        CertificateSet *ek_ca;       /* NULL: there is none */
        CertificateSet *platform_ca; /* NULL: there is none */
} Trust;
void trust_deinit(Trust *t);
#define cleanup_trust _cleanup_(trust_deinit)

/* Reads what the settings ask for. -EBADMSG where that is not there, or has no root: a verifier that would refuse
 * every node, or trust what nobody named, does not start. */
_must_check_ int trust_read(const char *dir, const Settings *settings, Trust *ret);
/* Whether the list names this EK. A list that cannot be looked at is an error, not a no. */
_must_check_ int trust_is_listed(const Trust *t, const uint8_t ek_id[static SHA256_SIZE], bool *ret);

typedef struct TrustInput {
        const PublicKey *ek;
        bool listed;
        Bytes certificate; /* of the EK; empty: none */
        GivenCertificates issuers;
        Bytes platform; /* empty: none */
        uint64_t now;   /* seconds since 1970 */
} TrustInput;

/* A certificate that is there must be this EK's, whatever the mode; one that cannot be read is no certificate. */
_must_check_ int trust_check_key(const TrustInput *in, halfkey_v1_Refusal *refusal);
/* Pure. VERIFIER_E_REFUSED; ret says for people how the EK is trusted, "by ..." */
_must_check_ int trust_decide(const Trust *t, const TrustInput *in, char ret[static TRUST_TEXT_MAX + 1],
                              halfkey_v1_Refusal *refusal);
