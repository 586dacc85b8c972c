/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signature first, then the structure: until the signature held, not one field is looked at. Whoever adds a
 * check adds it at its place in the order and gives it an outcome of its own. */

#include "attest/quote.h"

#include "base/error.h"
#include "crypto/compare.h"

#include <errno.h>
#include <string.h>

enum {
        TPM_GENERATED = 0xff544347, /* TPM 2.0 Part 2, TPM_GENERATED */
        TYPE_QUOTE = 0x8018,        /* TPM_ST_ATTEST_QUOTE */
        TYPE_CERTIFY = 0x8017,      /* TPM_ST_ATTEST_CERTIFY */
        SELECT_SIZE_MAX = 4,        /* bytes of a PCR bitmap */
};

/* A TPMT_SIGNATURE taken apart; views into its bytes. */
typedef struct Signature {
        uint16_t scheme, hash;
        Bytes first, second; /* RSA signature, or r and s */
} Signature;

static int parse_signature(Bytes signature, const AttestPublic *ak, Signature *ret)
{
        Reader r = READER_INIT(signature);
        Signature s = { 0 };

        if (signature.size > ATTEST_SIGNATURE_MAX || reader_be16(&r, &s.scheme) < 0)
                return ATTEST_E_SIGNATURE_FORM;
        if (s.scheme != ak->scheme) return ATTEST_E_SIGNATURE_SCHEME;
        if (reader_be16(&r, &s.hash) < 0 || reader_tpm2b(&r, &s.first) < 0) return ATTEST_E_SIGNATURE_FORM;
        if (s.hash != ak->scheme_hash) return ATTEST_E_SIGNATURE_SCHEME;
        if (s.scheme == ATTEST_ALG_ECDSA && reader_tpm2b(&r, &s.second) < 0) return ATTEST_E_SIGNATURE_FORM;
        if (reader_finish(&r) < 0) return ATTEST_E_SIGNATURE_FORM;
        *ret = s;
        return 0;
}

static int verify(const Signature *s, const PublicKey *key, Bytes digest)
{
        const HashAlg hash = (HashAlg)s->hash;

        switch (s->scheme) {
        case ATTEST_ALG_RSASSA: return public_key_verify_rsassa(key, hash, digest, s->first);
        case ATTEST_ALG_RSAPSS: return public_key_verify_rsapss(key, hash, digest, s->first);
        case ATTEST_ALG_ECDSA: return public_key_verify_ecdsa(key, hash, digest, s->first, s->second);
        default: return -EBADMSG;
        }
}

static int check_signature(Bytes structure, Bytes signature, const AttestPublic *ak)
{
        cleanup_public_key PublicKey *key = NULL;
        uint8_t digest[HASH_SIZE_MAX];
        Signature s;
        int r;

        r = parse_signature(signature, ak, &s);
        if (r == 0) r = attest_public_key(ak, &key);
        if (r == 0) r = hash_bytes((HashAlg)s.hash, structure, digest);
        if (r != 0) return r == -EBADMSG ? ATTEST_E_AK_SIZE : r;
        r = verify(&s, key, BYTES(digest, hash_size(s.hash)));
        return r == -EBADMSG ? ATTEST_E_SIGNATURE : r;
}

static int parse_name(Reader *r, AttestName *ret)
{
        Bytes b;

        if (reader_tpm2b(r, &b) < 0 || b.size > sizeof(ret->bytes)) return ATTEST_E_FORM;
        ret->size = b.size;
        if (b.size > 0) memcpy(ret->bytes, b.data, b.size);
        return 0;
}

/* TPMS_CLOCK_INFO and firmwareVersion */
static int parse_clock(Reader *r, AttestClock *ret)
{
        uint8_t safe;

        if (reader_be64(r, &ret->clock) < 0 || reader_be32(r, &ret->reset_count) < 0 ||
            reader_be32(r, &ret->restart_count) < 0 || reader_u8(r, &safe) < 0 ||
            reader_be64(r, &ret->firmware_version) < 0 || safe > 1)
                return ATTEST_E_FORM;
        ret->safe = safe == 1;
        return 0;
}

static int check_extra(Reader *r, const AttestExtra *expected)
{
        Bytes extra;

        if (reader_tpm2b(r, &extra) < 0) return ATTEST_E_FORM;
        return crypto_equal(extra, BYTES_ARRAY(expected->bytes)) == 0 ? 0 : ATTEST_E_EXTRA_DATA;
}

/* The fields of a TPMS_ATTEST up to its `attested` part, at which r stands afterwards. */
static int check_head(Reader *r, uint16_t wanted, const AttestExtra *expected, AttestClock *ret)
{
        uint32_t magic;
        uint16_t type;
        int result;

        if (reader_be32(r, &magic) < 0) return ATTEST_E_FORM;
        if (magic != TPM_GENERATED) return ATTEST_E_MAGIC;
        if (reader_be16(r, &type) < 0) return ATTEST_E_FORM;
        if (type != wanted) return ATTEST_E_TYPE;
        result = parse_name(r, &ret->signer);
        if (result == 0) result = check_extra(r, expected);
        if (result == 0) result = parse_clock(r, ret);
        return result;
}

static int authenticate(Bytes structure, Bytes signature, const AttestPublic *ak)
{
        int r;

        if (structure.size == 0 || structure.size > ATTEST_STRUCTURE_MAX) return ATTEST_E_FORM;
        r = attest_public_check_ak(ak);
        return r != 0 ? r : check_signature(structure, signature, ak);
}

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
        Reader reader = READER_INIT(quote);
        AttestQuote q = { .hash = (HashAlg)ak->scheme_hash };
        int r;

        r = authenticate(quote, signature, ak);
        if (r == 0) r = check_head(&reader, TYPE_QUOTE, expected, &q.at);
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
        if (result == 0) result = parse_name(r, &certified);
        if (result == 0) result = parse_name(r, &qualified);
        if (result != 0) return result;
        if (reader_finish(r) < 0) return ATTEST_E_FORM;
        return bytes_equal(attest_name_bytes(&certified), attest_name_bytes(&name)) ? 0 : ATTEST_E_CERTIFIED_NAME;
}

int attest_certify_verify(Bytes certify, Bytes signature, const AttestPublic *ak, const AttestExtra *expected,
                          const AttestPublic *subject, AttestClock *ret_at)
{
        Reader reader = READER_INIT(certify);
        AttestClock at = { 0 };
        int r;

        r = authenticate(certify, signature, ak);
        if (r == 0) r = check_head(&reader, TYPE_CERTIFY, expected, &at);
        if (r == 0) r = check_certify_info(&reader, subject);
        if (r != 0) return r;
        if (ret_at) *ret_at = at;
        return 0;
}
