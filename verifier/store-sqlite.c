/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The SQLite store: opening, schema and statements. A node is one row with its encoded record; beside it stand
 * only the columns that are searched. WAL with synchronous FULL, so that a commit that returned survives a power
 * cut; locking_mode EXCLUSIVE, so that two verifiers never share one file; secure_delete, so that a removed node's
 * wrapped half does not stay in free pages. */

#include "verifier/store-sqlite.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        SCHEMA_VERSION = 2,
        APPLICATION_ID = 0x686b7631, /* "hkv1" */
};

/* Version 2: policies, and the command line of each boot whose log is kept. */
#define SCHEMA_2                                                                                  \
        "ALTER TABLE log ADD COLUMN command_line TEXT NOT NULL DEFAULT '';"                       \
        "CREATE TABLE policy (name TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL," \
        " document BLOB NOT NULL, PRIMARY KEY (name, version)) WITHOUT ROWID;"

static const char schema[] =
        "CREATE TABLE node (id BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,"
        " baseline_log BLOB, last_log BLOB, record BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX node_baseline ON node (baseline_log) WHERE baseline_log IS NOT NULL;"
        "CREATE INDEX node_last ON node (last_log) WHERE last_log IS NOT NULL;"
        "CREATE TABLE local (id BLOB PRIMARY KEY, reset INTEGER NOT NULL, restart INTEGER NOT NULL,"
        " first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, releases INTEGER NOT NULL,"
        " refusal TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE recovery (node BLOB NOT NULL, volume BLOB NOT NULL, role TEXT NOT NULL, cms BLOB NOT NULL,"
        " PRIMARY KEY (node, volume)) WITHOUT ROWID;"
        "CREATE TABLE log (hash BLOB PRIMARY KEY, content BLOB NOT NULL);"
        "CREATE TABLE enrolment (secret_hash BLOB PRIMARY KEY, id TEXT NOT NULL UNIQUE, uses INTEGER NOT NULL,"
        " created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, unique_key INTEGER NOT NULL, eks BLOB NOT "
        "NULL)"
        " WITHOUT ROWID;"
        "CREATE TABLE enrolment_use (secret_hash BLOB NOT NULL, ek BLOB NOT NULL, PRIMARY KEY (secret_hash, ek))"
        " WITHOUT ROWID;"
        "CREATE TABLE audit (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL,"
        " node_id BLOB NOT NULL, node TEXT NOT NULL, text TEXT NOT NULL, id TEXT NOT NULL, hash BLOB NOT "
        "NULL);" SCHEMA_2;

/* What makes a database of the version before one of this version, from version 1 on. */
static const char *const migrations[SCHEMA_VERSION - 1] = { SCHEMA_2 };

#define NODE_COLUMNS "revision, record FROM node"
#define ENROLMENT_COLUMNS                                                   \
        "id, e.secret_hash, uses, created_at, expires_at, unique_key, eks," \
        " (SELECT count(*) FROM enrolment_use u WHERE u.secret_hash = e.secret_hash) FROM enrolment e"

static const char *const statements[SQL_COUNT] = {
        [SQL_BEGIN] = "BEGIN IMMEDIATE",
        [SQL_COMMIT] = "COMMIT",
        [SQL_ROLLBACK] = "ROLLBACK",
        [SQL_NODE_GET] = "SELECT " NODE_COLUMNS " WHERE id = ?1",
        [SQL_NODE_BY_NAME] = "SELECT " NODE_COLUMNS " WHERE name = ?1",
        [SQL_NODE_RANGE] = "SELECT " NODE_COLUMNS " WHERE id >= ?1 AND id <= ?2 LIMIT 2",
        [SQL_NODE_AFTER] = "SELECT " NODE_COLUMNS " WHERE name > ?1 ORDER BY name",
        [SQL_NODE_COUNT] = "SELECT count(*) FROM node",
        [SQL_NODE_INSERT] = "INSERT INTO node (id, name, revision, baseline_log, last_log, record)"
                            " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        [SQL_NODE_UPDATE] =
                "UPDATE node SET name = ?2, revision = ?3, baseline_log = ?4, last_log = ?5, record = ?6"
                " WHERE id = ?1 AND revision = ?3 - 1",
        [SQL_NODE_DELETE] = "DELETE FROM node WHERE id = ?1",
        [SQL_LOCAL_GET] = "SELECT reset, restart, first_at, last_at, releases, refusal FROM local WHERE id = ?1",
        [SQL_LOCAL_PUT] = "INSERT OR REPLACE INTO local (id, reset, restart, first_at, last_at, releases, refusal)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        [SQL_LOCAL_DELETE] = "DELETE FROM local WHERE id = ?1",
        [SQL_RECOVERY_GET] = "SELECT cms, role FROM recovery WHERE node = ?1 AND volume = ?2",
        [SQL_RECOVERY_BY_ROLE] = "SELECT cms, role FROM recovery WHERE node = ?1 AND role = ?2",
        [SQL_RECOVERY_PUT] = "INSERT INTO recovery (node, volume, role, cms) VALUES (?1, ?2, ?3, ?4)",
        [SQL_RECOVERY_DELETE] = "DELETE FROM recovery WHERE node = ?1",
        [SQL_LOG_GET] = "SELECT content, command_line FROM log WHERE hash = ?1",
        [SQL_LOG_PUT] = "INSERT INTO log (hash, content, command_line) VALUES (?1, ?2, ?3)"
                        " ON CONFLICT (hash) DO UPDATE SET command_line = ?3 WHERE command_line = ''",
        [SQL_POLICY_ALL] = "SELECT name, version, at, document FROM policy p WHERE version ="
                           " (SELECT max(version) FROM policy q WHERE q.name = p.name) ORDER BY name",
        [SQL_POLICY_PUT] = "INSERT INTO policy (name, version, at, document) VALUES (?1, ?2, ?3, ?4)",
        [SQL_LOG_SWEEP] =
                "DELETE FROM log WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM node WHERE baseline_log = ?1)"
                " AND NOT EXISTS (SELECT 1 FROM node WHERE last_log = ?1)",
        [SQL_ENROLMENT_GET] = "SELECT " ENROLMENT_COLUMNS " WHERE e.secret_hash = ?1",
        [SQL_ENROLMENT_ALL] = "SELECT " ENROLMENT_COLUMNS " ORDER BY created_at, id",
        [SQL_ENROLMENT_PUT] =
                "INSERT INTO enrolment (id, secret_hash, uses, created_at, expires_at, unique_key, eks)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        [SQL_ENROLMENT_DELETE] = "DELETE FROM enrolment WHERE id = ?1",
        [SQL_ENROLMENT_SWEEP] = "DELETE FROM enrolment_use WHERE secret_hash NOT IN"
                                " (SELECT secret_hash FROM enrolment)",
        [SQL_USE_GET] = "SELECT 1 FROM enrolment_use WHERE secret_hash = ?1 AND ek = ?2",
        [SQL_USE_PUT] = "INSERT INTO enrolment_use (secret_hash, ek) VALUES (?1, ?2)",
        [SQL_AUDIT_AFTER] = "SELECT sequence, at, kind, node_id, node, text, id, hash FROM audit"
                            " WHERE sequence > ?1 ORDER BY sequence",
        [SQL_AUDIT_PUT] = "INSERT INTO audit (sequence, at, kind, node_id, node, text, id, hash)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
};

static int sql_error(SqliteStore *s)
{
        const int code = sqlite3_errcode(s->db) & 0xff;

        switch (code) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return error_set(-EBUSY, "the database is in use by another process");
        case SQLITE_CONSTRAINT: return error_set(STORE_E_CONFLICT, "%s", sqlite3_errmsg(s->db));
        case SQLITE_NOMEM: return -ENOMEM;
        case SQLITE_FULL: return error_set(-ENOSPC, "the database cannot grow: %s", sqlite3_errmsg(s->db));
        case SQLITE_NOTADB:
        case SQLITE_CORRUPT: return error_set(-EBADMSG, "the database is damaged: %s", sqlite3_errmsg(s->db));
        default: return error_set(-EIO, "the database failed: %s", sqlite3_errmsg(s->db));
        }
}

sqlite3_stmt *sql_get(SqliteStore *s, SqlStatement which)
{
        if (!s->statements[which] && sqlite3_prepare_v3(s->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
                                                        &s->statements[which], NULL) != SQLITE_OK)
                return NULL;
        return s->statements[which];
}

void sql_release(sqlite3_stmt **stmt)
{
        if (!*stmt) return;
        (void)sqlite3_reset(*stmt);
        (void)sqlite3_clear_bindings(*stmt);
}

void sql_bind_bytes(sqlite3_stmt *stmt, int at, Bytes b)
{
        if (stmt)
                (void)sqlite3_bind_blob64(stmt, at, b.data ? b.data : (const uint8_t *)"", b.size, SQLITE_STATIC);
}

void sql_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
        if (stmt) (void)sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

void sql_bind_int(sqlite3_stmt *stmt, int at, uint64_t v)
{
        if (stmt) (void)sqlite3_bind_int64(stmt, at, (sqlite3_int64)v);
}

int sql_step(SqliteStore *s, sqlite3_stmt *stmt)
{
        if (!stmt) return sql_error(s);
        switch (sqlite3_step(stmt)) {
        case SQLITE_ROW: return 0;
        case SQLITE_DONE: return STORE_E_ABSENT;
        default: return sql_error(s);
        }
}

int sql_run(SqliteStore *s, sqlite3_stmt *stmt)
{
        const int r = sql_step(s, stmt);

        return r == STORE_E_ABSENT ? 0 : r == 0 ? -EIO : r;
}

Bytes sql_bytes(sqlite3_stmt *stmt, int column)
{
        const void *p = sqlite3_column_blob(stmt, column);

        return BYTES(p, (size_t)sqlite3_column_bytes(stmt, column));
}

uint64_t sql_int(sqlite3_stmt *stmt, int column)
{
        return (uint64_t)sqlite3_column_int64(stmt, column);
}

int sql_array(sqlite3_stmt *stmt, int column, uint8_t *dst, size_t n)
{
        const Bytes b = sql_bytes(stmt, column);

        if (b.size != n) return error_set(-EBADMSG, "the database holds a value of the wrong size");
        memcpy(dst, b.data, n);
        return 0;
}

int sql_text(sqlite3_stmt *stmt, int column, char *dst, size_t max)
{
        const Bytes b = sql_bytes(stmt, column);

        if (b.size > max || (b.size > 0 && memchr(b.data, 0, b.size)))
                return error_set(-EBADMSG, "the database holds a text of the wrong size");
        if (b.size > 0) memcpy(dst, b.data, b.size);
        dst[b.size] = '\0';
        return 0;
}

static int exec(SqliteStore *s, const char *sql)
{
        return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_error(s);
}

static int pragma_int(SqliteStore *s, const char *sql, int *ret)
{
        sqlite3_stmt *stmt = NULL;
        int r;

        if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK) return sql_error(s);
        r = sql_step(s, stmt);
        if (r == 0) *ret = sqlite3_column_int(stmt, 0);
        (void)sqlite3_finalize(stmt);
        return r > 0 ? -EIO : r;
}

static int create_schema(SqliteStore *s)
{
        char *versions;
        int r;

        r = exec(s, "BEGIN IMMEDIATE");
        if (r == 0) r = exec(s, schema);
        if (r != 0) return r;
        versions = sqlite3_mprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID,
                                   SCHEMA_VERSION);
        if (!versions) return -ENOMEM;
        r = exec(s, versions);
        sqlite3_free(versions);
        return r;
}

static int migrate(SqliteStore *s, int version)
{
        char *change = sqlite3_mprintf("BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT",
                                       migrations[version - 1], version + 1);
        int r;

        if (!change) return -ENOMEM;
        r = exec(s, change);
        sqlite3_free(change);
        return r > 0 ? -EIO : r;
}

static int check_schema(SqliteStore *s)
{
        int application = 0, version = 0, r;

        r = pragma_int(s, "PRAGMA application_id", &application);
        if (r == 0) r = pragma_int(s, "PRAGMA user_version", &version);
        if (r < 0) return r;
        if (application != APPLICATION_ID) return error_set(-EBADMSG, "not a halfkey verifier's database");
        while (version >= 1 && version < SCHEMA_VERSION) {
                r = migrate(s, version);
                if (r < 0) return r;
                version++;
        }
        if (version != SCHEMA_VERSION)
                return error_set(-EBADMSG, "the database has schema version %d, this program knows %d", version,
                                 SCHEMA_VERSION);
        return 0;
}

static int remember_end(const AuditEntry *e, void *userdata)
{
        AuditChain *chain = userdata;

        chain->sequence = e->sequence;
        memcpy(chain->hash, e->hash, SHA256_SIZE);
        return 0;
}

/* The chain goes on from its last entry; audit_chain_check over all of it is the operator's verb. */
static int find_chain_end(SqliteStore *s)
{
        int last = 0, r;

        r = pragma_int(s, "SELECT coalesce(max(sequence), 0) FROM audit", &last);
        if (r < 0 || last == 0) return r;
        return sqlite_audit_each(&s->store, (uint64_t)last - 1, remember_end, &s->chain);
}

static void sqlite_free(Store *store)
{
        SqliteStore *s = (SqliteStore *)store;

        for (size_t i = 0; i < SQL_COUNT; i++) (void)sqlite3_finalize(s->statements[i]);
        (void)sqlite3_close(s->db);
        free(s);
}

static const StoreOps sqlite_ops = {
        .free = sqlite_free,
        .node_get = sqlite_node_get,
        .node_find = sqlite_node_find,
        .node_each = sqlite_node_each,
        .node_count = sqlite_node_count,
        .local_get = sqlite_local_get,
        .recovery_get = sqlite_recovery_get,
        .log_get = sqlite_log_get,
        .policy_each = sqlite_policy_each,
        .enrolment_get = sqlite_enrolment_get,
        .enrolment_uses = sqlite_enrolment_uses,
        .enrolment_each = sqlite_enrolment_each,
        .audit_each = sqlite_audit_each,
        .commit = sqlite_commit,
};

static int open_database(SqliteStore *s, const char *path, bool create)
{
        const mode_t mask = umask(0077);
        int r;

        /* Not SQLITE_OPEN_NOFOLLOW, which minds folders too: systemd makes a state directory a symlink. */
        r = sqlite3_open_v2(path, &s->db,
                            SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0) | SQLITE_OPEN_NOMUTEX, NULL);
        (void)umask(mask);
        if (r != SQLITE_OK) return s->db ? sql_error(s) : -ENOMEM;
        (void)sqlite3_extended_result_codes(s->db, 1);
        (void)sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, STORE_LOG_MAX + 65536);
        r = exec(s, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                    "PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
        return r > 0 ? -EIO : r;
}

int store_open_sqlite(const char *path, bool create, Store **ret)
{
        cleanup_store Store *guard = NULL;
        SqliteStore *s;
        int r;

        if (create && access(path, F_OK) == 0) return error_set(-EEXIST, "%s exists already", path);
        if (!create && access(path, F_OK) < 0) return error_set(-errno, "%s: %m", path);
        s = calloc(1, sizeof(*s));
        if (!s) return -ENOMEM;
        s->store.ops = &sqlite_ops;
        guard = &s->store;
        r = open_database(s, path, create);
        if (r == 0) r = create ? create_schema(s) : check_schema(s);
        if (r == 0) r = find_chain_end(s);
        if (r != 0) return error_prefix(r > 0 ? -EIO : r, "%s", path);
        *ret = TAKE_PTR(guard);
        return 0;
}
