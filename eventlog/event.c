/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be asked of one event without interpreting it, and the names of types and quirks. */

#include "eventlog/eventlog.h"

#include <errno.h>
#include <string.h>

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
        { EVENTLOG_TYPE_SYSTEMD, "systemd" },
        { EVENTLOG_TYPE_OTHER, "other" },
};

/* The Spec ID record has the SHA-1 layout in every format: 20 bytes without an algorithm in front. */
static bool has_sha1_layout(const EventLog *log, const Event *event)
{
        return !log->json && (log->format == EVENTLOG_FORMAT_SHA1 || event->index == 0);
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

int eventlog_type_from_name(const char *name, uint32_t *ret)
{
        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (strcmp(types[i].name, name) == 0) {
                        *ret = types[i].type;
                        return 0;
                }
        return -EINVAL;
}
