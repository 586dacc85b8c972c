/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "attest/extra.h"

#include "base/error.h"
#include "base/writer.h"

#include <errno.h>
#include <string.h>

/* "halfkey v1", "reattest", a role, three digests, attempt id and exporter, each with four bytes of length */
enum { ENCODED_MAX = 256 };

const char *attest_purpose_name(AttestPurpose p)
{
        static const char *const names[] = {
                [ATTEST_PURPOSE_REGISTER] = "register", [ATTEST_PURPOSE_COMMIT] = "commit",
                [ATTEST_PURPOSE_UNLOCK] = "unlock",     [ATTEST_PURPOSE_REATTEST] = "reattest",
                [ATTEST_PURPOSE_CERTIFY] = "certify",
        };

        return (unsigned)p < ARRAY_SIZE(names) ? names[p] : NULL;
}

static bool is_unset(const uint8_t *p, size_t n)
{
        uint8_t all = 0;

        for (size_t i = 0; i < n; i++) all |= p[i];
        return all == 0;
}

static int check(const AttestContext *c)
{
        if (!attest_purpose_name(c->purpose)) return error_set(-EINVAL, "evidence without a purpose");
        if (!c->role || c->role[0] == '\0' || strlen(c->role) > ATTEST_ROLE_MAX)
                return error_set(-EINVAL, "evidence without a role");
        if (is_unset(c->exporter, sizeof(c->exporter)))
                return error_set(-EINVAL, "evidence that is not bound to a connection");
        return 0;
}

static void write_text(Writer *w, const char *text)
{
        writer_prefixed(w, BYTES(text, strlen(text)));
}

int attest_extra_data(const AttestContext *c, AttestExtra *ret)
{
        uint8_t encoded[ENCODED_MAX];
        Writer w = WRITER_FIXED(encoded);
        Bytes b;
        int r;

        r = check(c);
        if (r < 0) return r;
        write_text(&w, "halfkey v1");
        write_text(&w, attest_purpose_name(c->purpose));
        write_text(&w, c->role);
        writer_prefixed(&w, BYTES_ARRAY(c->node_id));
        writer_prefixed(&w, BYTES_ARRAY(c->config_hash));
        writer_prefixed(&w, BYTES_ARRAY(c->tokens_hash));
        writer_prefixed(&w, BYTES_ARRAY(c->attempt_id));
        writer_prefixed(&w, BYTES_ARRAY(c->exporter));
        r = writer_finish(&w, &b);
        return r < 0 ? r : hash_sha256(b, ret->bytes);
}
