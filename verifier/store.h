/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the verifier remembers, behind one interface: SQLite beside the daemon, or (later) etcd under several.
 *
 * All writing is one StoreChange: whatever it names is stored as a whole or not at all, durably, before
 * store_commit() returns 0. Reading hands out copies. What a store must hold whoever writes: a node record is
 * replaced only by one that was made from its present revision, and never by one that node_check_successor()
 * refuses; an enrolment secret is not used by more EKs than it has uses. */

#include "verifier/audit.h"
#include "verifier/node.h"

enum {
        STORE_E_ABSENT = 1, /* there is no such thing */
        STORE_E_CONFLICT,   /* somebody else changed it, or the name is taken: read again */
        STORE_E_AMBIGUOUS,  /* more than one node begins with these digits */
        STORE_E_USED,       /* the enrolment secret has no use left for this EK */
        STORE_E_BACKWARDS,  /* node_check_successor() refused it */
};

enum {
        STORE_LOG_MAX = 1 << 20,   /* largest event log kept; see rpc-log.h */
        STORE_RECOVERY_MAX = 4096, /* one CMS message */
        STORE_POLICY_MAX = 60000,
        STORE_COMMAND_LINE_MAX = 4096,
        ENROLMENT_ID_MAX = 32,
        ENROLMENT_EKS_MAX = 64,
        ENROLMENT_USES_MAX = 1000000,
};

typedef struct EnrolmentRecord {
        char id[ENROLMENT_ID_MAX + 1];
        uint8_t secret_hash[SHA256_SIZE]; /* the secret itself is nowhere */
        uint32_t uses;                    /* counted once an EK */
        uint32_t used;                    /* given by the store */
        uint64_t created_at, expires_at;
        bool unique_volume_key;
        size_t n_eks;                                 /* 0: any EK */
        uint8_t eks[ENROLMENT_EKS_MAX][NODE_ID_SIZE]; /* node ids */
} EnrolmentRecord;

typedef struct StoreRecovery {
        uint8_t volume_id[ATTEST_VOLUME_ID_SIZE];
        char role[NODE_ROLE_MAX + 1];
        Bytes cms;
} StoreRecovery;

typedef struct StoreLog {
        uint8_t hash[SHA256_SIZE]; /* of content */
        Bytes content;
        const char *command_line; /* that the log proves; "" where it is not known */
} StoreLog;

/* One version of a policy; an empty document: it was removed. */
typedef struct StorePolicy {
        const char *name;
        uint64_t version, at;
        Bytes document;
} StorePolicy;

typedef struct StoreEnrolmentUse {
        uint8_t secret_hash[SHA256_SIZE];
        uint8_t ek[NODE_ID_SIZE];
} StoreEnrolmentUse;

/* Each part is optional. */
typedef struct StoreChange {
        const NodeRecord *node; /* revision 0: new; else it replaces exactly that revision */
        const uint8_t *remove_node;
        const StoreRecovery *recoveries; /* replace all of change->node's */
        size_t n_recoveries;
        const NodeLocal *local;
        const StoreLog *log;
        const EnrolmentRecord *enrolment;
        const char *remove_enrolment; /* its id */
        const StoreEnrolmentUse *use;
        const StorePolicy *policy; /* STORE_E_CONFLICT where its version is there already */
        const AuditEntry *audit;   /* sequence and hash are the store's */
} StoreChange;

typedef struct Store Store;

typedef struct StoreOps {
        void (*free)(Store *s);
        int (*node_get)(Store *s, const uint8_t *id, NodeRecord *ret);
        int (*node_find)(Store *s, const char *text, NodeRecord *ret);
        int (*node_each)(Store *s, const char *after, int (*visit)(const NodeRecord *n, void *userdata),
                         void *userdata);
        int (*node_count)(Store *s, uint64_t *ret);
        int (*local_get)(Store *s, const uint8_t *id, NodeLocal *ret);
        int (*recovery_get)(Store *s, const uint8_t *id, Bytes volume_id, uint8_t **ret, size_t *ret_size,
                            char *ret_role);
        int (*log_get)(Store *s, const uint8_t *hash, uint8_t **ret, size_t *ret_size, char **ret_command_line);
        int (*policy_each)(Store *s, int (*visit)(const StorePolicy *p, void *userdata), void *userdata);
        int (*enrolment_get)(Store *s, const uint8_t *secret_hash, EnrolmentRecord *ret);
        int (*enrolment_uses)(Store *s, const uint8_t *secret_hash, const uint8_t *ek);
        int (*enrolment_each)(Store *s, int (*visit)(const EnrolmentRecord *e, void *userdata), void *userdata);
        int (*audit_each)(Store *s, uint64_t after, int (*visit)(const AuditEntry *e, void *userdata),
                          void *userdata);
        int (*commit)(Store *s, const StoreChange *change);
} StoreOps;

struct Store {
        const StoreOps *ops;
};

/* Opens the database, or makes it where `create` is set and there is none. -EEXIST, -ENOENT; -EBADMSG for a file
 * that is no database of ours or of a newer version. One process at a time: -EBUSY. */
_must_check_ int store_open_sqlite(const char *path, bool create, Store **ret);

static inline void store_free(Store *s)
{
        if (s) s->ops->free(s);
}
DEFINE_CLEANUP(Store, store_free)
#define cleanup_store _cleanup_(store_freep)

/* STORE_E_ABSENT. */
static inline _must_check_ int store_node_get(Store *s, const uint8_t id[static NODE_ID_SIZE], NodeRecord *ret)
{
        return s->ops->node_get(s, id, ret);
}
/* By name, by id, or by its first 8 or more digits. STORE_E_ABSENT, STORE_E_AMBIGUOUS. */
static inline _must_check_ int store_node_find(Store *s, const char *text, NodeRecord *ret)
{
        return s->ops->node_find(s, text, ret);
}
/* In the order of names. A visitor's result other than 0 ends the walk and is returned. Visitors may not write. */
static inline _must_check_ int store_node_each(Store *s, int (*visit)(const NodeRecord *n, void *userdata),
                                               void *userdata)
{
        return s->ops->node_each(s, "", visit, userdata);
}
/* The same from the first name behind `after` on. */
static inline _must_check_ int store_node_each_after(Store *s, const char *after,
                                                     int (*visit)(const NodeRecord *n, void *userdata),
                                                     void *userdata)
{
        return s->ops->node_each(s, after, visit, userdata);
}
static inline _must_check_ int store_node_count(Store *s, uint64_t *ret)
{
        return s->ops->node_count(s, ret);
}
/* Zeros with the id where nothing is known. */
static inline _must_check_ int store_local_get(Store *s, const uint8_t id[static NODE_ID_SIZE], NodeLocal *ret)
{
        return s->ops->local_get(s, id, ret);
}
/* The CMS of a volume's recovery key; an empty volume_id means the role "root". ret_role has room for
 * NODE_ROLE_MAX + 1. STORE_E_ABSENT. */
static inline _must_check_ int store_recovery_get(Store *s, const uint8_t id[static NODE_ID_SIZE], Bytes volume_id,
                                                  uint8_t **ret, size_t *ret_size, char *ret_role)
{
        return s->ops->recovery_get(s, id, volume_id, ret, ret_size, ret_role);
}
/* STORE_E_ABSENT; -EBADMSG where the content no longer has that hash. */
static inline _must_check_ int store_log_get(Store *s, const uint8_t hash[static SHA256_SIZE], uint8_t **ret,
                                             size_t *ret_size)
{
        return s->ops->log_get(s, hash, ret, ret_size, NULL);
}
/* The same with the command line of that boot; the caller frees both. */
static inline _must_check_ int store_boot_get(Store *s, const uint8_t hash[static SHA256_SIZE], uint8_t **ret,
                                              size_t *ret_size, char **ret_command_line)
{
        return s->ops->log_get(s, hash, ret, ret_size, ret_command_line);
}
/* The newest version of each policy, removed ones too, in the order of names. Visitors may not write. */
static inline _must_check_ int store_policy_each(Store *s, int (*visit)(const StorePolicy *p, void *userdata),
                                                 void *userdata)
{
        return s->ops->policy_each(s, visit, userdata);
}
static inline _must_check_ int store_enrolment_get(Store *s, const uint8_t secret_hash[static SHA256_SIZE],
                                                   EnrolmentRecord *ret)
{
        return s->ops->enrolment_get(s, secret_hash, ret);
}
/* 0: this EK used the secret. STORE_E_ABSENT: it did not. */
static inline _must_check_ int store_enrolment_used_by(Store *s, const uint8_t secret_hash[static SHA256_SIZE],
                                                       const uint8_t ek[static NODE_ID_SIZE])
{
        return s->ops->enrolment_uses(s, secret_hash, ek);
}
/* Oldest first. */
static inline _must_check_ int store_enrolment_each(Store *s,
                                                    int (*visit)(const EnrolmentRecord *e, void *userdata),
                                                    void *userdata)
{
        return s->ops->enrolment_each(s, visit, userdata);
}
/* Entries behind sequence `after`, oldest first. */
static inline _must_check_ int store_audit_each(Store *s, uint64_t after,
                                                int (*visit)(const AuditEntry *e, void *userdata), void *userdata)
{
        return s->ops->audit_each(s, after, visit, userdata);
}
static inline _must_check_ int store_commit(Store *s, const StoreChange *change)
{
        return s->ops->commit(s, change);
}
