/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Makers of TPMs and platforms for tests: certificates with every defect that is asked for, and attribute
 * certificates, which no tool at hand makes. Keys are P-256 and made as they are needed. */

#include "base/reader.h"

#include <openssl/x509v3.h>

typedef struct Maker {
        EVP_PKEY *key; /* NULL for a certificate of somebody else's key */
        X509 *certificate;
} Maker;

typedef struct MakerSpec {
        const char *name;
        const Maker *issuer; /* NULL: itself */
        bool ca;
        int path_length;   /* with ca; below 0: none stated */
        const char *usage; /* extended key usage, dotted; NULL: none */
        uint32_t bits;     /* key usage, KU_*; 0: none stated */
        uint64_t serial;
        int from_days, to_days; /* from now */
        bool critical;          /* an extension nobody knows, critical */
        bool oaep;              /* the key's algorithm is RSAES-OAEP */
        bool sha1;
        const char *below; /* name constraint: everything is below this common name, as nothing is; NULL: none */
        Bytes spki;        /* the subject's key; empty: a new one */
} MakerSpec;

Maker maker_new(const MakerSpec *spec);
void maker_deinit(Maker *m);
#define cleanup_maker _cleanup_(maker_deinit)

/* A root of that name, and an EK certificate by it as makers write them. */
Maker maker_root(const char *name);
Maker maker_ek(const Maker *issuer, uint64_t serial, Bytes spki);

/* The caller frees .data. */
Bytes maker_der(const Maker *m);
Bytes maker_spki(const Maker *m);
Bytes maker_pem(const Maker *const *list, size_t n);

typedef struct MakerAttribute {
        const Maker *issuer;
        const Maker *holder;                /* the EK certificate it names */
        const char *not_before, *not_after; /* NULL: 20200101000000Z to 20990101000000Z */
        bool critical;                      /* a critical extension */
        bool nameless;                      /* no baseCertificateID in the holder */
        unsigned serial_off;                /* added to the last octet of the holder's serial number */
} MakerAttribute;
/* An attribute certificate (RFC 5755). The caller frees .data. */
Bytes maker_attribute(const MakerAttribute *spec);
