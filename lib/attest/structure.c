/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signature first, then the structure: until the signature held, not one field is looked at. Whoever adds a
 * check adds it at its place in the order and gives it an outcome of its own. */

#include "attest/structure.h"

#include "base/error.h"
#include "crypto/compare.h"

#include <errno.h>
#include <string.h>

enum { TPM_GENERATED = 0xff544347 }; /* TPM 2.0 Part 2, TPM_GENERATED */

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

int attest_parse_name(Reader *r, AttestName *ret)
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

static int check_extra(Reader *r, Bytes expected)
{
        Bytes extra;

        if (reader_tpm2b(r, &extra) < 0) return ATTEST_E_FORM;
        return crypto_equal(extra, expected) == 0 ? 0 : ATTEST_E_EXTRA_DATA;
}

/* The fields of a TPMS_ATTEST up to its `attested` part, at which r stands afterwards. */
static int check_head(Reader *r, uint16_t wanted, Bytes expected, AttestClock *ret)
{
        uint32_t magic;
        uint16_t type;
        int result;

        if (reader_be32(r, &magic) < 0) return ATTEST_E_FORM;
        if (magic != TPM_GENERATED) return ATTEST_E_MAGIC;
        if (reader_be16(r, &type) < 0) return ATTEST_E_FORM;
        if (type != wanted) return ATTEST_E_TYPE;
        result = attest_parse_name(r, &ret->signer);
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

int attest_structure_open(const AttestSigned *s, const AttestPublic *ak, uint16_t type, Bytes expected,
                          Reader *ret, AttestClock *ret_at)
{
        Reader reader = READER_INIT(s->structure);
        AttestClock at = { 0 };
        int r;

        r = authenticate(s->structure, s->signature, ak);
        if (r == 0) r = check_head(&reader, type, expected, &at);
        if (r != 0) return r;
        *ret = reader;
        *ret_at = at;
        return 0;
}
