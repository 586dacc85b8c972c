/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "attest/extra.h"
#include "fixture.h"

#include <errno.h>

static const AttestExtra extra = { .bytes = { 1, 2, 3, 4 } };

static AttestPcrs sample_pcrs(HashAlg bank)
{
        AttestPcrs p = { .bank = bank };

        for (unsigned i = 0; i < ATTEST_PCR_COUNT; i++)
                if (ATTEST_PCRS >> i & 1) CHECK_OK(attest_pcrs_set(&p, i, repeated((uint8_t)i, hash_size(bank))));
        return p;
}

/* TPMS_QUOTE_INFO of the sample PCRs */
static Bytes quote_info(HashAlg bank, HashAlg hash, uint8_t ret[static 256])
{
        const AttestPcrs p = sample_pcrs(bank);
        uint8_t digest[HASH_SIZE_MAX];
        Writer w = { .data = ret, .capacity = 256, .max = 256, .fixed = true };
        uint8_t selection[ATTEST_SELECTION_SIZE];
        Bytes b;

        attest_pcrs_selection(bank, p.mask, selection);
        CHECK_OK(attest_pcrs_digest(&p, hash, digest));
        writer_bytes(&w, BYTES_ARRAY(selection));
        writer_tpm2b(&w, BYTES(digest, hash_size(hash)));
        CHECK_OK(writer_finish(&w, &b));
        return b;
}

static AttestFields good_fields(Bytes attested)
{
        return (AttestFields){ .magic = 0xff544347,
                               .type = 0x8018,
                               .signer = repeated(9, 34),
                               .extra = BYTES_ARRAY(extra.bytes),
                               .clock = 10116,
                               .reset_count = 3,
                               .restart_count = 1,
                               .safe = 1,
                               .firmware = 0x2019102300163636,
                               .attested = attested };
}

static int authenticate(const Ak *ak, const AttestFields *f, AttestQuote *ret)
{
        uint8_t structure[ATTEST_STRUCTURE_MAX], signature[ATTEST_SIGNATURE_MAX];
        const Bytes b = encode_attest(f, structure);

        return attest_quote_authenticate(b, sign(ak, b, signature), &ak->public, &extra, ret);
}

static void quotes_of_every_scheme_are_read(void)
{
        static const struct {
                unsigned bits;
                uint16_t scheme;
                HashAlg hash, bank;
        } cases[] = {
                { 256, ATTEST_ALG_ECDSA, HASH_SHA256, HASH_SHA256 },
                { 256, ATTEST_ALG_ECDSA, HASH_SHA256, HASH_SHA384 },
                { 384, ATTEST_ALG_ECDSA, HASH_SHA384, HASH_SHA256 },
                { 2048, ATTEST_ALG_RSASSA, HASH_SHA256, HASH_SHA256 },
                { 2048, ATTEST_ALG_RSAPSS, HASH_SHA256, HASH_SHA256 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_private_key PrivateKey *owned = NULL;
                const Ak ak = new_ak(cases[i].bits, cases[i].scheme, cases[i].hash);
                const AttestPcrs pcrs = sample_pcrs(cases[i].bank);
                uint8_t info[256];
                const AttestFields f = good_fields(quote_info(cases[i].bank, cases[i].hash, info));
                AttestQuote q;

                owned = ak.key;
                CHECK_OK(authenticate(&ak, &f, &q));
                CHECK(q.at.clock == 10116 && q.at.reset_count == 3 && q.at.restart_count == 1 && q.at.safe);
                CHECK(q.at.firmware_version == 0x2019102300163636 && q.at.signer.size == 34);
                CHECK_OK(attest_quote_check_selection(&q, cases[i].bank, ATTEST_PCRS));
                CHECK_OK(attest_quote_check_pcrs(&q, &pcrs));
        }
}

/* Every bit of structure and signature, of each scheme: never accepted, ret never written. */
static void no_changed_bit_is_accepted(void)
{
        static const struct {
                unsigned bits;
                uint16_t scheme;
                HashAlg hash;
        } cases[] = { { 256, ATTEST_ALG_ECDSA, HASH_SHA256 },
                      { 384, ATTEST_ALG_ECDSA, HASH_SHA384 },
                      { 2048, ATTEST_ALG_RSASSA, HASH_SHA256 },
                      { 2048, ATTEST_ALG_RSAPSS, HASH_SHA256 } };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_private_key PrivateKey *owned = NULL;
                const Ak ak = new_ak(cases[i].bits, cases[i].scheme, cases[i].hash);
                uint8_t info[256], s[ATTEST_STRUCTURE_MAX], t[ATTEST_SIGNATURE_MAX];
                const AttestFields f = good_fields(quote_info(HASH_SHA256, cases[i].hash, info));
                const Bytes structure = encode_attest(&f, s), signature = sign(&ak, structure, t);
                AttestQuote q = { .n_selections = 77 };

                owned = ak.key;
                CHECK(structure.size == 113 + hash_size(cases[i].hash));
                for (size_t bit = 0; bit < 8 * structure.size; bit++) {
                        s[bit / 8] ^= (uint8_t)(1 << bit % 8);
                        CHECK_RESULT(attest_quote_authenticate(structure, signature, &ak.public, &extra, &q),
                                     ATTEST_E_SIGNATURE);
                        s[bit / 8] ^= (uint8_t)(1 << bit % 8);
                }
                for (size_t bit = 0; bit < 8 * signature.size; bit++) {
                        t[bit / 8] ^= (uint8_t)(1 << bit % 8);
                        CHECK(attest_quote_authenticate(structure, signature, &ak.public, &extra, &q) > 0);
                        t[bit / 8] ^= (uint8_t)(1 << bit % 8);
                }
                CHECK(q.n_selections == 77);
        }
}

static void nothing_short_long_or_empty_is_accepted(void)
{
        cleanup_private_key PrivateKey *owned = NULL;
        const Ak ak = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256);
        uint8_t info[256], s[ATTEST_STRUCTURE_MAX + 1] = { 0 }, t[ATTEST_SIGNATURE_MAX + 1] = { 0 };
        uint8_t u[ATTEST_SIGNATURE_MAX];
        const AttestFields f = good_fields(quote_info(HASH_SHA256, HASH_SHA256, info));
        const Bytes structure = encode_attest(&f, s), signature = sign(&ak, structure, t);
        AttestQuote q;

        owned = ak.key;
        CHECK_OK(attest_quote_authenticate(structure, signature, &ak.public, &extra, &q));
        for (size_t n = 0; n <= signature.size + 1; n++) {
                if (n == signature.size) continue;
                CHECK_RESULT(attest_quote_authenticate(structure, BYTES(t, n), &ak.public, &extra, &q),
                             ATTEST_E_SIGNATURE_FORM);
        }
        for (size_t n = 1; n <= structure.size + 1; n++) {
                if (n == structure.size) continue;
                CHECK_RESULT(attest_quote_authenticate(BYTES(s, n), signature, &ak.public, &extra, &q),
                             ATTEST_E_SIGNATURE);
                /* and if the AK had signed it like that */
                CHECK_RESULT(
                        attest_quote_authenticate(BYTES(s, n), sign(&ak, BYTES(s, n), u), &ak.public, &extra, &q),
                        ATTEST_E_FORM);
        }
        CHECK_RESULT(attest_quote_authenticate(BYTES(s, 0), signature, &ak.public, &extra, &q), ATTEST_E_FORM);
        CHECK_RESULT(attest_quote_authenticate(BYTES(s, sizeof(s)), signature, &ak.public, &extra, &q),
                     ATTEST_E_FORM);
}

/* What a restricted key never signs, but a stolen or wrongly made one could. */
static void each_wrong_field_has_its_outcome(void)
{
        cleanup_private_key PrivateKey *owned = NULL;
        const Ak ak = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256);
        uint8_t info[256], many[256] = { 0, 0, 0, 17 };
        const Bytes attested = quote_info(HASH_SHA256, HASH_SHA256, info);
        const AttestFields good = good_fields(attested);
        AttestFields f[12];
        const int expected[] = {
                ATTEST_E_MAGIC,      ATTEST_E_TYPE,       ATTEST_E_TYPE,       ATTEST_E_EXTRA_DATA,
                ATTEST_E_EXTRA_DATA, ATTEST_E_EXTRA_DATA, ATTEST_E_EXTRA_DATA, ATTEST_E_FORM,
                ATTEST_E_FORM,       ATTEST_E_FORM,       ATTEST_E_FORM,       ATTEST_E_FORM,
        };
        AttestQuote q = { .n_selections = 77 };

        owned = ak.key;
        for (size_t i = 0; i < ARRAY_SIZE(f); i++) f[i] = good;
        f[0].magic = 0xff544348;
        f[1].type = 0x8017;
        f[2].type = 0x8014;
        f[3].extra = BYTES("", 0);
        f[4].extra = BYTES(extra.bytes, 31);
        f[5].extra = repeated(0, 32);
        f[6].extra = repeated(0, 33);
        f[7].signer = repeated(9, ATTEST_NAME_MAX + 1);
        f[8].safe = 2;
        f[9].trailer = BYTES_LITERAL("x");
        f[10].attested = BYTES_ARRAY(many);
        f[11].attested = BYTES(attested.data, attested.size - 1);
        for (size_t i = 0; i < ARRAY_SIZE(f); i++) CHECK_RESULT(authenticate(&ak, &f[i], &q), expected[i]);
        CHECK(q.n_selections == 77);
}

/* The digest of the quote is of the AK's hash: one of another size is malformed. */
static void a_digest_of_the_wrong_size_is_refused(void)
{
        cleanup_private_key PrivateKey *owned = NULL;
        const Ak ak = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256);
        uint8_t info[256];
        const AttestFields f = good_fields(quote_info(HASH_SHA256, HASH_SHA384, info));
        AttestQuote q;

        owned = ak.key;
        CHECK_RESULT(authenticate(&ak, &f, &q), ATTEST_E_FORM);
}

static void another_key_or_scheme_is_refused(void)
{
        cleanup_private_key PrivateKey *owned = NULL, *owned_other = NULL;
        const Ak ak = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256),
                 other = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256);
        uint8_t info[256], s[ATTEST_STRUCTURE_MAX], t[ATTEST_SIGNATURE_MAX];
        const AttestFields f = good_fields(quote_info(HASH_SHA256, HASH_SHA256, info));
        const Bytes structure = encode_attest(&f, s), signature = sign(&ak, structure, t);
        AttestPublic weak = ak.public;
        AttestQuote q;

        owned = ak.key;
        owned_other = other.key;
        CHECK_RESULT(attest_quote_authenticate(structure, signature, &other.public, &extra, &q),
                     ATTEST_E_SIGNATURE);
        t[1] = ATTEST_ALG_RSASSA;
        CHECK_RESULT(attest_quote_authenticate(structure, signature, &ak.public, &extra, &q),
                     ATTEST_E_SIGNATURE_SCHEME);
        t[1] = ATTEST_ALG_ECDSA;
        t[3] = HASH_SHA384;
        CHECK_RESULT(attest_quote_authenticate(structure, signature, &ak.public, &extra, &q),
                     ATTEST_E_SIGNATURE_SCHEME);
        t[3] = HASH_SHA256;
        weak.attributes &= ~(uint32_t)ATTEST_RESTRICTED;
        CHECK_RESULT(attest_quote_authenticate(structure, signature, &weak, &extra, &q),
                     ATTEST_E_AK_NOT_RESTRICTED);
}

static void the_selection_is_exact(void)
{
        cleanup_private_key PrivateKey *owned = NULL;
        const Ak ak = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256);
        uint8_t info[256];
        const AttestFields f = good_fields(quote_info(HASH_SHA256, HASH_SHA256, info));
        AttestQuote q, two;

        owned = ak.key;
        CHECK_OK(authenticate(&ak, &f, &q));
        CHECK_RESULT(attest_quote_check_selection(&q, HASH_SHA1, ATTEST_PCRS), ATTEST_E_SELECTION);
        CHECK_RESULT(attest_quote_check_selection(&q, HASH_SHA256, 0), ATTEST_E_SELECTION);
        for (unsigned i = 0; i < 32; i++)
                CHECK_RESULT(attest_quote_check_selection(&q, HASH_SHA256, ATTEST_PCRS ^ ATTEST_PCR_BIT(i)),
                             ATTEST_E_SELECTION);
        two = q;
        two.n_selections = 2;
        two.selections[1] = (AttestSelection){ .bank = HASH_SHA1, .mask = 0 };
        CHECK_RESULT(attest_quote_check_selection(&two, HASH_SHA256, ATTEST_PCRS), ATTEST_E_SELECTION);
        two.n_selections = 0;
        CHECK_RESULT(attest_quote_check_selection(&two, HASH_SHA256, ATTEST_PCRS), ATTEST_E_SELECTION);
}

/* An empty list of selections quotes nothing, and says so with a digest of nothing: zero PCRs are not a proof. */
static void a_quote_of_nothing_proves_nothing(void)
{
        cleanup_private_key PrivateKey *owned = NULL;
        const Ak ak = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256);
        uint8_t nothing[4 + 2 + 32] = { [5] = 32 };
        const AttestPcrs pcrs = sample_pcrs(HASH_SHA256);
        AttestFields f = good_fields(BYTES_ARRAY(nothing));
        AttestQuote q;

        owned = ak.key;
        CHECK_OK(hash_sha256(BYTES("", 0), nothing + 6));
        CHECK_OK(authenticate(&ak, &f, &q));
        CHECK_RESULT(attest_quote_check_selection(&q, HASH_SHA256, ATTEST_PCRS), ATTEST_E_SELECTION);
        CHECK_RESULT(attest_quote_check_pcrs(&q, &pcrs), ATTEST_E_SELECTION);
}

static void the_values_are_those_quoted(void)
{
        cleanup_private_key PrivateKey *owned = NULL;
        const Ak ak = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256);
        uint8_t info[256];
        const AttestFields f = good_fields(quote_info(HASH_SHA256, HASH_SHA256, info));
        AttestQuote q;

        owned = ak.key;
        CHECK_OK(authenticate(&ak, &f, &q));
        for (unsigned i = 0; i < ATTEST_PCR_COUNT; i++) {
                AttestPcrs changed = sample_pcrs(HASH_SHA256), missing = changed;
                const bool quoted = ATTEST_PCRS >> i & 1;

                changed.values[i][31] ^= 1;
                missing.mask &= ~ATTEST_PCR_BIT(i);
                CHECK_RESULT(attest_quote_check_pcrs(&q, &changed), quoted ? ATTEST_E_PCR_DIGEST : 0);
                CHECK_RESULT(attest_quote_check_pcrs(&q, &missing), quoted ? ATTEST_E_PCR_MISSING : 0);
        }
        const AttestPcrs other = sample_pcrs(HASH_SHA384);

        CHECK_RESULT(attest_quote_check_pcrs(&q, &other), ATTEST_E_SELECTION);
}

static void only_an_endorsement_primary_tells_the_counters(void)
{
        cleanup_private_key PrivateKey *owned = NULL;
        const Ak ak = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256);
        AttestName qualified;
        AttestClock at = { 0 };

        owned = ak.key;
        CHECK_OK(attest_public_qualified_name(&ak.public, &qualified));
        at.signer = qualified;
        CHECK_OK(attest_clock_check_hierarchy(&at, &ak.public));
        at.signer.bytes[33] ^= 1;
        CHECK_RESULT(attest_clock_check_hierarchy(&at, &ak.public), ATTEST_E_HIERARCHY);
        at.signer.size = 0;
        CHECK_RESULT(attest_clock_check_hierarchy(&at, &ak.public), ATTEST_E_HIERARCHY);
}

/* TPMS_CERTIFY_INFO */
static Bytes certify_info(const AttestName *name, uint8_t ret[static 256])
{
        Writer w = { .data = ret, .capacity = 256, .max = 256, .fixed = true };
        Bytes b;

        writer_tpm2b(&w, attest_name_bytes(name));
        writer_tpm2b(&w, repeated(7, 34));
        CHECK_OK(writer_finish(&w, &b));
        return b;
}

static void certify_names_the_key(void)
{
        cleanup_private_key PrivateKey *owned = NULL, *owned_other = NULL;
        const Ak ak = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256),
                 other = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256);
        uint8_t info[256], s[ATTEST_STRUCTURE_MAX], t[ATTEST_SIGNATURE_MAX];
        AttestName name;
        AttestFields f;
        AttestClock at;
        AttestQuote q;
        Bytes b, signature;

        owned = ak.key;
        owned_other = other.key;
        CHECK_OK(attest_public_name(&other.public, &name));
        f = good_fields(certify_info(&name, info));
        f.type = 0x8017;
        b = encode_attest(&f, s);
        signature = sign(&ak, b, t);
        CHECK_OK(attest_certify_verify(b, signature, &ak.public, &extra, &other.public, &at));
        CHECK(at.reset_count == 3);
        CHECK_OK(attest_certify_verify(b, signature, &ak.public, &extra, &other.public, NULL));
        CHECK_RESULT(attest_certify_verify(b, signature, &ak.public, &extra, &ak.public, NULL),
                     ATTEST_E_CERTIFIED_NAME);
        CHECK_RESULT(attest_quote_authenticate(b, signature, &ak.public, &extra, &q), ATTEST_E_TYPE);
        f.trailer = BYTES_LITERAL("x");
        b = encode_attest(&f, s);
        CHECK_RESULT(attest_certify_verify(b, sign(&ak, b, t), &ak.public, &extra, &other.public, NULL),
                     ATTEST_E_FORM);
        f = good_fields(quote_info(HASH_SHA256, HASH_SHA256, info));
        b = encode_attest(&f, s);
        CHECK_RESULT(attest_certify_verify(b, sign(&ak, b, t), &ak.public, &extra, &other.public, NULL),
                     ATTEST_E_TYPE);
}

/* Every bit of a certification and its signature. */
static void no_changed_certification_is_accepted(void)
{
        cleanup_private_key PrivateKey *owned = NULL;
        const Ak ak = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256);
        uint8_t info[256], s[ATTEST_STRUCTURE_MAX], t[ATTEST_SIGNATURE_MAX];
        AttestName name;
        AttestFields f;
        AttestClock at = { .reset_count = 77 };
        Bytes b, signature;

        owned = ak.key;
        CHECK_OK(attest_public_name(&ak.public, &name));
        f = good_fields(certify_info(&name, info));
        f.type = 0x8017;
        b = encode_attest(&f, s);
        signature = sign(&ak, b, t);
        for (size_t bit = 0; bit < 8 * (b.size + signature.size); bit++) {
                uint8_t *byte = bit / 8 < b.size ? s + bit / 8 : t + bit / 8 - b.size;

                *byte ^= (uint8_t)(1 << bit % 8);
                CHECK(attest_certify_verify(b, signature, &ak.public, &extra, &ak.public, &at) > 0);
                *byte ^= (uint8_t)(1 << bit % 8);
        }
        CHECK(at.reset_count == 77);
        CHECK_OK(attest_certify_verify(b, signature, &ak.public, &extra, &ak.public, &at));
}

static AttestContext sample_context(AttestPurpose purpose)
{
        AttestContext c = { .purpose = purpose, .role = "node" };

        for (size_t i = 0; i < sizeof(c.node_id); i++) c.node_id[i] = (uint8_t)i;
        memset(c.config_hash, 0x11, sizeof(c.config_hash));
        memset(c.tokens_hash, 0x22, sizeof(c.tokens_hash));
        memset(c.attempt_id, 0x33, sizeof(c.attempt_id));
        memset(c.exporter, 0x44, sizeof(c.exporter));
        return c;
}

/* The encoding by another hand (Python's hashlib): a protocol constant, node and verifier must agree for ever. */
static void extra_data_is_as_written_down(void)
{
        static const char *const expected[] = {
                "79647110570d2f46e770f58eb1f2d3ba6700bfa7d9d3145f39953ec61faa09d8",
                "d66f400895c5819029c546a15edf4841d82cad42bbe4808144e958aba40ea567",
                "6b7b0a5ac91d01abf10a5cbcefa93700f36325c584f38c9623ed3fe6b2e5461f",
                "45f073236b4ccf89e0d14d3bdfc1f673a2d5f492d4833685580672bd5d789c1f",
                "130b16249151daad926bfc6a8d4b17ff50280019b1fc16bbebd31f232503b7b3",
        };

        for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
                const AttestContext c = sample_context((AttestPurpose)(i + 1));
                AttestExtra e;

                CHECK_OK(attest_extra_data(&c, &e));
                CHECK_BYTES(BYTES_ARRAY(e.bytes), vector(expected[i]));
        }
}

/* What the AK signed for one purpose is refused for each other one. */
static void no_purpose_passes_for_another(void)
{
        cleanup_private_key PrivateKey *owned = NULL;
        const Ak ak = new_ak(256, ATTEST_ALG_ECDSA, HASH_SHA256);
        uint8_t info[256], s[ATTEST_STRUCTURE_MAX], t[ATTEST_SIGNATURE_MAX];
        AttestFields f = good_fields(quote_info(HASH_SHA256, HASH_SHA256, info));

        owned = ak.key;
        for (AttestPurpose made = ATTEST_PURPOSE_REGISTER; made <= ATTEST_PURPOSE_CERTIFY; made++) {
                const AttestContext c = sample_context(made);
                AttestExtra of_made;
                Bytes b, signature;

                CHECK_OK(attest_extra_data(&c, &of_made));
                f.extra = BYTES_ARRAY(of_made.bytes);
                b = encode_attest(&f, s);
                signature = sign(&ak, b, t);
                for (AttestPurpose used = ATTEST_PURPOSE_REGISTER; used <= ATTEST_PURPOSE_CERTIFY; used++) {
                        const AttestContext d = sample_context(used);
                        AttestExtra of_used;
                        AttestQuote q;

                        CHECK_OK(attest_extra_data(&d, &of_used));
                        CHECK_RESULT(attest_quote_authenticate(b, signature, &ak.public, &of_used, &q),
                                     used == made ? 0 : ATTEST_E_EXTRA_DATA);
                }
        }
}

static void contexts_that_bind_nothing_are_refused(void)
{
        AttestContext c[5];
        AttestExtra e = { .bytes = { 0x5a } };

        for (size_t i = 0; i < ARRAY_SIZE(c); i++) c[i] = sample_context(ATTEST_PURPOSE_UNLOCK);
        c[0].purpose = (AttestPurpose)0;
        c[1].purpose = (AttestPurpose)6;
        c[2].role = "";
        c[3].role = "a role of more than thirty-two characters";
        memset(c[4].exporter, 0, sizeof(c[4].exporter));
        for (size_t i = 0; i < ARRAY_SIZE(c); i++) CHECK_RESULT(attest_extra_data(&c[i], &e), -EINVAL);
        CHECK(e.bytes[0] == 0x5a);
}

int main(void)
{
        RUN(quotes_of_every_scheme_are_read);
        RUN(no_changed_bit_is_accepted);
        RUN(nothing_short_long_or_empty_is_accepted);
        RUN(each_wrong_field_has_its_outcome);
        RUN(a_digest_of_the_wrong_size_is_refused);
        RUN(another_key_or_scheme_is_refused);
        RUN(the_selection_is_exact);
        RUN(a_quote_of_nothing_proves_nothing);
        RUN(the_values_are_those_quoted);
        RUN(only_an_endorsement_primary_tells_the_counters);
        RUN(certify_names_the_key);
        RUN(no_changed_certification_is_accepted);
        RUN(extra_data_is_as_written_down);
        RUN(no_purpose_passes_for_another);
        RUN(contexts_that_bind_nothing_are_refused);
        return 0;
}
