/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of what real logs do beside their specification, and the search for it. Quirks of a record's form are
 * set by parse.c while it reads; those of content are found here. None of them changes a replay. */

#include "eventlog/quirk.h"

#include "eventlog/interpret.h"
#include "eventlog/locality.h"
#include "eventlog/proof.h"
#include "eventlog/text.h"
#include "eventlog/variable.h"

#include <string.h>

enum { USUAL_AREA = 64 * 1024, SEPARATED_PCRS = 8 };

static const struct {
        const char *name, *text, *source;
} quirks[] = {
        [EVENTLOG_QUIRK_PADDING_FF] = { "padding-ff", "bytes of 0xff follow the last event",
                                        "CCEL areas of OVMF and Google's firmware" },
        [EVENTLOG_QUIRK_PADDING_ZERO] = { "padding-zero", "zeros follow the last event", "td-shim's CCEL area" },
        [EVENTLOG_QUIRK_END_MARK] = { "end-mark",
                                      "a record of type 0 and size 0 ends the log before its last byte",
                                      "Linux, drivers/char/tpm/eventlog" },
        [EVENTLOG_QUIRK_VENDOR_INFO] = { "vendor-info", "the Spec ID event carries vendor information",
                                         "PFP 1.06 section 10.4.5.1" },
        [EVENTLOG_QUIRK_VENDOR_INFO_MALFORMED] = { "vendor-info-malformed",
                                                   "the Spec ID event's vendor information has a wrong size",
                                                   "firmwares that leave its size out" },
        [EVENTLOG_QUIRK_SPEC_ID_DIGEST] = { "spec-id-digest", "the Spec ID event has a digest that is not zero",
                                            "PFP 1.06 section 10.4.5.1" },
        [EVENTLOG_QUIRK_DIGEST_ORDER] = { "digest-order",
                                          "events list their digests in another order than the Spec ID",
                                          "Hyper-V" },
        [EVENTLOG_QUIRK_DIGEST_MISSING] = { "digest-missing",
                                            "an event has fewer digests than the Spec ID announces", "Windows" },
        [EVENTLOG_QUIRK_DIGEST_FOREIGN] = { "digest-foreign",
                                            "an event has a digest of a bank the Spec ID does not list",
                                            "Dell firmware that measures SPDM devices" },
        [EVENTLOG_QUIRK_INDEX_ALL_ONES] = { "index-all-ones", "an EV_NO_ACTION event has PCR index 0xffffffff",
                                            "Windows' trust point" },
        [EVENTLOG_QUIRK_NO_ACTION_DIGEST] = { "no-action-digest",
                                              "an EV_NO_ACTION event has a digest that is not zero",
                                              "Windows' trust point; PFP 1.06 section 10.4.5" },
        [EVENTLOG_QUIRK_UNKNOWN_TYPE] = { "unknown-type", "an event has a type that no specification lists",
                                          "Intel and AMI firmware (0x40e, 0x8401)" },
        [EVENTLOG_QUIRK_LATE_LOCALITY] = { "late-locality",
                                           "StartupLocality comes after PCR 0 was extended, and is ignored",
                                           "PFP 1.06 section 10.4.5.3" },
        [EVENTLOG_QUIRK_LARGE] = { "large", "the log is larger than the 64 kB that many firmwares reserve",
                                   "option ROMs and Windows; readers with a fixed buffer" },
        [EVENTLOG_QUIRK_CCEL_INDICES] = { "ccel-indices",
                                          "indices are measurement registers: 0 is MRTD, 1 to 4 are RTMR 0 to 3",
                                          "UEFI 2.10 section 38.4.1" },
        [EVENTLOG_QUIRK_SEPARATOR_ERROR] = { "separator-error", "a separator says that firmware met an error",
                                             "PFP 1.06 section 10.4.1" },
        [EVENTLOG_QUIRK_SEPARATOR_VALUE] = { "separator-value",
                                             "a separator holds something else than zeros, ones or an error",
                                             "Windows (WBCL), SeaBIOS" },
        [EVENTLOG_QUIRK_SEPARATOR_DOUBLED] = { "separator-doubled", "a PCR has two separators",
                                               "CCEL: one register takes several PCRs" },
        [EVENTLOG_QUIRK_SEPARATOR_MISSING] = { "separator-missing", "a PCR of 0 to 7 with events has no separator",
                                               "partial logs; PFP 1.06 section 3.3.4" },
        [EVENTLOG_QUIRK_EXIT_MISSING] = { "exit-missing", "no event says that boot services ended",
                                          "kernels that do not read the final events table" },
        [EVENTLOG_QUIRK_EXIT_DOUBLED] = { "exit-doubled", "boot services ended twice",
                                          "events both in the log and in the final events table" },
        [EVENTLOG_QUIRK_EXIT_FAILED] = { "exit-failed", "ending boot services failed before it succeeded",
                                         "kernels that retry with a new memory map" },
        [EVENTLOG_QUIRK_HCRTM] = { "h-crtm", "an H-CRTM event sets the start of PCR 0",
                                   "PFP 1.06 section 2.3.4.1" },
        [EVENTLOG_QUIRK_TRAILING] = { "trailing", "bytes follow the variable in an event",
                                      "shim before version 15" },
        [EVENTLOG_QUIRK_POST_CODE_TEXT] = { "post-code-text", "EV_POST_CODE holds a text in place of an address",
                                            "Supermicro and other AMI firmware" },
        [EVENTLOG_QUIRK_SHA1_FORMAT] = { "sha1-format",
                                         "the log has the form of TPM 1.2, with digests of SHA-1 alone",
                                         "TPM 2.0 firmwares that were asked for it; PFP 1.06 section 10.2.1" },
        [EVENTLOG_QUIRK_STARTUP_LOCALITY] = { "startup-locality",
                                              "PCR 0 does not start at zero: StartupLocality sets its last byte",
                                              "PFP 1.06 section 10.4.5.3" },
        [EVENTLOG_QUIRK_SHIM_AUTHORITY] = { "shim-authority",
                                            "an authority is a variable of shim's, not an entry of db",
                                            "shim (SbatLevel, MokListTrusted, vendor_db, its own certificate)" },
        [EVENTLOG_QUIRK_MOK_NAME] = { "mok-name",
                                      "an event is a variable's name alone: its digest is of the value",
                                      "shim (MokList and others in PCR 14)" },
        [EVENTLOG_QUIRK_EVENT_TAG] = { "event-tag",
                                       "an event names what a loader or kernel hashed, and does not hold it",
                                       "Linux's EFI stub in PCR 9, systemd-boot in PCR 5" },
        [EVENTLOG_QUIRK_BOOT_VARIABLE_VALUE] = { "boot-variable-value",
                                                 "the digest of a boot variable covers its value alone",
                                                 "EDK2; AMI covers the whole structure" },
        [EVENTLOG_QUIRK_CONFIG_VARIABLE_VALUE] = { "config-variable-value",
                                                   "the digest of a configuration variable covers its value alone",
                                                   "logs in the form of TPM 1.2" },
        [EVENTLOG_QUIRK_ALL_BUT_LAST] = { "all-but-last", "a digest covers all of an event but its last byte",
                                          "shim before version 15" },
        [EVENTLOG_QUIRK_LABEL] = { "label", "a digest leaves out the label in front of a text",
                                   "GRUB (grub_cmd, kernel_cmdline)" },
        [EVENTLOG_QUIRK_SECTION_NAME] = { "section-name",
                                          "a description in UTF-16 stands for the hash of a name in ASCII",
                                          "systemd-stub" },
        [EVENTLOG_QUIRK_ACPI_DATA] = { "acpi-data", "'ACPI DATA' is a label: its digest is that of a table",
                                       "EDK2 and firmware made of it" },
        [EVENTLOG_QUIRK_CONTRADICTED] = { "contradicted",
                                          "the digest of an event is not that of data that it should cover",
                                          "a log that was changed, or firmware that measures something else" },
};
_Static_assert(ARRAY_SIZE(quirks) == EVENTLOG_QUIRK_COUNT, "a quirk without words");
_Static_assert(EVENTLOG_QUIRK_COUNT <= 64, "quirks are bits of a uint64_t");

const char *eventlog_quirk_name(EventlogQuirk quirk)
{
        return quirk < EVENTLOG_QUIRK_COUNT ? quirks[quirk].name : NULL;
}

const char *eventlog_quirk_text(EventlogQuirk quirk)
{
        return quirk < EVENTLOG_QUIRK_COUNT ? quirks[quirk].text : NULL;
}

const char *eventlog_quirk_source(EventlogQuirk quirk)
{
        return quirk < EVENTLOG_QUIRK_COUNT ? quirks[quirk].source : NULL;
}

void eventlog_quirk_set(EventLog *log, EventlogQuirk q, uint32_t event)
{
        if (log->quirks >> q & 1) return;
        log->quirks |= UINT64_C(1) << q;
        log->quirk_event[q] = event;
}

/* ---- content, without hashing --------------------------------------------------------------------------- */

static bool is_text(const Event *event, const char *text)
{
        const size_t n = strlen(text);

        return event->data.size >= n && bytes_equal(BYTES(event->data.data, n), BYTES(text, n));
}

static void note_separator(EventLog *log, const Event *event)
{
        Reader r = READER_INIT(event->data);
        uint32_t value = 0;

        if (event->data.size != 4 || reader_le32(&r, &value) < 0 || (value > 1 && value < UINT32_MAX))
                eventlog_quirk_set(log, EVENTLOG_QUIRK_SEPARATOR_VALUE, event->index);
        else if (value == 1) eventlog_quirk_set(log, EVENTLOG_QUIRK_SEPARATOR_ERROR, event->index);
}

/* What shim says vouched for an image, beside entries of db (shim's mok.c and sbat.c). */
static bool is_of_shim(const Variable *v)
{
        static const char *const names[] = { "Shim", "SbatLevel", "MokListTrusted", "MokList", "vendor_db" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (variable_is(v, names[i])) return true;
        return false;
}

static void note_loaders(EventLog *log, const Event *event)
{
        enum { PCR_CONFIGURATION = 5, PCR_KERNEL = 9, PCR_SHIM = 14 };
        Variable v;

        if (event->type == EV_EFI_VARIABLE_AUTHORITY && variable_parse(event->data, &v) == 0 && is_of_shim(&v))
                eventlog_quirk_set(log, EVENTLOG_QUIRK_SHIM_AUTHORITY, event->index);
        if (event->type == EV_IPL && event->pcr == PCR_SHIM && text_looks_utf8(event->data))
                eventlog_quirk_set(log, EVENTLOG_QUIRK_MOK_NAME, event->index);
        if (event->type == EV_EVENT_TAG && (event->pcr == PCR_CONFIGURATION || event->pcr == PCR_KERNEL))
                eventlog_quirk_set(log, EVENTLOG_QUIRK_EVENT_TAG, event->index);
}

static void note_event(EventLog *log, const Event *event)
{
        Variable v;

        if (event->type == EV_SEPARATOR) note_separator(log, event);
        if (event->type == EV_EFI_HCRTM_EVENT) eventlog_quirk_set(log, EVENTLOG_QUIRK_HCRTM, event->index);
        if (event->type == EV_POST_CODE && event->data.size != 16 && text_looks_utf8(event->data))
                eventlog_quirk_set(log, EVENTLOG_QUIRK_POST_CODE_TEXT, event->index);
        if (event->type == EV_EFI_ACTION && is_text(event, "Exit Boot Services Returned with Failure"))
                eventlog_quirk_set(log, EVENTLOG_QUIRK_EXIT_FAILED, event->index);
        if (event->type == EV_EFI_VARIABLE_AUTHORITY && variable_parse(event->data, &v) == 0 && v.trailing > 0)
                eventlog_quirk_set(log, EVENTLOG_QUIRK_TRAILING, event->index);
        note_loaders(log, event);
}

/* The start value of a PCR cannot change once it was extended, so such an event says nothing. */
static void note_locality(EventLog *log)
{
        bool extended = false;

        for (size_t i = 0; i < log->n_events; i++) {
                const Event *event = &log->events[i];
                uint8_t locality;

                if (eventlog_startup_locality(event, &locality) && (extended || locality != 0))
                        eventlog_quirk_set(
                                log, extended ? EVENTLOG_QUIRK_LATE_LOCALITY : EVENTLOG_QUIRK_STARTUP_LOCALITY,
                                event->index);
                if (event->pcr == 0 && eventlog_event_extends(event)) extended = true;
        }
}

static void note_separators(EventLog *log)
{
        unsigned separators[EVENTLOG_PCRS] = { 0 }, events[EVENTLOG_PCRS] = { 0 };

        for (size_t i = 0; i < log->n_events; i++) {
                const Event *event = &log->events[i];

                if (!eventlog_event_extends(event)) continue;
                events[event->pcr]++;
                if (event->type == EV_SEPARATOR && ++separators[event->pcr] == 2 && event->pcr < SEPARATED_PCRS)
                        eventlog_quirk_set(log, EVENTLOG_QUIRK_SEPARATOR_DOUBLED, event->index);
        }
        for (uint32_t pcr = 0; pcr < SEPARATED_PCRS && log->format != EVENTLOG_FORMAT_CCEL; pcr++)
                if (events[pcr] > 0 && separators[pcr] == 0)
                        eventlog_quirk_set(log, EVENTLOG_QUIRK_SEPARATOR_MISSING, UINT32_MAX);
}

static void note_exit(EventLog *log)
{
        unsigned invoked = 0, succeeded = 0;
        bool application = false;

        for (size_t i = 0; i < log->n_events; i++) {
                const Event *event = &log->events[i];

                if (event->type == EV_EFI_BOOT_SERVICES_APPLICATION) application = true;
                if (event->type != EV_EFI_ACTION) continue;
                if (is_text(event, "Exit Boot Services Invocation")) invoked++;
                if (is_text(event, "Exit Boot Services Returned with Success") && ++succeeded == 2)
                        eventlog_quirk_set(log, EVENTLOG_QUIRK_EXIT_DOUBLED, event->index);
        }
        if (application && invoked == 0) eventlog_quirk_set(log, EVENTLOG_QUIRK_EXIT_MISSING, UINT32_MAX);
}

void eventlog_note_quirks(EventLog *log)
{
        for (size_t i = 0; i < log->n_events; i++) note_event(log, &log->events[i]);
        note_locality(log);
        note_separators(log);
        note_exit(log);
        if (log->read > USUAL_AREA) eventlog_quirk_set(log, EVENTLOG_QUIRK_LARGE, UINT32_MAX);
        if (log->format == EVENTLOG_FORMAT_SHA1) eventlog_quirk_set(log, EVENTLOG_QUIRK_SHA1_FORMAT, UINT32_MAX);
        if (log->format == EVENTLOG_FORMAT_CCEL) eventlog_quirk_set(log, EVENTLOG_QUIRK_CCEL_INDICES, UINT32_MAX);
}

/* ---- content, by its hash --------------------------------------------------------------------------------- */

static bool is_boot_variable(uint32_t type)
{
        return type == EV_EFI_VARIABLE_BOOT || type == EV_EFI_VARIABLE_BOOT2;
}

static void note_covered(EventLog *log, const Event *event, EventlogProof proof, Bytes covered)
{
        const bool partial = proof == EVENTLOG_PROOF_PARTIAL;

        if (partial && is_boot_variable(event->type))
                eventlog_quirk_set(log, EVENTLOG_QUIRK_BOOT_VARIABLE_VALUE, event->index);
        if (partial && event->type == EV_EFI_VARIABLE_DRIVER_CONFIG)
                eventlog_quirk_set(log, EVENTLOG_QUIRK_CONFIG_VARIABLE_VALUE, event->index);
        if (partial && event->type == EV_IPL) eventlog_quirk_set(log, EVENTLOG_QUIRK_LABEL, event->index);
        if (event->type == EV_EFI_VARIABLE_AUTHORITY && proof == EVENTLOG_PROOF_PROVEN &&
            covered.size + 1 == event->data.size)
                eventlog_quirk_set(log, EVENTLOG_QUIRK_ALL_BUT_LAST, event->index);
        if (proof == EVENTLOG_PROOF_CONTRADICTED)
                eventlog_quirk_set(log, EVENTLOG_QUIRK_CONTRADICTED, event->index);
        if (proof == EVENTLOG_PROOF_UNKNOWABLE && is_text(event, "ACPI DATA"))
                eventlog_quirk_set(log, EVENTLOG_QUIRK_ACPI_DATA, event->index);
}

int eventlog_content_quirks(EventLog *log, HashAlg bank)
{
        cleanup_hasher Hasher *hasher = NULL;
        int r;

        r = hasher_new(bank, &hasher);
        for (size_t i = 0; i < log->n_events && r == 0; i++) {
                const Event *event = &log->events[i];
                Prover p = { .log = log, .bank = bank, .hasher = hasher };
                EventlogProof proof = EVENTLOG_PROOF_NONE;
                Bytes covered = { 0 };

                r = eventlog_event_proof(log, event, hasher, bank, &proof);
                if (r == 0) r = eventlog_event_covered(log, event, hasher, bank, &covered);
                if (r == 0) note_covered(log, event, proof, covered);
                if (r == 0 && event->type == EV_IPL && proof == EVENTLOG_PROOF_PROVEN &&
                    text_looks_utf16(event->data) && !prover_matches_bytes(&p, event, event->data))
                        eventlog_quirk_set(log, EVENTLOG_QUIRK_SECTION_NAME, event->index);
        }
        return r;
}
