/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One log a quirk: it is found, at the event that shows it, and has words and a source; a plain boot has none. */

#include "check.h"
#include "eventlog/interpret.h"
#include "synth.h"

static const HashAlg banks[] = { HASH_SHA256 };

static void late_locality(Synth *s)
{
        synth_text(s, 0, EV_S_CRTM_CONTENTS, "code");
        synth_locality(s, 3);
}

static void separator_error(Synth *s)
{
        synth_data(s, 9, EV_SEPARATOR, BYTES("\1\0\0\0", 4));
}

static void separator_value(Synth *s)
{
        synth_text(s, 12, EV_SEPARATOR, "WBCL");
}

static void separator_doubled(Synth *s)
{
        synth_data(s, 1, EV_SEPARATOR, BYTES("\0\0\0\0", 4));
        synth_data(s, 1, EV_SEPARATOR, BYTES("\0\0\0\0", 4));
}

static void separator_missing(Synth *s)
{
        synth_text(s, 1, EV_ACTION, "x");
}

static void exit_missing(Synth *s)
{
        synth_image(s, 9, "\\a.efi");
}

static void exit_doubled(Synth *s)
{
        for (int i = 0; i < 2; i++) {
                synth_text(s, 9, EV_EFI_ACTION, "Exit Boot Services Invocation");
                synth_text(s, 9, EV_EFI_ACTION, "Exit Boot Services Returned with Success");
        }
}

static void exit_failed(Synth *s)
{
        synth_text(s, 9, EV_EFI_ACTION, "Exit Boot Services Invocation");
        synth_text(s, 9, EV_EFI_ACTION, "Exit Boot Services Returned with Failure");
}

static void hcrtm(Synth *s)
{
        synth_text(s, 9, EV_EFI_HCRTM_EVENT, "HCRTM");
}

static void post_code_text(Synth *s)
{
        synth_text(s, 9, EV_POST_CODE, "POST CODE");
}

/* UEFI_VARIABLE_DATA "ab" = "v" and more bytes, and a digest of the first `hashed` of them or of the value. */
static void put_variable(Synth *s, uint32_t type, size_t more, bool value_alone, size_t hashed)
{
        uint8_t data[64] = { [16] = 2, [24] = 1, [32] = 'a', [34] = 'b', [36] = 'v' };
        const size_t size = 37 + more;

        synth_event(s, 9, type, value_alone ? BYTES("v", 1) : BYTES(data, hashed), BYTES(data, size));
}

static void trailing(Synth *s)
{
        put_variable(s, EV_EFI_VARIABLE_AUTHORITY, 3, false, 40);
}

static void all_but_last(Synth *s)
{
        put_variable(s, EV_EFI_VARIABLE_AUTHORITY, 3, false, 39);
}

static void boot_variable_value(Synth *s)
{
        put_variable(s, EV_EFI_VARIABLE_BOOT, 0, true, 0);
}

static void config_variable_value(Synth *s)
{
        put_variable(s, EV_EFI_VARIABLE_DRIVER_CONFIG, 0, true, 0);
}

static void label(Synth *s)
{
        synth_grub(s, "grub_cmd", "ls");
}

static void section_name(Synth *s)
{
        synth_event(s, 11, EV_IPL, BYTES(".osrel", 7), BYTES(".\0o\0s\0r\0e\0l\0\0\0", 14));
}

static void acpi_data(Synth *s)
{
        synth_event(s, 9, EV_EFI_PLATFORM_FIRMWARE_BLOB, BYTES("table", 5), BYTES("ACPI DATA", 9));
}

static void contradicted(Synth *s)
{
        synth_event(s, 9, EV_SEPARATOR, BYTES("else", 4), BYTES("\0\0\0\0", 4));
}

static void startup_locality(Synth *s)
{
        synth_locality(s, 3);
}

static void shim_authority(Synth *s)
{
        synth_variable(s, 7, EV_EFI_VARIABLE_AUTHORITY, "SbatLevel", BYTES_LITERAL("sbat,1,2021030218\n"));
}

static void mok_name(Synth *s)
{
        synth_event(s, 14, EV_IPL, BYTES("list", 4), BYTES("MokList", 8));
}

static void event_tag(Synth *s)
{
        synth_load_options(s, "ro", true);
}

static const struct {
        EventlogQuirk quirk;
        uint32_t event; /* UINT32_MAX: of the log as a whole */
        void (*put)(Synth *s);
} cases[] = {
        { EVENTLOG_QUIRK_LATE_LOCALITY, 2, late_locality },
        { EVENTLOG_QUIRK_SEPARATOR_ERROR, 1, separator_error },
        { EVENTLOG_QUIRK_SEPARATOR_VALUE, 1, separator_value },
        { EVENTLOG_QUIRK_SEPARATOR_DOUBLED, 2, separator_doubled },
        { EVENTLOG_QUIRK_SEPARATOR_MISSING, UINT32_MAX, separator_missing },
        { EVENTLOG_QUIRK_EXIT_MISSING, UINT32_MAX, exit_missing },
        { EVENTLOG_QUIRK_EXIT_DOUBLED, 4, exit_doubled },
        { EVENTLOG_QUIRK_EXIT_FAILED, 2, exit_failed },
        { EVENTLOG_QUIRK_HCRTM, 1, hcrtm },
        { EVENTLOG_QUIRK_POST_CODE_TEXT, 1, post_code_text },
        { EVENTLOG_QUIRK_TRAILING, 1, trailing },
        { EVENTLOG_QUIRK_ALL_BUT_LAST, 1, all_but_last },
        { EVENTLOG_QUIRK_BOOT_VARIABLE_VALUE, 1, boot_variable_value },
        { EVENTLOG_QUIRK_CONFIG_VARIABLE_VALUE, 1, config_variable_value },
        { EVENTLOG_QUIRK_LABEL, 1, label },
        { EVENTLOG_QUIRK_SECTION_NAME, 1, section_name },
        { EVENTLOG_QUIRK_ACPI_DATA, 1, acpi_data },
        { EVENTLOG_QUIRK_CONTRADICTED, 1, contradicted },
        { EVENTLOG_QUIRK_STARTUP_LOCALITY, 1, startup_locality },
        { EVENTLOG_QUIRK_SHIM_AUTHORITY, 1, shim_authority },
        { EVENTLOG_QUIRK_MOK_NAME, 1, mok_name },
        { EVENTLOG_QUIRK_EVENT_TAG, 1, event_tag },
};

static void each_is_found_at_its_event(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cleanup_synth Synth s = { 0 };
                cleanup_eventlog EventLog *log = NULL;

                synth_init(&s, banks, 1);
                cases[i].put(&s);
                CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
                CHECK_OK(eventlog_content_quirks(log, HASH_SHA256));
                if (!(log->quirks >> cases[i].quirk & 1) || log->quirk_event[cases[i].quirk] != cases[i].event) {
                        fprintf(stderr, "not found at event %u: %s\n", cases[i].event,
                                eventlog_quirk_name(cases[i].quirk));
                        exit(1);
                }
        }
}

static void all_have_words_and_a_source(void)
{
        for (EventlogQuirk q = 0; q < EVENTLOG_QUIRK_COUNT; q++) {
                CHECK(eventlog_quirk_name(q)[0] && eventlog_quirk_text(q)[0] && eventlog_quirk_source(q)[0]);
                for (EventlogQuirk other = 0; other < q; other++)
                        CHECK(strcmp(eventlog_quirk_name(q), eventlog_quirk_name(other)) != 0);
        }
        CHECK(!eventlog_quirk_name(EVENTLOG_QUIRK_COUNT) && !eventlog_quirk_source(EVENTLOG_QUIRK_COUNT));
}

static void a_large_log_and_a_ccel_are_named(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;

        synth_init(&s, banks, 1);
        s.log.data[0] = 1; /* the Spec ID event's index makes it a CCEL */
        while (s.log.size <= 64 * 1024) synth_text(&s, 1, EV_ACTION, "something to fill a log with");
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK(log->quirks == (UINT64_C(1) << EVENTLOG_QUIRK_LARGE | UINT64_C(1) << EVENTLOG_QUIRK_CCEL_INDICES));
}

/* What is as it should be is no oddity: an entry of db, a tag in another PCR, a TPM started at locality 0. */
static void a_plain_log_has_none(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;

        synth_init(&s, banks, 1);
        synth_locality(&s, 0);
        synth_variable(&s, 7, EV_EFI_VARIABLE_AUTHORITY, "db", BYTES_LITERAL("entry"));
        synth_data(&s, 11, EV_EVENT_TAG, BYTES("\1\0\0\0\0\0\0\0", 8));
        synth_separators(&s);
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK_OK(eventlog_content_quirks(log, HASH_SHA256));
        CHECK(log->quirks == 0);
}

static void the_form_of_tpm_1_2_is_named(void)
{
        cleanup_synth Synth s = { 0 };
        cleanup_eventlog EventLog *log = NULL;

        synth_init(&s, NULL, 0);
        synth_separators(&s);
        CHECK_OK(eventlog_parse(synth_bytes(&s), &log));
        CHECK(log->quirks == UINT64_C(1) << EVENTLOG_QUIRK_SHA1_FORMAT);
}

int main(void)
{
        RUN(each_is_found_at_its_event);
        RUN(all_have_words_and_a_source);
        RUN(a_large_log_and_a_ccel_are_named);
        RUN(a_plain_log_has_none);
        RUN(the_form_of_tpm_1_2_is_named);
        return 0;
}
