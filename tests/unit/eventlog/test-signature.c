/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "crypto/x509.h"
#include "eventlog/signature.h"
#include "eventlog/structures.h"
#include "synth.h"

#include <errno.h>

enum { TEXT_SIZE = 512 };

static void expect(Bytes value, const char *expected)
{
        char text[TEXT_SIZE];
        Text t;

        text_init(&t, text, sizeof(text));
        signatures_describe(value, &t);
        CHECK_TEXT(text, expected);
}

static void put_certificate(Writer *w, const char *name)
{
        cleanup_private_key PrivateKey *key = NULL;
        cleanup_free uint8_t *der = NULL;
        size_t size;

        CHECK_OK(private_key_generate(256, &key));
        CHECK_OK(x509_make_ca(key, name, &der, &size));
        synth_signature_list(w, synth_guid_x509, BYTES(der, size), 1);
}

static void lists_are_counted_and_certificates_named(void)
{
        cleanup_writer Writer w = WRITER_INIT(1 << 20);
        static const uint8_t hash[32] = { 1 };
        Bytes value = { 0 };

        put_certificate(&w, "the first, of two");
        put_certificate(&w, "the second");
        synth_signature_list(&w, synth_guid_sha256, BYTES_ARRAY(hash), 3);
        CHECK_OK(writer_finish(&w, &value));
        expect(value, "2 certificates (the first, of two; the second), 3 SHA-256 hashes");
        expect((Bytes){ 0 }, "no entry");
}

static void a_size_that_does_not_fit_is_named(void)
{
        /* offset, bytes put there */
        static const struct {
                size_t at;
                uint32_t value;
        } defects[] = {
                { 16, 0 },          { 16, 27 }, { 16, 29 }, { 16, UINT32_MAX }, { 20, 1 },
                { 20, UINT32_MAX }, { 24, 0 },  { 24, 16 }, { 24, 49 },         { 24, UINT32_MAX },
        };
        static const uint8_t hash[32] = { 1 };

        for (size_t i = 0; i < ARRAY_SIZE(defects); i++) {
                cleanup_writer Writer w = WRITER_INIT(4096);
                SignatureCursor c;
                Signature s;

                synth_signature_list(&w, synth_guid_sha256, BYTES_ARRAY(hash), 2);
                for (size_t j = 0; j < 4; j++) w.data[defects[i].at + j] = (uint8_t)(defects[i].value >> 8 * j);
                c = SIGNATURE_CURSOR_INIT(BYTES(w.data, w.size));
                CHECK_RESULT(signature_next(&c, &s), -EBADMSG);
        }
}

static void an_entry_is_found_with_its_owner(void)
{
        cleanup_writer Writer w = WRITER_INIT(4096), other = WRITER_INIT(4096);
        static const uint8_t hash[32] = { 1 };
        SignatureCursor c;
        Signature s;

        synth_signature_list(&w, synth_guid_sha256, BYTES_ARRAY(hash), 2);
        synth_signature_list(&other, synth_guid_sha256, BYTES_ARRAY(hash), 1);
        c = SIGNATURE_CURSOR_INIT(BYTES(other.data, other.size));
        CHECK_RESULT(signature_next(&c, &s), 1);
        CHECK(signatures_hold(BYTES(w.data, w.size), &s));
        other.data[28] ^= 1; /* its owner */
        CHECK(!signatures_hold(BYTES(w.data, w.size), &s));
}

/* ---- the structures beside ---------------------------------------------------------------------------- */

static void put_short(Writer *w, const char *text)
{
        writer_u8(w, (uint8_t)(strlen(text) + 1));
        writer_bytes(w, BYTES(text, strlen(text) + 1));
}

static void a_manifest_names_its_firmware(void)
{
        cleanup_writer Writer w = WRITER_INIT(4096);
        char text[TEXT_SIZE];
        ManifestNames names;
        Text t;

        writer_bytes(&w, BYTES("SP800-155 Event3", 16));
        writer_le32(&w, 674);
        for (int i = 0; i < 16; i++) writer_u8(&w, (uint8_t)i);
        put_short(&w, "Maker");
        put_short(&w, "Model");
        put_short(&w, "1");
        put_short(&w, "Firm");
        writer_le32(&w, 674);
        put_short(&w, "2.0");
        text_init(&t, text, sizeof(text));
        CHECK(describe_reference_manifest(BYTES(w.data, w.size), &t));
        CHECK_TEXT(text, "SP800-155: reference manifest 03020100-0504-0706-0809-0a0b0c0d0e0f of vendor 674 for "
                         "Maker Model, firmware Firm 2.0");
        for (size_t n = 0; n < w.size; n++) CHECK(!manifest_names(BYTES(w.data, n), &names));
}

static void device_structures_are_read_or_left(void)
{
        static const uint8_t first[] = { 'S', 'P', 'D', 'M', ' ', 'D', 'e', 'v', 'i', 'c', 'e',
                                         ' ', 'S', 'e', 'c', 0,   1,   0,   36,  0,   12,  0,
                                         0,   0,   1,   0,   0,   0,   3,   1,   35,  0 };
        static const uint8_t second[] = { 'S', 'P', 'D', 'M', ' ', 'D', 'e', 'v', 'i', 'c', 'e', ' ',
                                          'S', 'e', 'c', '2', 2,   0,   3,   0,   0,   0,   0,   0,
                                          1,   0,   0,   0,   1,   0,   0,   0,   0,   0,   0,   0,
                                          0,   0,   0,   0,   0,   0,   0,   0,   6,   0,   0,   0,
                                          0,   0,   0,   0,   1,   1,   6,   0,   0,   2 };
        char text[TEXT_SIZE];
        Text t;

        text_init(&t, text, sizeof(text));
        CHECK(describe_device_security(BYTES_ARRAY(first), &t));
        CHECK_TEXT(text, "SPDM measurement 3 of a PCI device, 35 bytes by hash algorithm 12");
        text_init(&t, text, sizeof(text));
        CHECK(describe_device_security(BYTES_ARRAY(second), &t));
        CHECK_TEXT(text, "SPDM certificate chain of a PCI device, not authenticated: Pci(0x2,0x0)");
        for (size_t n = 0; n < sizeof(second); n++) {
                text_init(&t, text, sizeof(text));
                CHECK(!describe_device_security(BYTES(second, n), &t));
                CHECK_TEXT(text, "");
        }
}

int main(void)
{
        RUN(lists_are_counted_and_certificates_named);
        RUN(a_size_that_does_not_fit_is_named);
        RUN(an_entry_is_found_with_its_owner);
        RUN(a_manifest_names_its_firmware);
        RUN(device_structures_are_read_or_left);
        return 0;
}
