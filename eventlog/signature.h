/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* EFI_SIGNATURE_LIST (UEFI 2.10 section 32.4.1): what PK, KEK, db, dbx, dbt, dbr and shim's MokList hold. */

#include "eventlog/text.h"

typedef enum SignatureKind {
        SIGNATURE_X509,        /* data is a DER certificate */
        SIGNATURE_SHA256,      /* data is the Authenticode hash of an image */
        SIGNATURE_HASH,        /* an image hash of another algorithm */
        SIGNATURE_CERTIFICATE, /* the hash of a certificate's to-be-signed part, and a time of revocation */
        SIGNATURE_OTHER,
} SignatureKind;

typedef struct Signature {
        SignatureKind kind;
        Bytes type;  /* GUID of the list it is in */
        Bytes owner; /* GUID */
        Bytes data;
        Bytes entry; /* owner and data: EFI_SIGNATURE_DATA, which EV_EFI_VARIABLE_AUTHORITY measures */
} Signature;

/* Where one is in the lists; zero it but for `lists`. */
typedef struct SignatureCursor {
        Reader lists, entries;
        size_t entry_size;
        Bytes type;
} SignatureCursor;

#define SIGNATURE_CURSOR_INIT(value) ((SignatureCursor){ .lists = READER_INIT(value) })

/* The next signature: 1 and *ret, 0 at the end, -EBADMSG where a size does not fit. Each call advances by at
 * least one entry of 16 bytes, or one list of 28. */
_must_check_ int signature_next(SignatureCursor *c, Signature *ret);

/* "2 certificates (CN one; CN two), 3 SHA-256 hashes"; "(malformed)" is appended where the reading stopped. */
void signatures_describe(Bytes value, Text *t);
/* The common name of a DER certificate's subject, or all of the subject where it has none; "an unreadable
 * certificate". Always printable ASCII. */
void certificate_describe(Bytes der, Text *t);
/* Pairs of entries that are compared at most, about half a second of work: real databases have under 2,000 each.
 */
enum { SIGNATURES_PAIRS_MAX = 8192 * 8192 };
/* Whether two databases have no more pairs of entries than that. */
bool signatures_comparable(Bytes a, Bytes b);
/* Whether the lists hold this very entry, owner included, in a list of this type. */
bool signatures_hold(Bytes value, const Signature *wanted);
