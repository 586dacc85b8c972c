/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Labels of a node, KEY=VALUE, by which policies choose their nodes. Keys and values are of the characters
 * [A-Za-z0-9._/-]; a value may be empty. */

#include "base/macros.h"

enum { LABELS_MAX = 8, LABEL_KEY_MAX = 32, LABEL_VALUE_MAX = 64 };

typedef struct Label {
        char key[LABEL_KEY_MAX + 1];
        char value[LABEL_VALUE_MAX + 1];
} Label;

typedef struct Labels {
        size_t n;
        Label label[LABELS_MAX]; /* in the order of their keys */
} Labels;

/* Adds or changes one. -EINVAL, -ENOSPC with a detail. */
_must_check_ int labels_set(Labels *l, const char *key, const char *value);
/* "KEY=VALUE" sets, "KEY-" takes away. -EINVAL, -ENOSPC. */
_must_check_ int labels_change(Labels *l, const char *text);
/* Whether all of `wanted` are in l. */
bool labels_match(const Labels *l, const Labels *wanted);
