/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/policies.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int load_one(const StorePolicy *stored, void *userdata)
{
        cleanup_policy_document PolicyDocument *p = NULL;
        Service *s = userdata;
        int r;

        if (stored->document.size == 0) return 0;
        r = policy_document_parse(stored->document, &p);
        if (r < 0) return error_prefix(r, "policy %s@%" PRIu64, stored->name, stored->version);
        if (strcmp(p->name, stored->name) != 0)
                return error_set(-EBADMSG, "policy %s is stored under the name of %s", p->name, stored->name);
        p->version = stored->version;
        r = policy_set_put(&s->policies, p);
        if (r == 0) p = NULL;
        return r;
}

int policies_load(Service *s)
{
        return store_policy_each(s->store, load_one, s);
}

/* ---- changes -------------------------------------------------------------------------------------------- */

typedef struct Newest {
        const char *name;
        uint64_t version; /* removed ones count: a version is never used twice */
} Newest;

static int find_newest(const StorePolicy *p, void *userdata)
{
        Newest *n = userdata;

        if (strcmp(p->name, n->name) == 0) n->version = p->version;
        return 0;
}

static int commit(Service *s, StorePolicy *p, AuditEntry *e)
{
        int r;

        r = store_commit(s->store, &(StoreChange){ .policy = p, .audit = e });
        if (r == 0) log_notice("%s: %s", e->kind, e->text);
        return r == STORE_E_CONFLICT ? -EAGAIN : r > 0 ? -EIO : r;
}

int policies_put(Service *s, PolicyDocument *p, Bytes document, const char *by, const TrialCounts *counts)
{
        AuditEntry e = { .at = s->now(), .kind = "policy-put" };
        Newest newest = { .name = p->name };
        char digits[2 * SHA256_SIZE + 1];
        uint8_t hash[SHA256_SIZE];
        int r;

        if (!policy_set_find(&s->policies, p->name) && s->policies.n == POLICIES_MAX)
                return error_set(-ENOSPC, "more than %d policies", POLICIES_MAX);
        r = store_policy_each(s->store, find_newest, &newest);
        if (r == 0) r = hash_sha256(document, hash);
        if (r != 0) return r > 0 ? -EIO : r;
        p->version = newest.version + 1;
        hex_encode(BYTES_ARRAY(hash), digits);
        (void)snprintf(e.text, sizeof(e.text),
                       "%s@%" PRIu64
                       " by %s: SHA-256 %s; for %u active nodes, of which it would refuse %u and cannot tell "
                       "of %u",
                       p->name, p->version, by, digits, counts->nodes, counts->refused, counts->unknown);
        r = commit(s, &(StorePolicy){ p->name, p->version, e.at, document }, &e);
        if (r == 0) r = policy_set_put(&s->policies, p);
        return r;
}

int policies_remove(Service *s, const char *name, const char *by, const TrialCounts *counts)
{
        AuditEntry e = { .at = s->now(), .kind = "policy-removed" };
        Newest newest = { .name = name };
        int r;

        if (!policy_set_find(&s->policies, name))
                return error_set(-ENOENT, "no policy '%s': see halfkey cluster policy list", name);
        r = store_policy_each(s->store, find_newest, &newest);
        if (r != 0) return r > 0 ? -EIO : r;
        (void)snprintf(
                e.text, sizeof(e.text),
                "%s@%" PRIu64
                " by %s; for %u active nodes, of which %u would be refused without it, and it cannot be told of "
                "%u",
                name, newest.version, by, counts->nodes, counts->refused, counts->unknown);
        r = commit(s, &(StorePolicy){ name, newest.version + 1, e.at, { 0 } }, &e);
        if (r == 0) policy_set_remove(&s->policies, name);
        return r;
}
