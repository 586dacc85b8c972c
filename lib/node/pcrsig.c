/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "node/pcrsig.h"

#include "base/error.h"
#include "base/fd.h"
#include "crypto/der.h"
#include "crypto/pem.h"
#include "json/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- the text ---- */

typedef struct Wanted {
        uint8_t fingerprint[SHA256_SIZE];
        const uint8_t *policy;
} Wanted;

static int read_member(const JsonValue *entry, const char *key, const JsonValue **ret)
{
        const int r = json_value_member(entry, key, ret);

        return r == -ENOENT ? error_set(-EBADMSG, "\"%s\" is missing", key) : r;
}

/* Over PCR 11 alone? */
static int is_of_pcr(const JsonValue *entry, bool *ret)
{
        const JsonValue *pcrs, *one;
        int64_t pcr = -1;
        int r;

        r = read_member(entry, "pcrs", &pcrs);
        if (r < 0) return r;
        if (json_value_kind(pcrs) != JSON_ARRAY) return error_set(-EBADMSG, "\"pcrs\" is no list");
        *ret = false;
        if (json_value_count(pcrs) != 1) return 0;
        r = json_value_element(pcrs, 0, &one);
        if (r == 0) r = json_value_int(one, 0, 23, &pcr);
        *ret = pcr == PCRSIG_PCR;
        return r == -ERANGE ? -EBADMSG : r;
}

static int digest_is(const JsonValue *entry, const char *key, const uint8_t *wanted, bool *ret)
{
        uint8_t found[SHA256_SIZE];
        const JsonValue *v;
        int r;

        r = read_member(entry, key, &v);
        if (r == 0) r = json_value_hex(v, found, sizeof(found));
        if (r < 0) return error_prefix(r, "\"%s\"", key);
        *ret = bytes_equal(BYTES_ARRAY(found), BYTES(wanted, SHA256_SIZE));
        return 0;
}

static int read_signature(const JsonValue *entry, PcrsigSignature *ret)
{
        PcrsigSignature s = { 0 };
        const JsonValue *v;
        const char *text;
        int r;

        r = read_member(entry, "sig", &v);
        if (r == 0) r = json_value_text(v, &text);
        if (r == 0) r = pem_decode_base64(BYTES(text, strlen(text)), s.bytes, sizeof(s.bytes), &s.size);
        if (r < 0) return error_prefix(-EBADMSG, "\"sig\"");
        *ret = s;
        return 0;
}

static int try_entry(const JsonValue *entry, const Wanted *w, PcrsigSignature *ret)
{
        bool of_pcr = false, of_key = false, of_policy = false;
        int r;

        r = is_of_pcr(entry, &of_pcr);
        if (r == 0) r = digest_is(entry, "pkfp", w->fingerprint, &of_key);
        if (r == 0) r = digest_is(entry, "pol", w->policy, &of_policy);
        if (r < 0) return r;
        return of_pcr && of_key && of_policy ? read_signature(entry, ret) : PCRSIG_E_ABSENT;
}

static int search(const JsonValue *top, HashAlg bank, const Wanted *w, PcrsigSignature *ret)
{
        const JsonValue *list, *entry;
        int r;

        r = json_value_member(top, hash_name(bank), &list);
        if (r == -ENOENT) return PCRSIG_E_ABSENT;
        if (r < 0) return r;
        if (json_value_kind(list) != JSON_ARRAY || json_value_count(list) > PCRSIG_ENTRIES_MAX)
                return error_set(-EBADMSG, "\"%s\" is not a list of at most %d entries", hash_name(bank),
                                 PCRSIG_ENTRIES_MAX);
        for (size_t i = 0; i < json_value_count(list); i++) {
                r = json_value_element(list, i, &entry);
                if (r == 0) r = try_entry(entry, w, ret);
                if (r < 0) return error_prefix(-EBADMSG, "%s[%zu]", hash_name(bank), i);
                if (r == 0) return 0;
        }
        return PCRSIG_E_ABSENT;
}

/* systemd hashes what i2d_PublicKey() writes. */
static int fingerprint_of(Bytes spki, uint8_t ret[static SHA256_SIZE])
{
        Reader all = READER_INIT(spki), parts;
        Bytes algorithm, bits;

        if (der_enter(&all, DER_SEQUENCE, &parts) < 0 || reader_finish(&all) < 0 ||
            der_next(&parts, DER_SEQUENCE, &algorithm) < 0 || der_next(&parts, DER_BIT_STRING, &bits) < 0 ||
            reader_finish(&parts) < 0 || bits.size < 1)
                return error_set(-EBADMSG, "not a SubjectPublicKeyInfo");
        return hash_sha256(BYTES(bits.data + 1, bits.size - 1), ret);
}

int pcrsig_find(Bytes json, HashAlg bank, Bytes spki, const uint8_t policy[static SHA256_SIZE],
                PcrsigSignature *ret)
{
        cleanup_json JsonValue *top = NULL;
        Wanted w = { .policy = policy };
        int r;

        if (!hash_name(bank)) return -EINVAL;
        r = fingerprint_of(spki, w.fingerprint);
        if (r == 0) r = json_value_parse(json, PCRSIG_MAX, &top);
        return r < 0 ? r : search(top, bank, &w, ret);
}

/* ---- files ---- */

/* The stub's, in the initrd; then what systemd keeps for the host; then an administrator's. */
static int read_file(const char *name, uint8_t **ret, size_t *ret_size)
{
        static const char *const folders[] = { "/.extra", "/run/systemd", "/etc/systemd" };
        char path[128];
        int r = -ENOENT;

        for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(folders); i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", folders[i], name);
                r = file_read(path, PCRSIG_MAX, ret, ret_size);
        }
        return r;
}

int pcrsig_read(uint8_t **ret, size_t *ret_size)
{
        return read_file("tpm2-pcr-signature.json", ret, ret_size);
}

int pcrsig_key(Bytes pem, uint8_t **ret_spki, size_t *ret_size)
{
        cleanup_public_key PublicKey *key = NULL;
        cleanup_free uint8_t *der = NULL;
        size_t size;
        int r;

        r = pem_decode(pem, "PUBLIC KEY", 0, &der, &size);
        if (r == PEM_E_END) r = error_set(-EBADMSG, "no public key in it");
        if (r == 0) r = public_key_new_spki(BYTES(der, size), &key);
        if (r < 0) return r;
        if (public_key_type(key) != KEY_RSA || public_key_bits(key) != 2048)
                return error_set(-EBADMSG, "the key of the UKI's PCR signatures is not of RSA-2048");
        *ret_spki = TAKE_PTR(der);
        *ret_size = size;
        return 0;
}

int pcrsig_read_key(uint8_t **ret_spki, size_t *ret_size)
{
        cleanup_free uint8_t *pem = NULL;
        size_t size;
        int r;

        r = read_file("tpm2-pcr-public-key.pem", &pem, &size);
        if (r == 0) r = pcrsig_key(BYTES(pem, size), ret_spki, ret_size);
        return r < 0 ? error_prefix(r, "tpm2-pcr-public-key.pem") : 0;
}
