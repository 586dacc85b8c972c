/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "attest/workload.h"
#include "attest/structure.h"

#include "base/error.h"
#include "base/writer.h"
#include "crypto/compare.h"

#include <errno.h>
#include <string.h>

enum {
        CREATION_DATA_MAX = 1024, /* with 16 selections and all Names below 600 */
        CODES_BYTES_MAX = 2048,   /* there are fewer than 512 command codes */
};

/* ---- keys ---- */

static int check_name(Reader *r, const AttestPublic *subject)
{
        AttestName name, certified;
        int result;

        result = attest_public_name(subject, &name);
        if (result == 0) result = attest_parse_name(r, &certified);
        if (result != 0) return result;
        return bytes_equal(attest_name_bytes(&certified), attest_name_bytes(&name)) ? 0 : ATTEST_E_CERTIFIED_NAME;
}

/* TPML_PCR_SELECTION */
static int skip_selections(Reader *r)
{
        uint32_t n;
        uint8_t size;

        if (reader_be32(r, &n) < 0 || n > ATTEST_SELECTIONS_MAX) return ATTEST_E_FORM;
        for (uint32_t i = 0; i < n; i++)
                if (reader_skip(r, 2) < 0 || reader_u8(r, &size) < 0 || reader_skip(r, size) < 0)
                        return ATTEST_E_FORM;
        return 0;
}

static int parse_creation(Bytes data, AttestCreation *c)
{
        Reader r = READER_INIT(data);
        Bytes pcr_digest;
        int result;

        result = skip_selections(&r);
        if (result != 0) return result;
        /* locality and parentNameAlg behind the digest */
        if (reader_tpm2b(&r, &pcr_digest) < 0 || reader_skip(&r, 1 + 2) < 0) return ATTEST_E_FORM;
        result = attest_parse_name(&r, &c->parent);
        if (result == 0) result = attest_parse_name(&r, &c->parent_qualified);
        if (result != 0) return result;
        return reader_tpm2b(&r, &c->outside_info) < 0 || reader_finish(&r) < 0 ? ATTEST_E_FORM : 0;
}

/* TPMS_CREATION_INFO: objectName, creationHash by the object's nameAlg. */
static int check_creation_info(Reader *r, const AttestPublic *subject, Bytes creation_data)
{
        const HashAlg alg = (HashAlg)subject->name_alg;
        uint8_t digest[HASH_SIZE_MAX];
        Bytes certified;
        int result;

        result = check_name(r, subject);
        if (result != 0) return result;
        if (reader_tpm2b(r, &certified) < 0 || reader_finish(r) < 0) return ATTEST_E_FORM;
        result = hash_bytes(alg, creation_data, digest);
        if (result < 0) return result;
        return crypto_equal(certified, BYTES(digest, hash_size(alg))) == 0 ? 0 : ATTEST_E_CREATION;
}

int attest_creation_verify(const AttestSigned *s, const AttestPublic *ak, Bytes expected,
                           const AttestPublic *subject, Bytes creation_data, AttestCreation *ret)
{
        AttestCreation c = { 0 };
        Reader reader;
        int r;

        if (creation_data.size == 0 || creation_data.size > CREATION_DATA_MAX) return ATTEST_E_FORM;
        r = attest_structure_open(s, ak, ATTEST_TYPE_CREATION, expected, &reader, &c.at);
        if (r == 0) r = check_creation_info(&reader, subject, creation_data);
        if (r == 0) r = parse_creation(creation_data, &c);
        if (r != 0) return r;
        *ret = c;
        return 0;
}

int attest_key_verify(const AttestSigned *s, const AttestPublic *ak, Bytes expected, const AttestPublic *subject,
                      AttestClock *ret_at)
{
        const uint32_t required = ATTEST_FIXED_TPM | ATTEST_FIXED_PARENT | ATTEST_SENSITIVE_DATA_ORIGIN;
        AttestName qualified;
        AttestClock at;
        Reader reader;
        int r;

        r = attest_structure_open(s, ak, ATTEST_TYPE_CERTIFY, expected, &reader, &at);
        if (r == 0) r = check_name(&reader, subject);
        if (r == 0) r = attest_parse_name(&reader, &qualified);
        if (r != 0) return r;
        if (reader_finish(&reader) < 0) return ATTEST_E_FORM;
        if ((subject->attributes & required) != required) return ATTEST_E_CERTIFIED_ATTRIBUTES;
        *ret_at = at;
        return 0;
}

/* ---- audits ---- */

static int parse_digest(Reader *r, HashAlg alg, Digest *ret)
{
        Bytes b;

        if (reader_tpm2b(r, &b) < 0 || b.size != hash_size((uint16_t)alg) || b.size == 0) return ATTEST_E_FORM;
        *ret = (Digest){ .alg = alg, .size = b.size };
        memcpy(ret->bytes, b.data, b.size);
        return 0;
}

int attest_command_audit_verify(const AttestSigned *s, const AttestPublic *ak, Bytes expected,
                                AttestCommandAudit *ret)
{
        AttestCommandAudit a = { 0 };
        Reader reader;
        uint16_t alg;
        int r;

        r = attest_structure_open(s, ak, ATTEST_TYPE_COMMAND_AUDIT, expected, &reader, &a.at);
        if (r != 0) return r;
        if (reader_be64(&reader, &a.counter) < 0 || reader_be16(&reader, &alg) < 0) return ATTEST_E_FORM;
        r = parse_digest(&reader, (HashAlg)alg, &a.audit);
        if (r == 0) r = parse_digest(&reader, (HashAlg)alg, &a.commands);
        if (r != 0) return r;
        if (reader_finish(&reader) < 0) return ATTEST_E_FORM;
        *ret = a;
        return 0;
}

/* The hash is the session's, which is told by its size alone: it is SHA-256, SHA-384 or SHA-512. */
static HashAlg hash_of_size(size_t size)
{
        static const HashAlg known[] = { HASH_SHA256, HASH_SHA384, HASH_SHA512 };

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (hash_size(known[i]) == size) return known[i];
        return 0;
}

int attest_session_audit_verify(const AttestSigned *s, const AttestPublic *ak, Bytes expected,
                                AttestSessionAudit *ret)
{
        AttestSessionAudit a = { 0 };
        uint8_t exclusive;
        Reader reader, size;
        Bytes digest;
        int r;

        r = attest_structure_open(s, ak, ATTEST_TYPE_SESSION_AUDIT, expected, &reader, &a.at);
        if (r != 0) return r;
        if (reader_u8(&reader, &exclusive) < 0 || exclusive > 1) return ATTEST_E_FORM;
        size = reader;
        if (reader_tpm2b(&size, &digest) < 0) return ATTEST_E_FORM;
        r = parse_digest(&reader, hash_of_size(digest.size), &a.digest);
        if (r != 0) return r;
        if (reader_finish(&reader) < 0) return ATTEST_E_FORM;
        a.exclusive = exclusive == 1;
        *ret = a;
        return 0;
}

static void put_be32(uint8_t ret[static 4], uint32_t v)
{
        for (size_t i = 0; i < 4; i++) ret[i] = (uint8_t)(v >> (8 * (3 - i)));
}

int attest_audit_extend(Digest *digest, const AttestCommand *command)
{
        static const uint8_t success[4];
        uint8_t code[4], cp[HASH_SIZE_MAX], rp[HASH_SIZE_MAX], next[HASH_SIZE_MAX];
        const Bytes called[] = { BYTES_ARRAY(code), command->names, command->parameters },
                    answered[] = { BYTES_ARRAY(success), BYTES_ARRAY(code), command->response };
        const size_t size = hash_size((uint16_t)digest->alg);
        int r;

        if (size == 0 || digest->size != size) return error_set(-EINVAL, "an audit digest that is none");
        const Bytes both[] = { digest_bytes(digest), BYTES(cp, size), BYTES(rp, size) };
        put_be32(code, command->code);
        r = hash_parts(digest->alg, called, ARRAY_SIZE(called), cp);
        if (r == 0) r = hash_parts(digest->alg, answered, ARRAY_SIZE(answered), rp);
        if (r == 0) r = hash_parts(digest->alg, both, ARRAY_SIZE(both), next);
        if (r < 0) return r;
        memcpy(digest->bytes, next, size);
        return 0;
}

int attest_audited_commands(HashAlg alg, const uint32_t *codes, size_t n, Digest *ret)
{
        cleanup_writer Writer w = WRITER_INIT(CODES_BYTES_MAX);
        Digest d = { .alg = alg, .size = hash_size((uint16_t)alg) };
        Bytes b;
        int r;

        for (size_t i = 0; i < n; i++) writer_be32(&w, codes[i]);
        r = writer_finish(&w, &b);
        if (r == 0) r = hash_bytes(alg, b, d.bytes);
        if (r < 0) return r;
        *ret = d;
        return 0;
}
