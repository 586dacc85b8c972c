/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The events of a PCR in two logs are aligned by their digests (longest common subsequence); between two that are
 * equal, what only one log has is paired with what only the other has where both are about the same thing: the
 * same variable, the same path, the same label. */

#include "eventlog/diff.h"

#include "base/error.h"
#include "eventlog/describe.h"
#include "eventlog/locality.h"
#include "eventlog/signature.h"
#include "eventlog/text.h"
#include "eventlog/variable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What an EV_IPL is about, found once: its data may be long, and is compared with many. */
typedef struct Subject {
        Bytes label;
        bool command_line;
} Subject;

typedef struct List {
        const EventLog *log;
        const Event **events;
        Subject *subjects; /* of the events, in their order */
        size_t n;
} List;

typedef struct Diff {
        List a, b;
        HashAlg bank;
        uint32_t pcr;
        bool *unclear; /* set where two events that both lack the bank's digest were taken for the same */
        int (*visit)(const EventlogChange *change, void *context);
        void *context;
} Diff;

static bool same_digest(const Diff *d, const Event *x, const Event *y)
{
        Bytes left, right;
        const bool has_left = eventlog_event_digest(d->a.log, x, d->bank, &left) == 0;
        const bool has_right = eventlog_event_digest(d->b.log, y, d->bank, &right) == 0;

        if (!has_left && !has_right) *d->unclear = true;
        return has_left && has_right ? bytes_equal(left, right) : has_left == has_right;
}

/* ---- what an event is about ------------------------------------------------------------------------------- */

/* What stands in front of a text's first colon, as GRUB's "kernel_cmdline", or all of a short one. */
static Bytes label_of(Bytes data)
{
        const uint8_t *colon = memchr(data.data, ':', data.size);

        return colon ? BYTES(data.data, (size_t)(colon - data.data)) : data;
}

/* In PCR 12 a text is a command line, unless it describes an archive ("Credentials initrd"). */
static bool is_command_line(const Event *event)
{
        enum { OPTIONS_PCR = 12 };
        static const uint8_t end[] = { 'i', 0, 'n', 0, 'i', 0, 't', 0, 'r', 0, 'd', 0, 0, 0 };
        const Bytes data = event->data;

        return event->pcr == OPTIONS_PCR && text_looks_utf16(data) &&
               (data.size < sizeof(end) ||
                !bytes_equal(BYTES(data.data + data.size - sizeof(end), sizeof(end)), BYTES_ARRAY(end)));
}

static Subject subject_of(const Event *event)
{
        if (event->type != EV_IPL) return (Subject){ 0 };
        return (Subject){ .label = label_of(event->data), .command_line = is_command_line(event) };
}

static bool same_subject(const Diff *d, size_t i, size_t j)
{
        const Event *x = d->a.events[i], *y = d->b.events[j];
        const Subject *of_x = &d->a.subjects[i], *of_y = &d->b.subjects[j];
        Variable v, w;

        if (x->type != y->type) return false;
        if (variable_parse(x->data, &v) == 0 && variable_parse(y->data, &w) == 0 && v.name.size > 0)
                return bytes_equal(v.name, w.name) && bytes_equal(v.guid, w.guid);
        if (of_x->command_line && of_y->command_line) return true;
        if (x->type == EV_IPL) return bytes_equal(of_x->label, of_y->label);
        return true;
}

/* ---- words ------------------------------------------------------------------------------------------------- */

/* The entries that only the first of two databases has. */
static size_t only_in(Bytes these, Bytes those, Text *t)
{
        SignatureCursor c = SIGNATURE_CURSOR_INIT(these);
        size_t n = 0;
        Signature s;

        while (signature_next(&c, &s) > 0) {
                if (signatures_hold(those, &s)) continue;
                if (n++ > 0) text_put(t, ", ");
                if (s.kind == SIGNATURE_X509) certificate_describe(s.data, t);
                else text_hex(t, BYTES(s.data.data, s.data.size < 8 ? s.data.size : 8));
                if (s.kind != SIGNATURE_X509) text_put(t, "...");
        }
        return n;
}

static void say_entries(Bytes these, Bytes those, const char *what, Text *t)
{
        char list[DIFF_TEXT_SIZE / 3];
        Text l;
        size_t n;

        text_init(&l, list, sizeof(list));
        n = only_in(these, those, &l);
        if (n == 0) return;
        text_format(t, "; %zu entr%s %s: ", n, n == 1 ? "y" : "ies", what);
        text_put(t, list);
}

static bool say_database(const Event *a, const Event *b, Text *t)
{
        Variable v, w;

        if (variable_parse(a->data, &v) < 0 || variable_parse(b->data, &w) < 0 || !variable_is_database(&w))
                return false;
        text_utf16(t, w.name);
        text_put(t, " changed");
        if (!signatures_comparable(v.value, w.value)) {
                text_put(t, "; too many entries to say which");
                return true;
        }
        say_entries(w.value, v.value, "new", t);
        say_entries(v.value, w.value, "gone", t);
        return true;
}

static void say(const Diff *d, EventlogChange *c)
{
        char was[EVENTLOG_TEXT_SIZE] = "", is[EVENTLOG_TEXT_SIZE] = "";
        Text t;

        text_init(&t, c->text, sizeof(c->text));
        if (c->a) eventlog_event_describe(d->a.log, c->a, was);
        if (c->b) eventlog_event_describe(d->b.log, c->b, is);
        if (c->kind == EVENTLOG_DIFFERENCE_START) {
                text_put(&t, "the PCR starts at another value (locality or H-CRTM)");
        } else if (c->kind == EVENTLOG_DIFFERENCE_ADDED) {
                text_put(&t, is);
        } else if (c->kind == EVENTLOG_DIFFERENCE_MISSING) {
                text_put(&t, was);
        } else if (!say_database(c->a, c->b, &t)) {
                text_put(&t, is);
                if (strcmp(was, is) == 0) text_put(&t, ": another content");
                else text_put(&t, "; it was ");
                if (strcmp(was, is) != 0) text_put(&t, was);
        }
}

static int report(const Diff *d, const Event *a, const Event *b)
{
        EventlogChange c = { .pcr = d->pcr, .a = a, .b = b };

        c.kind = !a ? EVENTLOG_DIFFERENCE_ADDED : !b ? EVENTLOG_DIFFERENCE_MISSING : EVENTLOG_DIFFERENCE_CHANGED;
        say(d, &c);
        return d->visit(&c, d->context);
}

/* ---- pairing ------------------------------------------------------------------------------------------------ */

/* What lies between two common events: x of a from i on, y of b from j on. Pairs keep their order. */
static int report_gap(const Diff *d, size_t i, size_t i_end, size_t j, size_t j_end)
{
        int r = 0;

        while (r == 0 && (i < i_end || j < j_end)) {
                size_t k = j;

                if (i == i_end) {
                        r = report(d, NULL, d->b.events[j++]);
                        continue;
                }
                while (k < j_end && !same_subject(d, i, k)) k++;
                if (k == j_end) {
                        r = report(d, d->a.events[i++], NULL);
                        continue;
                }
                for (; j < k && r == 0; j++) r = report(d, NULL, d->b.events[j]);
                if (r == 0) r = report(d, d->a.events[i++], d->b.events[j++]);
        }
        return r;
}

/* Place by place, where the lists are too long to be aligned. */
static int compare_places(const Diff *d)
{
        int r = 0;

        for (size_t i = 0; r == 0 && (i < d->a.n || i < d->b.n); i++) {
                const Event *x = i < d->a.n ? d->a.events[i] : NULL, *y = i < d->b.n ? d->b.events[i] : NULL;

                if (!x || !y || !same_digest(d, x, y)) r = report(d, x, y);
        }
        return r;
}

/* length[i * (m + 1) + j]: the longest common subsequence of what follows i in a and j in b. */
static int align(const Diff *d)
{
        const size_t n = d->a.n, m = d->b.n, row = m + 1;
        cleanup_free uint16_t *length = calloc((n + 1) * row, sizeof(*length));
        size_t i = 0, j = 0, from_i = 0, from_j = 0;
        int r = 0;

        if (!length) return -ENOMEM;
        for (size_t x = n; x-- > 0;)
                for (size_t y = m; y-- > 0;) {
                        const uint16_t down = length[(x + 1) * row + y], right = length[x * row + y + 1];

                        if (same_digest(d, d->a.events[x], d->b.events[y]))
                                length[x * row + y] = (uint16_t)(length[(x + 1) * row + y + 1] + 1);
                        else length[x * row + y] = down > right ? down : right;
                }
        while (i < n && j < m && r == 0) {
                if (same_digest(d, d->a.events[i], d->b.events[j])) {
                        r = report_gap(d, from_i, i, from_j, j);
                        from_i = ++i;
                        from_j = ++j;
                } else if (length[(i + 1) * row + j] >= length[i * row + j + 1]) i++;
                else j++;
        }
        return r == 0 ? report_gap(d, from_i, n, from_j, m) : r;
}

/* ---- all PCRs ------------------------------------------------------------------------------------------------
 */

static void collect(List *list, uint32_t pcr)
{
        list->n = 0;
        for (size_t i = 0; i < list->log->n_events; i++) {
                const Event *event = &list->log->events[i];

                if (event->pcr != pcr || !eventlog_event_extends(event)) continue;
                list->subjects[list->n] = subject_of(event);
                list->events[list->n++] = event;
        }
}

static int diff_pcr(Diff *d, uint32_t pcr)
{
        uint8_t left[HASH_SIZE_MAX], right[HASH_SIZE_MAX];
        int r = 0;

        d->pcr = pcr;
        collect(&d->a, pcr);
        collect(&d->b, pcr);
        eventlog_start_value(d->a.log, d->bank, pcr, left);
        eventlog_start_value(d->b.log, d->bank, pcr, right);
        if (!bytes_equal(BYTES_ARRAY(left), BYTES_ARRAY(right))) {
                EventlogChange c = { .kind = EVENTLOG_DIFFERENCE_START, .pcr = pcr };

                say(d, &c);
                r = d->visit(&c, d->context);
        }
        if (r != 0) return r;
        return d->a.n > DIFF_ALIGNED_MAX || d->b.n > DIFF_ALIGNED_MAX ? compare_places(d) : align(d);
}

static bool has_bank(const EventLog *log, HashAlg bank)
{
        for (size_t i = 0; i < log->n_banks; i++)
                if (log->banks[i] == bank) return true;
        return false;
}

int eventlog_diff(const EventLog *a, const EventLog *b, HashAlg bank,
                  int (*visit)(const EventlogChange *change, void *context), void *context)
{
        cleanup_free const Event **of_a = calloc(a->n_events + 1, sizeof(const Event *)),
                                 **of_b = calloc(b->n_events + 1, sizeof(const Event *));
        cleanup_free Subject *about_a = calloc(a->n_events + 1, sizeof(*about_a)),
                             *about_b = calloc(b->n_events + 1, sizeof(*about_b));
        Diff d = { .a = { a, of_a, about_a, 0 },
                   .b = { b, of_b, about_b, 0 },
                   .bank = bank,
                   .visit = visit,
                   .context = context };
        bool unclear = false;
        int r = 0;

        d.unclear = &unclear;
        if (!of_a || !of_b || !about_a || !about_b) return -ENOMEM;
        if (!has_bank(a, bank) || !has_bank(b, bank))
                return error_set(EVENTLOG_E_NO_BANK, "not both logs have digests of %s",
                                 hash_name((unsigned)bank));
        for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS && r == 0; pcr++) r = diff_pcr(&d, pcr);
        if (r == 0 && unclear)
                return error_set(EVENTLOG_E_NO_DIGEST, "events of both logs have no digest of %s",
                                 hash_name((unsigned)bank));
        return r;
}

const char *eventlog_difference_name(EventlogDifferenceKind kind)
{
        static const char *const names[] = { "changed", "added", "missing", "start" };

        return names[kind];
}
