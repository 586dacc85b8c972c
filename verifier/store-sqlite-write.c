/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The writing half of the SQLite store: one transaction a change, its rules checked inside it. */

#include "verifier/store-sqlite.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

static Bytes log_of(const NodeBoot *b)
{
        return b->present ? BYTES_ARRAY(b->log_hash) : (Bytes){ 0 };
}

static void bind_optional(sqlite3_stmt *stmt, int at, Bytes b)
{
        if (b.size > 0) sql_bind_bytes(stmt, at, b);
        else if (stmt) (void)sqlite3_bind_null(stmt, at);
}

/* A log that no node refers to any more is dropped. */
static int sweep_log(SqliteStore *s, const NodeBoot *b)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_LOG_SWEEP);

        if (!b->present) return 0;
        sql_bind_bytes(stmt, 1, BYTES_ARRAY(b->log_hash));
        return sql_run(s, stmt);
}

static int check_old(SqliteStore *s, const NodeRecord *n, NodeRecord *ret_old)
{
        int r;

        r = sqlite_node_get(&s->store, n->id, ret_old);
        if (r != 0) return r == STORE_E_ABSENT ? STORE_E_CONFLICT : r;
        if (ret_old->revision != n->revision)
                return error_set(STORE_E_CONFLICT, "%s was changed by another request", n->name);
        r = node_check_successor(ret_old, n);
        return r > 0 ? STORE_E_BACKWARDS : r;
}

static int write_node(SqliteStore *s, const NodeRecord *n, SqlStatement which)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, which);
        cleanup_free uint8_t *record = NULL;
        size_t size;
        int r;

        r = node_encode(n, &record, &size);
        if (r < 0) return r;
        sql_bind_bytes(stmt, 1, BYTES_ARRAY(n->id));
        sql_bind_text(stmt, 2, n->name);
        sql_bind_int(stmt, 3, n->revision + 1);
        bind_optional(stmt, 4, log_of(&n->baseline));
        bind_optional(stmt, 5, log_of(&n->last));
        sql_bind_bytes(stmt, 6, BYTES(record, size));
        r = sql_run(s, stmt);
        if (r == 0 && sqlite3_changes(s->db) != 1) r = STORE_E_CONFLICT;
        return r;
}

static int put_node(SqliteStore *s, const NodeRecord *n)
{
        NodeRecord old = { 0 };
        int r;

        if (n->revision == 0) return write_node(s, n, SQL_NODE_INSERT);
        r = check_old(s, n, &old);
        if (r == 0) r = write_node(s, n, SQL_NODE_UPDATE);
        if (r == 0) r = sweep_log(s, &old.baseline);
        if (r == 0) r = sweep_log(s, &old.last);
        return r;
}

static int delete_by_id(SqliteStore *s, SqlStatement which, const uint8_t *id)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, which);

        sql_bind_bytes(stmt, 1, BYTES(id, NODE_ID_SIZE));
        return sql_run(s, stmt);
}

static int remove_node(SqliteStore *s, const uint8_t *id)
{
        NodeRecord old = { 0 };
        int r;

        r = sqlite_node_get(&s->store, id, &old);
        if (r == 0) r = delete_by_id(s, SQL_NODE_DELETE, id);
        if (r == 0) r = delete_by_id(s, SQL_LOCAL_DELETE, id);
        if (r == 0) r = delete_by_id(s, SQL_RECOVERY_DELETE, id);
        if (r == 0) r = sweep_log(s, &old.baseline);
        if (r == 0) r = sweep_log(s, &old.last);
        return r;
}

static int put_recovery(SqliteStore *s, const uint8_t *id, const StoreRecovery *v)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_RECOVERY_PUT);

        if (v->cms.size == 0 || v->cms.size > STORE_RECOVERY_MAX) return -EINVAL;
        sql_bind_bytes(stmt, 1, BYTES(id, NODE_ID_SIZE));
        sql_bind_bytes(stmt, 2, BYTES_ARRAY(v->volume_id));
        sql_bind_text(stmt, 3, v->role);
        sql_bind_bytes(stmt, 4, v->cms);
        return sql_run(s, stmt);
}

static int put_recoveries(SqliteStore *s, const StoreChange *c)
{
        int r;

        if (!c->node) return -EINVAL;
        r = delete_by_id(s, SQL_RECOVERY_DELETE, c->node->id);
        for (size_t i = 0; i < c->n_recoveries && r == 0; i++) r = put_recovery(s, c->node->id, &c->recoveries[i]);
        return r;
}

static int put_local(SqliteStore *s, const NodeLocal *l)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_LOCAL_PUT);

        sql_bind_bytes(stmt, 1, BYTES_ARRAY(l->id));
        sql_bind_int(stmt, 2, l->boot.reset);
        sql_bind_int(stmt, 3, l->boot.restart);
        sql_bind_int(stmt, 4, l->first_at);
        sql_bind_int(stmt, 5, l->last_at);
        sql_bind_int(stmt, 6, l->releases);
        sql_bind_text(stmt, 7, l->refusal);
        return sql_run(s, stmt);
}

static int put_log(SqliteStore *s, const StoreLog *log)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_LOG_PUT);

        if (log->content.size > STORE_LOG_MAX) return -EFBIG;
        sql_bind_bytes(stmt, 1, BYTES_ARRAY(log->hash));
        sql_bind_bytes(stmt, 2, log->content);
        sql_bind_text(stmt, 3, log->command_line ? log->command_line : "");
        return sql_run(s, stmt);
}

static int put_policy(SqliteStore *s, const StorePolicy *p)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_POLICY_PUT);

        if (p->document.size > STORE_POLICY_MAX) return -EFBIG;
        sql_bind_text(stmt, 1, p->name);
        sql_bind_int(stmt, 2, p->version);
        sql_bind_int(stmt, 3, p->at);
        sql_bind_bytes(stmt, 4, p->document);
        return sql_run(s, stmt);
}

static int put_enrolment(SqliteStore *s, const EnrolmentRecord *e)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_ENROLMENT_PUT);

        sql_bind_text(stmt, 1, e->id);
        sql_bind_bytes(stmt, 2, BYTES_ARRAY(e->secret_hash));
        sql_bind_int(stmt, 3, e->uses);
        sql_bind_int(stmt, 4, e->created_at);
        sql_bind_int(stmt, 5, e->expires_at);
        sql_bind_int(stmt, 6, e->unique_volume_key);
        sql_bind_bytes(stmt, 7, BYTES(e->eks, e->n_eks * NODE_ID_SIZE));
        return sql_run(s, stmt);
}

static int remove_enrolment(SqliteStore *s, const char *id)
{
        int r;

        {
                cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_ENROLMENT_DELETE);

                sql_bind_text(stmt, 1, id);
                r = sql_run(s, stmt);
                if (r == 0 && sqlite3_changes(s->db) != 1) r = STORE_E_ABSENT;
        }
        if (r == 0) {
                cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_ENROLMENT_SWEEP);

                r = sql_run(s, stmt);
        }
        return r;
}

static int put_use(SqliteStore *s, const StoreEnrolmentUse *use)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_USE_PUT);
        EnrolmentRecord e;
        int r;

        r = store_enrolment_used_by(&s->store, use->secret_hash, use->ek);
        if (r != STORE_E_ABSENT) return r;
        r = sqlite_enrolment_get(&s->store, use->secret_hash, &e);
        if (r != 0) return r;
        if (e.used >= e.uses)
                return error_set(STORE_E_USED, "all %u uses of this enrolment secret are gone", e.uses);
        sql_bind_bytes(stmt, 1, BYTES_ARRAY(use->secret_hash));
        sql_bind_bytes(stmt, 2, BYTES_ARRAY(use->ek));
        return sql_run(s, stmt);
}

static int put_audit(SqliteStore *s, const AuditEntry *entry, AuditChain *chain)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, SQL_AUDIT_PUT);
        AuditEntry e = *entry;
        int r;

        r = audit_chain_append(chain, &e);
        if (r < 0) return r;
        sql_bind_int(stmt, 1, e.sequence);
        sql_bind_int(stmt, 2, e.at);
        sql_bind_text(stmt, 3, e.kind);
        sql_bind_bytes(stmt, 4, BYTES_ARRAY(e.node_id));
        sql_bind_text(stmt, 5, e.node);
        sql_bind_text(stmt, 6, e.text);
        sql_bind_text(stmt, 7, e.id);
        sql_bind_bytes(stmt, 8, BYTES_ARRAY(e.hash));
        return sql_run(s, stmt);
}

/* Logs go first: a sweep by put_node sees the new references only. */
static int apply(SqliteStore *s, const StoreChange *c, AuditChain *chain)
{
        int r = 0;

        if (c->log) r = put_log(s, c->log);
        if (r == 0 && c->use) r = put_use(s, c->use);
        if (r == 0 && c->node) r = put_node(s, c->node);
        if (r == 0 && c->recoveries) r = put_recoveries(s, c);
        if (r == 0 && c->remove_node) r = remove_node(s, c->remove_node);
        if (r == 0 && c->local) r = put_local(s, c->local);
        if (r == 0 && c->enrolment) r = put_enrolment(s, c->enrolment);
        if (r == 0 && c->remove_enrolment) r = remove_enrolment(s, c->remove_enrolment);
        if (r == 0 && c->policy) r = put_policy(s, c->policy);
        if (r == 0 && c->audit) r = put_audit(s, c->audit, chain);
        return r;
}

static int run(SqliteStore *s, SqlStatement which)
{
        cleanup_sql sqlite3_stmt *stmt = sql_get(s, which);

        return sql_run(s, stmt);
}

int sqlite_commit(Store *store, const StoreChange *change)
{
        SqliteStore *s = (SqliteStore *)store;
        AuditChain chain = s->chain;
        int r, rolled_back;

        r = run(s, SQL_BEGIN);
        if (r != 0) return r > 0 ? -EIO : r;
        r = apply(s, change, &chain);
        if (r == 0) r = run(s, SQL_COMMIT);
        if (r == 0) {
                s->chain = chain;
                return 0;
        }
        rolled_back = run(s, SQL_ROLLBACK);
        if (rolled_back < 0 && !sqlite3_get_autocommit(s->db)) return rolled_back;
        return r;
}
