/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Formats device paths itself: libefivar of Debian 12 overruns its buffer on crafted ones. Each node is a
 * Reader over exactly its bytes, so nothing a node claims reaches beyond it, and its length is at least the 4
 * of its header, so each step advances. */

#include "eventlog/devpath.h"

#include <inttypes.h>

enum { HEADER = 4, END_TYPE = 0x7f, PNP_PCI = 0x0a03, PNP_PCIE = 0x0a08 };

/* A formatter returns false when the body is too short for what it holds. */
typedef bool (*Format)(Reader *r, Text *t);

static bool pci(Reader *r, Text *t)
{
        uint8_t function, device;

        if (reader_u8(r, &function) < 0 || reader_u8(r, &device) < 0) return false;
        text_format(t, "Pci(0x%x,0x%x)", device, function);
        return true;
}

static bool guid_and_rest(Reader *r, Text *t, const char *name)
{
        const Bytes none = { 0 };
        Bytes guid = none;

        if (reader_bytes(r, 16, &guid) < 0) return false;
        text_format(t, "%s(", name);
        text_guid(t, guid);
        if (reader_left(r) > 0) text_put(t, ",");
        text_hex(t, reader_rest(r));
        text_put(t, ")");
        r->at = r->size;
        return true;
}

static bool vendor_hardware(Reader *r, Text *t)
{
        return guid_and_rest(r, t, "VenHw");
}

static bool vendor_message(Reader *r, Text *t)
{
        return guid_and_rest(r, t, "VenMsg");
}

static bool vendor_media(Reader *r, Text *t)
{
        return guid_and_rest(r, t, "VenMedia");
}

static bool firmware_file(Reader *r, Text *t)
{
        return guid_and_rest(r, t, "FvFile");
}

static bool firmware_volume(Reader *r, Text *t)
{
        return guid_and_rest(r, t, "Fv");
}

static bool memory_mapped(Reader *r, Text *t)
{
        uint32_t type;
        uint64_t start, end;

        if (reader_le32(r, &type) < 0 || reader_le64(r, &start) < 0 || reader_le64(r, &end) < 0) return false;
        text_format(t, "MemoryMapped(0x%" PRIx32 ",0x%" PRIx64 ",0x%" PRIx64 ")", type, start, end);
        return true;
}

static bool controller(Reader *r, Text *t)
{
        uint32_t number;

        if (reader_le32(r, &number) < 0) return false;
        text_format(t, "Ctrl(0x%" PRIx32 ")", number);
        return true;
}

/* A compressed EISA identifier: PNP in the low half, the number in the high one. */
static bool acpi(Reader *r, Text *t)
{
        uint32_t hid, uid;

        if (reader_le32(r, &hid) < 0 || reader_le32(r, &uid) < 0) return false;
        if ((hid & 0xffff) != 0x41d0) text_format(t, "Acpi(0x%08" PRIx32 ",0x%" PRIx32 ")", hid, uid);
        else if (hid >> 16 == PNP_PCI) text_format(t, "PciRoot(0x%" PRIx32 ")", uid);
        else if (hid >> 16 == PNP_PCIE) text_format(t, "PcieRoot(0x%" PRIx32 ")", uid);
        else text_format(t, "Acpi(PNP%04" PRIX32 ",0x%" PRIx32 ")", hid >> 16, uid);
        return true;
}

static bool acpi_address(Reader *r, Text *t)
{
        uint32_t address;

        if (reader_le32(r, &address) < 0) return false;
        text_format(t, "AcpiAdr(0x%" PRIx32 ")", address);
        r->at = r->size; /* more addresses of the same device may follow */
        return true;
}

static bool scsi(Reader *r, Text *t)
{
        uint16_t target, lun;

        if (reader_le16(r, &target) < 0 || reader_le16(r, &lun) < 0) return false;
        text_format(t, "Scsi(0x%x,0x%x)", target, lun);
        return true;
}

static bool usb(Reader *r, Text *t)
{
        uint8_t port, interface;

        if (reader_u8(r, &port) < 0 || reader_u8(r, &interface) < 0) return false;
        text_format(t, "USB(0x%x,0x%x)", port, interface);
        return true;
}

static bool mac(Reader *r, Text *t)
{
        Bytes address = { 0 };
        uint8_t type;

        if (reader_bytes(r, 32, &address) < 0 || reader_u8(r, &type) < 0) return false;
        /* The field has 32 bytes whatever the network; Ethernet (types 0 and 1) uses 6. */
        if (type <= 1) address.size = 6;
        text_put(t, "MAC(");
        text_hex(t, address);
        text_format(t, ",0x%x)", type);
        return true;
}

static bool ipv4(Reader *r, Text *t)
{
        Bytes local = { 0 }, remote = { 0 };

        if (reader_bytes(r, 4, &local) < 0 || reader_bytes(r, 4, &remote) < 0) return false;
        text_format(t, "IPv4(%u.%u.%u.%u)", remote.data[0], remote.data[1], remote.data[2], remote.data[3]);
        r->at = r->size; /* ports, protocol, gateway: not what identifies the boot */
        return true;
}

static bool ipv6(Reader *r, Text *t)
{
        Bytes remote = { 0 };

        if (reader_skip(r, 16) < 0 || reader_bytes(r, 16, &remote) < 0) return false;
        text_put(t, "IPv6(");
        for (size_t i = 0; i < 16; i += 2)
                text_format(t, "%s%x", i ? ":" : "", (unsigned)remote.data[i] << 8 | remote.data[i + 1]);
        text_put(t, ")");
        r->at = r->size;
        return true;
}

static bool sata(Reader *r, Text *t)
{
        uint16_t port, multiplier, lun;

        if (reader_le16(r, &port) < 0 || reader_le16(r, &multiplier) < 0 || reader_le16(r, &lun) < 0) return false;
        text_format(t, "Sata(0x%x,0x%x,0x%x)", port, multiplier, lun);
        return true;
}

static bool nvme(Reader *r, Text *t)
{
        uint32_t name_space;
        Bytes eui = { 0 };

        if (reader_le32(r, &name_space) < 0 || reader_bytes(r, 8, &eui) < 0) return false;
        text_format(t, "NVMe(0x%" PRIx32 ",", name_space);
        for (size_t i = 8; i > 0; i--) text_format(t, "%s%02X", i < 8 ? "-" : "", eui.data[i - 1]);
        text_put(t, ")");
        return true;
}

static bool rest_as_text(Reader *r, Text *t, const char *name)
{
        text_format(t, "%s(", name);
        text_utf8(t, reader_rest(r));
        text_put(t, ")");
        r->at = r->size;
        return true;
}

static bool uri(Reader *r, Text *t)
{
        return rest_as_text(r, t, "Uri");
}

static bool slot(Reader *r, Text *t, const char *name)
{
        uint8_t number;

        if (reader_u8(r, &number) < 0) return false;
        text_format(t, "%s(0x%x)", name, number);
        return true;
}

static bool sd(Reader *r, Text *t)
{
        return slot(r, t, "SD");
}

static bool emmc(Reader *r, Text *t)
{
        return slot(r, t, "eMMC");
}

static bool vlan(Reader *r, Text *t)
{
        uint16_t id;

        if (reader_le16(r, &id) < 0) return false;
        text_format(t, "Vlan(%u)", id);
        return true;
}

/* UEFI 2.10 table 10.46. */
static bool hard_drive(Reader *r, Text *t)
{
        uint32_t number;
        uint64_t start, size;
        Bytes signature = { 0 };
        uint8_t format, kind;

        if (reader_le32(r, &number) < 0 || reader_le64(r, &start) < 0 || reader_le64(r, &size) < 0 ||
            reader_bytes(r, 16, &signature) < 0 || reader_u8(r, &format) < 0 || reader_u8(r, &kind) < 0)
                return false;
        text_format(t, "HD(%" PRIu32 ",%s,", number, format == 2 ? "GPT" : format == 1 ? "MBR" : "?");
        if (kind == 2) text_guid(t, signature);
        else text_hex(t, BYTES(signature.data, 4));
        text_format(t, ",0x%" PRIx64 ",0x%" PRIx64 ")", start, size);
        return true;
}

static bool cdrom(Reader *r, Text *t)
{
        uint32_t entry;

        if (reader_le32(r, &entry) < 0 || reader_skip(r, 16) < 0) return false;
        text_format(t, "CDROM(0x%" PRIx32 ")", entry);
        return true;
}

static bool file_path(Reader *r, Text *t)
{
        text_utf16(t, reader_rest(r));
        r->at = r->size;
        return true;
}

static bool offset_range(Reader *r, Text *t)
{
        uint64_t start, end;

        if (reader_skip(r, 4) < 0 || reader_le64(r, &start) < 0 || reader_le64(r, &end) < 0) return false;
        text_format(t, "Offset(0x%" PRIx64 ",0x%" PRIx64 ")", start, end);
        return true;
}

static bool bios_boot(Reader *r, Text *t)
{
        uint16_t type;

        if (reader_le16(r, &type) < 0 || reader_skip(r, 2) < 0) return false;
        text_format(t, "BBS(0x%x,", type);
        text_utf8(t, reader_rest(r));
        text_put(t, ")");
        r->at = r->size;
        return true;
}

static const struct {
        uint8_t type, subtype;
        Format format;
} nodes[] = {
        { 1, 1, pci },          { 1, 3, memory_mapped }, { 1, 4, vendor_hardware },
        { 1, 5, controller },   { 2, 1, acpi },          { 2, 3, acpi_address },
        { 3, 2, scsi },         { 3, 5, usb },           { 3, 10, vendor_message },
        { 3, 11, mac },         { 3, 12, ipv4 },         { 3, 13, ipv6 },
        { 3, 18, sata },        { 3, 20, vlan },         { 3, 23, nvme },
        { 3, 24, uri },         { 3, 26, sd },           { 3, 29, emmc },
        { 4, 1, hard_drive },   { 4, 2, cdrom },         { 4, 3, vendor_media },
        { 4, 4, file_path },    { 4, 6, firmware_file }, { 4, 7, firmware_volume },
        { 4, 8, offset_range }, { 5, 1, bios_boot },
};

static void describe_node(uint8_t type, uint8_t subtype, Reader *body, Text *t)
{
        for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
                if (nodes[i].type != type || nodes[i].subtype != subtype) continue;
                if (!nodes[i].format(body, t)) text_put(t, "(malformed)");
                else if (reader_left(body) > 0) text_put(t, "(longer than it should be)");
                return;
        }
        text_format(t, "Path(%u,%u", type, subtype);
        if (reader_left(body) > 0) text_put(t, ",");
        text_hex(t, reader_rest(body));
        text_put(t, ")");
}

void devpath_describe(Bytes path, Text *t)
{
        Reader r = READER_INIT(path);
        bool first = true;

        while (reader_left(&r) > 0 && !t->cut) {
                uint8_t type, subtype;
                uint16_t length;
                Reader body;

                if (reader_u8(&r, &type) < 0 || reader_u8(&r, &subtype) < 0 || reader_le16(&r, &length) < 0 ||
                    length < HEADER || reader_sub(&r, length - (size_t)HEADER, &body) < 0) {
                        text_put(t, "(malformed)");
                        return;
                }
                if (type == END_TYPE && subtype == 0xff) return;
                if (!first) text_put(t, type == END_TYPE ? "," : "/");
                first = type == END_TYPE;
                if (type != END_TYPE) describe_node(type, subtype, &body, t);
        }
}
