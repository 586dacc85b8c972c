/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The `.pcrsig` section of a UKI: which values of PCR 11 its maker signed for (systemd-measure(1)). systemd-stub
 * puts it, and the key of its `.pcrpkey`, into the initrd as files (systemd-stub(7)).
 *
 *   {"sha256": [{"pcrs": [11], "pkfp": HEX, "pol": HEX, "sig": BASE64}, ...], ...}
 *
 * pkfp is SHA-256 of the RSAPublicKey (RFC 8017, A.1.1) inside the key's SubjectPublicKeyInfo, pol the digest of
 * PolicyPCR, sig RSASSA-PKCS1-v1_5 with SHA-256 over SHA-256(pol), that is PolicyAuthorize without a policyRef.
 * Nothing of it is believed: the TPM checks the signature by the key that the token pins. */

#include "base/reader.h"
#include "crypto/hash.h"
#include "crypto/key.h"

enum {
        PCRSIG_MAX = 65536,      /* a file; systemd-measure writes about 700 bytes for a bank and phase */
        PCRSIG_ENTRIES_MAX = 64, /* of a bank */
        PCRSIG_PCR = 11,
        PCRSIG_E_ABSENT = 1,
};

typedef struct PcrsigSignature {
        size_t size;
        uint8_t bytes[KEY_RSA_SIZE_MAX];
} PcrsigSignature;

/* The signature of this key for this policy of PCR 11 in this bank. PCRSIG_E_ABSENT where there is none; -EBADMSG,
 * with a detail that names the entry, where the text is not of the form above up to the entry looked for. Keys
 * that are not named above are passed over, entries of other keys and PCRs too. */
_must_check_ int pcrsig_find(Bytes json, HashAlg bank, Bytes spki, const uint8_t policy[static SHA256_SIZE],
                             PcrsigSignature *ret);

/* Reads tpm2-pcr-signature.json from where systemd-stub, and systemd on the booted host, keep it. -ENOENT. */
_must_check_ int pcrsig_read(uint8_t **ret, size_t *ret_size);
/* The SubjectPublicKeyInfo of tpm2-pcr-public-key.pem beside it: RSA-2048, -EBADMSG else. -ENOENT. */
_must_check_ int pcrsig_read_key(uint8_t **ret_spki, size_t *ret_size);
/* The same of a PEM text. */
_must_check_ int pcrsig_key(Bytes pem, uint8_t **ret_spki, size_t *ret_size);
