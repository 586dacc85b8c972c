/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside of the SQLite store only. */

#include "verifier/store.h"

#include <sqlite3.h>

/* Every statement, prepared once at its first use. */
typedef enum SqlStatement {
        SQL_BEGIN,
        SQL_COMMIT,
        SQL_ROLLBACK,
        SQL_NODE_GET,
        SQL_NODE_BY_NAME,
        SQL_NODE_RANGE,
        SQL_NODE_AFTER,
        SQL_NODE_COUNT,
        SQL_NODE_INSERT,
        SQL_NODE_UPDATE,
        SQL_NODE_DELETE,
        SQL_LOCAL_GET,
        SQL_LOCAL_PUT,
        SQL_LOCAL_DELETE,
        SQL_RECOVERY_GET,
        SQL_RECOVERY_BY_ROLE,
        SQL_RECOVERY_PUT,
        SQL_RECOVERY_DELETE,
        SQL_LOG_GET,
        SQL_LOG_PUT,
        SQL_LOG_SWEEP,
        SQL_POLICY_ALL,
        SQL_POLICY_PUT,
        SQL_ENROLMENT_GET,
        SQL_ENROLMENT_ALL,
        SQL_ENROLMENT_PUT,
        SQL_ENROLMENT_DELETE,
        SQL_ENROLMENT_SWEEP,
        SQL_USE_GET,
        SQL_USE_PUT,
        SQL_AUDIT_AFTER,
        SQL_AUDIT_PUT,
        SQL_COUNT,
} SqlStatement;

typedef struct SqliteStore {
        Store store;
        sqlite3 *db;
        sqlite3_stmt *statements[SQL_COUNT];
        AuditChain chain; /* the end of the audit */
} SqliteStore;

/* The statement, ready to bind; NULL with a detail. Give it back with sql_release (cleanup_sql). */
sqlite3_stmt *sql_get(SqliteStore *s, SqlStatement which);
void sql_release(sqlite3_stmt **stmt);
#define cleanup_sql _cleanup_(sql_release)

/* The first failure of a chain of binds sticks in *r. The bytes must live until the statement is released. */
void sql_bind_bytes(sqlite3_stmt *stmt, int at, Bytes b);
void sql_bind_text(sqlite3_stmt *stmt, int at, const char *text);
void sql_bind_int(sqlite3_stmt *stmt, int at, uint64_t v);

/* One step: 0 a row, STORE_E_ABSENT none (or done), -errno with the database's words as detail. */
int sql_step(SqliteStore *s, sqlite3_stmt *stmt);
/* A step that is expected to give no row. */
int sql_run(SqliteStore *s, sqlite3_stmt *stmt);

Bytes sql_bytes(sqlite3_stmt *stmt, int column);
uint64_t sql_int(sqlite3_stmt *stmt, int column);
/* Copies exactly n bytes, or -EBADMSG. */
int sql_array(sqlite3_stmt *stmt, int column, uint8_t *dst, size_t n);
/* Copies text of at most max characters and a NUL, or -EBADMSG. */
int sql_text(sqlite3_stmt *stmt, int column, char *dst, size_t max);

/* store-sqlite-read.c; contracts as in store.h */
int sqlite_node_get(Store *s, const uint8_t *id, NodeRecord *ret);
int sqlite_node_find(Store *s, const char *text, NodeRecord *ret);
int sqlite_node_each(Store *s, const char *after, int (*visit)(const NodeRecord *n, void *userdata),
                     void *userdata);
int sqlite_node_count(Store *s, uint64_t *ret);
int sqlite_local_get(Store *s, const uint8_t *id, NodeLocal *ret);
int sqlite_recovery_get(Store *s, const uint8_t *id, Bytes volume_id, uint8_t **ret, size_t *ret_size,
                        char *ret_role);
int sqlite_log_get(Store *s, const uint8_t *hash, uint8_t **ret, size_t *ret_size, char **ret_command_line);
int sqlite_policy_each(Store *s, int (*visit)(const StorePolicy *p, void *userdata), void *userdata);
int sqlite_enrolment_get(Store *s, const uint8_t *secret_hash, EnrolmentRecord *ret);
int sqlite_enrolment_uses(Store *s, const uint8_t *secret_hash, const uint8_t *ek);
int sqlite_enrolment_each(Store *s, int (*visit)(const EnrolmentRecord *e, void *userdata), void *userdata);
int sqlite_audit_each(Store *s, uint64_t after, int (*visit)(const AuditEntry *e, void *userdata), void *userdata);

/* store-sqlite-write.c */
int sqlite_commit(Store *s, const StoreChange *change);
