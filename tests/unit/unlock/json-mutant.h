/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Mutated JSON: a text cut into its values, and one change at a time to a value or a member. For text without
 * white space, as libcryptsetup writes it. */

#include "check.h"

enum { MUTANT_NODES_MAX = 1024, MUTANT_TEXT_MAX = 96 * 1024, MUTANT_KINDS = 14 };

/* A value at [start, end); `member` is where its key starts, or start itself for an element. */
typedef struct MutantNode {
        size_t start, end, member;
        bool has_key;
} MutantNode;

typedef struct MutantText {
        char text[MUTANT_TEXT_MAX];
        MutantNode nodes[MUTANT_NODES_MAX];
        size_t n_nodes;
} MutantText;

/* What stands in for a value: every type, numbers at their limits, strings of odd content. */
static const char *const mutant_values[] = {
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "2",
        "64",
        "512",
        "4096",
        "4294967295",
        "4294967296",
        "2147483647",
        "-2147483648",
        "9223372036854775807",
        "18446744073709551615",
        "1e3",
        "0.5",
        "1.0",
        "-0",
        "\"\"",
        "\"0\"",
        "\"1\"",
        "\"2\"",
        "\"-1\"",
        "\"+1\"",
        "\" 1\"",
        "\"01\"",
        "\"0x10\"",
        "\"1 \"",
        "\"32768\"",
        "\"16777216\"",
        "\"18446744073709551615\"",
        "\"18446744073709551616\"",
        "\"dynamic\"",
        "\"sha256\"",
        "\"sha512\"",
        "\"sha1\"",
        "\"aes-xts-plain64\"",
        "\"cipher_null-ecb\"",
        "\"argon2id\"",
        "\"pbkdf2\"",
        "\"luks2\"",
        "\"reencrypt\"",
        "\"linear\"",
        "\"halfkey\"",
        "\"a\\u0000b\"",
        "\"\\ud800\"",
        "[]",
        "{}",
        "[\"0\"]",
        "[\"1\"]",
        "[\"0\",\"1\"]",
        "[0]",
        "[[]]",
        "{\"0\":{}}",
        "{\"mandatory\":[\"online-reencrypt-v2\"]}",
        "[\"allow-discards\"]",
        "[\"no-journal\"]",
};

static const char *const mutant_members[] = {
        "\"x\":0",
        "\"flags\":[\"allow-discards\"]",
        "\"integrity\":{\"type\":\"hmac(sha256)\"}",
        "\"priority\":0",
        "\"requirements\":{\"mandatory\":[\"unknown\"]}",
        "\"offset\":\"0\"",
        "\"type\":\"luks2\"",
        "\"keyslots\":[]",
        "\"size\":\"512\"",
        "\"9\":{}",
        "\"epoch\":\"9\"",
        "\"\":1",
        "\"kdf\":{}",
        "\"encryption\":\"cipher_null-ecb\"",
};

/* Behind the value at `at`; 0 where the text ends in it, which earlier changes may have brought about. */
static size_t mutant_value_end(const char *t, size_t at)
{
        size_t depth = 0;

        for (; t[at]; at++) {
                if (t[at] == '"') {
                        for (at++; t[at] && t[at] != '"'; at++)
                                if (t[at] == '\\' && t[at + 1]) at++;
                        if (!t[at]) return 0;
                        if (depth == 0) return at + 1;
                } else if (t[at] == '{' || t[at] == '[') {
                        depth++;
                } else if (t[at] == '}' || t[at] == ']') {
                        if (depth == 0) return at; /* of the value before it: a number or word */
                        if (--depth == 0) return at + 1;
                } else if (t[at] == ',' && depth == 0) {
                        return at;
                }
        }
        return 0;
}

static bool mutant_scan(MutantText *m, size_t at, size_t member, bool has_key)
{
        const char *t = m->text;
        const bool object = t[at] == '{';
        const size_t end = mutant_value_end(t, at);
        size_t i = at + 1;

        if (end == 0 || m->n_nodes == MUTANT_NODES_MAX) return false;
        m->nodes[m->n_nodes++] = (MutantNode){ at, end, member, has_key };
        if (!object && t[at] != '[') return true;
        while (i < end - 1) {
                const size_t start = i;

                if (object) {
                        i = mutant_value_end(t, i);
                        if (i == 0 || t[i] != ':') return false;
                        i++;
                }
                if (!mutant_scan(m, i, start, object)) return false;
                i = mutant_value_end(t, i);
                if (i <= start) return false;
                if (t[i] == ',') i++;
        }
        return true;
}

/* False for a text that is not JSON enough to be cut up. */
static bool mutant_init(MutantText *m, const char *text)
{
        if (strlen(text) >= sizeof(m->text)) return false;
        strcpy(m->text, text);
        m->n_nodes = 0;
        return mutant_scan(m, 0, 0, false);
}

/* text with [from, to) replaced; false where it does not fit. */
static bool mutant_splice(const char *text, size_t from, size_t to, const char *with, char *ret)
{
        const size_t n = strlen(with), rest = strlen(text + to);

        if (from + n + rest + 1 > MUTANT_TEXT_MAX) return false;
        memmove(ret, text, from);
        memcpy(ret + from, with, n);
        memcpy(ret + from + n, text + to, rest + 1);
        return true;
}

/* The whole member or element without the comma that goes with it. */
static bool mutant_without(const MutantText *m, const MutantNode *n, char *ret)
{
        size_t from = n->member, to = n->end;

        if (m->text[to] == ',') to++;
        else if (from > 0 && m->text[from - 1] == ',') from--;
        return mutant_splice(m->text, from, to, "", ret);
}

/* How many choices of a kind are worth being made one after the other. */
static size_t mutant_choices(unsigned kind)
{
        if (kind == 0) return ARRAY_SIZE(mutant_values);
        if (kind == 4) return ARRAY_SIZE(mutant_members);
        return kind == 3 || kind == 13 ? 4 : kind == 5 || kind == 7 || kind == 10 ? 2 : 1;
}

/* One change of the given kind to node `which`; `choice` picks among what the kind has. False: there is none. */
static bool mutant_make(const MutantText *m, size_t which, unsigned kind, size_t choice, char *ret)
{
        static char with[MUTANT_TEXT_MAX];
        const MutantNode *n = &m->nodes[which], *other = &m->nodes[choice % m->n_nodes];
        const char *t = m->text;
        const int size = (int)(n->end - n->start), whole = (int)(n->end - n->member);

        switch (kind) {
        case 0: /* another value */
                return mutant_splice(t, n->start, n->end, mutant_values[choice % ARRAY_SIZE(mutant_values)], ret);
        case 1: return n->start > 0 && mutant_without(m, n, ret);
        case 2: /* twice, the same */
                (void)snprintf(with, sizeof(with), "%.*s,", whole, t + n->member);
                return n->start > 0 && mutant_splice(t, n->member, n->member, with, ret);
        case 3: /* twice, another value before it or behind it */
                if (!n->has_key) return false;
                if (choice % 2)
                        (void)snprintf(with, sizeof(with), "%.*s%s,%.*s", (int)(n->start - n->member),
                                       t + n->member, mutant_values[choice / 2 % ARRAY_SIZE(mutant_values)], whole,
                                       t + n->member);
                else
                        (void)snprintf(with, sizeof(with), "%.*s,%.*s%s", whole, t + n->member,
                                       (int)(n->start - n->member), t + n->member,
                                       mutant_values[choice / 2 % ARRAY_SIZE(mutant_values)]);
                return mutant_splice(t, n->member, n->end, with, ret);
        case 4: /* one member more */
                if (t[n->start] != '{') return false;
                (void)snprintf(with, sizeof(with), "%s%s", mutant_members[choice % ARRAY_SIZE(mutant_members)],
                               t[n->start + 1] == '}' ? "" : ",");
                return mutant_splice(t, n->start + 1, n->start + 1, with, ret);
        case 5: /* another key */
                return n->has_key && mutant_splice(t, n->member + 1, n->member + 1, choice % 2 ? "x" : "0", ret);
        case 6: /* another node's value */
                (void)snprintf(with, sizeof(with), "%.*s", (int)(other->end - other->start), t + other->start);
                return mutant_splice(t, n->start, n->end, with, ret);
        case 7: /* one level deeper, or forty */
                (void)snprintf(with, sizeof(with), choice % 2 ? "[%.*s]" : "{\"a\":%.*s}", size, t + n->start);
                return mutant_splice(t, n->start, n->end, with, ret);
        case 8:
                memset(with, '[', 40);
                memset(with + 40, ']', 40);
                with[80] = '\0';
                return mutant_splice(t, n->start, n->end, with, ret);
        case 9: /* a digit or letter more, in a string or a number */
                if (strchr("{[tfn", t[n->start])) return false;
                (void)snprintf(with, sizeof(with), "%c", "0123456789abcdef+/="[choice % 19]);
                return mutant_splice(t, n->end - (t[n->start] == '"'), n->end - (t[n->start] == '"'), with, ret);
        case 10: /* one less, or another */
                if (t[n->start] != '"' || size < 3) return false;
                (void)snprintf(with, sizeof(with), "%s", choice % 3 ? "" : "1");
                return mutant_splice(t, n->start + 1 + choice % (size_t)(size - 2),
                                     n->start + 2 + choice % (size_t)(size - 2), with, ret);
        case 11: /* long */
                if (t[n->start] != '"') return false;
                memset(with, 'A', 4000);
                with[4000] = '\0';
                return mutant_splice(t, n->end - 1, n->end - 1, with, ret);
        case 12: /* white space, which changes nothing */
                return mutant_splice(t, n->start, n->start, " \n\t", ret);
        default: /* cut off, or something behind the end */
                if (choice % 2) return mutant_splice(t, n->start, strlen(t), "", ret);
                return mutant_splice(t, strlen(t), strlen(t), choice % 4 ? "{}" : " x", ret);
        }
}
