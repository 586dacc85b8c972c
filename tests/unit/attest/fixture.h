/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A TPM's structures made in software: public areas, and a TPMS_ATTEST with any of its fields wrong that is then
 * signed all the same. A real TPM never signs a wrong one, so it cannot show what a check after the signature
 * does. */

#include "attest/quote.h"
#include "base/writer.h"
#include "vector.h"

typedef struct PublicFields {
        uint16_t type, name_alg;
        uint32_t attributes;
        Bytes policy;
        uint16_t aes_bits; /* 0: no symmetric */
        uint16_t scheme, scheme_hash;
        uint16_t size; /* RSA bits or curve */
        Bytes unique;  /* modulus; x and y in one */
} PublicFields;

enum {
        AK_ATTRIBUTES = ATTEST_RESTRICTED | ATTEST_SIGN | ATTEST_FIXED_TPM | ATTEST_FIXED_PARENT |
                        ATTEST_SENSITIVE_DATA_ORIGIN | ATTEST_USER_WITH_AUTH,
        SRK_ATTRIBUTES = 0x00030472,
        EK_LOW_ATTRIBUTES = 0x000300b2,
        EK_HIGH_ATTRIBUTES = 0x000300f2,
};

static inline Bytes encode_public(const PublicFields *f, uint8_t ret[static ATTEST_PUBLIC_MAX])
{
        Writer w = { .data = ret, .capacity = ATTEST_PUBLIC_MAX, .max = ATTEST_PUBLIC_MAX, .fixed = true };
        const size_t half = f->unique.size / 2;
        Bytes b;

        writer_be16(&w, f->type);
        writer_be16(&w, f->name_alg);
        writer_be32(&w, f->attributes);
        writer_tpm2b(&w, f->policy);
        writer_be16(&w, f->aes_bits ? ATTEST_ALG_AES : ATTEST_ALG_NULL);
        if (f->aes_bits) writer_be16(&w, f->aes_bits);
        if (f->aes_bits) writer_be16(&w, ATTEST_ALG_CFB);
        writer_be16(&w, f->scheme);
        if (f->scheme != ATTEST_ALG_NULL && f->scheme != ATTEST_ALG_RSAES) writer_be16(&w, f->scheme_hash);
        writer_be16(&w, f->size);
        if (f->type == ATTEST_ALG_RSA) {
                writer_be32(&w, 0);
                writer_tpm2b(&w, f->unique);
        } else {
                writer_be16(&w, ATTEST_ALG_NULL);
                writer_tpm2b(&w, BYTES(f->unique.data, half));
                writer_tpm2b(&w, BYTES(f->unique.data + half, half));
        }
        CHECK_OK(writer_finish(&w, &b));
        return b;
}

static inline AttestPublic parsed(const PublicFields *f)
{
        uint8_t encoded[ATTEST_PUBLIC_MAX];
        AttestPublic p;

        CHECK_OK(attest_public_parse(encode_public(f, encoded), &p));
        return p;
}

/* Modulus, or x || y, in one of a few static buffers. */
static inline Bytes unique_of(const PrivateKey *key)
{
        static uint8_t buffers[VECTORS][KEY_RSA_SIZE_MAX];
        static unsigned turn;
        cleanup_public_key PublicKey *k = NULL;
        uint8_t *b = buffers[turn++ % VECTORS];
        KeyPoint point;
        uint32_t e;
        size_t n;

        CHECK_OK(private_key_public(key, &k));
        if (public_key_type(k) == KEY_RSA) {
                CHECK_OK(public_key_rsa(k, b, &n, &e));
                return BYTES(b, n);
        }
        CHECK_OK(public_key_point(k, &point));
        memcpy(b, point.x, point.size);
        memcpy(b + point.size, point.y, point.size);
        return BYTES(b, 2 * point.size);
}

typedef struct Ak {
        PrivateKey *key;
        AttestPublic public;
} Ak;

/* bits as private_key_generate has them. */
static inline Ak new_ak(unsigned bits, uint16_t scheme, HashAlg hash)
{
        Ak ak = { 0 };

        CHECK_OK(private_key_generate(bits, &ak.key));
        ak.public = parsed(&(PublicFields){
                .type = bits > 512 ? ATTEST_ALG_RSA : ATTEST_ALG_ECC,
                .name_alg = HASH_SHA256,
                .attributes = AK_ATTRIBUTES,
                .scheme = scheme,
                .scheme_hash = (uint16_t)hash,
                .size = (uint16_t)(bits == 256   ? ATTEST_CURVE_P256
                                   : bits == 384 ? ATTEST_CURVE_P384
                                                 : bits),
                .unique = unique_of(ak.key),
        });
        return ak;
}

typedef struct AttestFields {
        uint32_t magic;
        uint16_t type;
        Bytes signer;
        Bytes extra;
        uint64_t clock;
        uint32_t reset_count, restart_count;
        uint8_t safe;
        uint64_t firmware;
        Bytes attested; /* everything behind firmwareVersion */
        Bytes trailer;
} AttestFields;

static inline Bytes encode_attest(const AttestFields *f, uint8_t ret[static ATTEST_STRUCTURE_MAX])
{
        Writer w = { .data = ret, .capacity = ATTEST_STRUCTURE_MAX, .max = ATTEST_STRUCTURE_MAX, .fixed = true };
        Bytes b;

        writer_be32(&w, f->magic);
        writer_be16(&w, f->type);
        writer_tpm2b(&w, f->signer);
        writer_tpm2b(&w, f->extra);
        writer_be64(&w, f->clock);
        writer_be32(&w, f->reset_count);
        writer_be32(&w, f->restart_count);
        writer_u8(&w, f->safe);
        writer_be64(&w, f->firmware);
        writer_bytes(&w, f->attested);
        writer_bytes(&w, f->trailer);
        CHECK_OK(writer_finish(&w, &b));
        return b;
}

/* A TPMT_SIGNATURE by the AK in its own scheme. */
static inline Bytes sign(const Ak *ak, Bytes structure, uint8_t ret[static ATTEST_SIGNATURE_MAX])
{
        Writer w = { .data = ret, .capacity = ATTEST_SIGNATURE_MAX, .max = ATTEST_SIGNATURE_MAX, .fixed = true };
        const HashAlg alg = (HashAlg)ak->public.scheme_hash;
        uint8_t digest[HASH_SIZE_MAX], s[KEY_RSA_SIZE_MAX];
        const Bytes d = BYTES(digest, hash_size(alg));
        size_t n;
        Bytes b;

        CHECK_OK(hash_bytes(alg, structure, digest));
        writer_be16(&w, ak->public.scheme);
        writer_be16(&w, ak->public.scheme_hash);
        if (ak->public.scheme == ATTEST_ALG_ECDSA) {
                CHECK_OK(private_key_sign_ecdsa_raw(ak->key, alg, d, s, &n));
                writer_tpm2b(&w, BYTES(s, n / 2));
                writer_tpm2b(&w, BYTES(s + n / 2, n / 2));
        } else {
                if (ak->public.scheme == ATTEST_ALG_RSASSA)
                        CHECK_OK(private_key_sign_rsassa(ak->key, alg, d, s, &n));
                else CHECK_OK(private_key_sign_rsapss(ak->key, alg, d, s, &n));
                writer_tpm2b(&w, BYTES(s, n));
        }
        CHECK_OK(writer_finish(&w, &b));
        return b;
}
