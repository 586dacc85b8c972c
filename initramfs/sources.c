/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where the volumes are that initrd.conf names: what systemd would open by crypttab and command line in this boot,
 * else crypttab by itself, since a command line that names root alone makes systemd pass over all other lines. */

#include "base/error.h"
#include "base/fd.h"
#include "initramfs/session.h"
#include "unlock/crypttab.h"

#include <errno.h>
#include <string.h>

static const CrypttabEntry *find_entry(const Crypttab *t, const char *name)
{
        for (size_t i = 0; i < t->n; i++)
                if (strcmp(t->entries[i].name, name) == 0) return &t->entries[i];
        return NULL;
}

static int take_source(OwnVolume *v, const Crypttab *in_effect, const Crypttab *file)
{
        const CrypttabEntry *e = find_entry(in_effect, v->setting->name);

        if (!e) e = find_entry(file, v->setting->name);
        if (!e)
                return session_leave(v, error_set(-ENOENT,
                                                  "volume '%s' of " SETTINGS_PATH
                                                  " stands neither in /etc/crypttab nor in rd.luks.name= of "
                                                  "the kernel command line",
                                                  v->setting->name));
        v->source = strdup(e->source);
        v->key_file = e->key_file ? strdup(e->key_file) : NULL;
        return v->source && (!e->key_file || v->key_file) ? 0 : -ENOMEM;
}

int session_take_sources(Session *s, Bytes crypttab, Bytes command_line)
{
        cleanup_crypttab Crypttab file = { 0 }, in_effect = { 0 };
        cleanup_crypttab_kernel CrypttabKernel kernel = { 0 };
        int r;

        r = crypttab_parse(crypttab, &file);
        if (r < 0) return error_prefix(r, "/etc/crypttab");
        r = crypttab_parse_kernel(command_line, &kernel);
        if (r == 0) r = crypttab_merge(&file, &kernel, &in_effect);
        for (size_t i = 0; r == 0 && i < s->settings.n_volumes; i++) {
                s->volumes[i].setting = &s->settings.volumes[i];
                s->n_volumes = i + 1;
                r = take_source(&s->volumes[i], &in_effect, &file);
        }
        return r;
}

int session_read_sources(Session *s)
{
        cleanup_free uint8_t *crypttab = NULL, *command_line = NULL;
        size_t size = 0, line_size;
        int r;

        r = file_read("/etc/crypttab", CRYPTTAB_TEXT_MAX, &crypttab, &size);
        if (r < 0 && r != -ENOENT) return error_prefix(r, "/etc/crypttab");
        r = file_read("/proc/cmdline", CRYPTTAB_TEXT_MAX, &command_line, &line_size);
        return r < 0 ? r : session_take_sources(s, BYTES(crypttab, size), BYTES(command_line, line_size));
}
