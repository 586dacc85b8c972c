/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* TPMT_PUBLIC is read field by field into numbers; nothing is believed that is not known here. */

#include "attest/public.h"

#include "base/error.h"
#include "base/writer.h"

#include <errno.h>
#include <string.h>

enum {
        /* TPMA_OBJECT bits of TPM 2.0 Part 2, version 1.83: 1, 2, 4-11, 16-19 */
        ATTRIBUTES_KNOWN = 0x000f0ff6,
        RSA_BITS_MIN = 1024, /* parsed, so that a refusal can say what is wrong with it */
        RH_ENDORSEMENT = 0x4000000b,
};

static int bad(const char *what)
{
        return error_set(-EBADMSG, "public area: %s", what);
}

static int parse_hash(Reader *r, uint16_t *ret)
{
        uint16_t alg;

        if (reader_be16(r, &alg) < 0) return bad("cut short");
        if (hash_size(alg) == 0) return bad("unknown hash algorithm");
        *ret = alg;
        return 0;
}

/* TPM2B of at most max bytes, into dst */
static int parse_buffer(Reader *r, uint8_t *dst, size_t max, size_t *ret_size)
{
        Bytes b;

        if (reader_tpm2b(r, &b) < 0) return bad("cut short");
        if (b.size > max) return bad("a field that is too long");
        if (b.size > 0) memcpy(dst, b.data, b.size);
        *ret_size = b.size;
        return 0;
}

/* Everything before the union of parameters. */
static int parse_head(Reader *r, AttestPublic *p)
{
        int result;

        if (reader_be16(r, &p->type) < 0) return bad("cut short");
        result = parse_hash(r, &p->name_alg);
        if (result < 0) return result;
        if (reader_be32(r, &p->attributes) < 0) return bad("cut short");
        if (p->attributes & ~(uint32_t)ATTRIBUTES_KNOWN) return bad("a reserved attribute bit is set");
        result = parse_buffer(r, p->policy, sizeof(p->policy), &p->policy_size);
        if (result < 0) return result;
        if (p->policy_size != 0 && p->policy_size != hash_size(p->name_alg))
                return bad("a policy that is no digest");
        return 0;
}

/* TPMT_SYM_DEF_OBJECT */
static int parse_symmetric(Reader *r, AttestPublic *p)
{
        if (reader_be16(r, &p->symmetric) < 0) return bad("cut short");
        if (p->symmetric == ATTEST_ALG_NULL) return 0;
        if (p->symmetric != ATTEST_ALG_AES) return bad("unknown symmetric cipher");
        if (reader_be16(r, &p->symmetric_bits) < 0 || reader_be16(r, &p->symmetric_mode) < 0)
                return bad("cut short");
        if (p->symmetric_bits != 128 && p->symmetric_bits != 192 && p->symmetric_bits != 256)
                return bad("unknown AES key size");
        return 0;
}

/* TPMT_ASYM_SCHEME and its kin */
static int parse_scheme(Reader *r, AttestPublic *p)
{
        uint16_t second; /* XOR's KDF, ECDAA's count: of no use here */
        int result;

        if (reader_be16(r, &p->scheme) < 0) return bad("cut short");
        switch (p->scheme) {
        case ATTEST_ALG_NULL:
        case ATTEST_ALG_RSAES: return 0;
        case ATTEST_ALG_RSASSA:
        case ATTEST_ALG_RSAPSS:
        case ATTEST_ALG_OAEP:
        case ATTEST_ALG_ECDSA:
        case ATTEST_ALG_ECDH:
        case ATTEST_ALG_ECSCHNORR:
        case ATTEST_ALG_ECMQV:
        case ATTEST_ALG_HMAC: return parse_hash(r, &p->scheme_hash);
        case ATTEST_ALG_XOR:
        case ATTEST_ALG_ECDAA:
                result = parse_hash(r, &p->scheme_hash);
                if (result < 0) return result;
                return reader_be16(r, &second) < 0 ? bad("cut short") : 0;
        default: return bad("unknown scheme");
        }
}

/* The scheme is one that keys of this type have. */
static int check_scheme(const AttestPublic *p)
{
        static const struct {
                uint16_t type, scheme;
        } pairs[] = {
                { ATTEST_ALG_RSA, ATTEST_ALG_RSASSA },    { ATTEST_ALG_RSA, ATTEST_ALG_RSAPSS },
                { ATTEST_ALG_RSA, ATTEST_ALG_RSAES },     { ATTEST_ALG_RSA, ATTEST_ALG_OAEP },
                { ATTEST_ALG_ECC, ATTEST_ALG_ECDSA },     { ATTEST_ALG_ECC, ATTEST_ALG_ECDH },
                { ATTEST_ALG_ECC, ATTEST_ALG_ECSCHNORR }, { ATTEST_ALG_ECC, ATTEST_ALG_ECMQV },
                { ATTEST_ALG_ECC, ATTEST_ALG_ECDAA },     { ATTEST_ALG_KEYEDHASH, ATTEST_ALG_HMAC },
                { ATTEST_ALG_KEYEDHASH, ATTEST_ALG_XOR },
        };

        if (p->scheme == ATTEST_ALG_NULL) return 0;
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
                if (pairs[i].type == p->type && pairs[i].scheme == p->scheme) return 0;
        return bad("a scheme of another type of key");
}

static int parse_rsa(Reader *r, AttestPublic *p)
{
        int result;

        result = parse_symmetric(r, p);
        if (result == 0) result = parse_scheme(r, p);
        if (result < 0) return result;
        if (reader_be16(r, &p->rsa_bits) < 0 || reader_be32(r, &p->rsa_exponent) < 0) return bad("cut short");
        if (p->rsa_exponent == 0) p->rsa_exponent = 65537;
        result = parse_buffer(r, p->unique, sizeof(p->unique), &p->unique_size);
        if (result < 0) return result;
        if (p->rsa_bits < RSA_BITS_MIN || p->rsa_bits % 8 != 0 || p->unique_size != p->rsa_bits / 8)
                return bad("an RSA modulus that has not the size of its key");
        return 0;
}

static int parse_ecc(Reader *r, AttestPublic *p)
{
        uint16_t kdf_hash;
        int result;

        result = parse_symmetric(r, p);
        if (result == 0) result = parse_scheme(r, p);
        if (result < 0) return result;
        if (reader_be16(r, &p->curve) < 0 || reader_be16(r, &p->kdf) < 0) return bad("cut short");
        if (p->kdf != ATTEST_ALG_NULL) result = parse_hash(r, &kdf_hash);
        if (result == 0) result = parse_buffer(r, p->x, sizeof(p->x), &p->x_size);
        if (result == 0) result = parse_buffer(r, p->y, sizeof(p->y), &p->y_size);
        return result;
}

static int parse_keyedhash(Reader *r, AttestPublic *p)
{
        int result;

        result = parse_scheme(r, p);
        if (result == 0) result = parse_buffer(r, p->unique, HASH_SIZE_MAX, &p->unique_size);
        return result;
}

static int parse_body(Reader *r, AttestPublic *p)
{
        switch (p->type) {
        case ATTEST_ALG_RSA: return parse_rsa(r, p);
        case ATTEST_ALG_ECC: return parse_ecc(r, p);
        case ATTEST_ALG_KEYEDHASH: return parse_keyedhash(r, p);
        default: return bad("a type that is neither RSA nor ECC nor keyed hash");
        }
}

int attest_public_parse(Bytes tpmt_public, AttestPublic *ret)
{
        Reader r = READER_INIT(tpmt_public);
        AttestPublic p = { .encoded_size = tpmt_public.size };
        int result;

        if (tpmt_public.size == 0 || tpmt_public.size > sizeof(p.encoded)) return bad("too short or too long");
        memcpy(p.encoded, tpmt_public.data, tpmt_public.size);
        result = parse_head(&r, &p);
        if (result == 0) result = parse_body(&r, &p);
        if (result == 0) result = check_scheme(&p);
        if (result < 0) return result;
        if (reader_finish(&r) < 0) return bad("bytes left over");
        *ret = p;
        return 0;
}

static int name_of(uint16_t alg, const Bytes *parts, size_t n_parts, AttestName *ret)
{
        AttestName n = { .size = 2 + hash_size(alg), .bytes = { (uint8_t)(alg >> 8), (uint8_t)alg } };
        int r;

        r = hash_parts((HashAlg)alg, parts, n_parts, n.bytes + 2);
        if (r < 0) return r;
        *ret = n;
        return 0;
}

int attest_public_name(const AttestPublic *p, AttestName *ret)
{
        return name_of(p->name_alg, &BYTES(p->encoded, p->encoded_size), 1, ret);
}

int attest_public_qualified_name(const AttestPublic *p, AttestName *ret)
{
        static const uint8_t parent[] = { RH_ENDORSEMENT >> 24, 0, 0, RH_ENDORSEMENT & 0xff };
        AttestName name;
        int r;

        r = attest_public_name(p, &name);
        if (r < 0) return r;
        return name_of(p->name_alg, (const Bytes[]){ BYTES_ARRAY(parent), attest_name_bytes(&name) }, 2, ret);
}

int attest_public_key(const AttestPublic *p, PublicKey **ret)
{
        if (p->type == ATTEST_ALG_RSA)
                return public_key_new_rsa(BYTES(p->unique, p->unique_size), p->rsa_exponent, ret);
        if (p->type != ATTEST_ALG_ECC) return bad("no asymmetric key");
        if (p->curve != ATTEST_CURVE_P256 && p->curve != ATTEST_CURVE_P384) return bad("unknown curve");
        return public_key_new_ec(p->curve == ATTEST_CURVE_P256 ? KEY_P256 : KEY_P384, BYTES(p->x, p->x_size),
                                 BYTES(p->y, p->y_size), ret);
}

int attest_public_spki(const AttestPublic *p, uint8_t **ret, size_t *ret_size)
{
        cleanup_public_key PublicKey *k = NULL;
        int r;

        r = attest_public_key(p, &k);
        return r < 0 ? r : public_key_spki(k, ret, ret_size);
}

int attest_public_node_id(const AttestPublic *p, uint8_t ret[static SHA256_SIZE])
{
        cleanup_public_key PublicKey *k = NULL;
        int r;

        r = attest_public_key(p, &k);
        return r < 0 ? r : public_key_id(k, ret);
}

int attest_public_policy_key(Bytes spki, AttestPublic *ret)
{
        cleanup_public_key PublicKey *k = NULL;
        uint8_t modulus[KEY_RSA_SIZE_MAX], encoded[ATTEST_PUBLIC_MAX];
        Writer w = WRITER_FIXED(encoded);
        uint32_t exponent;
        size_t size;
        Bytes b;
        int r;

        r = public_key_new_spki(spki, &k);
        if (r < 0) return r;
        if (public_key_type(k) != KEY_RSA || public_key_bits(k) != 2048) return bad("policy keys are RSA-2048");
        r = public_key_rsa(k, modulus, &size, &exponent);
        if (r < 0) return r;
        if (exponent != 65537) return bad("policy keys have the exponent 65537");
        writer_be16(&w, ATTEST_ALG_RSA);
        writer_be16(&w, HASH_SHA256);
        writer_be32(&w, ATTEST_SIGN | ATTEST_USER_WITH_AUTH);
        writer_tpm2b(&w, BYTES(NULL, 0)); /* authPolicy */
        writer_be16(&w, ATTEST_ALG_NULL); /* symmetric */
        writer_be16(&w, ATTEST_ALG_RSASSA);
        writer_be16(&w, HASH_SHA256);
        writer_be16(&w, 2048);
        writer_be32(&w, 0); /* 65537 */
        writer_tpm2b(&w, BYTES(modulus, size));
        r = writer_finish(&w, &b);
        return r < 0 ? r : attest_public_parse(b, ret);
}
