/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be asked of one event without interpreting it, and the names of types and quirks. */

#include "eventlog/eventlog.h"

#include <errno.h>

static const struct {
        uint32_t type;
        const char *name;
} types[] = {
        { EV_PREBOOT_CERT, "EV_PREBOOT_CERT" },
        { EV_POST_CODE, "EV_POST_CODE" },
        { EV_NO_ACTION, "EV_NO_ACTION" },
        { EV_SEPARATOR, "EV_SEPARATOR" },
        { EV_ACTION, "EV_ACTION" },
        { EV_EVENT_TAG, "EV_EVENT_TAG" },
        { EV_S_CRTM_CONTENTS, "EV_S_CRTM_CONTENTS" },
        { EV_S_CRTM_VERSION, "EV_S_CRTM_VERSION" },
        { EV_CPU_MICROCODE, "EV_CPU_MICROCODE" },
        { EV_PLATFORM_CONFIG_FLAGS, "EV_PLATFORM_CONFIG_FLAGS" },
        { EV_TABLE_OF_DEVICES, "EV_TABLE_OF_DEVICES" },
        { EV_COMPACT_HASH, "EV_COMPACT_HASH" },
        { EV_IPL, "EV_IPL" },
        { EV_IPL_PARTITION_DATA, "EV_IPL_PARTITION_DATA" },
        { EV_NONHOST_CODE, "EV_NONHOST_CODE" },
        { EV_NONHOST_CONFIG, "EV_NONHOST_CONFIG" },
        { EV_NONHOST_INFO, "EV_NONHOST_INFO" },
        { EV_OMIT_BOOT_DEVICE_EVENTS, "EV_OMIT_BOOT_DEVICE_EVENTS" },
        { EV_POST_CODE2, "EV_POST_CODE2" },
        { EV_EFI_VARIABLE_DRIVER_CONFIG, "EV_EFI_VARIABLE_DRIVER_CONFIG" },
        { EV_EFI_VARIABLE_BOOT, "EV_EFI_VARIABLE_BOOT" },
        { EV_EFI_BOOT_SERVICES_APPLICATION, "EV_EFI_BOOT_SERVICES_APPLICATION" },
        { EV_EFI_BOOT_SERVICES_DRIVER, "EV_EFI_BOOT_SERVICES_DRIVER" },
        { EV_EFI_RUNTIME_SERVICES_DRIVER, "EV_EFI_RUNTIME_SERVICES_DRIVER" },
        { EV_EFI_GPT_EVENT, "EV_EFI_GPT_EVENT" },
        { EV_EFI_ACTION, "EV_EFI_ACTION" },
        { EV_EFI_PLATFORM_FIRMWARE_BLOB, "EV_EFI_PLATFORM_FIRMWARE_BLOB" },
        { EV_EFI_HANDOFF_TABLES, "EV_EFI_HANDOFF_TABLES" },
        { EV_EFI_PLATFORM_FIRMWARE_BLOB2, "EV_EFI_PLATFORM_FIRMWARE_BLOB2" },
        { EV_EFI_HANDOFF_TABLES2, "EV_EFI_HANDOFF_TABLES2" },
        { EV_EFI_VARIABLE_BOOT2, "EV_EFI_VARIABLE_BOOT2" },
        { EV_EFI_GPT_EVENT2, "EV_EFI_GPT_EVENT2" },
        { EV_EFI_HCRTM_EVENT, "EV_EFI_HCRTM_EVENT" },
        { EV_EFI_VARIABLE_AUTHORITY, "EV_EFI_VARIABLE_AUTHORITY" },
        { EV_EFI_SPDM_FIRMWARE_BLOB, "EV_EFI_SPDM_FIRMWARE_BLOB" },
        { EV_EFI_SPDM_FIRMWARE_CONFIG, "EV_EFI_SPDM_FIRMWARE_CONFIG" },
        { EV_EFI_SPDM_DEVICE_POLICY, "EV_EFI_SPDM_DEVICE_POLICY" },
        { EV_EFI_SPDM_DEVICE_AUTHORITY, "EV_EFI_SPDM_DEVICE_AUTHORITY" },
};

static const struct {
        const char *name, *text;
} quirks[] = {
        [EVENTLOG_QUIRK_PADDING_FF] = { "padding-ff", "bytes of 0xff follow the last event" },
        [EVENTLOG_QUIRK_PADDING_ZERO] = { "padding-zero", "zeros follow the last event" },
        [EVENTLOG_QUIRK_END_MARK] = { "end-mark",
                                      "a record of type 0 and size 0 ends the log before its last byte" },
        [EVENTLOG_QUIRK_VENDOR_INFO] = { "vendor-info", "the Spec ID event carries vendor information" },
        [EVENTLOG_QUIRK_VENDOR_INFO_MALFORMED] = { "vendor-info-malformed",
                                                   "the Spec ID event's vendor information has a wrong size" },
        [EVENTLOG_QUIRK_SPEC_ID_DIGEST] = { "spec-id-digest", "the Spec ID event has a digest that is not zero" },
        [EVENTLOG_QUIRK_DIGEST_ORDER] = { "digest-order",
                                          "events list their digests in another order than the Spec ID" },
        [EVENTLOG_QUIRK_DIGEST_MISSING] = { "digest-missing",
                                            "an event has fewer digests than the Spec ID announces" },
        [EVENTLOG_QUIRK_DIGEST_FOREIGN] = { "digest-foreign",
                                            "an event has a digest of a bank the Spec ID does not list" },
        [EVENTLOG_QUIRK_INDEX_ALL_ONES] = { "index-all-ones",
                                            "an EV_NO_ACTION event has PCR index 0xffffffff (Windows)" },
        [EVENTLOG_QUIRK_NO_ACTION_DIGEST] = { "no-action-digest",
                                              "an EV_NO_ACTION event has a digest that is not zero" },
        [EVENTLOG_QUIRK_UNKNOWN_TYPE] = { "unknown-type", "an event has a type that no specification lists" },
        [EVENTLOG_QUIRK_LATE_LOCALITY] = { "late-locality",
                                           "StartupLocality comes after PCR 0 was extended, and is ignored" },
};
_Static_assert(ARRAY_SIZE(quirks) == EVENTLOG_QUIRK_COUNT, "a quirk without words");

/* The Spec ID record has the SHA-1 layout in every format: 20 bytes without an algorithm in front. */
static bool has_sha1_layout(const EventLog *log, const Event *event)
{
        return log->format == EVENTLOG_FORMAT_SHA1 || event->index == 0;
}

static size_t size_of(const EventLog *log, uint16_t alg)
{
        for (size_t i = 0; i < log->n_sizes; i++)
                if (log->sizes[i].alg == alg) return log->sizes[i].size;
        return hash_size(alg);
}

static int next_digest(const EventLog *log, Reader *r, uint16_t *ret_alg, Bytes *ret)
{
        uint16_t alg;

        if (reader_le16(r, &alg) < 0) return EVENTLOG_E_NO_DIGEST;
        if (reader_bytes(r, size_of(log, alg), ret) < 0) return EVENTLOG_E_NO_DIGEST;
        *ret_alg = alg;
        return 0;
}

int eventlog_event_digest_at(const EventLog *log, const Event *event, size_t i, uint16_t *ret_alg, Bytes *ret)
{
        Reader r = READER_INIT(event->digests);
        uint16_t alg;
        Bytes digest;

        if (i >= event->n_digests) return EVENTLOG_E_NO_DIGEST;
        if (has_sha1_layout(log, event)) {
                *ret_alg = HASH_SHA1;
                *ret = event->digests;
                return 0;
        }
        for (size_t j = 0; j <= i; j++)
                if (next_digest(log, &r, &alg, &digest) != 0) return EVENTLOG_E_NO_DIGEST;
        *ret_alg = alg;
        *ret = digest;
        return 0;
}

int eventlog_event_digest(const EventLog *log, const Event *event, HashAlg bank, Bytes *ret)
{
        Reader r = READER_INIT(event->digests);

        if (has_sha1_layout(log, event)) {
                if (bank != HASH_SHA1) return EVENTLOG_E_NO_DIGEST;
                *ret = event->digests;
                return 0;
        }
        for (uint32_t i = 0; i < event->n_digests; i++) {
                uint16_t alg;
                Bytes digest;

                if (next_digest(log, &r, &alg, &digest) != 0) return EVENTLOG_E_NO_DIGEST;
                if (alg != bank) continue;
                *ret = digest;
                return 0;
        }
        return EVENTLOG_E_NO_DIGEST;
}

bool eventlog_event_extends(const Event *event)
{
        return event->type != EV_NO_ACTION && event->pcr < EVENTLOG_PCRS;
}

const char *eventlog_type_name(uint32_t type)
{
        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (types[i].type == type) return types[i].name;
        return NULL;
}

const char *eventlog_quirk_name(EventlogQuirk quirk)
{
        return quirk < EVENTLOG_QUIRK_COUNT ? quirks[quirk].name : NULL;
}

const char *eventlog_quirk_text(EventlogQuirk quirk)
{
        return quirk < EVENTLOG_QUIRK_COUNT ? quirks[quirk].text : NULL;
}
