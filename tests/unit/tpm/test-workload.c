/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys for workloads: created here and certified, brought in, used; audits. What the TPM says is checked by
 * lib/attest, signatures by lib/crypto, HMACs by both. */

#include "attest/workload.h"
#include "base/writer.h"
#include "check.h"
#include "crypto/cipher.h"
#include "crypto/hmac.h"
#include "crypto/kdf.h"
#include "tpm/audit.h"
#include "tpm/internal.h"
#include "tpm/key.h"
#include "tpm/scene.h"

#include <errno.h>

static const char nonce_text[] = "a nonce of both sides";
#define NONCE BYTES_LITERAL(nonce_text)

typedef struct Workload {
        Scene scene;
        TpmEk ek;
        TpmParent srk_parent, ek_parent;
} Workload;

static void workload_init(Workload *w)
{
        scene_init(&w->scene);
        CHECK_OK(tpm_ek_read_kind(w->scene.tpm, TPM_EK_ECC_P256, &w->ek));
        w->srk_parent = (TpmParent){ .srk = &w->scene.srk };
        w->ek_parent = (TpmParent){ .ek = &w->ek };
}

static void workload_deinit(Workload *w)
{
        tpm_ek_deinit(&w->ek);
        scene_deinit(&w->scene);
}
#define cleanup_workload _cleanup_(workload_deinit)

static AttestPublic public_of(const TpmBlob *b)
{
        AttestPublic p;

        CHECK_OK(attest_public_parse(tpm_public_bytes(&b->public_area), &p));
        return p;
}

static AttestSigned signed_of(const TpmSigned *s)
{
        return (AttestSigned){ tpm_signed_attest(s), tpm_signed_signature(s) };
}

/* ---- created here ---- */

static void created_keys_are_certified(void)
{
        static const TpmKeyKind aks[] = { TPM_KEY_ATTEST_P256, TPM_KEY_ATTEST_P384, TPM_KEY_ATTEST_RSASSA,
                                          TPM_KEY_ATTEST_RSAPSS };
        static const TpmKeyKind keys[] = { TPM_KEY_SIGN_P256, TPM_KEY_SIGN_RSASSA, TPM_KEY_HMAC_SHA256,
                                           TPM_KEY_SIGN_P256 };
        cleanup_workload Workload w = { 0 };
        Tpm *tpm;

        workload_init(&w);
        tpm = w.scene.tpm;
        for (size_t i = 0; i < ARRAY_SIZE(aks); i++) {
                const TpmParent *parent = i % 2 ? &w.ek_parent : &w.srk_parent;
                TpmBlob ak_blob, key_blob, other_blob;
                TpmCreation creation, other_creation;
                TpmSigned s;
                AttestCreation c;
                AttestClock at;

                CHECK_OK(tpm_key_create(tpm, parent, aks[i], &ak_blob, NULL));
                CHECK_OK(tpm_key_create(tpm, &w.srk_parent, keys[i], &key_blob, &creation));
                CHECK_OK(tpm_key_create(tpm, &w.srk_parent, keys[i], &other_blob, &other_creation));
                const TpmKey ak = { .parent = *parent, .blob = &ak_blob },
                             key = { .parent = w.srk_parent, .blob = &key_blob };
                const AttestPublic ak_public = public_of(&ak_blob), key_public = public_of(&key_blob),
                                   other_public = public_of(&other_blob);
                CHECK_OK(attest_public_check_ak(&ak_public));

                CHECK_OK(tpm_key_certify_creation(tpm, &ak, &key, &creation, NONCE, &s));
                AttestSigned a = signed_of(&s);
                CHECK_OK(attest_creation_verify(&a, &ak_public, NONCE, &key_public, tpm_creation_data(&creation),
                                                &c));
                CHECK_BYTES(attest_name_bytes(&c.parent), tpm_name_bytes(&w.scene.srk.name));
                CHECK(c.outside_info.size == 0);
                CHECK_RESULT(attest_creation_verify(&a, &ak_public, NONCE, &other_public,
                                                    tpm_creation_data(&creation), &c),
                             ATTEST_E_CERTIFIED_NAME);
                creation.data[creation.data_size - 1] ^= 1;
                CHECK_RESULT(attest_creation_verify(&a, &ak_public, NONCE, &key_public,
                                                    tpm_creation_data(&creation), &c),
                             ATTEST_E_CREATION);
                CHECK_RESULT(attest_creation_verify(&a, &ak_public, BYTES("x", 1), &key_public,
                                                    tpm_creation_data(&creation), &c),
                             ATTEST_E_EXTRA_DATA);
                CHECK_RESULT(tpm_key_certify_creation(tpm, &ak, &key, &other_creation, NONCE, &s), TPM_E_BLOB);

                CHECK_OK(tpm_key_certify(tpm, &ak, &key, NONCE, &s));
                a = signed_of(&s);
                CHECK_OK(attest_key_verify(&a, &ak_public, NONCE, &key_public, &at));
                CHECK_RESULT(attest_key_verify(&a, &ak_public, NONCE, &other_public, &at),
                             ATTEST_E_CERTIFIED_NAME);
                CHECK_RESULT(attest_creation_verify(&a, &ak_public, NONCE, &key_public,
                                                    tpm_creation_data(&creation), &c),
                             ATTEST_E_TYPE);
                CHECK(rig_loaded(w.scene.rig) == 0);
        }
}

/* Every bit of a certified creation: none accepted. */
static void no_changed_creation_is_accepted(void)
{
        cleanup_workload Workload w = { 0 };
        TpmBlob blob;
        TpmCreation creation;
        TpmSigned s;
        AttestCreation c;

        workload_init(&w);
        CHECK_OK(tpm_key_create(w.scene.tpm, &w.srk_parent, TPM_KEY_ATTEST_P256, &blob, &creation));
        const TpmKey ak = { .parent = w.srk_parent, .blob = &blob };
        const AttestPublic p = public_of(&blob);
        CHECK_OK(tpm_key_certify_creation(w.scene.tpm, &ak, &ak, &creation, NONCE, &s)); /* of itself */
        const AttestSigned a = signed_of(&s);
        CHECK_OK(attest_creation_verify(&a, &p, NONCE, &p, tpm_creation_data(&creation), &c));
        for (size_t bit = 0; bit < 8 * s.attest_size; bit++) {
                s.attest[bit / 8] ^= (uint8_t)(1 << bit % 8);
                CHECK_RESULT(attest_creation_verify(&a, &p, NONCE, &p, tpm_creation_data(&creation), &c),
                             ATTEST_E_SIGNATURE);
                s.attest[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t bit = 0; bit < 8 * creation.data_size; bit++) {
                creation.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
                CHECK_RESULT(attest_creation_verify(&a, &p, NONCE, &p, tpm_creation_data(&creation), &c),
                             ATTEST_E_CREATION);
                creation.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t n = 0; n < creation.data_size; n++)
                CHECK(attest_creation_verify(&a, &p, NONCE, &p, BYTES(creation.data, n), &c) > 0);
}

static void the_nodes_ak_proves_its_creation(void)
{
        cleanup_scene Scene s;
        const AttestContext context = { .purpose = ATTEST_PURPOSE_CERTIFY, .role = "node", .exporter = { 2 } };
        AttestExtra expected;
        AttestCreation c;
        AttestPublic ak;
        TpmExtra extra;
        TpmCreation creation;
        TpmSigned proof;
        TpmObject other;

        scene_init(&s);
        CHECK_OK(attest_extra_data(&context, &expected));
        memcpy(extra.bytes, expected.bytes, sizeof(extra.bytes));
        CHECK_OK(tpm_ak_certify_creation(s.tpm, &s.ak, &extra, &creation, &proof));
        CHECK_OK(attest_public_parse(tpm_public_bytes(&s.ak.public_area), &ak));
        const AttestSigned a = signed_of(&proof);
        CHECK_OK(attest_creation_verify(&a, &ak, BYTES_ARRAY(expected.bytes), &ak, tpm_creation_data(&creation),
                                        &c));
        CHECK_BYTES(attest_name_bytes(&c.parent), BYTES("\x40\x00\x00\x0b", 4)); /* TPM_RH_ENDORSEMENT */
        CHECK_OK(attest_clock_check_hierarchy(&c.at, &ak));
        other = s.srk;
        CHECK_RESULT(tpm_ak_certify_creation(s.tpm, &other, &extra, &creation, &proof), TPM_E_NAME);
        CHECK(rig_loaded(s.rig) == 0);
}

static void a_certified_key_from_elsewhere_is_refused(void)
{
        cleanup_workload Workload w = { 0 };
        TpmBlob ak_blob, key_blob;
        AttestPublic imported;
        AttestClock at;
        TpmSigned s;

        workload_init(&w);
        CHECK_OK(tpm_key_create(w.scene.tpm, &w.srk_parent, TPM_KEY_ATTEST_P256, &ak_blob, NULL));
        rig_run(w.scene.rig, "openssl ecparam -name prime256v1 -genkey -noout -out ec.pem && "
                             "tpm2_import -Q -C 0x81000001 -G ecc -i ec.pem -u u -r r && tpm2_flushcontext -t");
        const Bytes u = rig_read(w.scene.rig, "u"), r = rig_read(w.scene.rig, "r");
        key_blob = (TpmBlob){ .private_size = r.size - 2, .public_area.size = u.size - 2 };
        memcpy(key_blob.private_area, r.data + 2, r.size - 2);
        memcpy(key_blob.public_area.bytes, u.data + 2, u.size - 2);
        free((void *)u.data);
        free((void *)r.data);
        const TpmKey ak = { .parent = w.srk_parent, .blob = &ak_blob },
                     key = { .parent = w.srk_parent, .blob = &key_blob };
        CHECK_OK(tpm_key_certify(w.scene.tpm, &ak, &key, NONCE, &s));
        const AttestPublic ak_public = public_of(&ak_blob);
        imported = public_of(&key_blob);
        const AttestSigned a = signed_of(&s);
        CHECK_RESULT(attest_key_verify(&a, &ak_public, NONCE, &imported, &at), ATTEST_E_CERTIFIED_ATTRIBUTES);
}

/* ---- using them ---- */

static int verify(const AttestPublic *p, HashAlg alg, Bytes digest, Bytes signature)
{
        cleanup_public_key PublicKey *key = NULL;
        Reader r = READER_INIT(signature);
        Bytes first, second;
        uint16_t scheme, hash;

        CHECK_OK(attest_public_key(p, &key));
        CHECK_OK(reader_be16(&r, &scheme));
        CHECK_OK(reader_be16(&r, &hash));
        CHECK(hash == alg);
        CHECK_OK(reader_tpm2b(&r, &first));
        if (p->type == ATTEST_ALG_RSA) {
                CHECK(scheme == ATTEST_ALG_RSASSA && reader_left(&r) == 0);
                return public_key_verify_rsassa(key, alg, digest, first);
        }
        CHECK_OK(reader_tpm2b(&r, &second));
        CHECK(scheme == ATTEST_ALG_ECDSA && reader_left(&r) == 0);
        return public_key_verify_ecdsa(key, alg, digest, first, second);
}

static void check_signs(Tpm *tpm, const TpmKey *key, HashAlg alg)
{
        const AttestPublic p = public_of(key->blob);
        uint8_t digest[HASH_SIZE_MAX], signature[TPM_SIGNATURE_MAX];
        size_t size = 0;

        memset(digest, 0x5c, sizeof(digest));
        const Bytes d = BYTES(digest, hash_size(alg));
        CHECK_OK(tpm_key_sign(tpm, key, alg, d, signature, &size));
        CHECK_OK(verify(&p, alg, d, BYTES(signature, size)));
        digest[0] ^= 1;
        CHECK(verify(&p, alg, d, BYTES(signature, size)) < 0);
        CHECK_RESULT(tpm_key_sign(tpm, key, alg, BYTES(digest, d.size - 1), signature, &size), -EINVAL);
}

static void keys_sign(void)
{
        static const TpmKeyKind kinds[] = { TPM_KEY_SIGN_P256, TPM_KEY_SIGN_RSASSA };
        cleanup_workload Workload w = { 0 };
        uint8_t digest[32] = { 1 }, signature[TPM_SIGNATURE_MAX];
        size_t size;
        TpmBlob blob;

        workload_init(&w);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                const TpmKey key = { .parent = i ? w.ek_parent : w.srk_parent, .blob = &blob };

                CHECK_OK(tpm_key_create(w.scene.tpm, &key.parent, kinds[i], &blob, NULL));
                check_signs(w.scene.tpm, &key, HASH_SHA256);
                CHECK(rig_loaded(w.scene.rig) == 0);
        }
        const TpmKey key = { .parent = w.srk_parent, .blob = &blob };
        CHECK_OK(tpm_key_create(w.scene.tpm, &key.parent, TPM_KEY_ATTEST_P256, &blob, NULL));
        CHECK_RESULT(tpm_key_sign(w.scene.tpm, &key, HASH_SHA256, BYTES_ARRAY(digest), signature, &size), -EINVAL);
        CHECK_OK(tpm_key_create(w.scene.tpm, &key.parent, TPM_KEY_HMAC_SHA256, &blob, NULL));
        CHECK_RESULT(tpm_key_sign(w.scene.tpm, &key, HASH_SHA256, BYTES_ARRAY(digest), signature, &size), -EINVAL);
        CHECK_RESULT(tpm_key_create(w.scene.tpm, &key.parent, TPM_KEY_KINDS, &blob, NULL), -EINVAL);
}

static void hmacs_are_made_in_secret(void)
{
        cleanup_workload Workload w = { 0 };
        cleanup_secret Secret *data = NULL, *first = NULL, *again = NULL, *big = NULL;
        Secret *none = NULL;
        TpmBlob blob;

        workload_init(&w);
        const TpmKey key = { .parent = w.srk_parent, .blob = &blob };
        CHECK_OK(tpm_key_create(w.scene.tpm, &key.parent, TPM_KEY_HMAC_SHA256, &blob, NULL));
        CHECK_OK(secret_new_random(100, &data));
        rig_forget(w.scene.rig);
        CHECK_OK(tpm_key_hmac(w.scene.tpm, &key, data, &first));
        CHECK_OK(tpm_key_hmac(w.scene.tpm, &key, data, &again));
        CHECK(first->size == 32);
        CHECK_BYTES(secret_bytes(first), secret_bytes(again));
        CHECK(!rig_saw_piece(w.scene.rig, secret_bytes(data)) && !rig_saw_piece(w.scene.rig, secret_bytes(first)));
        CHECK_OK(secret_new_random(TPM_HMAC_DATA_MAX + 1, &big));
        CHECK_RESULT(tpm_key_hmac(w.scene.tpm, &key, big, &none), -EINVAL);
        CHECK(rig_loaded(w.scene.rig) == 0);
}

static void a_workloads_quote_is_not_the_nodes(void)
{
        cleanup_workload Workload w = { 0 };
        AttestQuote q;
        AttestExtra extra = { { 7 } };
        AttestPublic node;
        TpmBlob blob;
        TpmSigned s;

        workload_init(&w);
        const TpmKey key = { .parent = w.srk_parent, .blob = &blob };
        CHECK_OK(tpm_key_create(w.scene.tpm, &key.parent, TPM_KEY_ATTEST_P256, &blob, NULL));
        CHECK_OK(tpm_key_quote(w.scene.tpm, &key, BYTES_ARRAY(extra.bytes), HASH_SHA256, ATTEST_PCRS, &s));
        const AttestPublic ak = public_of(&blob);
        CHECK_OK(attest_quote_authenticate(tpm_signed_attest(&s), tpm_signed_signature(&s), &ak, &extra, &q));
        CHECK_RESULT(attest_clock_check_hierarchy(&q.at, &ak), ATTEST_E_HIERARCHY);
        CHECK_OK(attest_public_parse(tpm_public_bytes(&w.scene.ak.public_area), &node));
        CHECK_RESULT(attest_quote_authenticate(tpm_signed_attest(&s), tpm_signed_signature(&s), &node, &extra, &q),
                     ATTEST_E_SIGNATURE);
        CHECK_RESULT(tpm_key_quote(w.scene.tpm, &key, BYTES(&blob, TPM_QUALIFYING_MAX + 1), HASH_SHA256, 1, &s),
                     -EINVAL);
}

/* ---- brought in ---- */

/* A duplicate made in software, as a remote party does that knows the parent's public part alone. */
typedef struct Made {
        uint8_t duplicate[512], seed[512], public_area[256];
        TpmDuplicate d;
} Made;

static Bytes written(Writer *w)
{
        Bytes b;

        CHECK_OK(writer_finish(w, &b));
        return b;
}

static Bytes sealed_public(const Policy *policy, uint32_t attributes, Bytes unique, uint8_t *room)
{
        Writer w = { .data = room, .capacity = 256, .max = 256, .fixed = true };

        writer_be16(&w, 0x0008);
        writer_be16(&w, HASH_SHA256);
        writer_be32(&w, attributes);
        writer_tpm2b(&w, policy ? BYTES_ARRAY(policy->bytes) : BYTES("", 0));
        writer_be16(&w, ATTEST_ALG_NULL);
        writer_tpm2b(&w, unique);
        return written(&w);
}

/* The seed, and how the parent gets to know it. */
static Secret *seed_for(const AttestPublic *parent, Made *m)
{
        cleanup_public_key PublicKey *key = NULL;
        cleanup_secret Secret *z = NULL;
        Writer w = WRITER_FIXED(m->seed);
        Secret *seed = NULL;
        KeyPoint ephemeral;
        size_t size;

        CHECK_OK(attest_public_key(parent, &key));
        if (parent->type == ATTEST_ALG_RSA) {
                CHECK_OK(secret_new_random(32, &seed));
                CHECK_OK(public_key_encrypt_oaep(key, HASH_SHA256, BYTES("DUPLICATE", 10), secret_bytes(seed),
                                                 m->seed, &size));
                m->d.encrypted_seed = BYTES(m->seed, size);
                return seed;
        }
        CHECK_OK(public_key_agree(key, &ephemeral, &z));
        CHECK_OK(kdf_kdfe(&(KdfTpm){ .alg = HASH_SHA256,
                                     .key = secret_bytes(z),
                                     .label = "DUPLICATE",
                                     .u = BYTES(ephemeral.x, ephemeral.size),
                                     .v = BYTES(parent->x, parent->x_size),
                                     .bits = 256 },
                          &seed));
        writer_tpm2b(&w, BYTES(ephemeral.x, ephemeral.size));
        writer_tpm2b(&w, BYTES(ephemeral.y, ephemeral.size));
        m->d.encrypted_seed = written(&w);
        return seed;
}

static void encrypt(const Secret *seed, Bytes sensitive, Made *m)
{
        cleanup_secret Secret *key = NULL, *mac_key = NULL;
        uint8_t name[34] = { 0x00, 0x0b }, cipher[256], mac[SHA256_SIZE], both[300];
        Writer w = WRITER_FIXED(m->duplicate);

        CHECK_OK(hash_sha256(m->d.public_area, name + 2));
        const KdfTpm kdf = { .alg = HASH_SHA256,
                             .key = secret_bytes(seed),
                             .label = "STORAGE",
                             .u = BYTES_ARRAY(name),
                             .bits = 128 };
        CHECK_OK(kdf_kdfa(&kdf, &key));
        CHECK_OK(kdf_kdfa(
                &(KdfTpm){ .alg = HASH_SHA256, .key = secret_bytes(seed), .label = "INTEGRITY", .bits = 256 },
                &mac_key));
        CHECK_OK(cipher_cfb_encrypt(secret_bytes(key), sensitive, cipher));
        memcpy(both, cipher, sensitive.size);
        memcpy(both + sensitive.size, name, sizeof(name));
        CHECK_OK(hmac_sha256(secret_bytes(mac_key), BYTES(both, sensitive.size + sizeof(name)), mac));
        writer_tpm2b(&w, BYTES_ARRAY(mac));
        writer_bytes(&w, BYTES(cipher, sensitive.size));
        m->d.duplicate = written(&w);
}

static void make_duplicate(const AttestPublic *parent, const Policy *policy, uint32_t attributes, Bytes data,
                           Made *m)
{
        uint8_t obfuscation[32], unique[SHA256_SIZE], inner[256], sensitive[300];
        Writer i = WRITER_FIXED(inner), w = WRITER_FIXED(sensitive);

        CHECK_OK(random_bytes(obfuscation, sizeof(obfuscation)));
        CHECK_OK(hash_parts(HASH_SHA256, (const Bytes[]){ BYTES_ARRAY(obfuscation), data }, 2, unique));
        m->d.public_area = sealed_public(policy, attributes, BYTES_ARRAY(unique), m->public_area);
        writer_be16(&i, 0x0008);
        writer_tpm2b(&i, BYTES("", 0));
        writer_tpm2b(&i, BYTES_ARRAY(obfuscation));
        writer_tpm2b(&i, data);
        writer_tpm2b(&w, written(&i));
        cleanup_secret Secret *seed = seed_for(parent, m);
        encrypt(seed, written(&w), m);
}

static AttestPublic parsed(const TpmObject *o)
{
        AttestPublic p;

        CHECK_OK(attest_public_parse(tpm_public_bytes(&o->public_area), &p));
        return p;
}

static void a_symmetric_key_bound_to_pcrs(void)
{
        static const TpmEkKind eks[] = { TPM_EK_ECC_P256, TPM_EK_RSA_2048 };

        for (size_t i = 0; i < ARRAY_SIZE(eks); i++) {
                cleanup_workload Workload w = { 0 };
                cleanup_secret Secret *got = NULL, *data = NULL;
                Secret *none = NULL;
                TpmBlob blob;
                Made m;

                workload_init(&w);
                tpm_ek_deinit(&w.ek);
                CHECK_OK(tpm_ek_read_kind(w.scene.tpm, eks[i], &w.ek));
                const AttestPublic ek = parsed(&w.ek.object);
                const Policy policy = policy_pcr_now(w.scene.tpm, HASH_SHA256, SCENE_MASK);
                CHECK_OK(secret_new_random(32, &data));
                make_duplicate(&ek, &policy, 0x400, secret_bytes(data), &m);
                rig_forget(w.scene.rig);
                CHECK_OK(tpm_import(w.scene.tpm, &w.ek_parent, &m.d, &blob));
                const TpmKey key = {
                        .parent = w.ek_parent, .blob = &blob, .bank = HASH_SHA256, .mask = SCENE_MASK
                };
                CHECK_OK(tpm_key_unseal(w.scene.tpm, &key, &got));
                CHECK_BYTES(secret_bytes(got), secret_bytes(data));
                CHECK(!rig_saw_piece(w.scene.rig, secret_bytes(data)));
                CHECK(rig_loaded(w.scene.rig) == 0);
                rig_extend(w.scene.rig, 7);
                CHECK_RESULT(tpm_key_unseal(w.scene.tpm, &key, &none), TPM_E_POLICY);
                const TpmKey no_pcrs = { .parent = w.ek_parent, .blob = &blob };
                CHECK(tpm_key_unseal(w.scene.tpm, &no_pcrs, &none) != 0);
                CHECK(!none && rig_loaded(w.scene.rig) == 0);
        }
}

static void what_is_not_brought_in(void)
{
        static const struct {
                uint32_t attributes;
                bool policy;
                const char *why;
        } bad[] = {
                { 0x400, false, "no policy" },
                { 0x440, true, "a password beside its policy" },
                { 0x40400, true, "neither sealed data nor" },
                { 0x20400, true, "neither sealed data nor" },
                { 0x30400, true, "a parent or an attestation key" },
        };
        cleanup_workload Workload w = { 0 };
        const Policy policy = { { 1 } };
        TpmBlob blob = { .private_size = 0x5a };
        Made m;

        workload_init(&w);
        const AttestPublic srk = parsed(&w.scene.srk);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                const size_t before = tpm_commands_count(w.scene.tpm);

                make_duplicate(&srk, bad[i].policy ? &policy : NULL, bad[i].attributes, BYTES_LITERAL("data"), &m);
                CHECK_RESULT(tpm_import(w.scene.tpm, &w.srk_parent, &m.d, &blob), TPM_E_BLOB);
                CHECK(strstr(error_detail(TPM_E_BLOB), bad[i].why));
                CHECK(tpm_commands_count(w.scene.tpm) == before); /* the TPM was not asked */
        }
        make_duplicate(&srk, &policy, 0x400, BYTES_LITERAL("data"), &m);
        CHECK_RESULT(tpm_import(w.scene.tpm, &w.ek_parent, &m.d, &blob), TPM_E_BLOB); /* for another parent */
        m.duplicate[40] ^= 1;
        CHECK_RESULT(tpm_import(w.scene.tpm, &w.srk_parent, &m.d, &blob), TPM_E_BLOB);
        m.duplicate[40] ^= 1;
        m.public_area[30] ^= 1;
        CHECK_RESULT(tpm_import(w.scene.tpm, &w.srk_parent, &m.d, &blob), TPM_E_BLOB);
        m.public_area[30] ^= 1;
        m.d.encrypted_seed.size--;
        CHECK_RESULT(tpm_import(w.scene.tpm, &w.srk_parent, &m.d, &blob), TPM_E_BLOB);
        m.d.encrypted_seed.size++;
        CHECK(blob.private_size == 0x5a);
        CHECK_OK(tpm_import(w.scene.tpm, &w.srk_parent, &m.d, &blob));
        CHECK(rig_loaded(w.scene.rig) == 0);
}

static Bytes strip(Bytes file)
{
        CHECK(file.size > 2 && ((size_t)file.data[0] << 8 | file.data[1]) == file.size - 2);
        return BYTES(file.data + 2, file.size - 2);
}

/* tpm2_duplicate makes them from PEM keys, for the SRK and for the EK. */
static void signing_keys_by_tpm2_duplicate(void)
{
        static const char *const make[] = { "openssl ecparam -name prime256v1 -genkey -noout -out k.pem",
                                            "openssl genrsa -out k.pem 2048" };
        static const char *const algorithm[] = { "ecc", "rsa" };

        for (int i = 0; i < 4; i++) {
                cleanup_workload Workload w = { 0 };
                uint8_t digest[32] = { 1 }, signature[TPM_SIGNATURE_MAX];
                cleanup_writer Writer parent = WRITER_INIT(4096);
                size_t size;
                TpmBlob blob;

                workload_init(&w);
                Rig *rig = w.scene.rig;
                const Policy policy = policy_pcr_now(w.scene.tpm, HASH_SHA256, SCENE_MASK);
                writer_tpm2b(&parent,
                             tpm_public_bytes(i < 2 ? &w.scene.srk.public_area : &w.ek.object.public_area));
                rig_write(rig, "parent", written(&parent));
                rig_write(rig, "policy", BYTES_ARRAY(policy.bytes));
                rig_run(rig, "%s && tpm2_duplicate -T none -U parent -k k.pem -G %s -L policy -r r -u u -s s",
                        make[i % 2], algorithm[i % 2]);
                const Bytes r = rig_read(rig, "r"), u = rig_read(rig, "u"), s = rig_read(rig, "s");
                const TpmDuplicate d = { .duplicate = strip(r),
                                         .public_area = strip(u),
                                         .encrypted_seed = strip(s) };
                const TpmKey key = { .parent = i < 2 ? w.srk_parent : w.ek_parent,
                                     .blob = &blob,
                                     .bank = HASH_SHA256,
                                     .mask = SCENE_MASK };
                CHECK_OK(tpm_import(w.scene.tpm, &key.parent, &d, &blob));
                check_signs(w.scene.tpm, &key, HASH_SHA256);
                rig_extend(rig, 7);
                CHECK(tpm_key_sign(w.scene.tpm, &key, HASH_SHA256, BYTES_ARRAY(digest), signature, &size) ==
                      TPM_E_POLICY);
                CHECK(rig_loaded(rig) == 0);
                free((void *)r.data);
                free((void *)u.data);
                free((void *)s.data);
        }
}

/* ---- audits ---- */

static void audited_commands_add_up(void)
{
        static const uint32_t codes[] = { TPM2_CC_GetRandom, TPM2_CC_GetCapability };
        static const uint32_t audited[] = { 0x140, TPM2_CC_GetCapability, TPM2_CC_GetRandom };
        cleanup_workload Workload w = { 0 };
        cleanup_secret Secret *random = NULL;
        AttestCommandAudit before, after;
        uint8_t response[2 + 32] = { 0, 32 };
        Digest expected = { 0 }, list;
        TpmBlob blob;
        TpmSigned s;

        workload_init(&w);
        Tpm *tpm = w.scene.tpm;
        const TpmKey ak = { .parent = w.ek_parent, .blob = &blob };
        CHECK_OK(tpm_key_create(tpm, &ak.parent, TPM_KEY_ATTEST_P256, &blob, NULL));
        const AttestPublic ak_public = public_of(&blob);
        CHECK_OK(tpm_audit_commands(tpm, codes, ARRAY_SIZE(codes), NULL, 0));
        CHECK_OK(tpm_audit_read(tpm, &ak, NONCE, &s));
        AttestSigned a = signed_of(&s);
        CHECK_OK(attest_command_audit_verify(&a, &ak_public, NONCE, &before));
        expected = (Digest){ .alg = before.audit.alg, .size = before.audit.size };
        CHECK_OK(attest_audited_commands(before.audit.alg, audited, ARRAY_SIZE(audited), &list));
        CHECK_BYTES(digest_bytes(&list), digest_bytes(&before.commands));

        CHECK_OK(tpm_random(tpm, NULL, 32, &random));
        memcpy(response + 2, random->data, 32);
        CHECK_OK(attest_audit_extend(&expected, &(AttestCommand){ .code = TPM2_CC_GetRandom,
                                                                  .parameters = BYTES("\0\x20", 2),
                                                                  .response = BYTES_ARRAY(response) }));
        CHECK_OK(tpm_audit_read(tpm, &ak, NONCE, &s));
        a = signed_of(&s);
        CHECK_OK(attest_command_audit_verify(&a, &ak_public, NONCE, &after));
        CHECK_BYTES(digest_bytes(&expected), digest_bytes(&after.audit));
        CHECK(after.counter == before.counter + 1 && after.at.reset_count == before.at.reset_count);
        CHECK_RESULT(attest_command_audit_verify(&a, &ak_public, BYTES("x", 1), &after), ATTEST_E_EXTRA_DATA);
        CHECK_OK(tpm_audit_commands(tpm, NULL, 0, codes, ARRAY_SIZE(codes)));
        CHECK_OK(tpm_audit_read(tpm, NULL, NONCE, &s)); /* for looking at; nobody signed it */
        a = signed_of(&s);
        CHECK(attest_command_audit_verify(&a, &ak_public, NONCE, &after) > 0);
        CHECK(rig_loaded(w.scene.rig) == 0);
}

static void an_audited_session_adds_up(void)
{
        cleanup_workload Workload w = { 0 };
        Digest expected = { .alg = HASH_SHA256, .size = 32 };
        AttestSessionAudit audit;
        TpmAuditedRead read;
        TpmPcrValues plain;
        TpmBlob blob;

        workload_init(&w);
        Tpm *tpm = w.scene.tpm;
        const TpmKey ak = { .parent = w.srk_parent, .blob = &blob };
        CHECK_OK(tpm_key_create(tpm, &ak.parent, TPM_KEY_ATTEST_P256, &blob, NULL));
        const AttestPublic ak_public = public_of(&blob);
        CHECK_OK(tpm_audit_pcr_read(tpm, &ak, NONCE, HASH_SHA256, SCENE_MASK, &read));
        CHECK_OK(tpm_pcr_read(tpm, HASH_SHA256, SCENE_MASK, &plain));
        CHECK_BYTES(BYTES(read.values.value[7], 32), BYTES(plain.value[7], 32));
        const AttestSigned a = signed_of(&read.audit);
        CHECK_OK(attest_session_audit_verify(&a, &ak_public, NONCE, &audit));
        const AttestCommand command = { .code = TPM2_CC_PCR_Read,
                                        .parameters = BYTES(read.parameters, read.parameters_size),
                                        .response = BYTES(read.response, read.response_size) };
        CHECK_OK(attest_audit_extend(&expected, &command));
        CHECK_BYTES(digest_bytes(&expected), digest_bytes(&audit.digest));
        CHECK(memmem(read.response, read.response_size, read.values.value[7], 32));
        CHECK_RESULT(attest_session_audit_verify(&a, &ak_public, BYTES("x", 1), &audit), ATTEST_E_EXTRA_DATA);
        for (size_t bit = 0; bit < 8 * read.audit.attest_size; bit++) {
                read.audit.attest[bit / 8] ^= (uint8_t)(1 << bit % 8);
                CHECK_RESULT(attest_session_audit_verify(&a, &ak_public, NONCE, &audit), ATTEST_E_SIGNATURE);
                read.audit.attest[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        CHECK_RESULT(tpm_audit_pcr_read(tpm, &ak, NONCE, HASH_SHA256, 0x1ff, &read), -EINVAL);
        CHECK(rig_loaded(w.scene.rig) == 0);
}

int main(void)
{
        RUN(created_keys_are_certified);
        RUN(no_changed_creation_is_accepted);
        RUN(the_nodes_ak_proves_its_creation);
        RUN(a_certified_key_from_elsewhere_is_refused);
        RUN(keys_sign);
        RUN(hmacs_are_made_in_secret);
        RUN(a_workloads_quote_is_not_the_nodes);
        RUN(a_symmetric_key_bound_to_pcrs);
        RUN(what_is_not_brought_in);
        RUN(signing_keys_by_tpm2_duplicate);
        RUN(audited_commands_add_up);
        RUN(an_audited_session_adds_up);
        return 0;
}
