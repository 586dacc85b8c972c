/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an administrator asks, of the service itself. */

#include "desk.h"

#include "proto/cluster.pb.h"

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

int main(void)
{
        RUN(nodes_come_in_pages);
        RUN(events_come_in_pages);
        return 0;
}
