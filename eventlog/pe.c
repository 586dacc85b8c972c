/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything is checked once, in pe_parse(): afterwards a PeImage holds only ranges that lie within the file and
 * do not overlap, so hashing is a walk over them. */

#include "eventlog/pe.h"

#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
        DOS_HEADER = 64,
        DOS_NEW_HEADER = 0x3c, /* where e_lfanew is */
        COFF_HEADER = 20,
        SECTION_HEADER = 40,
        OPTIONAL_CHECKSUM = 64, /* in both kinds of optional header */
        MAGIC_PE32 = 0x10b,
        MAGIC_PE32PLUS = 0x20b,
        DIRECTORY_SECURITY = 4,
        DIRECTORY_ENTRY = 8,
        DIRECTORIES_MAX = 16,
        WIN_CERTIFICATE_HEADER = 8,
        CERTIFICATE_ALIGNMENT = 8,
        CERTIFICATE_REVISION = 0x0200,
        CERTIFICATE_PKCS = 0x0002,
        ZEROS = 4096,
};

static int bad(size_t offset, const char *what)
{
        return error_set(-EBADMSG, "offset %zu: PE image: %s", offset, what);
}

/* The n bytes at an offset as a reader, or -EBADMSG. */
static int reader_at(Bytes bytes, size_t offset, size_t n, Reader *ret)
{
        if (offset > bytes.size || n > bytes.size - offset) return -EBADMSG;
        *ret = READER_INIT(BYTES(bytes.data + offset, n));
        return 0;
}

/* What the COFF header says and the rest needs. */
typedef struct Coff {
        size_t optional, optional_size;
        uint16_t n_sections;
} Coff;

static int read_coff(Bytes bytes, PeImage *pe, Coff *ret)
{
        Reader r = { 0 };
        uint32_t new_header, signature;
        uint16_t dos, optional_size;

        if (reader_at(bytes, 0, DOS_HEADER, &r) < 0 || reader_le16(&r, &dos) < 0 ||
            reader_skip(&r, DOS_NEW_HEADER - 2) < 0 || reader_le32(&r, &new_header) < 0)
                return bad(0, "too short for its DOS header");
        if (dos != 0x5a4d) return bad(0, "it does not begin with MZ");
        if (reader_at(bytes, new_header, 4 + COFF_HEADER, &r) < 0 || reader_le32(&r, &signature) < 0 ||
            signature != 0x4550)
                return bad(DOS_NEW_HEADER, "there is no PE header where it says");
        if (reader_le16(&r, &pe->machine) < 0 || reader_le16(&r, &ret->n_sections) < 0 ||
            reader_skip(&r, 12) < 0 || reader_le16(&r, &optional_size) < 0)
                return bad(new_header, "too short for its COFF header");
        ret->optional = (size_t)new_header + 4 + COFF_HEADER;
        ret->optional_size = optional_size;
        return 0;
}

/* SizeOfHeaders, the place of the checksum, and the entry of the signature table. */
static int read_optional(PeImage *pe, const Coff *coff)
{
        Reader r = { 0 }, directory = { 0 };
        uint32_t headers, n_directories, address, size;
        uint16_t magic;
        size_t count_at;

        if (reader_at(pe->bytes, coff->optional, coff->optional_size, &r) < 0 || reader_le16(&r, &magic) < 0)
                return bad(coff->optional, "too short for its optional header");
        if (magic != MAGIC_PE32 && magic != MAGIC_PE32PLUS) return bad(coff->optional, "neither PE32 nor PE32+");
        count_at = magic == MAGIC_PE32 ? 92 : 108;
        if (reader_skip(&r, 58) < 0 || reader_le32(&r, &headers) < 0 || reader_skip(&r, count_at - 64) < 0 ||
            reader_le32(&r, &n_directories) < 0)
                return bad(coff->optional, "too short for its optional header");
        if (n_directories > DIRECTORIES_MAX || n_directories > reader_left(&r) / DIRECTORY_ENTRY)
                return bad(coff->optional + count_at, "more data directories than the header has room for");
        pe->headers = headers;
        pe->checksum = coff->optional + OPTIONAL_CHECKSUM;
        if (n_directories <= DIRECTORY_SECURITY) return 0;
        pe->directory = coff->optional + count_at + 4 + (size_t)DIRECTORY_SECURITY * DIRECTORY_ENTRY;
        if (reader_at(pe->bytes, pe->directory, DIRECTORY_ENTRY, &directory) < 0 ||
            reader_le32(&directory, &address) < 0 || reader_le32(&directory, &size) < 0)
                return bad(pe->directory, "too short for its directories");
        if (size == 0) return 0;
        /* EDK2 takes the size off the end of the file, whatever the address says: they have to agree. */
        if (address > pe->bytes.size || size != pe->bytes.size - address)
                return bad(pe->directory, "the signature table is not at the end of the file");
        pe->certificates = BYTES(pe->bytes.data + address, size);
        return 0;
}

static int read_section(PeImage *pe, Reader *r, PeSection *ret)
{
        const size_t at = r->at;
        PeSection s = { 0 };
        uint32_t raw_size, raw;
        Reader body = { 0 };

        if (reader_copy(r, s.name, PE_NAME_SIZE) < 0 || reader_le32(r, &s.virtual_size) < 0 ||
            reader_le32(r, &s.virtual_address) < 0 || reader_le32(r, &raw_size) < 0 || reader_le32(r, &raw) < 0 ||
            reader_skip(r, 16) < 0)
                return bad(at, "too short for its section table");
        if (raw_size > 0) {
                if (reader_at(pe->bytes, raw, raw_size, &body) < 0)
                        return bad(raw, "a section lies outside the file");
                s.raw = reader_rest(&body);
        }
        *ret = s;
        return 0;
}

static int read_sections(PeImage *pe, const Coff *coff)
{
        const size_t at = coff->optional + coff->optional_size;
        Reader r = { 0 };

        if (coff->n_sections > PE_SECTIONS_MAX) return bad(coff->optional, "too many sections");
        if (reader_at(pe->bytes, at, (size_t)coff->n_sections * SECTION_HEADER, &r) < 0)
                return bad(at, "too short for its section table");
        if (pe->headers < at + (size_t)coff->n_sections * SECTION_HEADER || pe->headers > pe->bytes.size)
                return bad(coff->optional, "the size of the headers does not fit");
        for (size_t i = 0; i < coff->n_sections; i++) {
                int result = read_section(pe, &r, &pe->sections[i]);

                if (result < 0) return result;
        }
        pe->n_sections = coff->n_sections;
        return 0;
}

/* ---- order of the sections in the file ------------------------------------------------------------------ */

/* The sections with bytes in the file, by their place in it. */
static size_t by_place(const PeImage *pe, const PeSection *ret[static PE_SECTIONS_MAX])
{
        size_t n = 0;

        for (size_t i = 0; i < pe->n_sections; i++) {
                const PeSection *s = &pe->sections[i];
                size_t at = n;

                if (s->raw.size == 0) continue;
                for (; at > 0 && ret[at - 1]->raw.data > s->raw.data; at--) ret[at] = ret[at - 1];
                ret[at] = s;
                n++;
        }
        return n;
}

static int check_layout(const PeImage *pe)
{
        const PeSection *sorted[PE_SECTIONS_MAX];
        const size_t n = by_place(pe, sorted);
        const uint8_t *end = pe->bytes.data + pe->headers;

        for (size_t i = 0; i < n; i++) {
                const Bytes raw = sorted[i]->raw;

                if (raw.data < end)
                        return bad((size_t)(raw.data - pe->bytes.data), "a section overlaps what is before it");
                end = raw.data + raw.size;
        }
        if (pe->certificates.size > 0 && pe->certificates.data < end)
                return bad((size_t)(pe->certificates.data - pe->bytes.data),
                           "the signature table overlaps a section");
        return 0;
}

int pe_parse(Bytes bytes, PeImage *ret)
{
        PeImage pe = { .bytes = bytes };
        Coff coff = { 0 };
        int r;

        if (bytes.size > PE_SIZE_MAX)
                return error_set(-EFBIG, "%zu bytes, an image of at most %d is accepted", bytes.size, PE_SIZE_MAX);
        r = read_coff(bytes, &pe, &coff);
        if (r == 0) r = read_optional(&pe, &coff);
        if (r == 0) r = read_sections(&pe, &coff);
        if (r == 0) r = check_layout(&pe);
        if (r < 0) return r;
        *ret = pe;
        return 0;
}

const PeSection *pe_section(const PeImage *pe, const char *name)
{
        const PeSection *found = NULL;

        for (size_t i = 0; i < pe->n_sections; i++) {
                if (strcmp(pe->sections[i].name, name) != 0) continue;
                if (found) return NULL;
                found = &pe->sections[i];
        }
        return found;
}

Bytes pe_section_content(const PeSection *section)
{
        Bytes content = section->raw;

        if (content.size > section->virtual_size) content.size = section->virtual_size;
        return content;
}

/* ---- hashes --------------------------------------------------------------------------------------------- */

int pe_section_hash(const PeSection *section, HashAlg alg, uint8_t *ret)
{
        static const uint8_t zeros[ZEROS];
        Bytes parts[1 + PE_SECTIONS_MAX];
        size_t missing, n = 0;

        parts[n++] = pe_section_content(section);
        missing = section->virtual_size - parts[0].size;
        if (missing > (ARRAY_SIZE(parts) - 1) * ZEROS)
                return error_set(-EBADMSG, "PE image: section %s is %zu bytes larger than its data", section->name,
                                 missing);
        for (; missing > 0; n++) {
                const size_t some = missing < ZEROS ? missing : ZEROS;

                parts[n] = BYTES(zeros, some);
                missing -= some;
        }
        return hash_parts(alg, parts, n, ret);
}

int pe_authenticode(const PeImage *pe, HashAlg alg, uint8_t *ret)
{
        const PeSection *sorted[PE_SECTIONS_MAX];
        Bytes parts[4 + PE_SECTIONS_MAX];
        const uint8_t *data = pe->bytes.data;
        const size_t n_sorted = by_place(pe, sorted), from = pe->checksum + 4;
        size_t n = 0, hashed = pe->headers;

        parts[n++] = BYTES(data, pe->checksum);
        if (pe->directory) {
                parts[n++] = BYTES(data + from, pe->directory - from);
                parts[n++] = BYTES(data + pe->directory + DIRECTORY_ENTRY,
                                   pe->headers - pe->directory - DIRECTORY_ENTRY);
        } else {
                parts[n++] = BYTES(data + from, pe->headers - from);
        }
        for (size_t i = 0; i < n_sorted; i++) {
                parts[n++] = sorted[i]->raw;
                hashed += sorted[i]->raw.size;
        }
        /* What follows is found by the sum of the sizes, not by where the last section ends: gaps between
         * sections shift it. EDK2 does so, and signers pad their files to match. */
        if (pe->bytes.size - pe->certificates.size > hashed)
                parts[n++] = BYTES(data + hashed, pe->bytes.size - pe->certificates.size - hashed);
        return hash_parts(alg, parts, n, ret);
}

int pe_signature_next(const PeImage *pe, size_t *at, Bytes *ret)
{
        Reader r = { 0 };
        uint32_t length;
        uint16_t revision, type;
        const size_t size = pe->certificates.size;
        Bytes body = { 0 };

        while (size - *at >= WIN_CERTIFICATE_HEADER) {
                r = READER_INIT(BYTES(pe->certificates.data + *at, size - *at));
                if (reader_le32(&r, &length) < 0 || reader_le16(&r, &revision) < 0 || reader_le16(&r, &type) < 0 ||
                    length < WIN_CERTIFICATE_HEADER ||
                    reader_bytes(&r, length - (size_t)WIN_CERTIFICATE_HEADER, &body) < 0)
                        return bad((size_t)(pe->certificates.data - pe->bytes.data) + *at,
                                   "a signature does not fit its table");
                *at += MIN(((size_t)length + CERTIFICATE_ALIGNMENT - 1) & ~(size_t)(CERTIFICATE_ALIGNMENT - 1),
                           size - *at);
                if (revision != CERTIFICATE_REVISION || type != CERTIFICATE_PKCS) continue;
                *ret = body;
                return 1;
        }
        return 0;
}
