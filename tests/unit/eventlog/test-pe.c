/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hashes of signed images are held against efitools and sbsign by the command's test; here are the layouts. */

#include "check.h"
#include "eventlog/pe.h"
#include "synth.h"

#include <errno.h>

static const uint8_t table[] = { 16, 0, 0, 0, 0, 2, 2, 0, 'p', 'k', 'c', 's', '7', 0, 0, 0 };

static void make(Writer *w, Bytes signatures)
{
        static uint8_t text[700], data[100];
        const SynthSection sections[] = { { ".text", BYTES_ARRAY(text) }, { ".data", BYTES_ARRAY(data) } };

        memset(text, 't', sizeof(text));
        memset(data, 'd', sizeof(data));
        synth_pe(w, sections, ARRAY_SIZE(sections), signatures);
}

static void hash(Writer *w, uint8_t ret[static HASH_SIZE_MAX])
{
        PeImage pe;

        CHECK_OK(pe_parse(BYTES(w->data, w->size), &pe));
        CHECK_OK(pe_authenticode(&pe, HASH_SHA256, ret));
}

/* The hash by its definition, for this layout: all but checksum, table entry and table. */
static void the_hash_leaves_out_what_signing_changes(void)
{
        cleanup_writer Writer plain = WRITER_INIT(1 << 16), with = WRITER_INIT(1 << 16);
        uint8_t a[HASH_SIZE_MAX], b[HASH_SIZE_MAX];

        make(&plain, (Bytes){ 0 });
        make(&with, BYTES_ARRAY(table));
        hash(&plain, a);
        CHECK_OK(hash_parts(HASH_SHA256,
                            (const Bytes[]){ BYTES(plain.data, 152), BYTES(plain.data + 156, 232 - 156),
                                             BYTES(plain.data + 240, plain.size - 240) },
                            3, b));
        CHECK_BYTES(BYTES(a, 32), BYTES(b, 32));
        hash(&with, b);
        CHECK_BYTES(BYTES(a, 32), BYTES(b, 32));
        for (size_t i = 0; i < plain.size; i++) {
                PeImage pe;

                plain.data[i] ^= 0x40;
                if (pe_parse(BYTES(plain.data, plain.size), &pe) == 0) {
                        CHECK_OK(pe_authenticode(&pe, HASH_SHA256, b));
                        CHECK((memcmp(a, b, 32) == 0) == ((i >= 152 && i < 156) || (i >= 232 && i < 240)));
                }
                plain.data[i] ^= 0x40;
        }
}

static void bytes_behind_the_sections_are_hashed(void)
{
        cleanup_writer Writer w = WRITER_INIT(1 << 16);
        uint8_t a[HASH_SIZE_MAX], b[HASH_SIZE_MAX];

        make(&w, (Bytes){ 0 });
        hash(&w, a);
        writer_u8(&w, 1);
        hash(&w, b);
        CHECK(memcmp(a, b, 32) != 0);
}

static void put_le32(uint8_t *at, uint32_t value)
{
        for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

static void a_layout_that_does_not_fit_is_refused(void)
{
        static const struct {
                const char *what;
                size_t at;
                uint32_t value;
        } defects[] = {
                { "no MZ", 0, 0 },
                { "PE header outside", 0x3c, 0xfffffff0 },
                { "PE header in itself", 0x3c, 0 },
                { "no PE", 64, 0 },
                { "more sections than there is room for", 70, 0x0060 },
                { "neither PE32 nor PE32+", 88, 0x0000020c },
                { "headers that end before the section table", 88 + 60, 400 },
                { "headers longer than the file", 88 + 60, 0x7fffffff },
                { "headers that reach into a section", 88 + 60, 1025 },
                { "a thousand directories", 88 + 108, 1000 },
                { "a signature table outside", 232, 0xfffffff0 },
                { "a signature table that is not at the end", 236, 8 },
                { "a signature table over sections", 232, 1024 },
                { "a section outside", 328 + 20, 0x7fffff00 },
                { "a section larger than the file", 328 + 16, 0xffffffff },
                { "a section over another", 328 + 40 + 20, 1024 },
                { "a section over the headers", 328 + 20, 512 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(defects); i++) {
                cleanup_writer Writer w = WRITER_INIT(1 << 16);
                PeImage pe = { .n_sections = 77 };

                make(&w, BYTES_ARRAY(table));
                put_le32(w.data + defects[i].at, defects[i].value);
                if (pe_parse(BYTES(w.data, w.size), &pe) != -EBADMSG) {
                        fprintf(stderr, "accepted: %s\n", defects[i].what);
                        exit(1);
                }
                CHECK(pe.n_sections == 77);
        }
}

static void any_cut_is_refused_or_within_bounds(void)
{
        cleanup_writer Writer w = WRITER_INIT(1 << 16);

        make(&w, BYTES_ARRAY(table));
        for (size_t n = 0; n < w.size; n++) {
                cleanup_free uint8_t *copy = malloc(n + 1);
                uint8_t digest[HASH_SIZE_MAX];
                PeImage pe;

                CHECK(copy);
                memcpy(copy, w.data, n);
                if (pe_parse(BYTES(copy, n), &pe) == 0) CHECK_OK(pe_authenticode(&pe, HASH_SHA256, digest));
        }
}

static void sections_are_found_as_memory_holds_them(void)
{
        cleanup_writer Writer w = WRITER_INIT(1 << 16);
        uint8_t larger[700 + 4096], a[HASH_SIZE_MAX], b[HASH_SIZE_MAX];
        PeSection *s;
        PeImage pe;

        make(&w, (Bytes){ 0 });
        CHECK_OK(pe_parse(BYTES(w.data, w.size), &pe));
        s = (PeSection *)pe_section(&pe, ".text");
        CHECK(s && s->virtual_size == 700 && s->raw.size == 1024);
        CHECK(!pe_section(&pe, ".tex") && !pe_section(&pe, ".text2"));
        memset(larger, 't', 700);
        memset(larger + 700, 0, sizeof(larger) - 700);
        CHECK_OK(pe_section_hash(s, HASH_SHA256, a));
        CHECK_OK(hash_bytes(HASH_SHA256, BYTES(larger, 700), b));
        CHECK_BYTES(BYTES(a, 32), BYTES(b, 32));
        s->virtual_size = sizeof(larger);
        CHECK_OK(pe_section_hash(s, HASH_SHA256, a));
        CHECK_OK(hash_bytes(HASH_SHA256, BYTES_ARRAY(larger), b));
        CHECK_BYTES(BYTES(a, 32), BYTES(b, 32));
        s->virtual_size = UINT32_MAX;
        CHECK_RESULT(pe_section_hash(s, HASH_SHA256, a), -EBADMSG);
}

static void two_sections_of_one_name_are_none(void)
{
        static const SynthSection sections[] = { { ".linux", { (const uint8_t *)"a", 1 } },
                                                 { ".linux", { (const uint8_t *)"b", 1 } } };
        cleanup_writer Writer w = WRITER_INIT(1 << 16);
        PeImage pe;

        synth_pe(&w, sections, 2, (Bytes){ 0 });
        CHECK_OK(pe_parse(BYTES(w.data, w.size), &pe));
        CHECK(!pe_section(&pe, ".linux"));
}

static void signatures_are_walked_to_the_end_of_their_table(void)
{
        static const struct {
                uint32_t length;
                int result;
        } lengths[] = { { 16, 1 },       { 9, 1 },         { 0, -EBADMSG },
                        { 7, -EBADMSG }, { 17, -EBADMSG }, { UINT32_MAX, -EBADMSG } };

        for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
                cleanup_writer Writer w = WRITER_INIT(1 << 16);
                size_t at = 0;
                Bytes signature;
                PeImage pe;

                make(&w, BYTES_ARRAY(table));
                put_le32(w.data + w.size - 16, lengths[i].length);
                CHECK_OK(pe_parse(BYTES(w.data, w.size), &pe));
                CHECK_RESULT(pe_signature_next(&pe, &at, &signature), lengths[i].result);
                if (lengths[i].result != 1) continue;
                CHECK(signature.size == lengths[i].length - 8);
                CHECK_RESULT(pe_signature_next(&pe, &at, &signature), 0);
        }
}

int main(void)
{
        RUN(the_hash_leaves_out_what_signing_changes);
        RUN(bytes_behind_the_sections_are_hashed);
        RUN(a_layout_that_does_not_fit_is_refused);
        RUN(any_cut_is_refused_or_within_bounds);
        RUN(sections_are_found_as_memory_holds_them);
        RUN(two_sections_of_one_name_are_none);
        RUN(signatures_are_walked_to_the_end_of_their_table);
        return 0;
}
