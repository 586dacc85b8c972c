/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an administrator asks, of the service itself. */

#include "desk.h"

#include "base/hex.h"
#include "base/utf8.h"
#include "proto/cluster.pb.h"
#include "synth.h"

#include <sqlite3.h>

static void put_nodes(Desk *d, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                NodeRecord r = { .state = i % 10 == 3 ? NODE_ACTIVE : NODE_PENDING, .ek_size = 1 };

                r.id[0] = (uint8_t)(i >> 8);
                r.id[1] = (uint8_t)i;
                node_default_name(r.id, 8, r.name);
                CHECK_OK(store_commit(d->v.service.store, &(StoreChange){ .node = &r }));
        }
}

static void put_events(Desk *d, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                AuditEntry e = { .at = i, .kind = "test", .node_id = { (uint8_t)(i % 3) } };

                CHECK_OK(store_commit(d->v.service.store, &(StoreChange){ .audit = &e }));
        }
}

typedef struct Pages {
        unsigned n, pages, largest, here;
        char last[NODE_TEXT_MAX + 1], next[NODE_TEXT_MAX + 1];
        uint64_t last_event, next_event;
} Pages;

static void take_node(const void *reply, void *userdata)
{
        const halfkey_v1_Node *n = reply;
        Pages *p = userdata;

        CHECK(!p->next[0]); /* nothing follows it */
        if (n->next[0]) {
                CHECK(n->node_id.size == 0);
                memcpy(p->next, n->next, sizeof(p->next));
                return;
        }
        CHECK(strcmp(n->name, p->last) > 0);
        memcpy(p->last, n->name, sizeof(p->last));
        p->n++;
        p->here++;
}

static Pages list_nodes(Desk *d, const char *state, uint32_t page_size)
{
        halfkey_v1_ListNodesRequest in = { .page_size = page_size };
        static halfkey_v1_Node out;
        Pages p = { 0 };

        PROTO_SET_TEXT(in.state, state);
        do {
                PROTO_SET_TEXT(in.after, p.next);
                p.next[0] = '\0';
                p.here = 0;
                CHECK(DESK_ASK(d, "ListNodes", ListNodesRequest, &in, Node, &out, take_node, &p).code == RPC_OK);
                p.pages++;
                if (p.here > p.largest) p.largest = p.here;
        } while (p.next[0]);
        return p;
}

static void nodes_come_in_pages(void)
{
        cleanup_desk Desk d = { 0 };
        halfkey_v1_GetClusterRequest in = { 0 };
        static halfkey_v1_Cluster cluster;
        Pages p;

        desk_init(&d);
        put_nodes(&d, 1100);
        p = list_nodes(&d, "", 0);
        CHECK(p.n == 1100 && p.pages == 3 && p.largest == 500);
        p = list_nodes(&d, "", 550);
        CHECK(p.n == 1100 && p.pages == 2);
        p = list_nodes(&d, "", UINT32_MAX);
        CHECK(p.n == 1100 && p.pages == 1);
        p = list_nodes(&d, "active", 100);
        CHECK(p.n == 110 && p.pages == 2);
        p = list_nodes(&d, "quarantined", 0);
        CHECK(p.n == 0 && p.pages == 1);
        CHECK(DESK_ASK(&d, "GetCluster", GetClusterRequest, &in, Cluster, &cluster, NULL, NULL).code == RPC_OK);
        CHECK(cluster.nodes == 1100);
}

static void take_event(const void *reply, void *userdata)
{
        const halfkey_v1_Event *e = reply;
        Pages *p = userdata;

        CHECK(p->next_event == 0);
        if (e->next > 0) {
                p->next_event = e->next;
                return;
        }
        CHECK(e->sequence > p->last_event);
        p->last_event = e->sequence;
        p->n++;
        p->here++;
}

static Pages list_events(Desk *d, uint64_t after, uint32_t page_size)
{
        halfkey_v1_ListEventsRequest in = { .page_size = page_size };
        static halfkey_v1_Event out;
        Pages p = { .next_event = after };

        do {
                in.after = p.next_event;
                p.next_event = p.here = 0;
                CHECK(DESK_ASK(d, "ListEvents", ListEventsRequest, &in, Event, &out, take_event, &p).code ==
                      RPC_OK);
                p.pages++;
                if (p.here > p.largest) p.largest = p.here;
        } while (p.next_event > 0);
        return p;
}

static void events_come_in_pages(void)
{
        cleanup_desk Desk d = { 0 };
        Pages p;

        desk_init(&d);
        put_events(&d, 2500);
        p = list_events(&d, 0, 0);
        CHECK(p.n == 2500 && p.pages == 3 && p.largest == 1000);
        p = list_events(&d, 2400, 0);
        CHECK(p.n == 100 && p.pages == 1);
        p = list_events(&d, 0, 7);
        CHECK(p.n == 2500 && p.largest == 7);
}

/* ---- texts ---------------------------------------------------------------------------------------------- */

/* Sentences quote what the node sent, cut by bytes. The reader of a message refuses all of it for one bad string.
 */
static void what_was_cut_can_be_read(void)
{
        cleanup_desk Desk d = { 0 };
        char text[600] = "";
        Pages p;

        desk_init(&d);
        put_nodes(&d, 2);
        for (size_t i = 0; i < 50; i++) {
                static const char *const ends[] = { "\xc3\xa9", "\xe2\x82\xac", "\x1b", "\xa0" };
                halfkey_v1_Refusal refusal;
                Reader r;
                uint32_t c;

                memset(text, 'a', 180 + i);
                (void)snprintf(text + 180 + i, sizeof(text) - 180 - i, "%s", ends[i % ARRAY_SIZE(ends)]);
                CHECK_RESULT(refuse(&refusal, REFUSAL_POLICY_IMAGE, "%.200s: %.200s and so on", text, text),
                             VERIFIER_E_REFUSED);
                r = READER_INIT(BYTES(refusal.sentence, strlen(refusal.sentence)));
                while (reader_left(&r) > 0) CHECK(utf8_decode(&r, &c) == 0 && utf8_printable(c));
        }
        for (unsigned i = 0; i < 2; i++) { /* as earlier versions stored them */
                NodeLocal local = { .id = { 0, (uint8_t)i } };
                AuditEntry e = { .at = 1, .kind = "test" };

                (void)snprintf(local.refusal, sizeof(local.refusal), "has '%s' and", i ? "\xc3" : "\x1b[2J");
                (void)snprintf(e.text, sizeof(e.text), "%s", i ? "caf\xc3" : "x\xa0y");
                CHECK_OK(store_commit(d.v.service.store, &(StoreChange){ .local = &local, .audit = &e }));
        }
        p = list_nodes(&d, "", 0);
        CHECK(p.n == 2);
        p = list_events(&d, 0, 0);
        CHECK(p.n == 2);
}

/* ---- policies ------------------------------------------------------------------------------------------- */

static const char good_line[] = "root=UUID=1 ro quiet";

/* A desk with one node that was attested once. */
typedef struct Scene {
        Desk d;
        SoftNode n;
        Synth log;
} Scene;

static void scene_init(Scene *s)
{
        desk_init(&s->d);
        synth_init(&s->log, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot(&s->log, false, good_line);
        soft_node_init(&s->n, synth_bytes(&s->log), good_line);
        soft_enrol(&s->d.v, &s->n);
        soft_adopt_boot(&s->d.v, &s->n);
        soft_boot(&s->n);
}

static void scene_deinit(Scene *s)
{
        soft_node_deinit(&s->n);
        desk_deinit(&s->d);
        synth_deinit(&s->log);
}
#define cleanup_scene _cleanup_(scene_deinit)

/* The kernel ends a word at the byte 0xa0, in the middle of a letter. */
static void a_cut_word_is_audited(void)
{
        static const char line[] = "/vmlinuz ro rd.break=\xc3\xa0x";
        cleanup_scene Scene s = { 0 };
        cleanup_synth Synth log = { 0 };
        SoftReply r;
        Pages p;

        scene_init(&s);
        synth_init(&log, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot(&log, true, line);
        s.n.log = synth_bytes(&log);
        s.n.command_line = line;
        r = soft_unlock(&s.d.v, &s.n);
        CHECK_TEXT(r.reason, "policy-command-line");
        CHECK(strstr(r.sentence, "has 'rd.break=?', which"));
        CHECK(strstr(soft_last_text(&s.d.v), "has 'rd.break=?', which"));
        p = list_nodes(&s.d, "", 0);
        CHECK(p.n == 1);
        p = list_events(&s.d, 0, 0);
        CHECK(p.n > 1);
}

static RpcStatus label_accepting(Scene *s, const char *text, uint32_t accept, halfkey_v1_Node *ret)
{
        halfkey_v1_LabelNodeRequest in = { .change_count = 1, .accept_refusals = accept };

        PROTO_SET_TEXT(in.node, soft_record(&s->d.v, s->n.id).name);
        PROTO_SET_TEXT(in.change[0], text);
        return DESK_ASK(&s->d, "LabelNode", LabelNodeRequest, &in, Node, ret, NULL, NULL);
}

static RpcStatus label(Scene *s, const char *text, halfkey_v1_Node *ret)
{
        return label_accepting(s, text, 0, ret);
}

/* A policy for role=web that allows these images. */
static void image_policy(const char *const *images, size_t n, char ret[static 1024])
{
        Writer w = { .data = (uint8_t *)ret, .capacity = 1024, .max = 1024, .fixed = true };

        writer_text(&w, "{\"version\": 1, \"name\": \"web\", \"nodes\": {\"role\": \"web\"}, \"pcrs\": [4],"
                        " \"images\": {\"digests\": [");
        for (size_t i = 0; i < n; i++) {
                char image[128], digits[2 * SHA256_SIZE + 1];
                uint8_t hash[SHA256_SIZE];

                (void)snprintf(image, sizeof(image), "image %s", images[i]);
                CHECK_OK(hash_sha256(BYTES(image, strlen(image)), hash));
                hex_encode(BYTES_ARRAY(hash), digits);
                writer_format(&w, "%s\"%s\"", i ? ", " : "", digits);
        }
        writer_text(&w, "]}}");
        writer_u8(&w, 0);
        CHECK_OK(w.error);
}

static RpcStatus put(Scene *s, const char *document, uint32_t accept, halfkey_v1_Policy *ret)
{
        static halfkey_v1_PutPolicyRequest in;

        in = (halfkey_v1_PutPolicyRequest){ .accept_refusals = accept };
        CHECK_OK(PROTO_SET(in.document, BYTES(document, strlen(document))));
        return DESK_ASK(&s->d, "PutPolicy", PutPolicyRequest, &in, Policy, ret, NULL, NULL);
}

static void keep_verdict(const void *reply, void *userdata)
{
        const halfkey_v1_PolicyVerdict *v = reply;
        halfkey_v1_PolicyVerdict *all = userdata;

        CHECK(!v->next[0] && !all->node[0]); /* one node, one verdict */
        *all = *v;
}

static halfkey_v1_PolicyVerdict test(Scene *s, const char *document)
{
        static halfkey_v1_TestPolicyRequest in;
        static halfkey_v1_PolicyVerdict reply;
        halfkey_v1_PolicyVerdict ret = { 0 };

        in = (halfkey_v1_TestPolicyRequest){ 0 };
        CHECK_OK(PROTO_SET(in.document, BYTES(document, strlen(document))));
        CHECK(DESK_ASK(&s->d, "TestPolicy", TestPolicyRequest, &in, PolicyVerdict, &reply, keep_verdict, &ret)
                      .code == RPC_OK);
        return ret;
}

static RpcStatus named_accepting(Scene *s, const char *method, const char *name, uint32_t accept,
                                 halfkey_v1_Policy *ret)
{
        halfkey_v1_PolicyRequest in = { .accept_refusals = accept };

        PROTO_SET_TEXT(in.name, name);
        return DESK_ASK(&s->d, method, PolicyRequest, &in, Policy, ret, NULL, NULL);
}

static RpcStatus named(Scene *s, const char *method, const char *name, halfkey_v1_Policy *ret)
{
        return named_accepting(s, method, name, 0, ret);
}

static void policies_are_tried_before_they_are_put(void)
{
        static const char *const booted[] = { "\\EFI\\BOOT\\BOOTX64.EFI" }, *const others[] = { "\\other.efi" };
        cleanup_scene Scene s = { 0 };
        static halfkey_v1_Node node;
        static halfkey_v1_Policy p;
        halfkey_v1_PolicyVerdict v;
        char good[1024], bad[1024];
        RpcStatus status;
        SoftReply r;

        scene_init(&s);
        image_policy(booted, 1, good);
        image_policy(others, 1, bad);
        CHECK(label(&s, "role", &node).code == RPC_INVALID_ARGUMENT);
        v = test(&s, bad);
        CHECK(!v.node[0]); /* it is for no node yet */
        CHECK(label(&s, "role=web", &node).code == RPC_OK);
        CHECK(node.label_count == 1);
        CHECK_TEXT(node.label[0].value, "web");
        CHECK_TEXT(soft_last_kind(&s.d.v), "node-labelled");

        v = test(&s, bad);
        CHECK(v.refused && strstr(v.sentence, "(PCR 4,"));
        CHECK_TEXT(v.reason, "policy-image");
        CHECK_TEXT(v.node, node.name);
        v = test(&s, good);
        CHECK(v.node[0] && !v.refused && !v.reason[0]);

        status = put(&s, bad, 0, &p);
        CHECK(status.code == RPC_FAILED_PRECONDITION);
        CHECK(strstr(status.message, node.name) && strstr(status.message, "(PCR 4,") &&
              strstr(status.message, "--accept-refusals 1"));
        CHECK(named(&s, "GetPolicy", "web", &p).code == RPC_NOT_FOUND);
        CHECK(put(&s, good, 0, &p).code == RPC_OK);
        CHECK(p.version == 1 && p.nodes == 1 && p.refused == 0 && p.unknown == 0);
        CHECK_TEXT(soft_last_kind(&s.d.v), "policy-put");
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "");
        CHECK(strstr(soft_last_text(&s.d.v), "by policy web@1"));

        CHECK(put(&s, bad, 1, &p).code == RPC_OK);
        CHECK(p.version == 2 && p.refused == 1);
        r = soft_unlock(&s.d.v, &s.n);
        CHECK_TEXT(r.reason, "policy-image");
        CHECK(strstr(r.sentence, "policy web@2, images: event"));
        soft_verifier_restart(&s.d.v);
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "policy-image");
        CHECK(named(&s, "GetPolicy", "web", &p).code == RPC_OK);
        CHECK_BYTES(PROTO_BYTES(p.document), BYTES(bad, strlen(bad)));
        CHECK(named(&s, "RemovePolicy", "web", &p).code == RPC_OK);
        CHECK_TEXT(soft_last_kind(&s.d.v), "policy-removed");
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "");
        soft_verifier_restart(&s.d.v);
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "");
        CHECK(named(&s, "RemovePolicy", "web", &p).code == RPC_NOT_FOUND);
        CHECK(put(&s, good, 0, &p).code == RPC_OK);
        CHECK(p.version == 4); /* no version is used twice */
        CHECK(put(&s, "{}", 0, &p).code == RPC_INVALID_ARGUMENT);
}

static void a_policy_takes_the_place_of_the_adopted_boot(void)
{
        static const char *const images[] = { "\\EFI\\BOOT\\BOOTX64.EFI", "\\new.efi" };
        cleanup_scene Scene s = { 0 };
        static halfkey_v1_Node node;
        static halfkey_v1_Policy p;
        char document[1024];

        scene_init(&s);
        synth_image(&s.log, 4, "\\new.efi");
        s.n.log = synth_bytes(&s.log);
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "policy-changed-boot");
        image_policy(images, 2, document);
        CHECK(put(&s, document, 0, &p).code == RPC_OK);
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "policy-changed-boot"); /* it is for other nodes */
        CHECK(label(&s, "role=web", &node).code == RPC_OK);
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "");
        synth_text(&s.log, 2, EV_EFI_ACTION, "a card"); /* PCR 2 is still that of the adopted boot */
        s.n.log = synth_bytes(&s.log);
        soft_boot(&s.n);
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "policy-changed-boot");
}

/* A node that boots another image than the adopted one, which a policy allows. */
static void scene_with_new_image(Scene *s, char ret_document[static 1024])
{
        static const char *const images[] = { "\\EFI\\BOOT\\BOOTX64.EFI", "\\new.efi" };
        static halfkey_v1_Node node;
        static halfkey_v1_Policy p;

        scene_init(s);
        image_policy(images, 2, ret_document);
        CHECK(put(s, ret_document, 0, &p).code == RPC_OK);
        CHECK(label(s, "role=web", &node).code == RPC_OK);
        synth_image(&s->log, 4, "\\new.efi");
        s->n.log = synth_bytes(&s->log);
        CHECK_TEXT(soft_unlock(&s->d.v, &s->n).reason, "");
        s->n.capped = ATTEST_CAP_ATTESTED;
        s->n.words = 4;
        CHECK_TEXT(soft_reattest(&s->d.v, &s->n, ATTEST_CAP_ATTESTED).reason, "");
        soft_boot(&s->n);
}

static void is_warned(RpcStatus status)
{
        CHECK(status.code == RPC_FAILED_PRECONDITION);
        if (!strstr(status.message, "of 1 active nodes 1 would be refused then") ||
            !strstr(status.message, "this boot is not the adopted one") ||
            !strstr(status.message, "--accept-refusals 1")) {
                fprintf(stderr, "%s\n", status.message);
                exit(1);
        }
}

/* A policy that lets a boot pass lets it pass for what it covers; the adopted boot counts for the rest. */
static void a_trial_has_the_adopted_boot(void)
{
        cleanup_scene Scene s = { 0 };
        static halfkey_v1_Policy p;
        halfkey_v1_PolicyVerdict v;
        char document[1024], *at;

        scene_with_new_image(&s, document);
        CHECK(put(&s, document, 0, &p).code == RPC_OK);
        at = strstr(document, "[4]");
        CHECK(at);
        memcpy(at, "[ ]", 3); /* the same rule, and nothing covered */
        v = test(&s, document);
        CHECK(v.refused);
        CHECK_TEXT(v.reason, "policy-changed-boot");
        is_warned(put(&s, document, 0, &p));
        CHECK(put(&s, document, 1, &p).code == RPC_OK);
        CHECK(p.refused == 1);
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "policy-changed-boot"); /* as was said */
        CHECK_OK(soft_operator(&s.d.v, s.n.id, node_approve)); /* its next boot is adopted, whatever it is */
        v = test(&s, document);
        CHECK(v.node[0] && !v.refused);
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "");
}

/* Nodes that the policy before it was for are tried, and so are those of a removed one. */
static void what_no_longer_applies_is_tried(void)
{
        cleanup_scene Scene s = { 0 };
        static halfkey_v1_Policy p;
        halfkey_v1_PolicyVerdict v;
        char document[1024], *at;

        scene_with_new_image(&s, document);
        at = strstr(document, "\"web\"}");
        CHECK(at);
        memcpy(at, "\"dbs\"", 5);
        v = test(&s, document);
        CHECK(v.refused);
        is_warned(put(&s, document, 0, &p));
        is_warned(named(&s, "RemovePolicy", "web", &p));
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, ""); /* it is in force still */
        CHECK(named_accepting(&s, "RemovePolicy", "web", 1, &p).code == RPC_OK);
        CHECK(p.nodes == 1 && p.refused == 1 && p.unknown == 0);
        CHECK(strstr(soft_last_text(&s.d.v), "1 would be refused without it"));
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "policy-changed-boot");
}

static void labels_are_tried(void)
{
        static const char *const others[] = { "\\other.efi" };
        cleanup_scene Scene s = { 0 };
        static halfkey_v1_Node node;
        static halfkey_v1_Policy p;
        char document[1024];
        RpcStatus status;

        scene_with_new_image(&s, document);
        is_warned(label(&s, "role-", &node));
        CHECK(soft_record(&s.d.v, s.n.id).labels.n == 1);
        CHECK(label(&s, "place=here", &node).code == RPC_OK); /* no policy asks for it */
        CHECK(label_accepting(&s, "role-", 1, &node).code == RPC_OK);
        CHECK(strstr(soft_last_text(&s.d.v), "role-; its next boot would be refused"));
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "policy-changed-boot");
        CHECK(label(&s, "role=web", &node).code == RPC_OK);
        CHECK(label_accepting(&s, "role=db", 1, &node).code == RPC_OK);
        image_policy(others, 1, document);
        CHECK(put(&s, document, 0, &p).code == RPC_OK);
        CHECK(p.nodes == 0);
        status = label(&s, "role=web", &node);
        CHECK(status.code == RPC_FAILED_PRECONDITION && strstr(status.message, "policy web@2, images"));
}

/* One policy lets it pass, and another does not. */
static void a_trial_has_the_other_policies(void)
{
        static const char *const booted[] = { "\\EFI\\BOOT\\BOOTX64.EFI" }, *const others[] = { "\\other.efi" };
        cleanup_scene Scene s = { 0 };
        static halfkey_v1_Node node;
        static halfkey_v1_Policy p;
        halfkey_v1_PolicyVerdict v;
        char document[1024], *at;

        scene_init(&s);
        CHECK(label(&s, "role=web", &node).code == RPC_OK);
        image_policy(others, 1, document);
        CHECK(put(&s, document, 1, &p).code == RPC_OK);
        image_policy(booted, 1, document);
        at = strstr(document, "\"web\"");
        CHECK(at);
        memcpy(at, "\"two\"", 5);
        v = test(&s, document);
        CHECK(v.refused && strstr(v.sentence, "policy web@1, images"));
        CHECK(put(&s, document, 0, &p).code == RPC_FAILED_PRECONDITION);
}

/* The log of a boot that one node is known by is something else on the disk. */
static void damage_log_of(Scene *s, const uint8_t *id)
{
        const NodeRecord n = soft_record(&s->d.v, id);
        char path[96], text[160], digits[2 * SHA256_SIZE + 1];
        sqlite3 *db = NULL;

        hex_encode(BYTES_ARRAY(n.last.log_hash), digits);
        (void)snprintf(text, sizeof(text), "UPDATE log SET content = x'00' WHERE hash = x'%s'", digits);
        (void)snprintf(path, sizeof(path), "%s/verifier.db", s->d.v.dir);
        store_free(TAKE_PTR(s->d.v.service.store));
        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK && sqlite3_changes(db) == 1);
        CHECK(sqlite3_close(db) == SQLITE_OK);
        soft_verifier_restart(&s->d.v);
}

static void one_damaged_log_is_one_unknown_node(void)
{
        static const char document[] = "{\"version\": 1, \"name\": \"all\", \"nodes\": {}, \"pcrs\": []}";
        static const char *const other_line = "/vmlinuz ro";
        cleanup_scene Scene s = { 0 };
        cleanup_soft_node SoftNode other = { 0 };
        cleanup_synth Synth log = { 0 };
        static halfkey_v1_Policy p;
        static halfkey_v1_Node node;
        RpcStatus status;

        scene_init(&s);
        synth_init(&log, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_boot(&log, true, other_line);
        soft_node_init(&other, synth_bytes(&log), other_line);
        soft_enrol(&s.d.v, &other);
        soft_adopt_boot(&s.d.v, &other);
        damage_log_of(&s, other.id);
        status = put(&s, document, 0, &p);
        CHECK(status.code == RPC_FAILED_PRECONDITION);
        CHECK(strstr(status.message, "of 2 active nodes 0 would be refused then, and of 1 it cannot be told"));
        CHECK(strstr(status.message, "is not here, or damaged"));
        CHECK(put(&s, document, 1, &p).code == RPC_OK);
        CHECK(p.nodes == 2 && p.refused == 0 && p.unknown == 1);
        CHECK(label(&s, "role=web", &node).code == RPC_OK);
        CHECK(named_accepting(&s, "RemovePolicy", "all", 1, &p).code == RPC_OK);
}

static void what_was_seen_does_not_go_down(void)
{
        static const char document[] =
                "{\"version\": 1, \"name\": \"fw\", \"nodes\": {}, \"firmware\": {\"monotonic\": true}}";
        cleanup_scene Scene s = { 0 };
        static halfkey_v1_Policy p;
        NodeRecord n;

        scene_init(&s);
        CHECK(put(&s, document, 0, &p).code == RPC_OK);
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "");
        CHECK(!soft_record(&s.d.v, s.n.id).floors.firmware[0]); /* until it is attested */
        s.n.capped = ATTEST_CAP_ATTESTED;
        s.n.words = 4;
        CHECK_TEXT(soft_reattest(&s.d.v, &s.n, ATTEST_CAP_ATTESTED).reason, "");
        n = soft_record(&s.d.v, s.n.id);
        CHECK_TEXT(n.floors.firmware, "1.");
        (void)snprintf(n.floors.firmware, sizeof(n.floors.firmware), "0.9");
        CHECK_RESULT(store_commit(s.d.v.service.store, &(StoreChange){ .node = &n }), STORE_E_BACKWARDS);
        (void)snprintf(n.floors.firmware, sizeof(n.floors.firmware), "2.0");
        CHECK_OK(store_commit(s.d.v.service.store, &(StoreChange){ .node = &n }));
        soft_boot(&s.n);
        CHECK_TEXT(soft_unlock(&s.d.v, &s.n).reason, "policy-firmware");
}

int main(void)
{
        RUN(nodes_come_in_pages);
        RUN(events_come_in_pages);
        RUN(what_was_cut_can_be_read);
        RUN(a_cut_word_is_audited);
        RUN(policies_are_tried_before_they_are_put);
        RUN(a_policy_takes_the_place_of_the_adopted_boot);
        RUN(a_trial_has_the_adopted_boot);
        RUN(what_no_longer_applies_is_tried);
        RUN(labels_are_tried);
        RUN(a_trial_has_the_other_policies);
        RUN(one_damaged_log_is_one_unknown_node);
        RUN(what_was_seen_does_not_go_down);
        return 0;
}
