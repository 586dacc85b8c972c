/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* halfkey-generator: makes the initrd's volumes halfkey's.
 *
 * For every volume that initrd.conf names it writes a systemd-cryptsetup@NAME.service into the early generator
 * directory, where it stands before the one that systemd-cryptsetup-generator makes. A mask or a symlink does
 * not do: a mask is followed by an unmount of the root at switch-root, a symlink is ignored. What is in
 * it: own-unit.h. */

#include "base/error.h"
#include "base/log.h"
#include "initramfs/own-unit.h"

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
                r = own_unit_write(argv[2], &settings.volumes[i]);
                if (r < 0) {
                        log_error("%s", error_detail(r));
                        return 1;
                }
        }
        return 0;
}
