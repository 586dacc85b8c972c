/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "attest/cap.h"

#include "base/error.h"
#include "base/writer.h"
#include "crypto/hmac.h"

#include <errno.h>
#include <string.h>

enum {
        /* three lengths, id, a longest role, tag */
        VOLUME_ENCODED_MAX = 3 * 4 + ATTEST_VOLUME_ID_SIZE + ATTEST_VOLUME_ROLE_MAX + SHA256_SIZE,
        EVENT_MAX = 64 + ATTEST_VOLUMES_MAX * VOLUME_ENCODED_MAX,
};

static void write_text(Writer *w, const char *text)
{
        writer_prefixed(w, BYTES(text, strlen(text)));
}

static bool is_role(const char *role)
{
        const size_t n = strnlen(role, ATTEST_VOLUME_ROLE_MAX + 1);

        return n > 0 && n <= ATTEST_VOLUME_ROLE_MAX;
}

int attest_volume_tag(Bytes volume_key, const uint8_t id[static ATTEST_VOLUME_ID_SIZE], const char *role,
                      uint8_t ret[static SHA256_SIZE])
{
        uint8_t encoded[64 + VOLUME_ENCODED_MAX];
        Writer w = WRITER_FIXED(encoded);
        Bytes b;
        int r;

        if (!is_role(role)) return error_set(-EINVAL, "a volume without a role");
        write_text(&w, "halfkey volume v1");
        writer_prefixed(&w, BYTES(id, ATTEST_VOLUME_ID_SIZE));
        write_text(&w, role);
        r = writer_finish(&w, &b);
        return r < 0 ? r : hmac_sha256(volume_key, b, ret);
}

static bool is_outcome(const char *outcome)
{
        static const char *const known[] = { ATTEST_CAP_ATTESTED, ATTEST_CAP_RECOVERY, ATTEST_CAP_ENROLLED,
                                             ATTEST_CAP_FALLBACK };

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strcmp(known[i], outcome) == 0) return true;
        return false;
}

/* By id, then by role: bytes, not collation. */
static int compare(const void *a, const void *b)
{
        const AttestVolume *x = a, *y = b;
        const int by_id = memcmp(x->id, y->id, sizeof(x->id));

        return by_id != 0 ? by_id : strcmp(x->role, y->role);
}

static int sort(const AttestVolume *volumes, size_t n, AttestVolume ret[static ATTEST_VOLUMES_MAX])
{
        for (size_t i = 0; i < n; i++) {
                if (!is_role(volumes[i].role)) return error_set(-EINVAL, "a volume without a role");
                ret[i] = volumes[i];
        }
        qsort(ret, n, sizeof(*ret), compare);
        for (size_t i = 1; i < n; i++)
                if (compare(&ret[i - 1], &ret[i]) == 0) return error_set(-EINVAL, "the same volume twice");
        return 0;
}

static int encode(const char *outcome, const AttestVolume *volumes, size_t n, Writer *w, Bytes *ret)
{
        write_text(w, "halfkey cap v1");
        write_text(w, outcome);
        writer_be32(w, (uint32_t)n);
        for (size_t i = 0; i < n; i++) {
                writer_prefixed(w, BYTES_ARRAY(volumes[i].id));
                write_text(w, volumes[i].role);
                writer_prefixed(w, BYTES_ARRAY(volumes[i].tag));
        }
        return writer_finish(w, ret);
}

int attest_cap_event(HashAlg alg, const char *outcome, const AttestVolume *volumes, size_t n_volumes, Digest *ret)
{
        AttestVolume sorted[ATTEST_VOLUMES_MAX];
        Digest d = { .alg = alg, .size = hash_size(alg) };
        cleanup_writer Writer w = WRITER_INIT(EVENT_MAX);
        Bytes b;
        int r;

        if (!is_outcome(outcome)) return error_set(-EINVAL, "no cap outcome '%.32s'", outcome);
        if (n_volumes > ATTEST_VOLUMES_MAX) return error_set(-EINVAL, "%zu volumes in one cap", n_volumes);
        r = sort(volumes, n_volumes, sorted);
        if (r == 0) r = encode(outcome, sorted, n_volumes, &w, &b);
        if (r == 0) r = hash_bytes(alg, b, d.bytes);
        if (r < 0) return r;
        *ret = d;
        return 0;
}

int attest_cap_pcr(const Digest *event, Digest *ret)
{
        static const uint8_t zeros[HASH_SIZE_MAX];
        Digest d = { .alg = event->alg, .size = hash_size(event->alg) };
        int r;

        if (d.size == 0 || d.size != event->size) return error_set(-EINVAL, "a cap event that is no digest");
        r = hash_parts(event->alg, (const Bytes[]){ BYTES(zeros, d.size), digest_bytes(event) }, 2, d.bytes);
        if (r < 0) return r;
        *ret = d;
        return 0;
}
