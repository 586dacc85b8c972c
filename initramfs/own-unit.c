/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "initramfs/own-unit.h"

#include "base/fd.h"
#include "initramfs/closed.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char unit[] = "# Written by halfkey-generator.\n"
                           "[Unit]\n"
                           "Description=Volume %s, opened by halfkey\n"
                           "Documentation=man:halfkey-unlock(8)\n"
                           "DefaultDependencies=no\n"
                           "IgnoreOnIsolate=yes\n"
                           "Requires=halfkey-unlock.service\n"
                           "After=halfkey-unlock.service\n"
                           "%s"
                           "\n"
                           "[Service]\n"
                           "Type=oneshot\n"
                           "RemainAfterExit=yes\n"
                           "ExecStart=/bin/true\n";

/* systemd.unit(5), "String escaping for inclusion in unit names". settings.c admits no '/' in names. */
static void escape(const char *name, char *ret, size_t size)
{
        size_t at = 0;

        for (; *name && at + 5 < size; name++) {
                if (isalnum((unsigned char)*name) || *name == ':' || *name == '_' || *name == '.')
                        ret[at++] = *name;
                else at += (size_t)snprintf(ret + at, size - at, "\\x%02x", (unsigned)(unsigned char)*name);
        }
        ret[at] = '\0';
}

int own_unit_write(const char *folder, const VolumeSetting *volume)
{
        char escaped[4 * SETTINGS_NAME_MAX + 1], conditions[2 * SETTINGS_NAME_MAX + 128] = "";
        cleanup_free char *path = NULL, *text = NULL;
        const char *name = volume->name;
        int n;

        escape(name, escaped, sizeof(escaped));
        if (!volume->essential)
                (void)snprintf(conditions, sizeof(conditions),
                               "ConditionPathExists=|/dev/mapper/%s\n"
                               "ConditionPathExists=|" CLOSED_FOLDER "/%s\n",
                               name, name);
        if (asprintf(&path, "%s/systemd-cryptsetup@%s.service", folder, escaped) < 0) return -ENOMEM;
        n = asprintf(&text, unit, name, conditions);
        if (n < 0) return -ENOMEM;
        return file_write_atomic(path, BYTES(text, (size_t)n), 0644);
}
