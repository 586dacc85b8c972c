/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as what a node sends: the first one says which structure the rest is.
 *
 *   P  TPMT_PUBLIC
 *   Q  TPMS_ATTEST of a quote, C of a certification: signed here before it is judged, since no mutation of one
 *      would come past the signature and reach the parser behind it
 *   K  TPMS_CREATION_DATA, certified here; A, B  TPMS_ATTEST of a command and of a session audit
 *   S  TPMT_SIGNATURE of an ECDSA AK, R of an RSASSA one, over something fixed */

#include "fuzz.h"

#include "attest/credential.h"
#include "attest/workload.h"
#include "base/writer.h"

#include <stdlib.h>
#include <string.h>

#define MUST(condition)                    \
        do {                               \
                if (!(condition)) abort(); \
        } while (0)

typedef struct Ak {
        PrivateKey *key;
        AttestPublic public;
} Ak;

/* The extraData of the quotes in the corpus. */
static const AttestExtra extra = { .bytes = { [0 ... 31] = 0xaa } };

static void write_unique(Writer *w, const PublicKey *k)
{
        uint8_t modulus[KEY_RSA_SIZE_MAX];
        KeyPoint point;
        uint32_t e;
        size_t n;

        if (public_key_type(k) == KEY_RSA) {
                MUST(public_key_rsa(k, modulus, &n, &e) == 0);
                writer_be16(w, 2048);
                writer_be32(w, 0);
                writer_tpm2b(w, BYTES(modulus, n));
                return;
        }
        MUST(public_key_point(k, &point) == 0);
        writer_be16(w, ATTEST_CURVE_P256);
        writer_be16(w, ATTEST_ALG_NULL);
        writer_tpm2b(w, BYTES(point.x, point.size));
        writer_tpm2b(w, BYTES(point.y, point.size));
}

static void make_ak(unsigned bits, uint16_t scheme, Ak *ret)
{
        cleanup_public_key PublicKey *k = NULL;
        cleanup_writer Writer w = WRITER_INIT(ATTEST_PUBLIC_MAX);
        Bytes b;

        MUST(private_key_generate(bits, &ret->key) == 0 && private_key_public(ret->key, &k) == 0);
        writer_be16(&w, bits == 256 ? ATTEST_ALG_ECC : ATTEST_ALG_RSA);
        writer_be16(&w, HASH_SHA256);
        writer_be32(&w, 0x00050072);
        writer_be16(&w, 0);
        writer_be16(&w, ATTEST_ALG_NULL);
        writer_be16(&w, scheme);
        writer_be16(&w, HASH_SHA256);
        write_unique(&w, k);
        MUST(writer_finish(&w, &b) == 0 && attest_public_parse(b, &ret->public) == 0);
        MUST(attest_public_check_ak(&ret->public) == 0);
}

static const Ak *ak_of(uint16_t scheme)
{
        static Ak ec, rsa;

        if (scheme == ATTEST_ALG_ECDSA && !ec.key) make_ak(256, scheme, &ec);
        if (scheme == ATTEST_ALG_RSASSA && !rsa.key) make_ak(2048, scheme, &rsa);
        return scheme == ATTEST_ALG_ECDSA ? &ec : &rsa;
}

static Bytes sign(const Ak *ak, Bytes structure, Writer *w)
{
        uint8_t digest[SHA256_SIZE], raw[2 * KEY_COORDINATE_MAX];
        size_t n;
        Bytes b;

        MUST(hash_sha256(structure, digest) == 0);
        MUST(private_key_sign_ecdsa_raw(ak->key, HASH_SHA256, BYTES_ARRAY(digest), raw, &n) == 0);
        writer_be16(w, ATTEST_ALG_ECDSA);
        writer_be16(w, HASH_SHA256);
        writer_tpm2b(w, BYTES(raw, n / 2));
        writer_tpm2b(w, BYTES(raw + n / 2, n / 2));
        MUST(writer_finish(w, &b) == 0);
        return b;
}

static void try_challenge(const AttestPublic *p)
{
        static const uint8_t secret[ATTEST_SECRET_SIZE] = { 1 };
        AttestCredential c;
        AttestName name;

        MUST(attest_public_name(p, &name) == 0);
        IGNORE_RESULT(attest_credential_make(p, &name, secret, &c));
}

static void try_public(Bytes b)
{
        uint8_t id[SHA256_SIZE];
        AttestPublic p;
        AttestName name;

        if (attest_public_parse(b, &p) != 0) return;
        MUST(bytes_equal(BYTES(p.encoded, p.encoded_size), b));
        MUST(attest_public_name(&p, &name) == 0 && name.size == 2 + hash_size(p.name_alg));
        IGNORE_RESULT(attest_public_node_id(&p, id));
        const int ak = attest_public_check_ak(&p), srk = attest_public_check_srk(&p);
        const int ek = attest_public_check_ek(&p);

        /* no key is two of them: an AK signs, the others decrypt, an EK has no noDA */
        MUST((ak == 0) + (srk == 0) + (ek == 0) <= 1);
        MUST(ak >= 0 && srk >= 0 && ek >= 0);
        if (ek == 0) try_challenge(&p);
}

static void try_quote(Bytes b)
{
        const Ak *ak = ak_of(ATTEST_ALG_ECDSA);
        cleanup_writer Writer w = WRITER_INIT(ATTEST_SIGNATURE_MAX);
        AttestPcrs pcrs = { .bank = HASH_SHA256, .mask = 0xffffff };
        AttestQuote q;

        if (attest_quote_authenticate(b, sign(ak, b, &w), &ak->public, &extra, &q) != 0) return;
        MUST(q.n_selections <= ATTEST_SELECTIONS_MAX && q.pcr_digest.size == SHA256_SIZE);
        IGNORE_RESULT(attest_quote_check_selection(&q, HASH_SHA256, ATTEST_PCRS));
        MUST(attest_quote_check_pcrs(&q, &pcrs) >= 0);
        MUST(attest_clock_check_hierarchy(&q.at, &ak->public) >= 0);
}

static void try_certify(Bytes b)
{
        const Ak *ak = ak_of(ATTEST_ALG_ECDSA);
        cleanup_writer Writer w = WRITER_INIT(ATTEST_SIGNATURE_MAX);
        AttestClock at;

        /* the AK's Name is in no input: the last check always refuses */
        MUST(attest_certify_verify(b, sign(ak, b, &w), &ak->public, &extra, &ak->public, &at) > 0);
}

/* TPMS_CREATION_INFO of the AK by itself, over this creation data. */
static void try_creation(Bytes data)
{
        const Ak *ak = ak_of(ATTEST_ALG_ECDSA);
        cleanup_writer Writer w = WRITER_INIT(ATTEST_SIGNATURE_MAX), s = WRITER_INIT(ATTEST_STRUCTURE_MAX);
        uint8_t digest[SHA256_SIZE], rest[17 + 8] = { 0 };
        AttestCreation c;
        AttestName name;
        Bytes b;

        MUST(attest_public_name(&ak->public, &name) == 0 && hash_sha256(data, digest) == 0);
        writer_be32(&s, 0xff544347);
        writer_be16(&s, 0x801a);
        writer_tpm2b(&s, attest_name_bytes(&name));
        writer_tpm2b(&s, BYTES_ARRAY(extra.bytes));
        writer_bytes(&s, BYTES_ARRAY(rest));
        writer_tpm2b(&s, attest_name_bytes(&name));
        writer_tpm2b(&s, BYTES_ARRAY(digest));
        MUST(writer_finish(&s, &b) == 0);
        const AttestSigned made = { b, sign(ak, b, &w) };
        const int r = attest_creation_verify(&made, &ak->public, BYTES_ARRAY(extra.bytes), &ak->public, data, &c);

        MUST(r == 0 || r == ATTEST_E_FORM);
        if (r == 0) MUST(c.outside_info.data + c.outside_info.size == data.data + data.size);
}

static void try_audit(Bytes b, bool session)
{
        const Ak *ak = ak_of(ATTEST_ALG_ECDSA);
        cleanup_writer Writer w = WRITER_INIT(ATTEST_SIGNATURE_MAX);
        const AttestSigned s = { b, sign(ak, b, &w) };
        AttestCommandAudit a;
        AttestSessionAudit of_session;

        if (session) {
                if (attest_session_audit_verify(&s, &ak->public, BYTES_ARRAY(extra.bytes), &of_session) == 0)
                        MUST(of_session.digest.size == hash_size((uint16_t)of_session.digest.alg));
                return;
        }
        if (attest_command_audit_verify(&s, &ak->public, BYTES_ARRAY(extra.bytes), &a) == 0)
                MUST(a.audit.size == a.commands.size && a.audit.size > 0);
}

static void try_signature(Bytes b, uint16_t scheme)
{
        AttestQuote q;

        MUST(attest_quote_authenticate(BYTES_LITERAL("not a quote"), b, &ak_of(scheme)->public, &extra, &q) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 1) return 0;
        const Bytes rest = BYTES(data + 1, size - 1);

        switch (data[0]) {
        case 'P': try_public(rest); break;
        case 'Q': try_quote(rest); break;
        case 'C': try_certify(rest); break;
        case 'K': try_creation(rest); break;
        case 'A': try_audit(rest, false); break;
        case 'B': try_audit(rest, true); break;
        case 'S': try_signature(rest, ATTEST_ALG_ECDSA); break;
        case 'R': try_signature(rest, ATTEST_ALG_RSASSA); break;
        default: break;
        }
        return 0;
}
