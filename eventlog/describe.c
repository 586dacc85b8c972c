/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One function a kind of event, in a table by type; whatever does not parse as its type says falls back to
 * text or a size. */

#include "eventlog/describe.h"

#include "eventlog/devpath.h"
#include "eventlog/locality.h"
#include "eventlog/structures.h"
#include "eventlog/text.h"
#include "eventlog/variable.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Returns false when the data is not what the type says; nothing may be in t then. */
typedef bool (*Describe)(const Event *event, Text *t);

static void describe_bytes(Bytes data, Text *t)
{
        if (data.size == 0) return;
        if (text_looks_utf8(data)) {
                text_utf8(t, data);
        } else if (text_looks_utf16(data)) {
                text_utf16(t, data);
        } else if (data.size <= 16) {
                text_put(t, "0x");
                text_hex(t, data);
        } else {
                text_format(t, "%zu bytes", data.size);
        }
}

static bool no_action(const Event *event, Text *t)
{
        uint8_t locality;

        if (eventlog_startup_locality(event, &locality)) text_format(t, "StartupLocality %u", locality);
        else if (eventlog_is_spec_id(event)) text_put(t, "Spec ID Event03: crypto-agile log");
        else if (event->pcr == UINT32_MAX) text_format(t, "Windows trust point, %zu bytes", event->data.size);
        else return describe_reference_manifest(event->data, t);
        return true;
}

static bool separator(const Event *event, Text *t)
{
        Reader r = READER_INIT(event->data);
        uint32_t value;

        if (event->data.size != 4 || reader_le32(&r, &value) < 0) return false;
        if (value == 0 || value == UINT32_MAX) text_put(t, "separator");
        else if (value == 1) text_put(t, "separator: the firmware failed here");
        else return false;
        return true;
}

static bool variable(const Event *event, Text *t)
{
        Variable v;

        if (variable_parse(event->data, &v) < 0) return false;
        variable_describe(&v, t);
        if (v.trailing > 0) text_format(t, " and %zu bytes more", v.trailing);
        return true;
}

static bool authority(const Event *event, Text *t)
{
        Variable v;

        if (variable_parse(event->data, &v) < 0) return false;
        text_put(t, authority_vouches(&v) ? "verified by " : "shim's setting ");
        authority_describe(&v, t);
        if (v.trailing > 0) text_format(t, " and %zu bytes more", v.trailing);
        return true;
}

/* UEFI_IMAGE_LOAD_EVENT, PFP 10.2.3. */
static bool image(const Event *event, Text *t)
{
        Reader r = READER_INIT(event->data);
        uint64_t path_size;
        Bytes path = { 0 };
        size_t before;

        if (reader_skip(&r, 24) < 0 || reader_le64(&r, &path_size) < 0 || path_size > reader_left(&r) ||
            reader_bytes(&r, (size_t)path_size, &path) < 0)
                return false;
        if (event->pcr == 2) text_put(t, event->type == EV_EFI_BOOT_SERVICES_APPLICATION ? "" : "option ROM ");
        before = t->at;
        devpath_describe(path, t);
        if (t->at == before) text_put(t, "an image without a path");
        return true;
}

static bool gpt(const Event *event, Text *t)
{
        return describe_gpt(event->data, t);
}

/* UEFI_PLATFORM_FIRMWARE_BLOB: base and length. */
static bool blob(const Event *event, Text *t)
{
        Reader r = READER_INIT(event->data);
        uint64_t base, length;

        if (event->data.size != 16 || reader_le64(&r, &base) < 0 || reader_le64(&r, &length) < 0) return false;
        text_format(t, "firmware, %" PRIu64 " bytes at 0x%" PRIx64, length, base);
        return true;
}

/* UEFI_PLATFORM_FIRMWARE_BLOB2: a description in front. */
static bool blob2(const Event *event, Text *t)
{
        Reader r = READER_INIT(event->data);
        Bytes name = { 0 };
        uint64_t base, length;
        uint8_t size;

        if (reader_u8(&r, &size) < 0 || reader_bytes(&r, size, &name) < 0 || reader_le64(&r, &base) < 0 ||
            reader_le64(&r, &length) < 0)
                return false;
        text_utf8(t, name);
        text_format(t, ", %" PRIu64 " bytes at 0x%" PRIx64, length, base);
        return true;
}

static bool tables(const Event *event, Text *t)
{
        Reader r = READER_INIT(event->data);

        return describe_tables(&r, t);
}

static bool tables2(const Event *event, Text *t)
{
        Reader r = READER_INIT(event->data);
        Bytes name = { 0 };
        uint8_t size;

        if (reader_u8(&r, &size) < 0 || reader_bytes(&r, size, &name) < 0 || reader_left(&r) < 8) return false;
        text_utf8(t, name);
        text_put(t, ", ");
        return describe_tables(&r, t);
}

static bool tagged(const Event *event, Text *t)
{
        return describe_tagged(event->data, t);
}

static bool device_security(const Event *event, Text *t)
{
        return describe_device_security(event->data, t);
}

/* systemd-stub names a section of its image, and boot loaders a variable or a file; what they hash is elsewhere.
 */
static bool ipl(const Event *event, Text *t)
{
        enum { STUB_PCR = 11, SHIM_PCR = 14 };

        if (event->pcr == STUB_PCR && event->data.size > 2 && event->data.data[0] == '.' &&
            text_looks_utf16(event->data)) {
                text_put(t, "systemd-stub: section ");
                text_utf16(t, event->data);
                return true;
        }
        if (event->pcr == SHIM_PCR && text_looks_utf8(event->data)) {
                text_put(t, "shim: variable ");
                text_utf8(t, event->data);
                return true;
        }
        return false;
}

static bool hcrtm(const Event *event, Text *t)
{
        if (!text_looks_utf8(event->data)) return false;
        text_put(t, "hardware root of trust (H-CRTM) ");
        text_utf8(t, event->data);
        return true;
}

static bool crtm_version(const Event *event, Text *t)
{
        if (event->data.size == 16 && !text_looks_utf16(event->data)) {
                text_put(t, "version ");
                text_guid(t, event->data);
                return true;
        }
        if (text_looks_utf16(event->data)) {
                text_put(t, "version ");
                text_utf16(t, event->data);
                return true;
        }
        return false;
}

static bool post_code(const Event *event, Text *t)
{
        return !text_looks_utf8(event->data) && blob(event, t);
}

static const struct {
        uint32_t type;
        Describe describe;
} kinds[] = {
        { EV_NO_ACTION, no_action },
        { EV_SEPARATOR, separator },
        { EV_POST_CODE, post_code },
        { EV_POST_CODE2, blob2 },
        { EV_S_CRTM_VERSION, crtm_version },
        { EV_EVENT_TAG, tagged },
        { EV_IPL, ipl },
        { EV_EFI_HCRTM_EVENT, hcrtm },
        { EV_EFI_SPDM_FIRMWARE_BLOB, device_security },
        { EV_EFI_SPDM_FIRMWARE_CONFIG, device_security },
        { EV_EFI_VARIABLE_DRIVER_CONFIG, variable },
        { EV_EFI_VARIABLE_BOOT, variable },
        { EV_EFI_VARIABLE_BOOT2, variable },
        { EV_EFI_VARIABLE_AUTHORITY, authority },
        { EV_EFI_BOOT_SERVICES_APPLICATION, image },
        { EV_EFI_BOOT_SERVICES_DRIVER, image },
        { EV_EFI_RUNTIME_SERVICES_DRIVER, image },
        { EV_EFI_GPT_EVENT, gpt },
        { EV_EFI_GPT_EVENT2, gpt },
        { EV_EFI_PLATFORM_FIRMWARE_BLOB, blob },
        { EV_EFI_PLATFORM_FIRMWARE_BLOB2, blob2 },
        { EV_EFI_HANDOFF_TABLES, tables },
        { EV_EFI_HANDOFF_TABLES2, tables2 },
};

static void describe(const Event *event, Text *t)
{
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (kinds[i].type == event->type && kinds[i].describe(event, t)) return;
        describe_bytes(event->data, t);
}

void eventlog_event_describe(const EventLog *log, const Event *event, char ret[static EVENTLOG_TEXT_SIZE])
{
        Text t;

        (void)log;
        text_init(&t, ret, EVENTLOG_TEXT_SIZE);
        describe(event, &t);
}

/* In a sentence a file is enough of a device path: what lies before it is the same at every boot. */
static const char *file_of(const char *meaning)
{
        const char *file = strstr(meaning, ")/\\");

        return file ? file + 2 : meaning;
}

void eventlog_event_name(const EventLog *log, const Event *event, char ret[static EVENTLOG_TEXT_SIZE])
{
        enum { MEANING_MAX = 300 };
        const char *type = eventlog_type_name(event->type);
        char meaning[MEANING_MAX];
        Text name, m;

        (void)log;
        text_init(&m, meaning, sizeof(meaning));
        describe(event, &m);
        text_init(&name, ret, EVENTLOG_TEXT_SIZE);
        text_format(&name, "event %" PRIu32 " (PCR %" PRIu32 ", ", event->index, event->pcr);
        if (type) text_put(&name, type);
        else text_format(&name, "type 0x%" PRIx32, event->type);
        if (meaning[0]) text_put(&name, ": ");
        text_put(&name, file_of(meaning));
        text_put(&name, ")");
}
