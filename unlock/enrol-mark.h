/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The mark of an enrolment or a rekey under way: a token of type "halfkey-enrol" or "halfkey-rekey",
 *   {"type": "halfkey-enrol", "keyslots": ["0"], "version": 1, "planned": ["1", "2"]}
 * `keyslots` is what goes once a boot has done without it (the installer's, the one that a rekey replaced),
 * `planned` what a run meant to add. Public and unauthenticated. */

#include "base/macros.h"
#include "base/reader.h"

#define ENROL_MARK_TYPE "halfkey-enrol"
#define REKEY_MARK_TYPE "halfkey-rekey"

enum { ENROL_MARK_JSON_MAX = 1024 };

typedef struct EnrolMark {
        bool rekey;       /* of a rekey, not of an enrolment */
        uint32_t leaving; /* bit n: keyslot n; none once it was removed */
        uint32_t planned;
} EnrolMark;

/* -EBADMSG for anything but the form above. */
_must_check_ int enrol_mark_parse(Bytes json, EnrolMark *ret);
/* The JSON text, the caller's to free. */
_must_check_ int enrol_mark_print(const EnrolMark *mark, char **ret);
