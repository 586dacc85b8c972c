/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "attest/seal.h"

#include "base/error.h"
#include "base/writer.h"
#include "crypto/compare.h"

#include <errno.h>
#include <string.h>

enum {
        CC_POLICY_PCR = 0x0000017f,       /* TPM_CC_PolicyPCR */
        CC_POLICY_AUTHORIZE = 0x0000016a, /* TPM_CC_PolicyAuthorize */
        STATIC_PCRS = 0x0000ffff,         /* 0-15: reset by a reboot alone (PC Client PTP, "PCR attributes") */
};

static const uint8_t zeros[HASH_SIZE_MAX];

static void put_be32(uint8_t ret[static 4], uint32_t v)
{
        for (size_t i = 0; i < 4; i++) ret[i] = (uint8_t)(v >> (8 * (3 - i)));
}

int attest_policy_pcr(const uint8_t *start, const AttestPcrs *pcrs, uint8_t ret[static SHA256_SIZE])
{
        uint8_t code[4], selection[ATTEST_SELECTION_SIZE], digest[SHA256_SIZE];
        const Bytes parts[] = { BYTES(start ?: zeros, SHA256_SIZE), BYTES_ARRAY(code), BYTES_ARRAY(selection),
                                BYTES_ARRAY(digest) };
        int r;

        put_be32(code, CC_POLICY_PCR);
        attest_pcrs_selection(pcrs->bank, pcrs->mask, selection);
        r = attest_pcrs_digest(pcrs, HASH_SHA256, digest);
        return r < 0 ? r : hash_parts(HASH_SHA256, parts, ARRAY_SIZE(parts), ret);
}

int attest_policy_ref(const uint8_t node_id[static SHA256_SIZE], uint64_t generation,
                      uint8_t ret[static SHA256_SIZE])
{
        static const char label[] = "halfkey seal v1";
        uint8_t encoded[128], number[8];
        Writer w = WRITER_FIXED(encoded), n = WRITER_FIXED(number);
        Bytes b;
        int r;

        writer_be64(&n, generation);
        writer_prefixed(&w, BYTES_LITERAL(label));
        writer_prefixed(&w, BYTES(node_id, SHA256_SIZE));
        writer_prefixed(&w, BYTES_ARRAY(number));
        r = writer_finish(&w, &b);
        return r < 0 ? r : hash_sha256(b, ret);
}

/* PolicyUpdate() of TPM 2.0 Part 3, started from zeros: H(H(zeros || code || name) || policyRef) */
static int authorize(const AttestName *policy_key, Bytes policy_ref, uint8_t ret[static SHA256_SIZE])
{
        uint8_t code[4], inner[SHA256_SIZE];
        const Bytes parts[] = { BYTES(zeros, SHA256_SIZE), BYTES_ARRAY(code), attest_name_bytes(policy_key) };
        int r;

        if (policy_key->size <= 2) return error_set(-EINVAL, "a policy key without a Name");
        put_be32(code, CC_POLICY_AUTHORIZE);
        r = hash_parts(HASH_SHA256, parts, ARRAY_SIZE(parts), inner);
        if (r < 0) return r;
        return hash_parts(HASH_SHA256, (const Bytes[]){ BYTES_ARRAY(inner), policy_ref }, 2, ret);
}

int attest_policy_authorize(const AttestName *policy_key, const uint8_t policy_ref[static SHA256_SIZE],
                            uint8_t ret[static SHA256_SIZE])
{
        return authorize(policy_key, BYTES(policy_ref, SHA256_SIZE), ret);
}

int attest_policy_pcrsig(const AttestName *uki_key, HashAlg bank, uint8_t ret[static SHA256_SIZE])
{
        static const uint8_t zero[HASH_SIZE_MAX];
        AttestPcrs cap = { .bank = bank };
        uint8_t authorized[SHA256_SIZE];
        int r;

        r = authorize(uki_key, BYTES(NULL, 0), authorized);
        if (r == 0) r = attest_pcrs_set(&cap, ATTEST_CAP_PCR, BYTES(zero, hash_size(bank)));
        return r < 0 ? r : attest_policy_pcr(authorized, &cap, ret);
}

int attest_policy_pcrsig_signed(HashAlg bank, Bytes pcr11, uint8_t ret[static SHA256_SIZE])
{
        AttestPcrs pcrs = { .bank = bank };
        const int r = attest_pcrs_set(&pcrs, ATTEST_UKI_PCR, pcr11);

        return r < 0 ? r : attest_policy_pcr(NULL, &pcrs, ret);
}

int attest_approval_pcrs(HashAlg bank, Bytes pcr7, AttestPcrs *ret)
{
        AttestPcrs p = { .bank = bank };
        int r;

        r = attest_pcrs_set(&p, ATTEST_SECURE_BOOT_PCR, pcr7);
        if (r == 0) r = attest_pcrs_set(&p, ATTEST_CAP_PCR, BYTES(zeros, hash_size(bank)));
        if (r < 0) return r;
        *ret = p;
        return 0;
}

static int check_approvable(const AttestPcrs *pcrs)
{
        const uint32_t cap = ATTEST_PCR_BIT(ATTEST_CAP_PCR);

        if (pcrs->bank == HASH_SHA1 || hash_size(pcrs->bank) == 0) return ATTEST_E_APPROVAL_BANK;
        if (!(pcrs->mask & cap)) return ATTEST_E_APPROVAL_NO_CAP;
        if (!bytes_equal(attest_pcrs_get(pcrs, ATTEST_CAP_PCR), BYTES(zeros, hash_size(pcrs->bank))))
                return ATTEST_E_APPROVAL_CAP_SET;
        if (pcrs->mask == cap || pcrs->mask & ~(uint32_t)STATIC_PCRS) return ATTEST_E_APPROVAL_PCR;
        return 0;
}

static int approval_digest(const AttestApproval *a, uint8_t ret[static SHA256_SIZE])
{
        return hash_parts(HASH_SHA256, (const Bytes[]){ BYTES_ARRAY(a->policy), BYTES_ARRAY(a->policy_ref) }, 2,
                          ret);
}

int attest_approval_make(const AttestPcrs *pcrs, const uint8_t node_id[static SHA256_SIZE], uint64_t generation,
                         AttestApproval *ret)
{
        AttestApproval a;
        int r;

        r = check_approvable(pcrs);
        if (r == 0) r = attest_policy_pcr(NULL, pcrs, a.policy);
        if (r == 0) r = attest_policy_ref(node_id, generation, a.policy_ref);
        if (r == 0) r = approval_digest(&a, a.digest);
        if (r != 0) return r;
        *ret = a;
        return 0;
}

int attest_approval_sign(const AttestApproval *a, const PrivateKey *policy_key, uint8_t *ret, size_t *ret_size)
{
        return private_key_sign_rsassa(policy_key, HASH_SHA256, BYTES_ARRAY(a->digest), ret, ret_size);
}

int attest_approval_verify(const AttestApproval *a, const AttestPublic *policy_key, Bytes signature)
{
        cleanup_public_key PublicKey *key = NULL;
        uint8_t digest[SHA256_SIZE];
        int r;

        r = attest_public_key(policy_key, &key);
        if (r == 0) r = approval_digest(a, digest);
        if (r < 0) return r;
        if (crypto_equal(BYTES_ARRAY(digest), BYTES_ARRAY(a->digest)) < 0) return ATTEST_E_APPROVAL_SIGNATURE;
        r = public_key_verify_rsassa(key, HASH_SHA256, BYTES_ARRAY(digest), signature);
        return r == -EBADMSG ? ATTEST_E_APPROVAL_SIGNATURE : r;
}
