/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "check.h"
#include "eventlog/interpret.h"
#include "synth.h"

#include <errno.h>

static const HashAlg banks[] = { HASH_SHA1, HASH_SHA256 };

static const char line[] = "BOOT_IMAGE=/vmlinuz-6.1 root=/dev/mapper/root ro";
static const char grub_line[] = "/vmlinuz-6.1 root=/dev/mapper/root ro";

static void start(Synth *s)
{
        synth_init(s, banks, 2);
}

static void parse(Synth *s, EventLog **ret)
{
        CHECK_OK(eventlog_parse(synth_bytes(s), ret));
}

static void secure_boot_variable(Synth *s, const char *value, size_t n)
{
        synth_variable(s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", BYTES(value, n));
}

/* One log, one expected outcome; `on` counts when it is 0. */
static void expect_secure_boot(void (*make)(Synth *s), int outcome, bool on)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        bool got = !on;

        start(&s);
        make(&s);
        parse(&s, &log);
        CHECK_RESULT(eventlog_secure_boot(log, HASH_SHA256, &got), outcome);
        CHECK(got == (outcome == 0 ? on : !on));
        CHECK_RESULT(eventlog_secure_boot(log, HASH_SHA1, &got), outcome);
}

static void sb_on(Synth *s)
{
        secure_boot_variable(s, "\1", 1);
        synth_separators(s);
}

static void sb_off(Synth *s)
{
        secure_boot_variable(s, "\0", 1);
}

static void sb_unset(Synth *s)
{
        secure_boot_variable(s, "", 0);
}

static void sb_after_debug_mode(Synth *s)
{
        synth_text(s, 7, EV_EFI_ACTION, "UEFI Debug Mode");
        secure_boot_variable(s, "\1", 1);
}

static void sb_none(Synth *s)
{
        synth_locality(s, 3);
}

static void sb_only_separator(Synth *s)
{
        synth_separators(s);
}

/* The true event under another label, a better one behind it: what software with root can make of a log. */
static void sb_hidden(Synth *s)
{
        synth_event(s, 7, EV_COMPACT_HASH, BYTES_LITERAL("the true variable"), BYTES_LITERAL("vendor data"));
        secure_boot_variable(s, "\1", 1);
}

static void sb_changed(Synth *s)
{
        secure_boot_variable(s, "\1", 1);
        secure_boot_variable(s, "\0", 1);
}

static void sb_odd(Synth *s)
{
        secure_boot_variable(s, "\2", 1);
}

static void secure_boot_is_read_from_the_first_event(void)
{
        expect_secure_boot(sb_on, 0, true);
        expect_secure_boot(sb_off, 0, false);
        expect_secure_boot(sb_unset, 0, false);
        expect_secure_boot(sb_after_debug_mode, 0, true);
        expect_secure_boot(sb_none, EVENTLOG_E_NOT_MEASURED, false);
        expect_secure_boot(sb_only_separator, EVENTLOG_E_NOT_MEASURED, false);
        expect_secure_boot(sb_hidden, EVENTLOG_E_UNPROVEN, false);
        expect_secure_boot(sb_changed, EVENTLOG_E_CONTRADICTED, false);
        expect_secure_boot(sb_odd, EVENTLOG_E_CONTRADICTED, false);
}

/* Data changed in the log after the fact: the digest, which is measured, stays. */
static void a_forged_state_is_contradicted(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        bool on = false;

        start(&s);
        secure_boot_variable(&s, "\0", 1);
        s.log.data[s.log.size - 1] = 1;
        parse(&s, &log);
        CHECK_RESULT(eventlog_secure_boot(log, HASH_SHA256, &on), EVENTLOG_E_CONTRADICTED);
        CHECK(!on && strstr(error_detail(EVENTLOG_E_CONTRADICTED), "event 1 (PCR 7"));
}

/* TPM 1.2 style: the digest covers the value alone, so any variable of that value would do. */
static void a_state_without_its_name_is_unproven(void)
{
        cleanup_synth Synth named = { 0 }, s = { 0 };
        cleanup_eventlog EventLog *from = NULL, *log = NULL;
        bool on;

        start(&named);
        secure_boot_variable(&named, "\1", 1);
        parse(&named, &from);
        start(&s);
        synth_event(&s, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, BYTES("\1", 1), from->events[1].data);
        parse(&s, &log);
        CHECK_RESULT(eventlog_secure_boot(log, HASH_SHA256, &on), EVENTLOG_E_UNPROVEN);
}

static void expect_line(void (*make)(Synth *s), const char *text, int outcome, uint32_t pcr)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;
        const Event *event = NULL;

        start(&s);
        make(&s);
        parse(&s, &log);
        CHECK_RESULT(eventlog_command_line_check(log, HASH_SHA256, text, &event), outcome);
        CHECK(outcome == 0 ? event && event->pcr == pcr : !event);
}

static void kernel_direct(Synth *s)
{
        synth_load_options(s, line, true);
        synth_text(s, 9, EV_EVENT_TAG, "initrd");
}

static void kernel_without_nul(Synth *s)
{
        synth_load_options(s, line, false);
}

static void kernel_with_space(Synth *s)
{
        synth_load_options(s, "BOOT_IMAGE=/vmlinuz-6.1 root=/dev/mapper/root ro ", true);
}

static void kernel_hidden(Synth *s)
{
        synth_event(s, 9, EV_IPL, BYTES_LITERAL("rdinit=/evil in UTF-16"), BYTES_LITERAL("(hd0)/grub.cfg"));
        synth_load_options(s, line, true);
}

static void kernel_twice(Synth *s)
{
        synth_load_options(s, line, true);
        synth_load_options(s, "rdinit=/evil", true);
}

static void initrd_only(Synth *s)
{
        synth_text(s, 9, EV_EVENT_TAG, "initrd");
}

static void nothing(Synth *s)
{
        synth_separators(s);
}

static void the_kernel_proves_its_line(void)
{
        expect_line(kernel_direct, line, 0, 9);
        expect_line(kernel_direct, "BOOT_IMAGE=/vmlinuz-6.1 root=/dev/mapper/root ro\n", 0, 9);
        expect_line(kernel_without_nul, line, 0, 9);
        expect_line(kernel_with_space, line, 0, 9);
        expect_line(kernel_direct, grub_line, EVENTLOG_E_CONTRADICTED, 0);
        expect_line(kernel_direct, "quiet", EVENTLOG_E_CONTRADICTED, 0);
        expect_line(kernel_hidden, line, EVENTLOG_E_UNPROVEN, 0);
        expect_line(kernel_twice, line, EVENTLOG_E_CONTRADICTED, 0);
        expect_line(initrd_only, line, EVENTLOG_E_NOT_MEASURED, 0);
        expect_line(nothing, line, EVENTLOG_E_NOT_MEASURED, 0);
        expect_line(kernel_direct, "", -EINVAL, 0);
        expect_line(kernel_direct, "\xff", -EINVAL, 0);
}

static void grub(Synth *s)
{
        synth_grub(s, "grub_cmd", "set root=hd0");
        synth_grub(s, "grub_cmd", "linux /vmlinuz-6.1 root=/dev/mapper/root ro");
        synth_event(s, 9, EV_IPL, BYTES_LITERAL("vmlinuz"), BYTES_LITERAL("/vmlinuz-6.1"));
        synth_grub(s, "kernel_cmdline", grub_line);
        synth_text(s, 9, EV_EVENT_TAG, "initrd");
}

static void grub_then_kernel(Synth *s)
{
        grub(s);
        synth_load_options(s, line, true);
}

static void grub_other_kernel(Synth *s)
{
        grub(s);
        synth_load_options(s, "rdinit=/evil", true);
}

/* The true line under the label of a command, the stated one appended. */
static void grub_relabelled(Synth *s)
{
        synth_grub(s, "grub_cmd", "/vmlinuz-6.1 rdinit=/evil");
        synth_grub(s, "kernel_cmdline", grub_line);
}

static void grub_hidden(Synth *s)
{
        synth_event(s, 8, EV_IPL, BYTES_LITERAL("/vmlinuz-6.1 rdinit=/evil"), BYTES_LITERAL("grub_cmd: boot"));
        synth_grub(s, "kernel_cmdline", grub_line);
}

/* Under GRUB the first event of PCR 9 is a file that it read, and a file can hold anything. */
static void grub_file_like_the_line(Synth *s)
{
        synth_load_options(s, line, true);
        synth_event(s, 8, EV_IPL, BYTES_LITERAL("/vmlinuz-6.1 rdinit=/evil"), BYTES_LITERAL("grub_cmd: boot"));
}

static void grub_then_chainloader(Synth *s)
{
        grub(s);
        synth_grub(s, "grub_cmd", "chainloader (hd0,gpt1)/vmlinuz init=/bin/sh");
}

/* A kernel by its blocks has no path in its line. */
static void grub_by_blocks(Synth *s)
{
        grub(s);
        synth_grub(s, "grub_cmd", "linux 2048+20000 init=/bin/sh");
}

static void grub_line_of_blocks(Synth *s)
{
        grub(s);
        synth_grub(s, "kernel_cmdline", "2048+20000 init=/bin/sh");
}

static void grub_proves_its_line(void)
{
        expect_line(grub, line, 0, 8);
        expect_line(grub, grub_line, 0, 8);
        expect_line(grub_then_kernel, line, 0, 8);
        expect_line(grub, "/vmlinuz-6.1 single", EVENTLOG_E_CONTRADICTED, 0);
        expect_line(grub_other_kernel, line, EVENTLOG_E_CONTRADICTED, 0);
        expect_line(grub_relabelled, line, EVENTLOG_E_CONTRADICTED, 0);
        expect_line(grub_hidden, line, EVENTLOG_E_UNPROVEN, 0);
        expect_line(grub_file_like_the_line, line, EVENTLOG_E_UNPROVEN, 0);
        expect_line(grub_then_chainloader, line, EVENTLOG_E_CONTRADICTED, 0);
        expect_line(grub_by_blocks, line, EVENTLOG_E_CONTRADICTED, 0);
        expect_line(grub_line_of_blocks, line, EVENTLOG_E_CONTRADICTED, 0);
}

static void stub_event(Synth *s, const char *text)
{
        cleanup_writer Writer w = WRITER_INIT(4096);
        Bytes data = { 0 };

        synth_utf16(&w, text, true);
        CHECK_OK(writer_finish(&w, &data));
        synth_data(s, 12, EV_IPL, data);
}

static void stub_alone(Synth *s)
{
        stub_event(s, " quiet splash ");
}

static void stub_with_kernel(Synth *s)
{
        stub_event(s, "quiet splash");
        synth_load_options(s, "quiet splash", true);
}

static void stub_with_old_kernel(Synth *s)
{
        stub_event(s, "quiet splash");
        initrd_only(s);
}

/* What was booted, its text hidden; then the running system extends PCR 12 with a better line. */
static void stub_extended_later(Synth *s)
{
        synth_event(s, 12, EV_IPL, BYTES_LITERAL("rdinit=/evil in UTF-16"), BYTES_LITERAL("hidden"));
        stub_event(s, "quiet splash");
}

static void systemd_stub_proves_its_line(void)
{
        expect_line(stub_alone, "quiet splash", 0, 12);
        expect_line(stub_with_kernel, "quiet splash", 0, 9);
        expect_line(stub_with_old_kernel, "quiet splash", EVENTLOG_E_UNPROVEN, 0);
        expect_line(stub_alone, "quiet", EVENTLOG_E_CONTRADICTED, 0);
        expect_line(stub_extended_later, "quiet splash", EVENTLOG_E_NOT_MEASURED, 0);
}

static void expect_proof(const EventLog *log, size_t i, EventlogProof expected)
{
        cleanup_hasher Hasher *hasher = NULL;
        EventlogProof proof = EVENTLOG_PROOF_NONE;

        CHECK_OK(hasher_new(HASH_SHA256, &hasher));
        CHECK_OK(eventlog_event_proof(log, &log->events[i], hasher, HASH_SHA256, &proof));
        CHECK_TEXT(eventlog_proof_name(proof), eventlog_proof_name(expected));
}

static void each_event_says_what_its_digest_proves(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;

        start(&s);
        synth_locality(&s, 3);
        synth_text(&s, 4, EV_EFI_ACTION, "x");
        synth_event(&s, 4, EV_EFI_ACTION, BYTES_LITERAL("y"), BYTES_LITERAL("x"));
        synth_image(&s, 4, "\\a.efi");
        synth_grub(&s, "grub_cmd", "boot");
        synth_event(&s, 8, EV_IPL, BYTES_LITERAL("boot"), BYTES("boot", 5));
        synth_event(&s, 11, EV_IPL, BYTES(".osrel", 7), BYTES(".\0o\0s\0r\0e\0l\0\0\0", 14));
        synth_event(&s, 11, EV_IPL, BYTES_LITERAL("ID=debian"), BYTES(".\0o\0s\0r\0e\0l\0\0\0", 14));
        synth_event(&s, 0, 0x40e, BYTES_LITERAL("z"), BYTES_LITERAL("x"));
        parse(&s, &log);
        expect_proof(log, 1, EVENTLOG_PROOF_NONE);
        expect_proof(log, 2, EVENTLOG_PROOF_PROVEN);
        expect_proof(log, 3, EVENTLOG_PROOF_CONTRADICTED);
        expect_proof(log, 4, EVENTLOG_PROOF_UNKNOWABLE);
        expect_proof(log, 5, EVENTLOG_PROOF_PARTIAL);
        expect_proof(log, 6, EVENTLOG_PROOF_PROVEN);
        expect_proof(log, 7, EVENTLOG_PROOF_PROVEN);
        expect_proof(log, 8, EVENTLOG_PROOF_UNKNOWABLE);
        expect_proof(log, 9, EVENTLOG_PROOF_UNKNOWABLE);
}

int main(void)
{
        RUN(secure_boot_is_read_from_the_first_event);
        RUN(a_forged_state_is_contradicted);
        RUN(a_state_without_its_name_is_unproven);
        RUN(the_kernel_proves_its_line);
        RUN(grub_proves_its_line);
        RUN(systemd_stub_proves_its_line);
        RUN(each_event_says_what_its_digest_proves);
        return 0;
}
