/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside eventlog/ only: UEFI_VARIABLE_DATA (PFP 1.06 section 10.2.6) and what variables mean. */

#include "eventlog/eventlog.h"
#include "eventlog/text.h"

typedef struct Variable {
        Bytes guid; /* 16 bytes */
        Bytes name; /* UTF-16LE, no NUL */
        Bytes value;
        size_t trailing; /* bytes behind the value, which old shims have */
} Variable;

/* -EBADMSG where lengths do not fit the data. */
_must_check_ int variable_parse(Bytes data, Variable *ret);
/* Whether it is the EFI global variable of this (ASCII) name. */
bool variable_is_global(const Variable *v, const char *name);
/* Whether its name is this (ASCII) one, whoever owns it. */
bool variable_is(const Variable *v, const char *name);
/* Whether its value is a list of signatures: PK, KEK, db, dbx, dbt, dbr, their defaults, shim's lists. */
bool variable_is_database(const Variable *v);
/* What an EV_EFI_VARIABLE_AUTHORITY of it says: "db: Microsoft Corporation UEFI CA 2011", "SbatLevel =
 * sbat,1,...". */
void authority_describe(const Variable *v, Text *t);
/* Whether that vouched for an image. Shim measures in the same form, but before anything is verified, which of its
 * settings hold: SbatLevel, MokListTrusted and others. */
bool authority_vouches(const Variable *v);
/* "SecureBoot = on", "Boot0001 = debian: HD(...)", "dbx: 217 SHA-256 hashes". */
void variable_describe(const Variable *v, Text *t);
/* The name of a GUID everyone knows, or NULL. */
const char *guid_known(Bytes guid);
