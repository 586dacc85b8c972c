/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey-generator: makes the initrd's volumes halfkey's.
 *
 * For every volume that initrd.conf names it writes a systemd-cryptsetup@NAME.service into the early generator
 * directory, where it stands before the one that systemd-cryptsetup-generator makes. A mask or a symlink does
 * not do: a mask is followed by an unmount of the root at switch-root, a symlink is ignored. The unit is
 * satisfied when halfkey-unlock has ended well and, where the boot can do without the volume, that one is open; it
 * stays so on the host. */

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "initramfs/settings.h"

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

static int write_unit(const char *folder, const VolumeSetting *volume)
{
        char escaped[4 * SETTINGS_NAME_MAX + 1], condition[SETTINGS_NAME_MAX + 64] = "";
        cleanup_free char *path = NULL, *text = NULL;
        const char *name = volume->name;
        int n;

        escape(name, escaped, sizeof(escaped));
        /* A volume that the boot went on without is the host's to open: there its own unit must not be active. */
        if (!volume->essential)
                (void)snprintf(condition, sizeof(condition), "ConditionPathExists=/dev/mapper/%s\n", name);
        if (asprintf(&path, "%s/systemd-cryptsetup@%s.service", folder, escaped) < 0) return -ENOMEM;
        n = asprintf(&text, unit, name, condition);
        if (n < 0) return -ENOMEM;
        return file_write_atomic(path, BYTES(text, (size_t)n), 0644);
}

int main(int argc, char **argv)
{
        Settings settings;
        int r;

        log_init("halfkey-generator", LOG_LEVEL_INFO);
        if (argc != 4) {
                log_error("expected three folders: this program is run by systemd (systemd.generator(7))");
                return 2;
        }
        r = settings_read(&settings);
        if (r < 0) {
                log_error("%s", error_detail(r));
                return 1;
        }
        for (size_t i = 0; i < settings.n_volumes; i++) {
                r = write_unit(argv[2], &settings.volumes[i]);
                if (r < 0) {
                        log_error("%s", error_detail(r));
                        return 1;
                }
        }
        return 0;
}
