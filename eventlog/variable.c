/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "eventlog/variable.h"

#include "eventlog/devpath.h"
#include "eventlog/signature.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct {
        uint8_t guid[16];
        const char *name;
} guids[] = {
        { { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c },
          "EFI global" },
        { { 0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f },
          "image security database" },
        { { 0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43, 0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23 },
          "shim" },
        { { 0x82, 0xb0, 0x67, 0x4a, 0x4c, 0x0a, 0xcf, 0x41, 0xb6, 0xc7, 0x44, 0x0b, 0x29, 0xbb, 0x8c, 0x4f },
          "systemd-boot" },
        { { 0xbd, 0x9a, 0xfa, 0x77, 0x59, 0x03, 0x32, 0x4d, 0xbd, 0x60, 0x28, 0xf4, 0xe7, 0x8f, 0x78, 0x4b },
          "Microsoft" },
};

const char *guid_known(Bytes guid)
{
        for (size_t i = 0; i < ARRAY_SIZE(guids); i++)
                if (bytes_equal(guid, BYTES_ARRAY(guids[i].guid))) return guids[i].name;
        return NULL;
}

int variable_parse(Bytes data, Variable *ret)
{
        Reader r = READER_INIT(data);
        uint64_t name_characters, value_size;
        Variable v = { 0 };

        if (reader_bytes(&r, 16, &v.guid) < 0 || reader_le64(&r, &name_characters) < 0 ||
            reader_le64(&r, &value_size) < 0)
                return -EBADMSG;
        /* Compared before they are doubled or added: both are anything up to 2^64. */
        if (name_characters > reader_left(&r) / 2) return -EBADMSG;
        if (reader_bytes(&r, 2 * (size_t)name_characters, &v.name) < 0) return -EBADMSG;
        if (value_size > reader_left(&r)) return -EBADMSG;
        if (reader_bytes(&r, (size_t)value_size, &v.value) < 0) return -EBADMSG;
        v.trailing = reader_left(&r);
        *ret = v;
        return 0;
}

static bool name_is(Bytes utf16, const char *name)
{
        if (utf16.size != 2 * strlen(name)) return false;
        for (size_t i = 0; name[i]; i++)
                if (utf16.data[2 * i] != (uint8_t)name[i] || utf16.data[2 * i + 1] != 0) return false;
        return true;
}

bool variable_is(const Variable *v, const char *name)
{
        return name_is(v->name, name);
}

bool variable_is_global(const Variable *v, const char *name)
{
        return bytes_equal(v->guid, BYTES_ARRAY(guids[0].guid)) && name_is(v->name, name);
}

/* Boot0000 and its like: four hex digits behind the word. */
static bool is_boot_entry(const Variable *v)
{
        static const uint8_t word[] = { 'B', 'o', 'o', 't' };

        if (v->name.size != 16 || !bytes_equal(v->guid, BYTES_ARRAY(guids[0].guid))) return false;
        for (size_t i = 0; i < 8; i++) {
                const uint8_t c = v->name.data[2 * i];

                if (v->name.data[2 * i + 1] != 0) return false;
                if (i < 4 ? c != word[i] : !strchr("0123456789ABCDEFabcdef", c) || c == 0) return false;
        }
        return true;
}

/* The UTF-16LE text up to its NUL, and what follows it. */
static int take_utf16(Reader *r, Bytes *ret)
{
        const Bytes rest = reader_rest(r);
        uint16_t unit;

        while (reader_le16(r, &unit) == 0) {
                if (unit != 0) continue;
                *ret = BYTES(rest.data, rest.size - reader_left(r) - 2);
                return 0;
        }
        return -EBADMSG;
}

/* EFI_LOAD_OPTION, UEFI 2.10 section 3.1.3. */
static void describe_boot_entry(Bytes value, Text *t)
{
        Reader r = READER_INIT(value);
        Bytes description = { 0 }, path = { 0 };
        uint32_t attributes;
        uint16_t path_size;

        if (value.size == 0) {
                text_put(t, " is not set");
                return;
        }
        if (reader_le32(&r, &attributes) < 0 || reader_le16(&r, &path_size) < 0 ||
            take_utf16(&r, &description) < 0 || reader_bytes(&r, path_size, &path) < 0) {
                text_put(t, " (malformed)");
                return;
        }
        text_put(t, " = ");
        text_utf16(t, description);
        text_put(t, ": ");
        devpath_describe(path, t);
        if (!(attributes & 1)) text_put(t, " (not active)");
}

static void describe_boot_order(Bytes value, Text *t)
{
        Reader r = READER_INIT(value);
        uint16_t number;

        text_put(t, " =");
        while (reader_le16(&r, &number) == 0) text_format(t, " %04X", number);
        if (reader_left(&r) > 0) text_put(t, " (malformed)");
}

bool variable_is_database(const Variable *v)
{
        static const char *const names[] = { "PK",      "KEK",       "db",         "dbx",       "dbt",
                                             "dbr",     "PKDefault", "KEKDefault", "dbDefault", "dbxDefault",
                                             "MokList", "MokListX",  "MokListRT",  "MokListXRT" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (variable_is(v, names[i])) return true;
        return false;
}

static void describe_database(Bytes value, Text *t)
{
        text_put(t, ": ");
        if (value.size == 0) text_put(t, "empty");
        else signatures_describe(value, t);
}

static void describe_value(Bytes value, Text *t)
{
        if (value.size == 0) {
                text_put(t, " is empty");
        } else if (value.size <= 4) {
                text_put(t, " = 0x");
                text_hex(t, value);
        } else if (text_looks_utf8(value)) {
                text_put(t, " = ");
                text_utf8(t, value);
        } else {
                text_format(t, ", %zu bytes", value.size);
        }
}

void variable_describe(const Variable *v, Text *t)
{
        const char *owner = guid_known(v->guid);

        text_utf16(t, v->name);
        if (variable_is_global(v, "SecureBoot") && v->value.size == 1) {
                text_put(t, v->value.data[0] == 1   ? " = on"
                            : v->value.data[0] == 0 ? " = off"
                                                    : " = neither on nor off");
                return;
        }
        if (variable_is_global(v, "BootOrder")) describe_boot_order(v->value, t);
        else if (is_boot_entry(v)) describe_boot_entry(v->value, t);
        else if (variable_is_database(v)) describe_database(v->value, t);
        else describe_value(v->value, t);
        if (owner && bytes_equal(v->guid, BYTES_ARRAY(guids[0].guid))) return;
        text_put(t, " (");
        if (owner) text_put(t, owner);
        else text_guid(t, v->guid);
        text_put(t, ")");
}

bool authority_vouches(const Variable *v)
{
        static const char *const settings[] = { "SbatLevel", "MokListTrusted", "MokSBState", "MokDBState",
                                                "MokPolicy" };

        for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
                if (variable_is(v, settings[i])) return false;
        return true;
}

/* Firmware measures the EFI_SIGNATURE_DATA of the database that verified an image; shim measures the certificate
 * alone where it verified with its own, and the text of a variable for SbatLevel and MokListTrusted. */
void authority_describe(const Variable *v, Text *t)
{
        enum { GUID_SIZE = 16, HASH_ENTRY = GUID_SIZE + 32, DER_SEQUENCE = 0x30 };
        const Bytes value = v->value;

        text_utf16(t, v->name);
        if (text_looks_utf8(value)) {
                describe_value(value, t);
        } else if (value.size > GUID_SIZE && value.data[GUID_SIZE] == DER_SEQUENCE && value.size != HASH_ENTRY &&
                   value.data[0] != DER_SEQUENCE) {
                text_put(t, ": ");
                certificate_describe(BYTES(value.data + GUID_SIZE, value.size - GUID_SIZE), t);
        } else if (value.size > 1 && value.data[0] == DER_SEQUENCE) {
                text_put(t, ": ");
                certificate_describe(value, t);
        } else if (value.size == HASH_ENTRY && variable_is(v, "db")) {
                text_put(t, ": the hash ");
                text_hex(t, BYTES(value.data + GUID_SIZE, 32));
        } else {
                describe_value(value, t);
        }
}
