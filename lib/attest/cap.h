/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The cap (DESIGN, boot step 8): the event that closes PCR 15 before anything from a disk runs. Node and verifier
 * compute it with this code: the node from the volume keys it holds, the verifier from the tags it stored. */

#include "attest/pcrs.h"
#include "base/secret.h"

enum {
        ATTEST_VOLUME_ID_SIZE = 16,
        ATTEST_VOLUMES_MAX = 64,
        ATTEST_VOLUME_ROLE_MAX = 64,
};

#define ATTEST_CAP_ATTESTED "attested" /* opened from both halves */
#define ATTEST_CAP_RECOVERY "recovery" /* a typed key */
#define ATTEST_CAP_ENROLLED "enrolled" /* the enrolment boot */
#define ATTEST_CAP_FALLBACK "fallback" /* by the cap unit, because nobody else did */

typedef struct AttestVolume {
        uint8_t id[ATTEST_VOLUME_ID_SIZE];
        char role[ATTEST_VOLUME_ROLE_MAX + 1]; /* "root", "swap", "data:NAME" */
        uint8_t tag[SHA256_SIZE];
} AttestVolume;

/* HMAC-SHA256(volume key, "halfkey volume v1", volume id, role), each part length-prefixed. -EINVAL for an empty
 * key or role. */
_must_check_ int attest_volume_tag(Bytes volume_key, const uint8_t id[static ATTEST_VOLUME_ID_SIZE],
                                   const char *role, uint8_t ret[static SHA256_SIZE]);

/* alg's digest of the length-prefixed "halfkey cap v1", outcome, number of volumes (be32), and for each volume id,
 * role, tag: sorted by (id, role), whatever order they come in. -EINVAL for an unknown outcome, more than
 * ATTEST_VOLUMES_MAX, a role that is empty, or the same (id, role) twice. */
_must_check_ int attest_cap_event(HashAlg alg, const char *outcome, const AttestVolume *volumes, size_t n_volumes,
                                  Digest *ret);

/* The cap PCR after that event alone: H(zeros || event). */
_must_check_ int attest_cap_pcr(const Digest *event, Digest *ret);
