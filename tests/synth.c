/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "synth.h"

#include <stdio.h>
#include <string.h>

enum { LOG_MAX = 1 << 24, PIECE_MAX = 1 << 20 };

static const uint8_t global_guid[] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                       0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
static const uint8_t zeros[SHA256_SIZE];

/* A generator that fails has no one to tell but its test. */
static void must(int r)
{
        if (r == 0) return;
        fprintf(stderr, "synth: %d\n", r);
        abort();
}

void synth_init(Synth *s, const HashAlg *banks, size_t n_banks)
{
        *s = (Synth){ .log = WRITER_INIT(LOG_MAX), .n_banks = n_banks, .sha1_format = n_banks == 0 };
        if (n_banks == 0) return;
        memcpy(s->banks, banks, n_banks * sizeof(*banks));
        writer_le32(&s->log, 0);
        writer_le32(&s->log, EV_NO_ACTION);
        writer_bytes(&s->log, BYTES(zeros, 20));
        writer_le32(&s->log, (uint32_t)(29 + 4 * n_banks));
        writer_bytes(&s->log, BYTES("Spec ID Event03", 16));
        writer_le32(&s->log, 0);
        writer_bytes(&s->log, BYTES("\0\2\0\2", 4));
        writer_le32(&s->log, (uint32_t)n_banks);
        for (size_t i = 0; i < n_banks; i++) {
                writer_le16(&s->log, (uint16_t)banks[i]);
                writer_le16(&s->log, (uint16_t)hash_size((uint16_t)banks[i]));
        }
        writer_u8(&s->log, 0);
}

void synth_deinit(Synth *s)
{
        writer_deinit(&s->log);
}

Bytes synth_bytes(Synth *s)
{
        Bytes b = { 0 };

        must(writer_finish(&s->log, &b));
        return b;
}

static void put_digest(Synth *s, HashAlg alg, const Bytes *hashed)
{
        uint8_t digest[HASH_SIZE_MAX] = { 0 };

        if (hashed) must(hash_bytes(alg, *hashed, digest));
        writer_bytes(&s->log, BYTES(digest, hash_size((uint16_t)alg)));
}

/* hashed NULL: digests of zeros. */
static void put_event(Synth *s, uint32_t pcr, uint32_t type, const Bytes *hashed, Bytes data)
{
        writer_le32(&s->log, pcr);
        writer_le32(&s->log, type);
        if (s->sha1_format) {
                put_digest(s, HASH_SHA1, hashed);
        } else {
                writer_le32(&s->log, (uint32_t)s->n_banks);
                for (size_t i = 0; i < s->n_banks; i++) {
                        writer_le16(&s->log, (uint16_t)s->banks[i]);
                        put_digest(s, s->banks[i], hashed);
                }
        }
        writer_le32(&s->log, (uint32_t)data.size);
        writer_bytes(&s->log, data);
}

void synth_event(Synth *s, uint32_t pcr, uint32_t type, Bytes hashed, Bytes data)
{
        put_event(s, pcr, type, &hashed, data);
}

void synth_data(Synth *s, uint32_t pcr, uint32_t type, Bytes data)
{
        put_event(s, pcr, type, &data, data);
}

void synth_text(Synth *s, uint32_t pcr, uint32_t type, const char *text)
{
        synth_data(s, pcr, type, BYTES(text, strlen(text)));
}

void synth_no_action(Synth *s, uint32_t pcr, Bytes data)
{
        put_event(s, pcr, EV_NO_ACTION, NULL, data);
}

void synth_locality(Synth *s, uint8_t locality)
{
        char data[17] = "StartupLocality";

        data[16] = (char)locality;
        synth_no_action(s, 0, BYTES_ARRAY(data));
}

static Bytes finished(Writer *w)
{
        Bytes b = { 0 };

        must(writer_finish(w, &b));
        return b;
}

void synth_utf16(Writer *w, const char *text, bool nul)
{
        for (const char *p = text; *p; p++) writer_le16(w, (uint16_t)(unsigned char)*p);
        if (nul) writer_le16(w, 0);
}

void synth_variable(Synth *s, uint32_t pcr, uint32_t type, const char *name, Bytes value)
{
        cleanup_writer Writer w = WRITER_INIT(PIECE_MAX);

        writer_bytes(&w, BYTES_ARRAY(global_guid));
        writer_le64(&w, strlen(name));
        writer_le64(&w, value.size);
        synth_utf16(&w, name, false);
        writer_bytes(&w, value);
        synth_data(s, pcr, type, finished(&w));
}

static void put_node(Writer *w, uint8_t type, uint8_t subtype, Bytes body)
{
        writer_u8(w, type);
        writer_u8(w, subtype);
        writer_le16(w, (uint16_t)(body.size + 4));
        writer_bytes(w, body);
}

void synth_image(Synth *s, uint32_t pcr, const char *path)
{
        static const uint8_t root[] = { 0xd0, 0x41, 0x03, 0x0a, 0, 0, 0, 0 }, pci[] = { 0, 0x1f };
        cleanup_writer Writer nodes = WRITER_INIT(PIECE_MAX), name = WRITER_INIT(PIECE_MAX),
                              w = WRITER_INIT(PIECE_MAX);
        char image[256];

        synth_utf16(&name, path, true);
        put_node(&nodes, 2, 1, BYTES_ARRAY(root));
        put_node(&nodes, 1, 1, BYTES_ARRAY(pci));
        put_node(&nodes, 4, 4, finished(&name));
        put_node(&nodes, 0x7f, 0xff, BYTES("", 0));
        writer_le64(&w, 0x7e000000);
        writer_le64(&w, 123456);
        writer_le64(&w, 0);
        writer_le64(&w, finished(&nodes).size);
        writer_bytes(&w, finished(&nodes));
        (void)snprintf(image, sizeof(image), "image %s", path);
        synth_event(s, pcr, EV_EFI_BOOT_SERVICES_APPLICATION, BYTES(image, strlen(image)), finished(&w));
}

void synth_separators(Synth *s)
{
        for (uint32_t pcr = 0; pcr < 8; pcr++) synth_data(s, pcr, EV_SEPARATOR, BYTES("\0\0\0\0", 4));
}

void synth_load_options(Synth *s, const char *text, bool nul)
{
        cleanup_writer Writer hashed = WRITER_INIT(PIECE_MAX), data = WRITER_INIT(PIECE_MAX);
        static const char name[] = "LOADED_IMAGE::LoadOptions";

        synth_utf16(&hashed, text, nul);
        writer_le32(&data, 0x8f3b22ed);
        writer_le32(&data, sizeof(name));
        writer_bytes(&data, BYTES(name, sizeof(name)));
        synth_event(s, 9, EV_EVENT_TAG, finished(&hashed), finished(&data));
}

void synth_grub(Synth *s, const char *prefix, const char *text)
{
        cleanup_writer Writer data = WRITER_INIT(PIECE_MAX);

        writer_format(&data, "%s: %s", prefix, text);
        writer_u8(&data, 0);
        synth_event(s, 8, EV_IPL, BYTES(text, strlen(text)), finished(&data));
}

static void put_initrd(Synth *s)
{
        cleanup_writer Writer data = WRITER_INIT(PIECE_MAX);

        writer_le32(&data, 0x8f3b22ec);
        writer_le32(&data, 13);
        writer_bytes(&data, BYTES("Linux initrd", 13));
        synth_event(s, 9, EV_EVENT_TAG, BYTES_LITERAL("initrd"), finished(&data));
}

void synth_boot(Synth *s, bool grub, const char *command_line)
{
        synth_locality(s, 3);
        synth_boot_at_zero(s, grub, command_line);
}

void synth_boot_at_zero(Synth *s, bool grub, const char *command_line)
{
        cleanup_writer Writer line = WRITER_INIT(PIECE_MAX);

        synth_data(s, 0, EV_S_CRTM_VERSION, BYTES("1\0.\0\0\0", 6));
        synth_variable(s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", BYTES("\1", 1));
        synth_variable(s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "PK", BYTES("pk", 2));
        synth_variable(s, 1, EV_EFI_VARIABLE_BOOT, "BootOrder", BYTES("\0\0\1\0", 4));
        synth_text(s, 4, EV_EFI_ACTION, "Calling EFI Application from Boot Option");
        synth_separators(s);
        synth_image(s, 4, grub ? "\\EFI\\debian\\grubx64.efi" : "\\EFI\\BOOT\\BOOTX64.EFI");
        if (grub) {
                writer_format(&line, "linux %s", command_line);
                writer_u8(&line, 0);
                synth_grub(s, "grub_cmd", "set root=hd0,gpt2");
                synth_grub(s, "grub_cmd", (const char *)finished(&line).data);
                synth_event(s, 9, EV_IPL, BYTES_LITERAL("vmlinuz"), BYTES_LITERAL("(hd0,gpt2)/vmlinuz"));
                synth_grub(s, "kernel_cmdline", command_line);
        } else {
                synth_load_options(s, command_line, true);
        }
        put_initrd(s);
        synth_text(s, 5, EV_EFI_ACTION, "Exit Boot Services Invocation");
}

/* UEFI 2.10 section 32.4.1. */
const uint8_t synth_guid_x509[16] = { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                                      0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 };
const uint8_t synth_guid_sha256[16] = { 0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
                                        0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28 };

void synth_signature_list(Writer *w, const uint8_t type[static 16], Bytes data, size_t n)
{
        writer_bytes(w, BYTES(type, 16));
        writer_le32(w, (uint32_t)(28 + n * (16 + data.size)));
        writer_le32(w, 0);
        writer_le32(w, (uint32_t)(16 + data.size));
        for (size_t i = 0; i < n; i++) {
                for (int j = 0; j < 16; j++) writer_u8(w, 0x11);
                writer_bytes(w, data);
        }
}

static size_t filled(size_t n)
{
        return (n + 511) / 512 * 512;
}

static void put_zeros(Writer *w, size_t to)
{
        while (w->size < to) writer_u8(w, 0);
}

static void put_pe_headers(Writer *w, size_t n_sections, size_t table, size_t table_size)
{
        writer_bytes(w, BYTES("MZ", 2));
        put_zeros(w, 0x3c);
        writer_le32(w, 64);
        writer_bytes(w, BYTES("PE\0\0\x64\x86", 6));
        writer_le16(w, (uint16_t)n_sections);
        put_zeros(w, 64 + 4 + 16);
        writer_le16(w, 240);
        writer_le16(w, 0x22);
        writer_le16(w, 0x20b);
        put_zeros(w, 88 + 60);
        writer_le32(w, 1024);
        writer_le32(w, 0xaaaaaaaa); /* checksum */
        put_zeros(w, 88 + 108);
        writer_le32(w, 16);
        put_zeros(w, 88 + 144);
        writer_le32(w, (uint32_t)(table_size ? table : 0));
        writer_le32(w, (uint32_t)table_size);
        put_zeros(w, 328);
}

void synth_pe(Writer *w, const SynthSection *sections, size_t n, Bytes signatures)
{
        size_t at = 1024, address = 4096;

        for (size_t i = 0; i < n; i++) at += filled(sections[i].content.size);
        put_pe_headers(w, n, at, signatures.size);
        at = 1024;
        for (size_t i = 0; i < n; i++) {
                char name[9] = "";

                (void)snprintf(name, sizeof(name), "%s", sections[i].name);
                writer_bytes(w, BYTES(name, 8));
                writer_le32(w, (uint32_t)sections[i].content.size);
                writer_le32(w, (uint32_t)address);
                writer_le32(w, (uint32_t)filled(sections[i].content.size));
                writer_le32(w, (uint32_t)at);
                for (int j = 0; j < 4; j++) writer_le32(w, 0);
                at += filled(sections[i].content.size);
                address += (sections[i].content.size + 4095) / 4096 * 4096;
        }
        put_zeros(w, 1024);
        for (size_t i = 0; i < n; i++) {
                writer_bytes(w, sections[i].content);
                put_zeros(w, filled(w->size));
        }
        writer_bytes(w, signatures);
}
