/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "node/settings.h"

#include <errno.h>

static void reads_volumes_and_times(void)
{
        Settings s;

        CHECK_OK(settings_parse_file(
                "# comment\n\nvolume = root:root\n volume=var\nprompt = 5\nfail = reboot:10\n", &s));
        CHECK(s.n_volumes == 2);
        CHECK_TEXT(s.volumes[0].name, "root");
        CHECK_TEXT(s.volumes[1].name, "var");
        CHECK_TEXT(s.volumes[1].role, "var");
        CHECK(s.prompt_after_s == 5 && s.fail == FAIL_REBOOT && s.fail_after_min == 10);
}

static void root_may_stand_on_several_volumes(void)
{
        Settings s;

        CHECK_OK(settings_parse_file("volume = srv:data:srv\nvolume = b:root:2\nvolume = swap\nvolume = a:root\n",
                                     &s));
        CHECK(s.n_volumes == 4);
        CHECK_TEXT(s.volumes[0].name, "b");
        CHECK_TEXT(s.volumes[1].name, "a");
        CHECK(s.volumes[0].essential && s.volumes[1].essential);
        CHECK_TEXT(s.volumes[2].role, "data:srv");
        CHECK_TEXT(s.volumes[3].name, "swap");
        CHECK(!s.volumes[2].essential && !s.volumes[3].essential);
}

static void where_no_volume_is_roots_all_are_waited_for(void)
{
        Settings s;

        CHECK_OK(settings_parse_file("volume = var\nvolume = home\n", &s));
        CHECK(s.n_volumes == 2 && s.volumes[0].essential && s.volumes[1].essential);
}

static void has_sane_defaults(void)
{
        Settings s;

        CHECK_OK(settings_parse_file("", &s));
        CHECK(s.n_volumes == 0 && s.prompt_after_s == 30 && s.fail == FAIL_WAIT && !s.seal_pcrsig);
}

static void a_seal_is_for_approvals_or_for_a_uki(void)
{
        Settings s;

        CHECK_OK(settings_parse_file("seal = pcrsig\n", &s));
        CHECK(s.seal_pcrsig);
        CHECK_OK(settings_parse_file("seal = approval\n", &s));
        CHECK(!s.seal_pcrsig);
        CHECK_RESULT(settings_parse_file("seal = any\n", &s), -EBADMSG);
}

static void the_command_line_wins_and_bad_words_change_nothing(void)
{
        Settings s;

        CHECK_OK(settings_parse_file("prompt = 5\n", &s));
        CHECK_OK(settings_apply_command_line("quiet halfkey.prompt=60 halfkey.fail=poweroff:3", &s));
        CHECK(s.prompt_after_s == 60 && s.fail == FAIL_POWEROFF && s.fail_after_min == 3);
        CHECK_RESULT(settings_apply_command_line("halfkey.prompt=soon halfkey.fail=explode", &s), -EBADMSG);
        CHECK(s.prompt_after_s == 60 && s.fail == FAIL_POWEROFF);
}

static void bad_lines_are_named(void)
{
        static const char *const bad[] = {
                "nonsense",
                "volume = ../x",
                "volume = a b",
                "volume = root\nvolume = root:other",
                "prompt = -1",
                "fail = reboot:0",
                "fail = reboot:",
                "skip-cap = yes",
                "volume = x:root:",
                "volume = x:root:1",
                "volume = x:root:02",
                "volume = x:root:b",
                "volume = x:root:100",
                "volume = x:\n",
                "volume = :root",
                "prompt = 1h",
                "prompt = 99999999999999999999",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                Settings s = { .prompt_after_s = 77 };

                CHECK_RESULT(settings_parse_file(bad[i], &s), -EBADMSG);
                CHECK(s.prompt_after_s == 77 && strstr(error_detail(-EBADMSG), "line "));
        }
}

int main(void)
{
        RUN(reads_volumes_and_times);
        RUN(root_may_stand_on_several_volumes);
        RUN(where_no_volume_is_roots_all_are_waited_for);
        RUN(has_sane_defaults);
        RUN(a_seal_is_for_approvals_or_for_a_uki);
        RUN(the_command_line_wins_and_bad_words_change_nothing);
        RUN(bad_lines_are_named);
        return 0;
}
