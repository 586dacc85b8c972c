/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The reading half of the SQLite store. What is read is checked as if it came from outside: whoever may write the
 * file must not be able to do more than that. */

#include "verifier/store-sqlite.h"

#include "base/error.h"
#include "base/hex.h"
#include "crypto/compare.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static SqliteStore *inner(Store *s)
{
        return (SqliteStore *)s;
}

static int row_node(sqlite3_stmt *stmt, NodeRecord *ret)
{
        int r;

        r = node_decode(sql_bytes(stmt, 1), ret);
        if (r < 0) return r;
        ret->revision = sql_int(stmt, 0);
        return 0;
}

int sqlite_node_get(Store *store, const uint8_t *id, NodeRecord *ret)
{
        SqliteStore *s = inner(store);
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_NODE_GET);
        int r;

        sql_bind_bytes(stmt, 1, BYTES(id, NODE_ID_SIZE));
        r = sql_step(s, stmt);
        if (r != 0) return r;
        r = row_node(stmt, ret);
        if (r < 0) return r;
        if (!bytes_equal(BYTES_ARRAY(ret->id), BYTES(id, NODE_ID_SIZE)))
                return error_set(-EBADMSG, "the database holds another node's record under this node's id");
        return 0;
}

/* The ids that begin with these digits lie between the digits followed by 0s and followed by fs. */
static int range_of(const char *digits, uint8_t *low, uint8_t *high)
{
        char text[2 * NODE_ID_SIZE + 1];
        const size_t n = strlen(digits);

        if (n < NODE_NAME_DIGITS || n >= sizeof(text)) return STORE_E_ABSENT;
        (void)snprintf(text, sizeof(text), "%s", digits);
        memset(text + n, '0', sizeof(text) - 1 - n);
        text[sizeof(text) - 1] = '\0';
        if (hex_decode(text, low, NODE_ID_SIZE) < 0) return STORE_E_ABSENT;
        memset(text + n, 'f', sizeof(text) - 1 - n);
        return hex_decode(text, high, NODE_ID_SIZE);
}

static int find_by_digits(SqliteStore *s, const char *digits, NodeRecord *ret)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_NODE_RANGE);
        uint8_t low[NODE_ID_SIZE], high[NODE_ID_SIZE];
        NodeRecord found;
        int r;

        r = range_of(digits, low, high);
        if (r != 0) return r;
        sql_bind_bytes(stmt, 1, BYTES_ARRAY(low));
        sql_bind_bytes(stmt, 2, BYTES_ARRAY(high));
        r = sql_step(s, stmt);
        if (r != 0) return r;
        r = row_node(stmt, &found);
        if (r < 0) return r;
        r = sql_step(s, stmt);
        if (r == 0) return error_set(STORE_E_AMBIGUOUS, "more than one node's id begins with %s", digits);
        if (r < 0) return r;
        *ret = found;
        return 0;
}

int sqlite_node_find(Store *store, const char *text, NodeRecord *ret)
{
        SqliteStore *s = inner(store);
        int r;

        {
                cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_NODE_BY_NAME);

                sql_bind_text(stmt, 1, text);
                r = sql_step(s, stmt);
                if (r == 0) return row_node(stmt, ret);
        }
        return r == STORE_E_ABSENT ? find_by_digits(s, text, ret) : r;
}

int sqlite_node_count(Store *store, uint64_t *ret)
{
        SqliteStore *s = inner(store);
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_NODE_COUNT);
        const int r = sql_step(s, stmt);

        if (r == 0) *ret = sql_int(stmt, 0);
        return r;
}

int sqlite_node_each(Store *store, const char *after, int (*visit)(const NodeRecord *n, void *userdata),
                     void *userdata)
{
        SqliteStore *s = inner(store);
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_NODE_AFTER);
        NodeRecord n;
        int r;

        sql_bind_text(stmt, 1, after);
        for (;;) {
                r = sql_step(s, stmt);
                if (r != 0) return r == STORE_E_ABSENT ? 0 : r;
                r = row_node(stmt, &n);
                if (r == 0) r = visit(&n, userdata);
                if (r != 0) return r;
        }
}

int sqlite_local_get(Store *store, const uint8_t *id, NodeLocal *ret)
{
        SqliteStore *s = inner(store);
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_LOCAL_GET);
        NodeLocal l = { 0 };
        int r;

        memcpy(l.id, id, NODE_ID_SIZE);
        sql_bind_bytes(stmt, 1, BYTES(id, NODE_ID_SIZE));
        r = sql_step(s, stmt);
        if (r < 0) return r;
        if (r == 0) {
                l.boot = (BootCounters){ (uint32_t)sql_int(stmt, 0), (uint32_t)sql_int(stmt, 1) };
                l.first_at = sql_int(stmt, 2);
                l.last_at = sql_int(stmt, 3);
                l.releases = (uint32_t)sql_int(stmt, 4);
                r = sql_text(stmt, 5, l.refusal, NODE_REFUSAL_MAX);
                if (r < 0) return r;
        }
        *ret = l;
        return 0;
}

static int copy_blob(sqlite3_stmt *stmt, int column, size_t max, uint8_t **ret, size_t *ret_size)
{
        const Bytes b = sql_bytes(stmt, column);
        uint8_t *copy;

        if (b.size > max) return error_set(-EBADMSG, "the database holds a value of the wrong size");
        copy = malloc(b.size + 1);
        if (!copy) return -ENOMEM;
        if (b.size > 0) memcpy(copy, b.data, b.size);
        *ret = copy;
        *ret_size = b.size;
        return 0;
}

int sqlite_recovery_get(Store *store, const uint8_t *id, Bytes volume_id, uint8_t **ret, size_t *ret_size,
                        char *ret_role)
{
        SqliteStore *s = inner(store);
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, volume_id.size > 0 ? SQL_RECOVERY_GET : SQL_RECOVERY_BY_ROLE);
        int r;

        sql_bind_bytes(stmt, 1, BYTES(id, NODE_ID_SIZE));
        if (volume_id.size > 0) sql_bind_bytes(stmt, 2, volume_id);
        else sql_bind_text(stmt, 2, "root");
        r = sql_step(s, stmt);
        if (r != 0) return r;
        r = sql_text(stmt, 1, ret_role, NODE_ROLE_MAX);
        if (r < 0) return r;
        return copy_blob(stmt, 0, STORE_RECOVERY_MAX, ret, ret_size);
}

int sqlite_log_get(Store *store, const uint8_t *hash, uint8_t **ret, size_t *ret_size, char **ret_command_line)
{
        SqliteStore *s = inner(store);
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_LOG_GET);
        cleanup_free uint8_t *content = NULL;
        cleanup_free char *line = NULL;
        uint8_t actual[SHA256_SIZE];
        size_t size;
        int r;

        sql_bind_bytes(stmt, 1, BYTES(hash, SHA256_SIZE));
        r = sql_step(s, stmt);
        if (r != 0) return r;
        r = copy_blob(stmt, 0, STORE_LOG_MAX, &content, &size);
        if (r == 0) r = hash_sha256(BYTES(content, size), actual);
        if (r < 0) return r;
        if (crypto_equal(BYTES_ARRAY(actual), BYTES(hash, SHA256_SIZE)) != 0)
                return error_set(-EBADMSG, "a stored event log was changed");
        if (ret_command_line) {
                line = malloc(STORE_COMMAND_LINE_MAX + 1);
                if (!line) return -ENOMEM;
                r = sql_text(stmt, 1, line, STORE_COMMAND_LINE_MAX);
                if (r < 0) return r;
                *ret_command_line = TAKE_PTR(line);
        }
        *ret = TAKE_PTR(content);
        *ret_size = size;
        return 0;
}

int sqlite_policy_each(Store *store, int (*visit)(const StorePolicy *p, void *userdata), void *userdata)
{
        SqliteStore *s = inner(store);
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_POLICY_ALL);
        char name[64];
        int r;

        for (;;) {
                StorePolicy p = { .name = name };

                r = sql_step(s, stmt);
                if (r != 0) return r == STORE_E_ABSENT ? 0 : r;
                r = sql_text(stmt, 0, name, sizeof(name) - 1);
                if (r < 0) return r;
                p.version = sql_int(stmt, 1);
                p.at = sql_int(stmt, 2);
                p.document = sql_bytes(stmt, 3);
                r = visit(&p, userdata);
                if (r != 0) return r;
        }
}

static int row_enrolment(sqlite3_stmt *stmt, EnrolmentRecord *ret)
{
        EnrolmentRecord e = { 0 };
        const Bytes eks = sql_bytes(stmt, 6);
        int r;

        r = sql_text(stmt, 0, e.id, ENROLMENT_ID_MAX);
        if (r == 0) r = sql_array(stmt, 1, e.secret_hash, sizeof(e.secret_hash));
        if (r < 0) return r;
        e.uses = (uint32_t)sql_int(stmt, 2);
        e.created_at = sql_int(stmt, 3);
        e.expires_at = sql_int(stmt, 4);
        e.unique_volume_key = sql_int(stmt, 5) != 0;
        e.used = (uint32_t)sql_int(stmt, 7);
        if (eks.size % NODE_ID_SIZE != 0 || eks.size > sizeof(e.eks))
                return error_set(-EBADMSG, "the database holds an EK list of the wrong size");
        e.n_eks = eks.size / NODE_ID_SIZE;
        if (eks.size > 0) memcpy(e.eks, eks.data, eks.size);
        *ret = e;
        return 0;
}

int sqlite_enrolment_get(Store *store, const uint8_t *secret_hash, EnrolmentRecord *ret)
{
        SqliteStore *s = inner(store);
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_ENROLMENT_GET);
        int r;

        sql_bind_bytes(stmt, 1, BYTES(secret_hash, SHA256_SIZE));
        r = sql_step(s, stmt);
        return r != 0 ? r : row_enrolment(stmt, ret);
}

int sqlite_enrolment_uses(Store *store, const uint8_t *secret_hash, const uint8_t *ek)
{
        SqliteStore *s = inner(store);
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_USE_GET);

        sql_bind_bytes(stmt, 1, BYTES(secret_hash, SHA256_SIZE));
        sql_bind_bytes(stmt, 2, BYTES(ek, NODE_ID_SIZE));
        return sql_step(s, stmt);
}

int sqlite_enrolment_each(Store *store, int (*visit)(const EnrolmentRecord *e, void *userdata), void *userdata)
{
        SqliteStore *s = inner(store);
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_ENROLMENT_ALL);
        EnrolmentRecord e;
        int r;

        for (;;) {
                r = sql_step(s, stmt);
                if (r != 0) return r == STORE_E_ABSENT ? 0 : r;
                r = row_enrolment(stmt, &e);
                if (r == 0) r = visit(&e, userdata);
                if (r != 0) return r;
        }
}

static int row_audit(sqlite3_stmt *stmt, AuditEntry *ret)
{
        AuditEntry e = { .sequence = sql_int(stmt, 0), .at = sql_int(stmt, 1) };
        int r;

        r = sql_text(stmt, 2, e.kind, AUDIT_KIND_MAX);
        if (r == 0) r = sql_array(stmt, 3, e.node_id, sizeof(e.node_id));
        if (r == 0) r = sql_text(stmt, 4, e.node, AUDIT_NODE_MAX);
        if (r == 0) r = sql_text(stmt, 5, e.text, AUDIT_TEXT_MAX);
        if (r == 0) r = sql_text(stmt, 6, e.id, AUDIT_ID_MAX);
        if (r == 0) r = sql_array(stmt, 7, e.hash, sizeof(e.hash));
        if (r < 0) return r;
        *ret = e;
        return 0;
}

int sqlite_audit_each(Store *store, uint64_t after, int (*visit)(const AuditEntry *e, void *userdata),
                      void *userdata)
{
        SqliteStore *s = inner(store);
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_AUDIT_AFTER);
        AuditEntry e;
        int r;

        sql_bind_int(stmt, 1, after);
        for (;;) {
                r = sql_step(s, stmt);
                if (r != 0) return r == STORE_E_ABSENT ? 0 : r;
                r = row_audit(stmt, &e);
                if (r == 0) r = visit(&e, userdata);
                if (r != 0) return r;
        }
}
