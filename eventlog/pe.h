/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* PE/COFF images: what firmware measures of one (the Authenticode hash), the sections systemd-stub measures, and
 * its signatures.
 *
 * "Microsoft PE/COFF Specification" 8.3, "Windows Authenticode Portable Executable Signature Format" (2008), and
 * where they leave room: what EDK2's DxeTpm2MeasureBootLib does, since that is what extends the PCR. An image
 * whose layout would make another firmware count otherwise (overlapping sections, sections that lie outside the
 * file, a signature table that is not at the end) is refused: better no prediction than a wrong one. */

#include "crypto/hash.h"

enum {
        /* UKIs with an initrd are 30 to 200 MB. */
        PE_SIZE_MAX = 1024 * 1024 * 1024,
        /* Windows takes 96; UKIs have about 20. */
        PE_SECTIONS_MAX = 96,
        PE_NAME_SIZE = 8,
};

typedef struct PeSection {
        char name[PE_NAME_SIZE + 1]; /* up to 8 bytes, with a NUL */
        uint32_t virtual_address, virtual_size;
        Bytes raw; /* SizeOfRawData bytes, a view */
} PeSection;

typedef struct PeImage {
        Bytes bytes;
        uint16_t machine;
        size_t n_sections;
        PeSection sections[PE_SECTIONS_MAX]; /* in the order of the headers */
        size_t headers;                      /* SizeOfHeaders */
        size_t checksum;                     /* where the 4 bytes are that are not hashed */
        size_t directory;                    /* where the 8 bytes of the signature table's entry are; 0: none */
        Bytes certificates;                  /* the signature table, empty where there is none */
} PeImage;

/* Parses headers and section table. -EBADMSG with a detail that names offset and cause; -EFBIG above
 * PE_SIZE_MAX. */
_must_check_ int pe_parse(Bytes bytes, PeImage *ret);
/* The section of this name, NULL if there is none or more than one. */
const PeSection *pe_section(const PeImage *pe, const char *name);
/* What memory holds of a section once it is loaded: VirtualSize bytes, of which those the file does not have are
 * zero. -EBADMSG where more than 384 kB of them are. */
_must_check_ int pe_section_hash(const PeSection *section, HashAlg alg, uint8_t *ret);
/* The bytes of a section as far as memory and file both have them. */
Bytes pe_section_content(const PeSection *section);

/* The Authenticode hash, ret having room for hash_size(alg). */
_must_check_ int pe_authenticode(const PeImage *pe, HashAlg alg, uint8_t *ret);
/* The next PKCS#7 signature of the table; *at starts at 0. 1: *ret is it, 0: no more, -EBADMSG. */
_must_check_ int pe_signature_next(const PeImage *pe, size_t *at, Bytes *ret);
