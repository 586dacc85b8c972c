/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/audit.h"

#include "base/error.h"
#include "base/writer.h"
#include "crypto/compare.h"

#include <errno.h>
#include <string.h>

/* Lengths and numbers beside the texts are under 200 bytes. */
enum { RECORD_MAX = AUDIT_KIND_MAX + AUDIT_NODE_MAX + AUDIT_TEXT_MAX + AUDIT_ID_MAX + 256 };

static void put_text(Writer *w, const char *text)
{
        writer_prefixed(w, BYTES(text, strlen(text)));
}

int audit_hash(const AuditEntry *e, const uint8_t previous[static SHA256_SIZE], uint8_t ret[static SHA256_SIZE])
{
        uint8_t room[RECORD_MAX];
        Writer w = WRITER_FIXED(room);
        Bytes record;
        int r;

        writer_prefixed(&w, BYTES_LITERAL("halfkey audit v1"));
        writer_prefixed(&w, BYTES(previous, SHA256_SIZE));
        writer_be64(&w, e->sequence);
        writer_be64(&w, e->at);
        put_text(&w, e->kind);
        writer_prefixed(&w, BYTES_ARRAY(e->node_id));
        put_text(&w, e->node);
        put_text(&w, e->text);
        put_text(&w, e->id);
        r = writer_finish(&w, &record);
        if (r < 0) return r;
        return hash_sha256(record, ret);
}

int audit_chain_append(AuditChain *c, AuditEntry *e)
{
        int r;

        e->sequence = c->sequence + 1;
        r = audit_hash(e, c->hash, e->hash);
        if (r < 0) return r;
        c->sequence = e->sequence;
        memcpy(c->hash, e->hash, SHA256_SIZE);
        return 0;
}

int audit_chain_check(AuditChain *c, const AuditEntry *e)
{
        uint8_t hash[SHA256_SIZE];
        int r;

        if (e->sequence != c->sequence + 1)
                return error_set(-EBADMSG, "audit entry %llu follows entry %llu: entries are missing",
                                 (unsigned long long)e->sequence, (unsigned long long)c->sequence);
        r = audit_hash(e, c->hash, hash);
        if (r < 0) return r;
        if (crypto_equal(BYTES_ARRAY(hash), BYTES_ARRAY(e->hash)) != 0)
                return error_set(-EBADMSG, "audit entry %llu was altered, or an entry before it was",
                                 (unsigned long long)e->sequence);
        c->sequence = e->sequence;
        memcpy(c->hash, hash, SHA256_SIZE);
        return 0;
}
