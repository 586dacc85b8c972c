/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/pace.h"

#include "check.h"

static void id_of(unsigned n, uint8_t ret[static NODE_ID_SIZE])
{
        memset(ret, 0, NODE_ID_SIZE);
        ret[0] = 1; /* all in one set */
        ret[1] = 2;
        ret[30] = (uint8_t)(n >> 8);
        ret[31] = (uint8_t)n;
}

static void kinds_have_a_limit(void)
{
        uint8_t id[NODE_ID_SIZE];
        char text[AUDIT_ID_MAX + 1], reason[16];
        PaceNode ended, *n;
        Pace *p = pace_new();
        unsigned audited = 0;

        CHECK(p);
        id_of(1, id);
        n = pace_node(p, id, 1000, &ended);
        for (unsigned i = 0; i < 30; i++) {
                (void)snprintf(reason, sizeof(reason), "reason-%u", i);
                (void)snprintf(text, sizeof(text), "%u", i);
                audited += pace_audit(n, "unlock", reason, text);
        }
        CHECK(audited == PACE_KINDS_USUAL && n->repeated == 30 - PACE_KINDS_USUAL);
        CHECK_TEXT(text, "7"); /* the last that was audited */
        (void)snprintf(text, sizeof(text), "x");
        CHECK(!pace_audit(n, "unlock", "reason-3", text));
        CHECK_TEXT(text, "3");
        pace_free(p);
}

static void grave_kinds_are_not_hidden(void)
{
        static const char *const grave[] = { "token-hash", "token-epoch",          "counters-went-back",
                                             "cap-seen",   "evidence-ek-imported", "evidence-quote-extra-data" };
        char text[AUDIT_ID_MAX + 1], reason[32];
        PaceNode ended, *n;
        uint8_t id[NODE_ID_SIZE];
        Pace *p = pace_new();
        unsigned audited = 0;

        CHECK(p);
        id_of(1, id);
        n = pace_node(p, id, 1000, &ended);
        for (unsigned i = 0; i < 100; i++) {
                (void)snprintf(reason, sizeof(reason), "reason-%u", i);
                (void)snprintf(text, sizeof(text), "x");
                (void)pace_audit(n, "unlock", reason, text);
        }
        for (size_t i = 0; i < ARRAY_SIZE(grave); i++) {
                (void)snprintf(text, sizeof(text), "grave-%zu", i);
                CHECK(pace_audit(n, "unlock", grave[i], text));
                CHECK(!pace_audit(n, "unlock", grave[i], text)); /* each once */
        }
        CHECK_TEXT(text, "grave-5");
        (void)snprintf(text, sizeof(text), "y");
        CHECK(!pace_audit(n, "unlock", "reason-99", text));
        for (unsigned i = 0; i < 100; i++) { /* they have a limit too */
                (void)snprintf(reason, sizeof(reason), "evidence-%u", i);
                audited += pace_audit(n, "reattest", reason, text);
        }
        CHECK(audited == PACE_KINDS_MAX - PACE_KINDS_USUAL - ARRAY_SIZE(grave));
        pace_free(p);
}

static void a_window_ends(void)
{
        char text[AUDIT_ID_MAX + 1] = "1";
        uint8_t id[NODE_ID_SIZE];
        PaceNode ended, *n;
        Pace *p = pace_new();

        CHECK(p);
        id_of(1, id);
        n = pace_node(p, id, 1000, &ended);
        CHECK(ended.repeated == 0 && pace_audit(n, "a", "b", text) && !pace_audit(n, "a", "b", text));
        CHECK(pace_node(p, id, 1000 + PACE_WINDOW_S - 1, &ended) == n && ended.repeated == 0);
        CHECK(!pace_take_ended(p, 1000 + PACE_WINDOW_S - 1, &ended));
        n = pace_node(p, id, 1000 + PACE_WINDOW_S, &ended);
        CHECK(ended.repeated == 1 && ended.from == 1000 && n->repeated == 0 && n->n_kinds == 0);
        CHECK(pace_audit(n, "a", "b", text) && !pace_audit(n, "a", "b", text));
        n = pace_node(p, id, 10, &ended); /* the clock was set back */
        CHECK(ended.repeated == 1 && n->from == 10);
        CHECK(pace_audit(n, "a", "b", text) && !pace_audit(n, "a", "b", text));
        CHECK(pace_take_ended(p, UINT64_MAX, &ended) && ended.repeated == 1);
        CHECK(!pace_take_ended(p, UINT64_MAX, &ended));
        pace_free(p);
}

static void the_oldest_makes_room(void)
{
        char text[AUDIT_ID_MAX + 1] = "1";
        uint8_t id[NODE_ID_SIZE];
        PaceNode ended, *n;
        Pace *p = pace_new();

        CHECK(p);
        for (unsigned i = 0; i < PACE_WAYS; i++) {
                id_of(i, id);
                n = pace_node(p, id, 1000 + i, &ended);
                CHECK(ended.repeated == 0);
                CHECK(pace_audit(n, "a", "b", text) && !pace_audit(n, "a", "b", text));
        }
        id_of(0, id);
        pace_node(p, id, 1020, &ended)->at = 1020;
        CHECK(ended.repeated == 0);
        id_of(99, id);
        (void)pace_node(p, id, 1030, &ended);
        CHECK(ended.repeated == 1 && ended.id[31] == 1);
        id_of(0, id);
        CHECK(pace_node(p, id, 1031, &ended)->repeated == 1);
        pace_free(p);
}

static void searches_share_the_time(void)
{
        PaceNode a = { .from = 1 }, b = { .from = 1 };
        Pace *p = pace_new();

        CHECK(p);
        for (unsigned i = 0; i < PACE_SEARCHES_MAX; i++) CHECK(pace_search(p, &a, 100, PACE_WORK_MAX / 4));
        CHECK(!pace_search(p, &a, 100, 1)); /* its own are used up */
        CHECK(pace_search(p, &b, 100, PACE_WORK_MAX / 4));
        CHECK(!pace_search(p, &b, 100 + PACE_WORK_S - 1, 1)); /* and all there is */
        CHECK(pace_search(p, &b, 100 + PACE_WORK_S, PACE_WORK_MAX));
        CHECK(!pace_search(p, &b, 100 + PACE_WORK_S, 1));
        CHECK(b.searches == 2);
        pace_free(p);
}

int main(void)
{
        RUN(kinds_have_a_limit);
        RUN(grave_kinds_are_not_hidden);
        RUN(a_window_ends);
        RUN(the_oldest_makes_room);
        RUN(searches_share_the_time);
        return 0;
}
