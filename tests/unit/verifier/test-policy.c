/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verifier/command-line.h"
#include "verifier/policy.h"

#include "check.h"
#include "synth.h"

static void command_lines_are_told_apart(void)
{
        static const char *const good[] = {
                "",
                "root=/dev/vda1 ro quiet splash",
                "BOOT_IMAGE=/vmlinuz root=UUID=1 init=/sbin/init",
                "init=/usr/lib/systemd/systemd rd.shell=0 systemd.debug_shell=no",
                "rd.emergency=poweroff rd.emergency=reboot",
                "initrd=\\initrd.img initcall_debug rd.luks.uuid=1 breakpoint=1",
                "console=ttyS0 systemd.show_status=1 dm_mod.create=\"a b\"",
        };
        static const struct {
                const char *line, *word;
        } bad[] = {
                { "rdinit=/bin/sh", "rdinit=/bin/sh" },
                { "quiet init=/bin/bash", "init=/bin/bash" },
                { "init=", "init=" },
                { "rd.break", "rd.break" },
                { "rd.break=pre-mount ro", "rd.break=pre-mount" },
                { "rd.shell", "rd.shell" },
                { "rd.emergency", "rd.emergency" },
                { "rd.emergency=shell", "rd.emergency=shell" },
                { "rd.shell=1", "rd.shell=1" },
                { "systemd.debug-shell=1", "systemd.debug-shell=1" },
                { "rd.systemd.debug_shell", "rd.systemd.debug_shell" },
                { "systemd.unit=rescue.target", "systemd.unit=rescue.target" },
                { "rd.systemd.mask=halfkey-cap.service", "rd.systemd.mask=halfkey-cap.service" },
                { "a \"rdinit=/bin/sh\"", "rdinit=/bin/sh" },
                { "a rd\"init\"=/x", "rdinit=/x" },
                { "x='a rdinit=/bin/sh b'", "rdinit=/bin/sh" },
                { "'systemd.debug_shell'", "systemd.debug_shell" },
                { "ro\tsingle", "single" },
                { "ro S", "S" },
                { "ro -- -b", "-b" },
                { "emergency", "emergency" },
                { "x=\"unclosed emergency", "emergency" },
                { "x=\xc3\xa0rdinit=/bin/sh", "rdinit=/bin/sh" }, /* one word, but not to the kernel */
                { "systemd.mount-extra=/dev/vdb:/etc", "systemd.mount-extra=/dev/vdb:/etc" },
        };
        char word[COMMAND_LINE_WORD_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) CHECK_OK(command_line_judge(good[i], word));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                CHECK_RESULT(command_line_judge(bad[i].line, word), VERIFIER_E_REFUSED);
                CHECK_TEXT(word, bad[i].word);
        }
}

/* As lib/cmdline.c of Linux reads it. */
static void words_are_required_as_the_kernel_reads_them(void)
{
        static const struct {
                const char *line, *wanted;
                bool required, has;
        } lines[] = {
                { "a lockdown=integrity b", "lockdown=integrity", true, true },
                { "lockdown", "lockdown", true, true },
                { "lockdown=none", "lockdown", true, true },
                { "lockdown", "lockdown=integrity", false, false },
                { "", "ro", false, false },
                { "lockdown=integrity lockdown=none", "lockdown=integrity", false, true },
                { "lockdown=none lockdown=integrity", "lockdown=integrity", false, true },
                { "lockdown=integrity lockdown", "lockdown=integrity", false, true },
                { "-- lockdown=integrity", "lockdown=integrity", false, true },
                { "\"--\" ro", "ro", false, true },
                { "--=1 ro", "ro", true, true },
                { "mod-a.x_y=1", "mod_a.x-y=1", true, true },
                { "mod-a.x_y=1 mod_a.x-y=2", "mod_a.x-y=1", false, true },
                { "lock\"down=integrity\"", "lockdown=integrity", false, true },
                { "x=\"a lockdown=integrity b\"", "lockdown=integrity", false, true },
                { "\"lockdown=integrity\"", "lockdown=integrity", true, true },
                { "lockdown=\"integrity\"", "lockdown=integrity", true, true },
                { "lockdown=\"a b\" ro", "lockdown=a b", true, true },
                { "lockdown=int\"egrity\"", "lockdown=integrity", false, true },
                { "x=a\"b ro", "ro", false, true },
                { "'ro'", "ro", false, true },
                { "x\xa0ro", "ro", true, true },
                { "LOCKDOWN=integrity", "lockdown=integrity", false, true },
                { "lockdown=integrity Lockdown=none", "lockdown=integrity", false, true },
                { "RO", "ro", false, true },
                { "x=\"a\"b", "x=a\"b", true, true },
                { "=ro", "ro", false, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                if (command_line_requires(lines[i].line, lines[i].wanted) == lines[i].required &&
                    command_line_has(lines[i].line, lines[i].wanted) == lines[i].has)
                        continue;
                fprintf(stderr, "%s: %s\n", lines[i].line, lines[i].wanted);
                exit(1);
        }
}

typedef struct Boot {
        Synth synth;
        EventLog *log;
} Boot;

static void boot_init(Boot *b, bool grub, const char *line)
{
        synth_init(&b->synth, (const HashAlg[]){ HASH_SHA256, HASH_SHA384 }, 2);
        synth_boot(&b->synth, grub, line);
        CHECK_OK(eventlog_parse(synth_bytes(&b->synth), &b->log));
}

static void boot_deinit(Boot *b)
{
        eventlog_free(b->log);
        synth_deinit(&b->synth);
}
#define cleanup_boot _cleanup_(boot_deinit)

static void boots_are_compared_with_the_adopted_one(void)
{
        cleanup_boot Boot a = { 0 }, b = { 0 }, c = { 0 };
        halfkey_v1_Refusal refusal = { 0 };
        char facts[POLICY_FACTS_MAX];
        const PolicySet none = { 0 };
        const Labels labels = { 0 };
        PolicyFloors floors;
        PolicyInput in;

        boot_init(&a, false, "root=1");
        boot_init(&b, false, "root=1");
        boot_init(&c, false, "root=2");
        in = (PolicyInput){ .log = b.log,
                            .bank = HASH_SHA256,
                            .command_line = "root=1",
                            .node = "n",
                            .policies = &none,
                            .labels = &labels };
        CHECK_OK(policy_judge(&in, &refusal, &floors, facts));
        CHECK(strstr(facts, "Secure Boot on") && strstr(facts, "first-boot"));
        in.baseline = a.log;
        in.baseline_bank = HASH_SHA256;
        in.secure_boot_required = true;
        CHECK_OK(policy_judge(&in, &refusal, &floors, facts));
        CHECK(strstr(facts, "as the adopted boot"));
        in.baseline_bank = HASH_SHA384;
        CHECK_RESULT(policy_judge(&in, &refusal, &floors, facts), VERIFIER_E_REFUSED);
        CHECK_TEXT(refusal.reason, "policy-changed-boot");
        in.baseline_bank = HASH_SHA256;
        in.log = c.log;
        in.command_line = "root=2";
        CHECK_RESULT(policy_judge(&in, &refusal, &floors, facts), VERIFIER_E_REFUSED);
        CHECK_TEXT(refusal.reason, "policy-changed-boot");
        CHECK(strlen(refusal.id) == 16 && strstr(refusal.sentence, "PCR 9"));
}

static void secure_boot_may_be_required(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        halfkey_v1_Refusal refusal = { 0 };
        char facts[POLICY_FACTS_MAX];
        const PolicySet none = { 0 };
        const Labels labels = { 0 };
        PolicyFloors floors;
        PolicyInput in;

        synth_init(&s, (const HashAlg[]){ HASH_SHA256 }, 1);
        synth_variable(&s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", BYTES("\0", 1));
        synth_separators(&s);
        synth_load_options(&s, "root=1", true);
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        in = (PolicyInput){ .log = log,
                            .bank = HASH_SHA256,
                            .command_line = "root=1",
                            .node = "n",
                            .policies = &none,
                            .labels = &labels };
        CHECK_OK(policy_judge(&in, &refusal, &floors, facts));
        CHECK(strstr(facts, "Secure Boot off"));
        in.secure_boot_required = true;
        CHECK_RESULT(policy_judge(&in, &refusal, &floors, facts), VERIFIER_E_REFUSED);
        CHECK_TEXT(refusal.reason, "policy-secure-boot");
}

int main(void)
{
        RUN(command_lines_are_told_apart);
        RUN(words_are_required_as_the_kernel_reads_them);
        RUN(boots_are_compared_with_the_adopted_one);
        RUN(secure_boot_may_be_required);
        return 0;
}
