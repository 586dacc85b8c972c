/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Quotes and certifications, and what is checked behind the part that all structures share. */

#include "attest/structure.h"

#include "base/error.h"
#include "crypto/compare.h"

#include <errno.h>
#include <string.h>

enum {
        SELECT_SIZE_MAX = 4, /* bytes of a PCR bitmap */
};

static int parse_selection(Reader *r, AttestSelection *ret)
{
        AttestSelection s = { 0 };
        Bytes bitmap;
        uint8_t size;

        if (reader_be16(r, &s.bank) < 0 || reader_u8(r, &size) < 0 || size > SELECT_SIZE_MAX ||
            reader_bytes(r, size, &bitmap) < 0)
                return ATTEST_E_FORM;
        for (size_t i = 0; i < bitmap.size; i++) s.mask |= (uint32_t)bitmap.data[i] << (8 * i);
        *ret = s;
        return 0;
}

/* TPMS_QUOTE_INFO */
static int parse_quote_info(Reader *r, AttestQuote *q)
{
        uint32_t n;
        Bytes digest;

        if (reader_be32(r, &n) < 0 || n > ATTEST_SELECTIONS_MAX) return ATTEST_E_FORM;
        for (q->n_selections = 0; q->n_selections < n; q->n_selections++)
                if (parse_selection(r, &q->selections[q->n_selections]) != 0) return ATTEST_E_FORM;
        if (reader_tpm2b(r, &digest) < 0 || digest.size != hash_size(q->hash) || reader_finish(r) < 0)
                return ATTEST_E_FORM;
        q->pcr_digest = (Digest){ .alg = q->hash, .size = digest.size };
        memcpy(q->pcr_digest.bytes, digest.data, digest.size);
        return 0;
}

int attest_quote_authenticate(Bytes quote, Bytes signature, const AttestPublic *ak, const AttestExtra *expected,
                              AttestQuote *ret)
{
        const AttestSigned s = { .structure = quote, .signature = signature };
        AttestQuote q = { .hash = (HashAlg)ak->scheme_hash };
        Reader reader;
        int r;

        r = attest_structure_open(&s, ak, ATTEST_TYPE_QUOTE, BYTES_ARRAY(expected->bytes), &reader, &q.at);
        if (r == 0) r = parse_quote_info(&reader, &q);
        if (r != 0) return r;
        *ret = q;
        return 0;
}

int attest_quote_check_selection(const AttestQuote *q, HashAlg bank, uint32_t mask)
{
        if (q->n_selections != 1 || mask == 0) return ATTEST_E_SELECTION;
        if (q->selections[0].bank != bank || q->selections[0].mask != mask) return ATTEST_E_SELECTION;
        return 0;
}

int attest_quote_check_pcrs(const AttestQuote *q, const AttestPcrs *pcrs)
{
        AttestPcrs quoted = *pcrs;
        uint8_t digest[HASH_SIZE_MAX];
        int r;

        if (q->n_selections != 1 || q->selections[0].bank != pcrs->bank || q->selections[0].mask == 0)
                return ATTEST_E_SELECTION;
        if (q->selections[0].mask & ~pcrs->mask) return ATTEST_E_PCR_MISSING;
        quoted.mask = q->selections[0].mask;
        r = attest_pcrs_digest(&quoted, q->hash, digest);
        if (r < 0) return r;
        r = crypto_equal(BYTES(digest, hash_size(q->hash)), digest_bytes(&q->pcr_digest));
        return r == 0 ? 0 : ATTEST_E_PCR_DIGEST;
}

int attest_clock_check_hierarchy(const AttestClock *at, const AttestPublic *ak)
{
        AttestName expected;
        int r;

        r = attest_public_qualified_name(ak, &expected);
        if (r < 0) return r;
        return bytes_equal(attest_name_bytes(&at->signer), attest_name_bytes(&expected)) ? 0 : ATTEST_E_HIERARCHY;
}

/* TPMS_CERTIFY_INFO: name, qualifiedName. The second says where in its hierarchy the key is; the first is the
 * key itself. */
static int check_certify_info(Reader *r, const AttestPublic *subject)
{
        AttestName name, certified, qualified;
        int result;

        result = attest_public_name(subject, &name);
        if (result == 0) result = attest_parse_name(r, &certified);
        if (result == 0) result = attest_parse_name(r, &qualified);
        if (result != 0) return result;
        if (reader_finish(r) < 0) return ATTEST_E_FORM;
        return bytes_equal(attest_name_bytes(&certified), attest_name_bytes(&name)) ? 0 : ATTEST_E_CERTIFIED_NAME;
}

int attest_certify_verify(Bytes certify, Bytes signature, const AttestPublic *ak, const AttestExtra *expected,
                          const AttestPublic *subject, AttestClock *ret_at)
{
        const AttestSigned s = { .structure = certify, .signature = signature };
        AttestClock at = { 0 };
        Reader reader;
        int r;

        r = attest_structure_open(&s, ak, ATTEST_TYPE_CERTIFY, BYTES_ARRAY(expected->bytes), &reader, &at);
        if (r == 0) r = check_certify_info(&reader, subject);
        if (r != 0) return r;
        if (ret_at) *ret_at = at;
        return 0;
}
