/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "eventlog/structures.h"

#include "eventlog/devpath.h"

#include <inttypes.h>
#include <string.h>

enum { SIGNATURE = 16, GUID_SIZE = 16 };

static bool has_signature(Reader *r, const char *wanted)
{
        char name[SIGNATURE + 1] = { 0 };

        return reader_copy(r, name, SIGNATURE) == 0 && strcmp(name, wanted) == 0;
}

/* ---- SP800-155 ---------------------------------------------------------------------------------------- */

/* A size of one byte, then a text with its NUL. */
static bool short_text(Reader *r, Bytes *ret)
{
        uint8_t size;

        return reader_u8(r, &size) == 0 && reader_bytes(r, size, ret) == 0;
}

bool manifest_names(Bytes data, ManifestNames *ret)
{
        Reader second = READER_INIT(data), third = second, r;
        ManifestNames n = { 0 };

        if (has_signature(&second, "SP800-155 Event2")) r = second;
        else if (has_signature(&third, "SP800-155 Event3")) r = third;
        else return false;
        if (reader_skip(&r, 4 + GUID_SIZE) < 0) return false;
        if (!short_text(&r, &n.platform_manufacturer) || !short_text(&r, &n.platform_model) ||
            !short_text(&r, &n.platform_version) || !short_text(&r, &n.firmware_manufacturer) ||
            reader_skip(&r, 4) < 0 || !short_text(&r, &n.firmware_version))
                return false;
        *ret = n;
        return true;
}

bool describe_reference_manifest(Bytes data, Text *t)
{
        static const char *const signatures[] = { "SP800-155 Event", "SP800-155 Event2", "SP800-155 Event3" };
        ManifestNames names;
        Bytes guid = { 0 };
        uint32_t vendor;
        Reader r = { 0 };
        bool found = false;

        for (size_t i = 0; i < ARRAY_SIZE(signatures) && !found; i++) {
                r = READER_INIT(data);
                found = has_signature(&r, signatures[i]);
        }
        if (!found || reader_le32(&r, &vendor) < 0 || reader_bytes(&r, GUID_SIZE, &guid) < 0) return false;
        text_put(t, "SP800-155: reference manifest ");
        text_guid(t, guid);
        text_format(t, " of vendor %" PRIu32, vendor);
        if (!manifest_names(data, &names)) return true;
        text_put(t, " for ");
        text_utf8(t, names.platform_manufacturer);
        text_put(t, " ");
        text_utf8(t, names.platform_model);
        text_put(t, ", firmware ");
        text_utf8(t, names.firmware_manufacturer);
        text_put(t, " ");
        text_utf8(t, names.firmware_version);
        return true;
}

/* ---- SPDM --------------------------------------------------------------------------------------------- */

static const char *device_type(uint32_t type)
{
        static const char *const names[] = { "a device without a bus", "a PCI device", "a USB device" };

        return type < ARRAY_SIZE(names) ? names[type] : "a device of an unknown bus";
}

/* Version 1: a measurement of the device, then where it is. */
static bool device_measurement(Reader *r, Text *t)
{
        uint32_t algorithm, type;
        uint16_t version, size, measured;
        uint8_t number, specification;

        if (reader_le16(r, &version) < 0 || reader_le16(r, &size) < 0 || reader_le32(r, &algorithm) < 0 ||
            reader_le32(r, &type) < 0 || reader_u8(r, &number) < 0 || reader_u8(r, &specification) < 0 ||
            reader_le16(r, &measured) < 0)
                return false;
        text_format(t, "SPDM measurement %u of %s, %u bytes by hash algorithm %" PRIu32, number, device_type(type),
                    measured, algorithm);
        if (version != 1) text_format(t, " (version %u of the structure)", version);
        return true;
}

/* Version 2: whether the device was authenticated, and its path. */
static bool device_state(Reader *r, Text *t)
{
        static const char *const states[] = { "authenticated", "authenticated by no authority", "not bound",
                                              "not authenticated" };
        uint16_t version;
        uint8_t state, reserved;
        uint32_t length, type, kind, size;
        uint64_t path_size;
        Bytes path = { 0 };

        if (reader_le16(r, &version) < 0 || reader_u8(r, &state) < 0 || reader_u8(r, &reserved) < 0 ||
            reader_le32(r, &length) < 0 || reader_le32(r, &type) < 0 || reader_le32(r, &kind) < 0 ||
            reader_le32(r, &size) < 0 || reader_skip(r, 8) < 0 || reader_le64(r, &path_size) < 0 ||
            path_size > reader_left(r) || reader_bytes(r, (size_t)path_size, &path) < 0)
                return false;
        text_format(t, "SPDM %s of %s, %s: ",
                    kind == 0   ? "measurement"
                    : kind == 1 ? "certificate chain"
                                : "data",
                    device_type(type), state < ARRAY_SIZE(states) ? states[state] : "in no known state");
        devpath_describe(path, t);
        return true;
}

bool describe_device_security(Bytes data, Text *t)
{
        Reader first = READER_INIT(data), second = first;

        if (has_signature(&first, "SPDM Device Sec")) return device_measurement(&first, t);
        return has_signature(&second, "SPDM Device Sec2") && device_state(&second, t);
}

/* ---- configuration tables ----------------------------------------------------------------------------- */

static const struct {
        uint8_t guid[GUID_SIZE];
        const char *name;
} table_names[] = {
        { { 0x31, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d },
          "SMBIOS" },
        { { 0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a, 0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94 },
          "SMBIOS 3" },
        { { 0x30, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d },
          "ACPI 1.0" },
        { { 0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11, 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 },
          "ACPI 2.0" },
        { { 0x2f, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d },
          "MPS" },
};

static const char *table_name(Bytes guid)
{
        for (size_t i = 0; i < ARRAY_SIZE(table_names); i++)
                if (bytes_equal(guid, BYTES_ARRAY(table_names[i].guid))) return table_names[i].name;
        return NULL;
}

bool describe_tables(Reader *r, Text *t)
{
        uint64_t n;
        Bytes guid = { 0 };

        if (reader_le64(r, &n) < 0) return false;
        text_format(t, "%" PRIu64 " configuration table%s", n, n == 1 ? "" : "s");
        for (uint64_t i = 0; i < n && !t->cut; i++) {
                if (reader_bytes(r, GUID_SIZE, &guid) < 0 || reader_skip(r, 8) < 0) {
                        text_put(t, " (malformed)");
                        return true;
                }
                text_put(t, i ? ", " : ": ");
                if (table_name(guid)) text_put(t, table_name(guid));
                else text_guid(t, guid);
        }
        return true;
}

/* ---- partitions --------------------------------------------------------------------------------------- */

enum {
        GPT_NAME_AT = 56, /* in a partition entry: two GUIDs, two LBAs, attributes */
        GPT_ENTRY_MIN = 128,
        GPT_SHOWN = 12,
};

/* Number and names of the partitions; firmware leaves out entries that are not used. */
static void describe_partitions(Reader *r, uint64_t n, uint32_t entry_size, Text *t)
{
        text_format(t, ", %" PRIu64 " partition%s", n, n == 1 ? "" : "s");
        for (uint64_t i = 0; i < n; i++) {
                Reader entry = { 0 };
                Bytes name = { 0 };

                if (entry_size < GPT_ENTRY_MIN || reader_sub(r, entry_size, &entry) < 0 ||
                    reader_skip(&entry, GPT_NAME_AT) < 0 || reader_bytes(&entry, 72, &name) < 0) {
                        text_put(t, " (malformed)");
                        return;
                }
                if (i > GPT_SHOWN) continue;
                text_put(t, i == 0 ? ": " : i == GPT_SHOWN ? ", ..." : ", ");
                if (i >= GPT_SHOWN) continue;
                if (name.data[0] == 0 && name.data[1] == 0) text_put(t, "(no name)");
                else text_utf16(t, name);
        }
}

bool describe_gpt(Bytes data, Text *t)
{
        Reader r = READER_INIT(data);
        Bytes signature = { 0 }, disk = { 0 };
        uint32_t entry_size;
        uint64_t partitions;

        if (reader_bytes(&r, 8, &signature) < 0 || !bytes_equal(signature, BYTES_LITERAL("EFI PART")))
                return false;
        /* To the disk's GUID, to the size of an entry, to the end of the header. */
        if (reader_skip(&r, 48) < 0 || reader_bytes(&r, GUID_SIZE, &disk) < 0 || reader_skip(&r, 12) < 0 ||
            reader_le32(&r, &entry_size) < 0 || reader_skip(&r, 4) < 0 || reader_le64(&r, &partitions) < 0)
                return false;
        text_put(t, "disk ");
        text_guid(t, disk);
        describe_partitions(&r, partitions, entry_size, t);
        return true;
}

/* ---- tagged events ------------------------------------------------------------------------------------ */

static const struct {
        uint32_t id;
        const char *text;
} tags[] = {
        { 0x8f3b22ec, "initrd loaded by the kernel" }, { 0x8f3b22ed, "kernel command line (LoadOptions)" },
        { 0xf5bc582a, "systemd-boot: configuration" }, { 0x6c46f751, "systemd-stub: device tree" },
        { 0x49dffe0f, "systemd-stub: initrd add-on" }, { 0xdac08e1a, "systemd-stub: microcode add-on" },
        { 0x13aed6db, "systemd-stub: UKI profile" },   { 0xd5cb7cbc, "systemd: SMBIOS system information" },
        { 0xe0d47bc8, "systemd: SMBIOS baseboard" },   { 0xc0b3bd23, "systemd: SMBIOS OEM strings" },
};

/* Windows' SIPA events (wbcl.h): the high bits say what it is. */
static const char *windows_class(uint32_t id)
{
        static const char *const classes[] = {
                NULL,          "container", "information",   "error",       "boot setting",
                "OS setting",  "authority", "loaded module", "trust point", "ELAM driver",
                "VBS setting", "key",       "DRTM",
        };
        const uint32_t n = id >> 16 & 0xfff;

        return n < ARRAY_SIZE(classes) ? classes[n] : NULL;
}

static bool describe_tag(uint32_t id, Bytes data, Text *t)
{
        const char *windows = windows_class(id);

        for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
                if (tags[i].id != id) continue;
                text_put(t, tags[i].text);
                /* The kernel's two names say no more than the text above. */
                if (id >> 8 == 0x8f3b22) return true;
                if (text_looks_utf16(data)) {
                        text_put(t, " ");
                        text_utf16(t, data);
                }
                return true;
        }
        if (windows) text_format(t, "Windows %s 0x%08" PRIx32, windows, id);
        else text_format(t, "tag 0x%08" PRIx32, id);
        text_format(t, ", %zu bytes", data.size);
        return true;
}

bool describe_tagged(Bytes data, Text *t)
{
        Reader r = READER_INIT(data);
        uint32_t id, size;
        Bytes body = { 0 };

        if (reader_le32(&r, &id) < 0 || reader_le32(&r, &size) < 0 || reader_bytes(&r, size, &body) < 0)
                return false;
        return describe_tag(id, body, t);
}
