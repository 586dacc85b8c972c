/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "attest/outcome.h"

#include <errno.h>

static const struct {
        const char *reason, *sentence;
} known[ATTEST_E_MAX] = {
        [ATTEST_E_AK_TYPE] = { "ak-type", "the attestation key is neither RSA nor ECC" },
        [ATTEST_E_AK_NAME_ALG] = { "ak-name-algorithm", "the attestation key is named by a weak hash" },
        [ATTEST_E_AK_NOT_RESTRICTED] = { "ak-not-restricted",
                                         "the attestation key is not restricted: it would sign anything" },
        [ATTEST_E_AK_NOT_SIGNING] = { "ak-not-signing", "the attestation key does not sign" },
        [ATTEST_E_AK_DECRYPTS] = { "ak-decrypts", "the attestation key also decrypts" },
        [ATTEST_E_AK_NOT_FIXED_TPM] = { "ak-not-fixed-tpm", "the attestation key can leave its TPM" },
        [ATTEST_E_AK_NOT_FIXED_PARENT] = { "ak-not-fixed-parent",
                                           "the attestation key can be given to another parent" },
        [ATTEST_E_AK_IMPORTED] = { "ak-imported", "the attestation key was not made by its TPM" },
        [ATTEST_E_AK_NO_AUTH] = { "ak-no-auth", "the attestation key is not used with its authorisation value" },
        [ATTEST_E_AK_SCHEME] = { "ak-scheme",
                                 "the attestation key has no signature scheme of its own that we take" },
        [ATTEST_E_AK_HASH] = { "ak-hash", "the attestation key signs with a weak hash" },
        [ATTEST_E_AK_SIZE] = { "ak-size", "the attestation key is too small or on an unknown curve" },
        [ATTEST_E_EK_TEMPLATE] = { "ek-template",
                                   "the endorsement key has a kind or size that no known template has" },
        [ATTEST_E_EK_ATTRIBUTES] = { "ek-attributes",
                                     "the endorsement key has attributes that no known template has" },
        [ATTEST_E_EK_POLICY] = { "ek-policy", "the endorsement key has another policy than its template" },
        [ATTEST_E_EK_CIPHER] = { "ek-cipher",
                                 "the endorsement key has another cipher or scheme than its template" },
        [ATTEST_E_SRK_TYPE] = { "srk-type", "the storage root key is neither RSA nor ECC" },
        [ATTEST_E_SRK_ATTRIBUTES] = { "srk-attributes", "the storage root key lacks an attribute of one" },
        [ATTEST_E_SRK_CIPHER] = { "srk-cipher",
                                  "the storage root key does not protect its children with AES-CFB" },
        [ATTEST_E_SRK_SIZE] = { "srk-size", "the storage root key is too small or on an unknown curve" },
        [ATTEST_E_SIGNATURE_FORM] = { "quote-signature-form",
                                      "the signature is not a well-formed TPMT_SIGNATURE" },
        [ATTEST_E_SIGNATURE_SCHEME] = { "quote-signature-scheme",
                                        "the signature is of another scheme than the attestation key's" },
        [ATTEST_E_SIGNATURE] = { "quote-signature", "the attestation key did not sign this" },
        [ATTEST_E_MAGIC] = { "quote-magic", "the signed structure was not made inside a TPM" },
        [ATTEST_E_TYPE] = { "quote-type", "the signed structure is of another type" },
        [ATTEST_E_EXTRA_DATA] = { "quote-extra-data",
                                  "the evidence was made for another connection, node, purpose or configuration" },
        [ATTEST_E_FORM] = { "quote-form", "the signed structure is not well-formed" },
        [ATTEST_E_HIERARCHY] = { "ak-hierarchy",
                                 "the attestation key is no primary of the endorsement hierarchy" },
        [ATTEST_E_SELECTION] = { "pcr-selection", "the quote is not of exactly the PCRs and the bank asked for" },
        [ATTEST_E_PCR_MISSING] = { "pcr-missing", "a quoted PCR has no value to compare with" },
        [ATTEST_E_PCR_DIGEST] = { "pcr-digest", "the PCR values are not those that were quoted" },
        [ATTEST_E_CERTIFIED_NAME] = { "certified-name", "the attestation key certified another key" },
        [ATTEST_E_CERTIFIED_ATTRIBUTES] = { "certified-attributes",
                                            "the certified key was not made in its TPM, or can leave it" },
        [ATTEST_E_CREATION] = { "creation", "the creation data is not what was certified" },
        [ATTEST_E_CHALLENGE] = { "challenge", "the challenge was not solved: the keys are not in one TPM" },
        [ATTEST_E_DEVID_KEY] = { "devid-key",
                                 "the device's certificate is of another key than the one certified" },
        [ATTEST_E_APPROVAL_NO_CAP] = { "approval-no-cap", "an approval without the cap PCR is never signed" },
        [ATTEST_E_APPROVAL_CAP_SET] = { "approval-cap-set", "an approval is only signed for a cap PCR of zero" },
        [ATTEST_E_APPROVAL_PCR] = { "approval-pcr", "an approval needs PCRs below 16, and one beside the cap" },
        [ATTEST_E_APPROVAL_BANK] = { "approval-bank", "an approval needs a bank of SHA-256 or better" },
        [ATTEST_E_APPROVAL_SIGNATURE] = { "approval-signature", "the policy key did not sign this approval" },
};

static bool is_outcome(int r)
{
        return r > 0 && r < ATTEST_E_MAX && known[r].reason;
}

const char *attest_reason(int r)
{
        if (is_outcome(r)) return known[r].reason;
        return r == -EBADMSG ? "malformed" : "internal";
}

const char *attest_sentence(int r)
{
        if (is_outcome(r)) return known[r].sentence;
        return r == -EBADMSG ? "a structure is not well-formed" : "the check itself failed";
}
