/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Public areas of TPM keys (TPM 2.0 Part 2, TPMT_PUBLIC), as a TPM or a node sent them, and what halfkey asks of
 * an AK, an EK and an SRK before it believes in one. */

#include "attest/outcome.h"
#include "crypto/hash.h"
#include "crypto/key.h"

/* TPM_ALG_ID (TCG Algorithm Registry), those that occur in public areas and signatures. */
typedef enum AttestAlg {
        ATTEST_ALG_RSA = 0x0001,
        ATTEST_ALG_HMAC = 0x0005,
        ATTEST_ALG_AES = 0x0006,
        ATTEST_ALG_KEYEDHASH = 0x0008,
        ATTEST_ALG_XOR = 0x000a,
        ATTEST_ALG_NULL = 0x0010,
        ATTEST_ALG_RSASSA = 0x0014,
        ATTEST_ALG_RSAES = 0x0015,
        ATTEST_ALG_RSAPSS = 0x0016,
        ATTEST_ALG_OAEP = 0x0017,
        ATTEST_ALG_ECDSA = 0x0018,
        ATTEST_ALG_ECDH = 0x0019,
        ATTEST_ALG_ECDAA = 0x001a,
        ATTEST_ALG_ECSCHNORR = 0x001c,
        ATTEST_ALG_ECMQV = 0x001d,
        ATTEST_ALG_ECC = 0x0023,
        ATTEST_ALG_CFB = 0x0043,
} AttestAlg;

/* TPM_ECC_CURVE */
enum { ATTEST_CURVE_P256 = 0x0003, ATTEST_CURVE_P384 = 0x0004 };

/* TPMA_OBJECT */
enum {
        ATTEST_FIXED_TPM = 1 << 1,
        ATTEST_ST_CLEAR = 1 << 2,
        ATTEST_FIXED_PARENT = 1 << 4,
        ATTEST_SENSITIVE_DATA_ORIGIN = 1 << 5,
        ATTEST_USER_WITH_AUTH = 1 << 6,
        ATTEST_ADMIN_WITH_POLICY = 1 << 7,
        ATTEST_NO_DA = 1 << 10,
        ATTEST_ENCRYPTED_DUPLICATION = 1 << 11,
        ATTEST_RESTRICTED = 1 << 16,
        ATTEST_DECRYPT = 1 << 17,
        ATTEST_SIGN = 1 << 18,
};

enum {
        ATTEST_PUBLIC_MAX = 768, /* RSA-4096 with a SHA-512 policy is 606 bytes */
        ATTEST_NAME_MAX = 2 + HASH_SIZE_MAX,
};

/* A Name: nameAlg || H(TPMT_PUBLIC) (TPM 2.0 Part 1, "Names"). */
typedef struct AttestName {
        size_t size;
        uint8_t bytes[ATTEST_NAME_MAX];
} AttestName;

static inline Bytes attest_name_bytes(const AttestName *n)
{
        return BYTES(n->bytes, n->size);
}

/* A parsed TPMT_PUBLIC; it refers to nothing outside itself. Fields that the type lacks are zero. */
typedef struct AttestPublic {
        uint16_t type; /* ATTEST_ALG_RSA, _ECC or _KEYEDHASH */
        uint16_t name_alg;
        uint32_t attributes;
        size_t policy_size;
        uint8_t policy[HASH_SIZE_MAX];
        uint16_t symmetric; /* ATTEST_ALG_AES or _NULL; with _XOR, of a KEYEDHASH, not here but in scheme */
        uint16_t symmetric_bits;
        uint16_t symmetric_mode;
        uint16_t scheme; /* ATTEST_ALG_NULL where the key has none */
        uint16_t scheme_hash;
        uint16_t rsa_bits;
        uint32_t rsa_exponent; /* 0 on the wire is 65537 here */
        uint16_t curve;
        uint16_t kdf;
        size_t unique_size; /* modulus, or digest of a KEYEDHASH */
        uint8_t unique[KEY_RSA_SIZE_MAX];
        size_t x_size, y_size;
        uint8_t x[66], y[66];
        size_t encoded_size;
        uint8_t encoded[ATTEST_PUBLIC_MAX]; /* the bytes it was parsed from */
} AttestPublic;

/* Parses a TPMT_PUBLIC (no TPM2B size in front). -EBADMSG with a detail for bytes left over, a type, selector or
 * reserved attribute bit that is not known here, a size outside its bounds, a nameAlg that is no hash. */
_must_check_ int attest_public_parse(Bytes tpmt_public, AttestPublic *ret);

_must_check_ int attest_public_name(const AttestPublic *p, AttestName *ret);
/* The same for a primary of the endorsement hierarchy as seen from outside: the Qualified Name of p under
 * TPM_RH_ENDORSEMENT (TPM 2.0 Part 1, "Qualified Name"). */
_must_check_ int attest_public_qualified_name(const AttestPublic *p, AttestName *ret);

/* The key itself. -EBADMSG for a KEYEDHASH, a size or curve key.h refuses, or a point off its curve. */
_must_check_ int attest_public_key(const AttestPublic *p, PublicKey **ret);
/* Its DER SubjectPublicKeyInfo, the caller's to free. */
_must_check_ int attest_public_spki(const AttestPublic *p, uint8_t **ret, size_t *ret_size);
/* SHA-256 of that: the node id, where p is the node's EK. */
_must_check_ int attest_public_node_id(const AttestPublic *p, uint8_t ret[static SHA256_SIZE]);

/* An attestation key: restricted and signing (so that it signs nothing that begins with TPM_GENERATED unless the
 * TPM made it), not decrypting, fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, with an explicit
 * scheme: ECDSA on P-256 or P-384, RSASSA or RSAPSS of 2048 bits or more, with SHA-256, SHA-384 or SHA-512.
 * ATTEST_E_AK_*: the first that fails. */
_must_check_ int attest_public_check_ak(const AttestPublic *p);

/* An endorsement key of the TCG EK Credential Profile: template L-1, L-2, or of the high range H-1, H-2, H-3,
 * H-6, H-7 (RSA 2048, P-256, P-384, RSA 3072, RSA 4096). ATTEST_E_EK_*. */
_must_check_ int attest_public_check_ek(const AttestPublic *p);

/* A storage root key: restricted, decrypting, not signing, fixedTPM, fixedParent, sensitiveDataOrigin,
 * userWithAuth, noDA, AES-CFB of 128 bits or more; P-256, P-384, or RSA of 2048 bits or more (TCG Provisioning
 * Guidance, "Storage Root Key"). ATTEST_E_SRK_*. */
_must_check_ int attest_public_check_srk(const AttestPublic *p);

/* The one TPMT_PUBLIC of the cluster's RSA-2048 policy key that node and verifier both use, from its SPKI:
 * nameAlg SHA-256, attributes sign and userWithAuth, no policy, no symmetric, RSASSA with SHA-256, 2048 bits,
 * exponent 0 (the wire's 65537). The node gives exactly these bytes to TPM2_LoadExternal, so the Name in
 * PolicyAuthorize is the same on both sides. -EBADMSG for another kind of key. */
_must_check_ int attest_public_policy_key(Bytes spki, AttestPublic *ret);
