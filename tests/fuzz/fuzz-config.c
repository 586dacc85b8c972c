/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a node reads from its ESP and its initrd: the configuration, halfkey's settings, the kernel command line.
 */

#include "fuzz.h"

#include "node/settings.h"
#include "node/config.h"

#include <string.h>

static void look_at_config(const NodeConfig *c)
{
        cleanup_config NodeConfig *again = NULL;
        uint8_t before[SHA256_SIZE], after[SHA256_SIZE];
        cleanup_free char *text = NULL;

        if (c->n_pins == 0 || c->n_addresses == 0 || c->enrolled == (c->secret != NULL)) abort();
        if (config_hash(c, before) < 0) abort();
        if (!c->enrolled) return;
        if (config_print_node(c, &text) < 0) abort();
        if (config_parse(BYTES(text, strlen(text)), &again) < 0) abort();
        if (config_hash(again, after) < 0 || memcmp(before, after, sizeof(after)) != 0) abort();
}

static void look_at_settings(const uint8_t *data, size_t size)
{
        cleanup_free char *text = malloc(size + 1);
        Settings s;

        if (!text) return;
        memcpy(text, data, size);
        text[size] = '\0';
        if (settings_parse_file(text, &s) < 0) return;
        for (size_t i = 0; i < s.n_volumes; i++)
                if (!s.volumes[i].name[0] || strchr(s.volumes[i].name, '/')) abort();
        IGNORE_RESULT(settings_apply_command_line(text, &s)); /* either answer is fine */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        cleanup_config NodeConfig *c = NULL;

        if (config_parse(BYTES(data, size), &c) == 0) look_at_config(c);
        look_at_settings(data, size);
        return 0;
}
