/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The store's contract (verifier/store.h), over SQLite. */

#include "verifier/store.h"

#include "check.h"

#include <errno.h>
#include <sqlite3.h>
#include <unistd.h>

typedef struct Scratch {
        char dir[64], path[96];
        Store *store;
} Scratch;

static void scratch_init(Scratch *s)
{
        (void)snprintf(s->dir, sizeof(s->dir), "/tmp/halfkey-store-XXXXXX");
        CHECK(mkdtemp(s->dir));
        (void)snprintf(s->path, sizeof(s->path), "%s/verifier.db", s->dir);
        CHECK_OK(store_open_sqlite(s->path, true, &s->store));
}

static void scratch_reopen(Scratch *s)
{
        store_free(TAKE_PTR(s->store));
        CHECK_OK(store_open_sqlite(s->path, false, &s->store));
}

static void scratch_deinit(Scratch *s)
{
        char command[128];

        store_free(s->store);
        (void)snprintf(command, sizeof(command), "rm -rf %s", s->dir);
        CHECK(system(command) == 0);
}
#define cleanup_scratch _cleanup_(scratch_deinit)

/* A record with something in every field. */
static NodeRecord sample(uint8_t first)
{
        NodeRecord n = { .state = NODE_ACTIVE,
                         .committed = true,
                         .registering = true,
                         .reinstall = true,
                         .readopt = true,
                         .readopt_after = { 3, 4 },
                         .incarnation = 2,
                         .generation = 7,
                         .n_halves = 2,
                         .n_volumes = 1,
                         .seen = { 5, 1 },
                         .capped = true,
                         .capped_at = { 5, 1 },
                         .registered_at = 1000,
                         .attested_at = 2000,
                         .hostname = "host",
                         .serial = "SN",
                         .trusted = "by ek-list and certificate of CN=Maker" };

        memset(n.id, first, sizeof(n.id));
        node_default_name(n.id, 8, n.name);
        n.ek_size = 100;
        memset(n.ek, 1, n.ek_size);
        n.keys = (NodeKeys){ .ak_size = 80,
                             .bank = HASH_SHA256,
                             .at = { 1, 2 },
                             .approved_pcr7 = { .alg = HASH_SHA256, .size = 32, .bytes = { 9 } } };
        n.keys.ak_name.size = n.keys.srk_name.size = 34;
        n.registration = n.keys;
        n.registration.half.generation = 7;
        n.halves[0] = (NodeHalf){ .generation = 5, .wrapped = { 1, 2 } };
        n.halves[1] = (NodeHalf){ .generation = 6, .wrapped = { 3 } };
        n.volumes[0] = (NodeVolume){ .role = "root",
                                     .generation = 6,
                                     .epoch = 3,
                                     .floor = 2,
                                     .tag = { 4 },
                                     .token_hash = { 5 },
                                     .key_shared = true,
                                     .order = NODE_ORDER_DELIVERED,
                                     .order_epoch = 4,
                                     .next_hash = { 7 },
                                     .opened = true };
        n.baseline = (NodeBoot){ .present = true, .bank = HASH_SHA256, .log_hash = { 6 }, .at = 1500 };
        CHECK_OK(labels_set(&n.labels, "role", "web"));
        CHECK_OK(labels_set(&n.labels, "zone", ""));
        n.floors = (PolicyFloors){ .dbx = 200, .sbat = 2023012900, .firmware = "1.2" };
        return n;
}

static int put(Scratch *s, const NodeRecord *n)
{
        return store_commit(s->store, &(StoreChange){ .node = n });
}

static void check_same(const NodeRecord *a, const NodeRecord *b)
{
        uint8_t *ea, *eb;
        size_t na, nb;

        CHECK_OK(node_encode(a, &ea, &na));
        CHECK_OK(node_encode(b, &eb, &nb));
        CHECK_BYTES(BYTES(ea, na), BYTES(eb, nb));
        free(ea);
        free(eb);
}

static void records_survive(void)
{
        cleanup_scratch Scratch s = { 0 };
        NodeRecord n = sample(0xab), got;

        scratch_init(&s);
        CHECK_OK(put(&s, &n));
        scratch_reopen(&s);
        CHECK_OK(store_node_get(s.store, n.id, &got));
        check_same(&n, &got);
        CHECK(got.revision == 1);
        CHECK_BYTES(BYTES_ARRAY(got.volumes[0].token_hash), BYTES_ARRAY(n.volumes[0].token_hash));
        n.id[0] = 0;
        CHECK_RESULT(store_node_get(s.store, n.id, &got), STORE_E_ABSENT);
}

/* DESIGN: at most 1 kB a node where a store keeps a million of them. */
static void usual_nodes_are_small(void)
{
        NodeRecord n = sample(1);
        uint8_t *e;
        size_t size;

        n.registering = false;
        n.n_halves = 1;
        n.last = n.baseline;
        n.volumes[0].order = NODE_ORDER_NONE;
        CHECK_OK(node_encode(&n, &e, &size));
        CHECK(size < 900);
        free(e);
}

static void bad_encodings_are_refused(void)
{
        NodeRecord n = sample(1), got;
        uint8_t *e;
        size_t size;

        CHECK_OK(node_encode(&n, &e, &size));
        for (size_t i = 0; i < size; i++) CHECK_RESULT(node_decode(BYTES(e, i), &got), -EBADMSG);
        CHECK_OK(node_decode(BYTES(e, size), &got));
        e[0] = 3;
        CHECK_RESULT(node_decode(BYTES(e, size), &got), -EBADMSG);
        e[0] = 2;
        e[size - 41] = NODE_ORDER_CONFIRMED + 1;
        CHECK_RESULT(node_decode(BYTES(e, size), &got), -EBADMSG);
        free(e);
}

/* Version 1 ended before the word on the EK and the orders. */
static void records_from_before_orders_are_read(void)
{
        NodeRecord n = sample(1), got;
        uint8_t *e;
        size_t size;

        n.trusted[0] = '\0';
        n.labels = (Labels){ 0 };
        n.floors = (PolicyFloors){ 0 };
        CHECK_OK(node_encode(&n, &e, &size));
        e[0] = 1;
        CHECK_OK(node_decode(BYTES(e, size - 2 - 42), &got));
        CHECK(got.volumes[0].order == NODE_ORDER_NONE && got.volumes[0].floor == 2 && !got.volumes[0].opened);
        CHECK(!got.trusted[0]);
        free(e);
}

static void nodes_are_found(void)
{
        cleanup_scratch Scratch s = { 0 };
        NodeRecord a = sample(0xab), b = sample(0xab), c = sample(0x11), got;

        scratch_init(&s);
        b.id[31] = 0;
        (void)snprintf(b.name, sizeof(b.name), "other");
        CHECK_OK(put(&s, &a));
        CHECK_OK(put(&s, &b));
        CHECK_OK(put(&s, &c));
        CHECK_OK(store_node_find(s.store, "other", &got));
        CHECK(got.id[31] == 0);
        CHECK_OK(store_node_find(s.store, "11111111", &got));
        CHECK_OK(store_node_find(s.store, "node-11111111", &got));
        CHECK_RESULT(store_node_find(s.store, "1111111", &got), STORE_E_ABSENT);
        CHECK_RESULT(store_node_find(s.store, "abababab", &got), STORE_E_AMBIGUOUS);
        CHECK_RESULT(store_node_find(s.store, "' OR 1=1 --", &got), STORE_E_ABSENT);
        c = sample(0x22);
        (void)snprintf(c.name, sizeof(c.name), "other");
        CHECK_RESULT(put(&s, &c), STORE_E_CONFLICT);
}

static void writers_do_not_overtake(void)
{
        cleanup_scratch Scratch s = { 0 };
        NodeRecord n = sample(1), stale;

        scratch_init(&s);
        CHECK_OK(put(&s, &n));
        CHECK_RESULT(put(&s, &n), STORE_E_CONFLICT); /* a second new one */
        CHECK_OK(store_node_get(s.store, n.id, &n));
        stale = n;
        CHECK_OK(put(&s, &n));
        CHECK_RESULT(put(&s, &stale), STORE_E_CONFLICT);
        CHECK_OK(store_commit(s.store, &(StoreChange){ .remove_node = n.id }));
        CHECK_OK(store_node_get(s.store, n.id, &stale) == STORE_E_ABSENT ? 0 : -1);
        CHECK_RESULT(put(&s, &(NodeRecord){ .revision = 2, .state = NODE_ACTIVE }), STORE_E_CONFLICT);
}

static void nothing_goes_down(void)
{
        cleanup_scratch Scratch s = { 0 };
        NodeRecord n = sample(1), worse;

        scratch_init(&s);
        CHECK_OK(put(&s, &n));
        CHECK_OK(store_node_get(s.store, n.id, &n));
        worse = n;
        worse.seen.reset--;
        CHECK_RESULT(put(&s, &worse), STORE_E_BACKWARDS);
        worse = n;
        worse.capped = false;
        CHECK_RESULT(put(&s, &worse), STORE_E_BACKWARDS);
        worse = n;
        worse.capped_at.restart = 0;
        CHECK_RESULT(put(&s, &worse), STORE_E_BACKWARDS);
        worse = n;
        worse.volumes[0].floor--;
        CHECK_RESULT(put(&s, &worse), STORE_E_BACKWARDS);
        worse = n;
        worse.generation--;
        CHECK_RESULT(put(&s, &worse), STORE_E_BACKWARDS);
        worse = n;
        worse.incarnation--;
        CHECK_RESULT(put(&s, &worse), STORE_E_BACKWARDS);
        worse = n; /* a reinstalled node begins anew */
        worse.incarnation++;
        worse.seen = (BootCounters){ 0 };
        CHECK_OK(put(&s, &worse));
}

static void changes_are_whole_or_nothing(void)
{
        cleanup_scratch Scratch s = { 0 };
        NodeRecord n = sample(1), got;
        const StoreEnrolmentUse use = { .secret_hash = { 1 } };
        const AuditEntry e = { .kind = "x" };

        scratch_init(&s);
        CHECK_RESULT(store_commit(s.store, &(StoreChange){ .node = &n, .use = &use, .audit = &e }),
                     STORE_E_ABSENT);
        CHECK_RESULT(store_node_get(s.store, n.id, &got), STORE_E_ABSENT);
        CHECK_RESULT(store_commit(s.store, &(StoreChange){ .audit = &e, .remove_enrolment = "none" }),
                     STORE_E_ABSENT);
}

static void secrets_count_their_uses(void)
{
        cleanup_scratch Scratch s = { 0 };
        EnrolmentRecord e = { .id = "one",
                              .secret_hash = { 1 },
                              .uses = 1,
                              .created_at = 5,
                              .expires_at = 9,
                              .unique_volume_key = true,
                              .n_eks = 1,
                              .eks = { { 3 } } },
                        got;
        const StoreEnrolmentUse first = { .secret_hash = { 1 }, .ek = { 1 } },
                                second = { .secret_hash = { 1 }, .ek = { 2 } };

        scratch_init(&s);
        CHECK_OK(store_commit(s.store, &(StoreChange){ .enrolment = &e }));
        CHECK_OK(store_commit(s.store, &(StoreChange){ .use = &first }));
        CHECK_OK(store_commit(s.store, &(StoreChange){ .use = &first }));
        CHECK_RESULT(store_commit(s.store, &(StoreChange){ .use = &second }), STORE_E_USED);
        scratch_reopen(&s);
        CHECK_OK(store_enrolment_get(s.store, e.secret_hash, &got));
        CHECK(got.used == 1 && got.uses == 1 && got.expires_at == 9 && got.unique_volume_key && got.n_eks == 1);
        CHECK(got.eks[0][0] == 3);
        CHECK_OK(store_enrolment_used_by(s.store, e.secret_hash, first.ek));
        CHECK_RESULT(store_enrolment_used_by(s.store, e.secret_hash, second.ek), STORE_E_ABSENT);
        CHECK_OK(store_commit(s.store, &(StoreChange){ .remove_enrolment = "one" }));
        CHECK_RESULT(store_enrolment_get(s.store, e.secret_hash, &got), STORE_E_ABSENT);
        CHECK_OK(store_commit(s.store, &(StoreChange){ .enrolment = &e }));
        CHECK_RESULT(store_enrolment_used_by(s.store, e.secret_hash, first.ek), STORE_E_ABSENT);
}

static void logs_go_with_their_last_reference(void)
{
        cleanup_scratch Scratch s = { 0 };
        NodeRecord n = sample(1);
        StoreLog log = { .content = BYTES_LITERAL("a log") };
        uint8_t *content;
        size_t size;

        scratch_init(&s);
        CHECK_OK(hash_sha256(log.content, log.hash));
        memcpy(n.baseline.log_hash, log.hash, sizeof(log.hash));
        n.last = n.baseline;
        CHECK_OK(store_commit(s.store, &(StoreChange){ .node = &n, .log = &log }));
        CHECK_OK(store_node_get(s.store, n.id, &n));
        n.last.present = false;
        CHECK_OK(store_commit(s.store, &(StoreChange){ .node = &n, .log = &log }));
        CHECK_OK(store_log_get(s.store, log.hash, &content, &size));
        CHECK_BYTES(BYTES(content, size), log.content);
        free(content);
        CHECK_OK(store_node_get(s.store, n.id, &n));
        n.baseline.present = false;
        CHECK_OK(put(&s, &n));
        CHECK_RESULT(store_log_get(s.store, log.hash, &content, &size), STORE_E_ABSENT);
}

static int keep_policy(const StorePolicy *p, void *userdata)
{
        char *text = userdata;
        const size_t at = strlen(text);

        (void)snprintf(text + at, 256 - at, "%s@%u:%zu ", p->name, (unsigned)p->version, p->document.size);
        return 0;
}

static int put_policy(Scratch *s, const char *name, uint64_t version, const char *document)
{
        return store_commit(
                s->store,
                &(StoreChange){ .policy = &(StorePolicy){ name, version, 5, BYTES(document, strlen(document)) } });
}

static void policies_have_versions(void)
{
        cleanup_scratch Scratch s = { 0 };
        char text[256] = "";

        scratch_init(&s);
        CHECK_OK(put_policy(&s, "web", 1, "one"));
        CHECK_OK(put_policy(&s, "web", 2, "second"));
        CHECK_OK(put_policy(&s, "a", 1, "x"));
        CHECK_RESULT(put_policy(&s, "web", 2, "other"), STORE_E_CONFLICT);
        CHECK_OK(put_policy(&s, "a", 2, "")); /* removed */
        scratch_reopen(&s);
        CHECK_OK(store_policy_each(s.store, keep_policy, text));
        CHECK_TEXT(text, "a@2:0 web@2:6 ");
}

/* A database as version 1 of the schema left it. */
static void older_databases_are_brought_up(void)
{
        cleanup_scratch Scratch s = { 0 };
        NodeRecord n = sample(1), got;
        char text[256] = "", *line = NULL;
        sqlite3 *db = NULL;
        StoreLog log = { .content = BYTES_LITERAL("a log") };
        uint8_t *content = NULL;
        size_t size;

        scratch_init(&s);
        CHECK_OK(hash_sha256(log.content, log.hash));
        memcpy(n.baseline.log_hash, log.hash, sizeof(log.hash));
        CHECK_OK(store_commit(s.store, &(StoreChange){ .node = &n, .log = &log }));
        store_free(TAKE_PTR(s.store));
        CHECK(sqlite3_open(s.path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db,
                           "DROP TABLE policy; ALTER TABLE log DROP COLUMN command_line; PRAGMA user_version = 1",
                           NULL, NULL, NULL) == SQLITE_OK);
        CHECK(sqlite3_close(db) == SQLITE_OK);
        CHECK_OK(store_open_sqlite(s.path, false, &s.store));
        CHECK_OK(store_node_get(s.store, n.id, &got));
        check_same(&n, &got);
        CHECK_OK(store_boot_get(s.store, log.hash, &content, &size, &line));
        CHECK_TEXT(line, ""); /* nobody kept it */
        free(content);
        free(line);
        log.command_line = "ro";
        n.revision = got.revision;
        CHECK_OK(store_commit(s.store, &(StoreChange){ .node = &n, .log = &log }));
        CHECK_OK(store_boot_get(s.store, log.hash, &content, &size, &line));
        CHECK_TEXT(line, "ro");
        free(content);
        free(line);
        CHECK_OK(put_policy(&s, "web", 1, "one"));
        scratch_reopen(&s);
        CHECK_OK(store_policy_each(s.store, keep_policy, text));
        CHECK_TEXT(text, "web@1:3 ");
}

static void recovery_keys_are_found(void)
{
        cleanup_scratch Scratch s = { 0 };
        NodeRecord n = sample(1);
        const StoreRecovery r[] = { { .volume_id = { 1 }, .role = "root", .cms = BYTES_LITERAL("cms 1") },
                                    { .volume_id = { 2 }, .role = "data:x", .cms = BYTES_LITERAL("cms 2") } };
        char role[NODE_ROLE_MAX + 1];
        uint8_t *cms;
        size_t size;

        scratch_init(&s);
        CHECK_OK(store_commit(s.store, &(StoreChange){ .node = &n, .recoveries = r, .n_recoveries = 2 }));
        CHECK_OK(store_recovery_get(s.store, n.id, (Bytes){ 0 }, &cms, &size, role));
        CHECK_BYTES(BYTES(cms, size), r[0].cms);
        free(cms);
        CHECK_OK(store_recovery_get(s.store, n.id, BYTES_ARRAY(r[1].volume_id), &cms, &size, role));
        CHECK_BYTES(BYTES(cms, size), r[1].cms);
        CHECK_TEXT(role, "data:x");
        free(cms);
        CHECK_OK(store_commit(s.store, &(StoreChange){ .remove_node = n.id }));
        CHECK_RESULT(store_recovery_get(s.store, n.id, (Bytes){ 0 }, &cms, &size, role), STORE_E_ABSENT);
}

static int check_entry(const AuditEntry *e, void *userdata)
{
        return audit_chain_check(userdata, e);
}

static void audit(Scratch *s, const char *text)
{
        AuditEntry e = { .at = 7, .kind = "test", .node_id = { 1 }, .node = "node", .id = "0123456789abcdef" };

        (void)snprintf(e.text, sizeof(e.text), "%s", text);
        CHECK_OK(store_commit(s->store, &(StoreChange){ .audit = &e }));
}

static void the_audit_is_a_chain(void)
{
        cleanup_scratch Scratch s = { 0 };
        AuditChain chain = AUDIT_CHAIN_INIT, tail = AUDIT_CHAIN_INIT;
        sqlite3 *db = NULL;

        scratch_init(&s);
        audit(&s, "one");
        audit(&s, "two");
        scratch_reopen(&s);
        audit(&s, "three");
        CHECK_OK(store_audit_each(s.store, 0, check_entry, &chain));
        CHECK(chain.sequence == 3);
        CHECK_RESULT(store_audit_each(s.store, 1, check_entry, &tail), -EBADMSG);
        store_free(TAKE_PTR(s.store));
        CHECK(sqlite3_open(s.path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, "UPDATE audit SET text = 'zwei' WHERE sequence = 2", NULL, NULL, NULL) ==
              SQLITE_OK);
        CHECK(sqlite3_close(db) == SQLITE_OK);
        CHECK_OK(store_open_sqlite(s.path, false, &s.store));
        chain = AUDIT_CHAIN_INIT;
        CHECK_RESULT(store_audit_each(s.store, 0, check_entry, &chain), -EBADMSG);
        CHECK(chain.sequence == 1);
}

static void chains_show_every_change(void)
{
        AuditChain chain = AUDIT_CHAIN_INIT, check;
        AuditEntry e[3] = { { .kind = "a" }, { .kind = "b" }, { .kind = "c" } };

        for (size_t i = 0; i < 3; i++) CHECK_OK(audit_chain_append(&chain, &e[i]));
        check = AUDIT_CHAIN_INIT;
        for (size_t i = 0; i < 3; i++) CHECK_OK(audit_chain_check(&check, &e[i]));
        check = AUDIT_CHAIN_INIT;
        CHECK_OK(audit_chain_check(&check, &e[0]));
        CHECK_RESULT(audit_chain_check(&check, &e[2]), -EBADMSG); /* dropped */
        e[1].at = 1;
        CHECK_RESULT(audit_chain_check(&check, &e[1]), -EBADMSG);
        e[1].at = 0;
        e[1].id[0] = 'x';
        CHECK_RESULT(audit_chain_check(&check, &e[1]), -EBADMSG);
}

static void foreign_files_are_refused(void)
{
        cleanup_scratch Scratch s = { 0 };
        Store *other = NULL;
        char path[128];
        FILE *f;

        scratch_init(&s);
        CHECK_RESULT(store_open_sqlite(s.path, true, &other), -EEXIST);
        (void)snprintf(path, sizeof(path), "%s/none", s.dir);
        CHECK_RESULT(store_open_sqlite(path, false, &other), -ENOENT);
        f = fopen(path, "we");
        CHECK(f && fputs("this is no database, but it is long enough to be looked at", f) >= 0 && fclose(f) == 0);
        CHECK_RESULT(store_open_sqlite(path, false, &other), -EBADMSG);
        CHECK(!other);
        CHECK_RESULT(store_open_sqlite(s.path, false, &other), -EBUSY);
}

int main(void)
{
        RUN(records_survive);
        RUN(usual_nodes_are_small);
        RUN(bad_encodings_are_refused);
        RUN(records_from_before_orders_are_read);
        RUN(nodes_are_found);
        RUN(writers_do_not_overtake);
        RUN(nothing_goes_down);
        RUN(changes_are_whole_or_nothing);
        RUN(secrets_count_their_uses);
        RUN(logs_go_with_their_last_reference);
        RUN(policies_have_versions);
        RUN(older_databases_are_brought_up);
        RUN(recovery_keys_are_found);
        RUN(the_audit_is_a_chain);
        RUN(chains_show_every_change);
        RUN(foreign_files_are_refused);
        return 0;
}
