/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Event logs made up for tests: built record by record, every digest the true one of what the event says, so
 * that a test needs no log of a real machine. */

#include "base/writer.h"
#include "eventlog/eventlog.h"

typedef struct Synth {
        Writer log;
        HashAlg banks[EVENTLOG_BANKS_MAX];
        size_t n_banks;
        bool sha1_format;
} Synth;

#define cleanup_synth _cleanup_(synth_deinit)

/* Starts a crypto-agile log with its Spec ID record; with n_banks 0 one of the SHA-1 format. */
void synth_init(Synth *s, const HashAlg *banks, size_t n_banks);
void synth_deinit(Synth *s);
/* The log so far; valid until the next record. */
Bytes synth_bytes(Synth *s);

/* An event whose digests are those of `hashed`. */
void synth_event(Synth *s, uint32_t pcr, uint32_t type, Bytes hashed, Bytes data);
/* The same where the digest is that of the data. */
void synth_data(Synth *s, uint32_t pcr, uint32_t type, Bytes data);
void synth_text(Synth *s, uint32_t pcr, uint32_t type, const char *text);
void synth_no_action(Synth *s, uint32_t pcr, Bytes data);
void synth_locality(Synth *s, uint8_t locality);
/* UEFI_VARIABLE_DATA of a variable with a GUID of the EFI global ones. */
void synth_variable(Synth *s, uint32_t pcr, uint32_t type, const char *name, Bytes value);
/* An image load: a PCI disk, a GPT partition and this path; the digest is that of "image PATH". */
void synth_image(Synth *s, uint32_t pcr, const char *path);
/* EV_SEPARATOR of four zero bytes in PCR 0 to 7. */
void synth_separators(Synth *s);
/* The kernel's EFI stub: load options (UTF-16LE, with a NUL if asked) in PCR 9. */
void synth_load_options(Synth *s, const char *text, bool nul);
/* GRUB: "PREFIX: TEXT" with the digest of TEXT, in PCR 8. */
void synth_grub(Synth *s, const char *prefix, const char *text);

/* Appends ASCII text as UTF-16LE. */
void synth_utf16(Writer *w, const char *text, bool nul);
/* A whole plausible boot: firmware, Secure Boot variables, an image, GRUB or a direct kernel. */
void synth_boot(Synth *s, bool grub, const char *command_line);
/* The kinds of EFI_SIGNATURE_LIST, and one such list: n entries with the data, owner all 0x11. */
extern const uint8_t synth_guid_x509[16], synth_guid_sha256[16];
void synth_signature_list(Writer *w, const uint8_t type[static 16], Bytes data, size_t n);

/* A PE32+ image with these sections (SizeOfRawData filled up to 512 bytes) and a signature table of these bytes,
 * none where empty. The headers take 1024 bytes: PE header at 64, optional header at 88, its checksum at 152, the
 * entry of the signature table at 232, section table at 328. */
typedef struct SynthSection {
        const char *name;
        Bytes content;
} SynthSection;
void synth_pe(Writer *w, const SynthSection *sections, size_t n, Bytes signatures);
/* The same without a StartupLocality: what a TPM that was started at locality 0 can be made to show. */
void synth_boot_at_zero(Synth *s, bool grub, const char *command_line);
