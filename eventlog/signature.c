/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "eventlog/signature.h"

#include "crypto/x509.h"

#include <errno.h>
#include <string.h>

enum {
        GUID_SIZE = 16,
        LIST_HEADER = 28, /* type, list size, header size, signature size */
        NAMED_MAX = 6,    /* certificates named in one line */
};

static const struct {
        uint8_t guid[GUID_SIZE];
        SignatureKind kind;
} types[] = {
        { { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 },
          SIGNATURE_X509 },
        { { 0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28 },
          SIGNATURE_SHA256 },
        /* SHA-1, SHA-384, SHA-512 of an image */
        { { 0x12, 0xa5, 0x6c, 0x82, 0x10, 0xcf, 0xc9, 0x4a, 0xb1, 0x87, 0xbe, 0x01, 0x49, 0x66, 0x31, 0xbd },
          SIGNATURE_HASH },
        { { 0x07, 0x53, 0x3e, 0xff, 0xd0, 0x9f, 0xc9, 0x48, 0x85, 0xf1, 0x8a, 0xd5, 0x6c, 0x70, 0x1e, 0x01 },
          SIGNATURE_HASH },
        { { 0xae, 0x0f, 0x3e, 0x09, 0xc4, 0xa6, 0x50, 0x4f, 0x9f, 0x1b, 0xd4, 0x1e, 0x2b, 0x89, 0xc1, 0x9a },
          SIGNATURE_HASH },
        /* SHA-256, SHA-384, SHA-512 of a certificate */
        { { 0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96, 0x79, 0x40, 0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03, 0xed },
          SIGNATURE_CERTIFICATE },
        { { 0x6e, 0x87, 0x76, 0x70, 0xc2, 0x80, 0xe6, 0x4e, 0xaa, 0xd2, 0x28, 0xb3, 0x49, 0xa6, 0x86, 0x5b },
          SIGNATURE_CERTIFICATE },
        { { 0x63, 0xbf, 0x6d, 0x44, 0x02, 0x25, 0xda, 0x4c, 0xbc, 0xfa, 0x24, 0x65, 0xd2, 0xb0, 0xfe, 0x9d },
          SIGNATURE_CERTIFICATE },
};

static SignatureKind kind_of(Bytes type)
{
        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (bytes_equal(type, BYTES_ARRAY(types[i].guid))) return types[i].kind;
        return SIGNATURE_OTHER;
}

/* Enters the next list. Its sizes come from whoever wrote the variable: each is compared before it is used, and
 * the entries must fill the list exactly. */
static int next_list(SignatureCursor *c)
{
        uint32_t list_size, header_size, entry_size;
        Bytes type = { 0 };
        Reader body = { 0 };

        if (reader_bytes(&c->lists, GUID_SIZE, &type) < 0 || reader_le32(&c->lists, &list_size) < 0 ||
            reader_le32(&c->lists, &header_size) < 0 || reader_le32(&c->lists, &entry_size) < 0)
                return -EBADMSG;
        if (list_size < LIST_HEADER || entry_size < GUID_SIZE + 1) return -EBADMSG;
        if (reader_sub(&c->lists, list_size - LIST_HEADER, &body) < 0 || reader_skip(&body, header_size) < 0)
                return -EBADMSG;
        if (reader_left(&body) % entry_size != 0) return -EBADMSG;
        c->entries = body;
        c->entry_size = entry_size;
        c->type = type;
        return 0;
}

int signature_next(SignatureCursor *c, Signature *ret)
{
        Signature s = { 0 };

        while (reader_left(&c->entries) == 0) {
                if (reader_left(&c->lists) == 0) return 0;
                if (next_list(c) < 0) return -EBADMSG;
        }
        if (reader_bytes(&c->entries, c->entry_size, &s.entry) < 0) return -EBADMSG;
        s.type = c->type;
        s.kind = kind_of(c->type);
        s.owner = BYTES(s.entry.data, GUID_SIZE);
        s.data = BYTES(s.entry.data + GUID_SIZE, s.entry.size - GUID_SIZE);
        *ret = s;
        return 1;
}

static size_t count_entries(Bytes value)
{
        SignatureCursor c = SIGNATURE_CURSOR_INIT(value);
        size_t n = 0;
        Signature s;

        while (signature_next(&c, &s) > 0) n++;
        return n;
}

bool signatures_comparable(Bytes a, Bytes b)
{
        const size_t n = count_entries(a);

        return n == 0 || count_entries(b) <= SIGNATURES_PAIRS_MAX / n;
}

bool signatures_hold(Bytes value, const Signature *wanted)
{
        SignatureCursor c = SIGNATURE_CURSOR_INIT(value);
        Signature s;

        while (signature_next(&c, &s) > 0)
                if (bytes_equal(s.type, wanted->type) && bytes_equal(s.entry, wanted->entry)) return true;
        return false;
}

/* "CN=name,O=..." in RFC 2253 form: up to the first comma that is not escaped. */
static void common_name(const char *subject, Text *t)
{
        const char *start = strstr(subject, "CN=");
        size_t n = 0;

        if (!start || (start != subject && start[-1] != ',' && start[-1] != '+')) {
                text_put(t, subject);
                return;
        }
        start += 3;
        while (start[n] && start[n] != ',') n += start[n] == '\\' && start[n + 1] ? 2 : 1;
        for (size_t i = 0; i < n; i++)
                if (start[i] != '\\') text_utf8(t, BYTES(start + i, 1));
}

void certificate_describe(Bytes der, Text *t)
{
        char subject[X509_SUBJECT_MAX];

        if (x509_subject(der, subject) < 0) {
                text_put(t, "an unreadable certificate");
                return;
        }
        common_name(subject, t);
}

static void put_count(Text *t, const char **separator, size_t n, const char *one, const char *many)
{
        if (n == 0) return;
        text_format(t, "%s%zu %s", *separator, n, n == 1 ? one : many);
        *separator = ", ";
}

static void put_names(Bytes value, size_t certificates, Text *t)
{
        SignatureCursor c = SIGNATURE_CURSOR_INIT(value);
        size_t named = 0;
        Signature s;

        text_put(t, " (");
        while (named < NAMED_MAX && signature_next(&c, &s) > 0) {
                if (s.kind != SIGNATURE_X509) continue;
                if (named++) text_put(t, "; ");
                certificate_describe(s.data, t);
        }
        if (certificates > named) text_put(t, "; ...");
        text_put(t, ")");
}

void signatures_describe(Bytes value, Text *t)
{
        SignatureCursor c = SIGNATURE_CURSOR_INIT(value);
        size_t n[SIGNATURE_OTHER + 1] = { 0 };
        const char *separator = "";
        Signature s;
        int r;

        while ((r = signature_next(&c, &s)) > 0) n[s.kind]++;
        put_count(t, &separator, n[SIGNATURE_X509], "certificate", "certificates");
        if (n[SIGNATURE_X509]) put_names(value, n[SIGNATURE_X509], t);
        put_count(t, &separator, n[SIGNATURE_SHA256], "SHA-256 hash", "SHA-256 hashes");
        put_count(t, &separator, n[SIGNATURE_HASH], "other hash", "other hashes");
        put_count(t, &separator, n[SIGNATURE_CERTIFICATE], "certificate hash", "certificate hashes");
        put_count(t, &separator, n[SIGNATURE_OTHER], "other entry", "other entries");
        if (r < 0) text_format(t, "%s(malformed at byte %zu)", *separator ? " " : "", c.lists.at);
        else if (!*separator) text_put(t, "no entry");
}
