/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/labels.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_word(const char *text, size_t max)
{
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-";

        return strlen(text) <= max && strspn(text, allowed) == strlen(text);
}

/* Where the key is, or belongs. */
static size_t place_of(const Labels *l, const char *key)
{
        size_t i = 0;

        while (i < l->n && strcmp(l->label[i].key, key) < 0) i++;
        return i;
}

static bool has(const Labels *l, size_t i, const char *key)
{
        return i < l->n && strcmp(l->label[i].key, key) == 0;
}

int labels_set(Labels *l, const char *key, const char *value)
{
        const size_t i = place_of(l, key);

        if (!key[0] || !is_word(key, LABEL_KEY_MAX))
                return error_set(-EINVAL, "'%.40s' is no key of a label: up to %d of A-Z a-z 0-9 . _ / -", key,
                                 LABEL_KEY_MAX);
        if (!is_word(value, LABEL_VALUE_MAX))
                return error_set(-EINVAL, "'%.70s' is no value of a label: up to %d of A-Z a-z 0-9 . _ / -", value,
                                 LABEL_VALUE_MAX);
        if (!has(l, i, key)) {
                if (l->n == LABELS_MAX) return error_set(-ENOSPC, "more than %d labels", LABELS_MAX);
                memmove(&l->label[i + 1], &l->label[i], (l->n - i) * sizeof(l->label[0]));
                l->n++;
        }
        (void)snprintf(l->label[i].key, sizeof(l->label[i].key), "%s", key);
        (void)snprintf(l->label[i].value, sizeof(l->label[i].value), "%s", value);
        return 0;
}

int labels_change(Labels *l, const char *text)
{
        char key[LABEL_KEY_MAX + 2];
        const char *equals = strchr(text, '=');
        const size_t length = strlen(text), n = equals ? (size_t)(equals - text) : length > 0 ? length - 1 : 0;
        size_t i;

        if (!equals && (length < 2 || text[length - 1] != '-'))
                return error_set(-EINVAL, "'%.100s' is neither KEY=VALUE nor KEY-", text);
        (void)snprintf(key, sizeof(key), "%.*s", (int)MIN(n, sizeof(key)), text);
        if (equals) return labels_set(l, key, equals + 1);
        i = place_of(l, key);
        if (!has(l, i, key)) return error_set(-EINVAL, "there is no label '%s'", key);
        l->n--;
        memmove(&l->label[i], &l->label[i + 1], (l->n - i) * sizeof(l->label[0]));
        return 0;
}

bool labels_match(const Labels *l, const Labels *wanted)
{
        for (size_t i = 0; i < wanted->n; i++) {
                const size_t at = place_of(l, wanted->label[i].key);

                if (!has(l, at, wanted->label[i].key) || strcmp(l->label[at].value, wanted->label[i].value) != 0)
                        return false;
        }
        return true;
}
