/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* TPM2_MakeCredential in software. Every size follows the EK: its nameAlg is the hash of OAEP, KDF and HMAC, its
 * symmetric definition the cipher. */

#include "attest/credential.h"

#include "base/error.h"
#include "base/writer.h"
#include "crypto/cipher.h"
#include "crypto/compare.h"
#include "crypto/hmac.h"
#include "crypto/kdf.h"

#include <errno.h>
#include <string.h>

static int seed_rsa(const AttestPublic *ek, const PublicKey *key, AttestCredential *c, Secret **ret_seed)
{
        cleanup_secret Secret *seed = NULL;
        int r;

        r = secret_new_random(hash_size(ek->name_alg), &seed);
        if (r < 0) return r;
        r = public_key_encrypt_oaep(key, (HashAlg)ek->name_alg, BYTES("IDENTITY", sizeof("IDENTITY")),
                                    secret_bytes(seed), c->secret, &c->secret_size);
        if (r < 0) return r;
        *ret_seed = TAKE_PTR(seed);
        return 0;
}

/* TPMS_ECC_POINT of the ephemeral key */
static int write_point(const KeyPoint *p, AttestCredential *c)
{
        Writer w = WRITER_FIXED(c->secret);
        Bytes b;
        int r;

        writer_tpm2b(&w, BYTES(p->x, p->size));
        writer_tpm2b(&w, BYTES(p->y, p->size));
        r = writer_finish(&w, &b);
        if (r < 0) return r;
        c->secret_size = b.size;
        return 0;
}

static int seed_ecc(const AttestPublic *ek, const PublicKey *key, AttestCredential *c, Secret **ret_seed)
{
        cleanup_secret Secret *z = NULL;
        KeyPoint own, ephemeral;
        KdfTpm kdf = { .alg = (HashAlg)ek->name_alg, .label = "IDENTITY" };
        int r;

        r = public_key_point(key, &own);
        if (r == 0) r = public_key_agree(key, &ephemeral, &z);
        if (r == 0) r = write_point(&ephemeral, c);
        if (r < 0) return r;
        kdf.key = secret_bytes(z);
        kdf.u = BYTES(ephemeral.x, ephemeral.size);
        kdf.v = BYTES(own.x, own.size);
        kdf.bits = (unsigned)hash_size(ek->name_alg) * 8;
        return kdf_kdfe(&kdf, ret_seed);
}

/* encIdentity: CFB over TPM2B(secret), in place */
static int encrypt_identity(const AttestPublic *ek, const Secret *seed, Bytes name, Bytes identity, uint8_t *ret)
{
        cleanup_secret Secret *key = NULL;
        int r;

        r = kdf_kdfa(&(KdfTpm){ .alg = (HashAlg)ek->name_alg,
                                .key = secret_bytes(seed),
                                .label = "STORAGE",
                                .u = name,
                                .bits = ek->symmetric_bits },
                     &key);
        return r < 0 ? r : cipher_cfb_encrypt(secret_bytes(key), identity, ret);
}

static int mac_identity(const AttestPublic *ek, const Secret *seed, Bytes name, Bytes encrypted, uint8_t *ret)
{
        const HashAlg alg = (HashAlg)ek->name_alg;
        cleanup_secret Secret *key = NULL;
        int r;

        r = kdf_kdfa(&(KdfTpm){ .alg = alg,
                                .key = secret_bytes(seed),
                                .label = "INTEGRITY",
                                .bits = (unsigned)hash_size(alg) * 8 },
                     &key);
        return r < 0 ? r : hmac_parts(alg, secret_bytes(key), (const Bytes[]){ encrypted, name }, 2, ret);
}

static int write_blob(const AttestPublic *ek, const Secret *seed, Bytes name, const uint8_t *secret,
                      AttestCredential *c)
{
        uint8_t identity[2 + ATTEST_SECRET_SIZE] = { 0, ATTEST_SECRET_SIZE }, mac[HASH_SIZE_MAX];
        Writer w = WRITER_FIXED(c->blob);
        Bytes b;
        int r;

        memcpy(identity + 2, secret, ATTEST_SECRET_SIZE);
        r = encrypt_identity(ek, seed, name, BYTES_ARRAY(identity), identity);
        if (r < 0) secret_wipe(identity, sizeof(identity));
        if (r == 0) r = mac_identity(ek, seed, name, BYTES_ARRAY(identity), mac);
        if (r < 0) return r;
        writer_tpm2b(&w, BYTES(mac, hash_size(ek->name_alg)));
        writer_bytes(&w, BYTES_ARRAY(identity));
        r = writer_finish(&w, &b);
        if (r < 0) return r;
        c->blob_size = b.size;
        return 0;
}

static bool is_name(const AttestName *n)
{
        if (n->size <= 2) return false;
        return n->size == 2 + hash_size((unsigned)n->bytes[0] << 8 | n->bytes[1]);
}

int attest_credential_make(const AttestPublic *ek, const AttestName *ak_name,
                           const uint8_t secret[static ATTEST_SECRET_SIZE], AttestCredential *ret)
{
        cleanup_public_key PublicKey *key = NULL;
        cleanup_secret Secret *seed = NULL;
        AttestCredential c = { 0 };
        int r;

        r = attest_public_check_ek(ek);
        if (r != 0) return r;
        if (!is_name(ak_name)) return error_set(-EINVAL, "a challenge for a key without a Name");
        r = attest_public_key(ek, &key);
        if (r == 0) r = (ek->type == ATTEST_ALG_RSA ? seed_rsa : seed_ecc)(ek, key, &c, &seed);
        if (r == 0) r = write_blob(ek, seed, attest_name_bytes(ak_name), secret, &c);
        if (r != 0) return r;
        *ret = c;
        return 0;
}

int attest_credential_answer(const uint8_t secret[static ATTEST_SECRET_SIZE],
                             const uint8_t exporter[static ATTEST_EXPORTER_SIZE], uint8_t ret[static SHA256_SIZE])
{
        return hmac_sha256(BYTES(secret, ATTEST_SECRET_SIZE), BYTES(exporter, ATTEST_EXPORTER_SIZE), ret);
}

int attest_credential_check(const uint8_t secret[static ATTEST_SECRET_SIZE],
                            const uint8_t exporter[static ATTEST_EXPORTER_SIZE], Bytes answer)
{
        uint8_t expected[SHA256_SIZE];
        int r;

        r = attest_credential_answer(secret, exporter, expected);
        if (r < 0) return r;
        r = crypto_equal(answer, BYTES_ARRAY(expected));
        secret_wipe(expected, sizeof(expected));
        return r == 0 ? 0 : ATTEST_E_CHALLENGE;
}
