/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The node's three keys: EK (who this TPM is), AK (what it signs with), SRK (what it seals under). */

#include "base/macros.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "tpm/object.h"
#include "tpm/tpm.h"

/* TCG "Registry of Reserved TPM 2.0 Handles and Localities": storage primary key; endorsement hierarchy. */
#define TPM_HANDLE_SRK UINT32_C(0x81000001)
#define TPM_HANDLE_AK UINT32_C(0x8101484b) /* 48 4b: "HK" */

/* TCG EK Credential Profile 2.x, annex B; in the order in which one that has a certificate is chosen. */
typedef enum TpmEkKind {
        TPM_EK_ECC_P256,      /* template L-2 */
        TPM_EK_RSA_2048,      /* L-1 */
        TPM_EK_HIGH_ECC_P256, /* H-2, and so on: the high range has a password, an empty one, beside its policy */
        TPM_EK_HIGH_ECC_P384, /* H-3 */
        TPM_EK_HIGH_RSA_2048, /* H-1 */
        TPM_EK_HIGH_RSA_3072, /* H-6 */
        TPM_EK_HIGH_RSA_4096, /* H-7 */
        TPM_EK_KINDS,
} TpmEkKind;

typedef struct TpmEk {
        TpmEkKind kind;
        TpmPublic template_area; /* what it is made from: the standard template, or NV's, with NV's nonce */
        TpmObject object;        /* handle 0: made anew from its template each time, which is deterministic */
        uint8_t *certificate;    /* DER as in NV, cut to its own length; NULL where there is none */
        size_t certificate_size;
        bool certificate_odd; /* NV held a header before it or bytes behind it, which are left out here */
} TpmEk;

/* The ECC EK of the low range if it has a certificate, else the first other kind that has one, else the ECC one
 * without, or the RSA one on a TPM that cannot do P-256. Where the maker left a template or a nonce in NV, the key
 * is made with them (Profile 2.2.1.4). Nobody has checked the certificate: that it belongs to this key is the
 * verifier's to find. CreatePrimary: 50-250 ms ECC, 2-10 s RSA on hardware. TPM_E_AUTH where the endorsement
 * hierarchy has a password, -EBADMSG for a template or nonce in NV that is none. */
_must_check_ int tpm_ek_read(Tpm *tpm, TpmEk *ret);
/* The EK of this kind, with its certificate where there is one. TPM_E_UNSUPPORTED where the TPM cannot do it. */
_must_check_ int tpm_ek_read_kind(Tpm *tpm, TpmEkKind kind, TpmEk *ret);
void tpm_ek_deinit(TpmEk *ek);
#define cleanup_ek _cleanup_(tpm_ek_deinit)

/* The attestation key: ECC P-256, restricted, ECDSA-SHA256, noDA (it has no password, and a locked-out TPM must
 * still be able to attest), primary of the endorsement hierarchy from a template of our own: the same key every
 * time, persisted at TPM_HANDLE_AK.
 *
 * Makes it (CreatePrimary), compares with what is persisted, and persists it if nothing is there: for enrolment
 * and for when TPM_E_ABSENT said that it is gone; a caller that knows its Name then compares. TPM_E_OCCUPIED for
 * another object at the handle, TPM_E_AUTH for hierarchies with a password. */
_must_check_ int tpm_ak_ensure(Tpm *tpm, TpmObject *ret);

/* The storage key: the standard ECC P-256 one at TPM_HANDLE_SRK. What is there is used if its attributes fit;
 * where nothing is, it is made and persisted. TPM_E_OCCUPIED where it does not fit, TPM_E_AUTH as above. */
_must_check_ int tpm_srk_ensure(Tpm *tpm, TpmObject *ret);

/* TPM2_ActivateCredential (TPM 2.0 Part 3, 12.5; Part 1, 24): proves that ak and ek live in this TPM.
 * `credential` is TPMS_ID_OBJECT (TPM2B_ID_OBJECT without its size), `secret` the encrypted seed without its size
 * (RSA: OAEP block; ECC: TPMS_ECC_POINT). The EK's session is salted to the EK and encrypts the answer.
 * TPM_E_BLOB where the credential is for another AK or EK, TPM_E_NAME where the EK made from the template is not
 * this one. */
_must_check_ int tpm_activate_credential(Tpm *tpm, const TpmObject *ak, const TpmEk *ek, Bytes credential,
                                         Bytes secret, Secret **ret);

enum { TPM_RANDOM_MAX = 1024 };

/* size bytes (1..TPM_RANDOM_MAX) from the TPM, to be mixed with the kernel's, never used alone. With an srk the
 * answer is encrypted in a session salted to it; without (NULL) it crosses the bus in the clear. TPM_E_NAME where
 * the TPM does not hold that SRK. */
_must_check_ int tpm_random(Tpm *tpm, const TpmObject *srk, size_t size, Secret **ret);
