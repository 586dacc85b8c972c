/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What keeps the host's systemd-cryptsetup from a volume: the generated unit, and the files it looks for. */

#include "base/fd.h"
#include "initramfs/closed.h"
#include "initramfs/own-unit.h"
#include "unlock/image.h"

#include <errno.h>

static const char conf[] =
        "volume = r:root\nvolume = a-b:swap\nvolume = gone:data:gone\nvolume = open:data:open\n";

static char *text_of(const char *folder, const char *name)
{
        cleanup_free char *path = NULL;
        struct stat st;
        uint8_t *text;
        size_t size;

        CHECK(asprintf(&path, "%s/%s", folder, name) > 0);
        CHECK_OK(file_read(path, 4096, &text, &size));
        CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0644);
        return (char *)text;
}

static void the_unit_of_a_volume_is_active_where_it_is_open_or_closed_for_a_reason(void)
{
        cleanup_free char *root = NULL, *swap = NULL;
        Settings s;

        CHECK_OK(settings_parse_file(conf, &s));
        CHECK_OK(own_unit_write(image_dir, &s.volumes[0]));
        CHECK_OK(own_unit_write(image_dir, &s.volumes[1]));
        root = text_of(image_dir, "systemd-cryptsetup@r.service");
        swap = text_of(image_dir, "systemd-cryptsetup@a\\x2db.service");
        CHECK(!strstr(root, "Condition") && strstr(root, "\nRequires=halfkey-unlock.service\n"));
        CHECK(strstr(swap, "After=halfkey-unlock.service\n"
                           "ConditionPathExists=|/dev/mapper/a-b\n"
                           "ConditionPathExists=|/run/halfkey/closed/a-b\n\n[Service]\n"));
}

static void a_file_stands_for_each_volume_that_is_there_and_closed(void)
{
        cleanup_free char *folder = NULL, *path = NULL, *text = NULL;
        Session s = { 0 };

        CHECK_OK(settings_parse_file(conf, &s.settings));
        s.n_volumes = s.settings.n_volumes;
        for (size_t i = 0; i < s.n_volumes; i++) s.volumes[i].setting = &s.settings.volumes[i];
        s.volumes[0].key = image_secret("of root");
        s.volumes[3].key = image_secret("of open");
        for (size_t i = 0; i < s.n_volumes; i++)
                if (i != 2) s.volumes[i].device = strdup("/dev/made-up");
        CHECK_OK(session_leave(&s.volumes[1], error_set(-EIO, "its header is no good")));
        CHECK_OK(session_leave(&s.volumes[2], error_set(-ENOENT, "no device")));
        CHECK(asprintf(&folder, "%s/closed", image_dir) > 0 && asprintf(&path, "%s/a-b", folder) > 0);
        CHECK_OK(closed_clear(folder)); /* none: the first start */
        CHECK_OK(closed_write(&s, folder));
        text = text_of(folder, "a-b");
        CHECK_TEXT(text, "its header is no good\n");
        image_run("test \"$(ls %s)\" = a-b", folder); /* neither the open ones nor the one that is missing */
        CHECK_OK(closed_clear(folder));
        CHECK(access(path, F_OK) < 0 && errno == ENOENT);
        session_deinit(&s);
}

int main(void)
{
        image_init();
        RUN(the_unit_of_a_volume_is_active_where_it_is_open_or_closed_for_a_reason);
        RUN(a_file_stands_for_each_volume_that_is_there_and_closed);
        image_done();
        return 0;
}
