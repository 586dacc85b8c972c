# SPDX-License-Identifier: LGPL-2.1-or-later
"""Event logs as OVMF, systemd-boot, systemd-stub 252 and Linux write them, made from the files that boot.

Written from the specifications and what real logs hold, apart from the C code: the peer of `eventlog predict`.
Image hashes come from efitools, so that no PE parser of ours is in it.
"""

import hashlib
import pathlib
import struct
import subprocess
import uuid

BANKS = {"sha1": 0x4, "sha256": 0xb, "sha384": 0xc}
ACTION, SEPARATOR, NO_ACTION, IPL, EVENT_TAG = 0x80000007, 4, 3, 0xd, 6
VARIABLE, APPLICATION, AUTHORITY = 0x80000001, 0x80000003, 0x800000e0
GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c").bytes_le
SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f").bytes_le
PAYLOAD = uuid.UUID("55c5d1f8-04cd-46b5-8a20-e56cbb3052d0").bytes_le
X509, SHA256 = (uuid.UUID(g).bytes_le for g in ("a5c059a1-94e4-4aa7-87b5-ab155c2bf072",
                                               "c1c41626-504c-4092-aca9-41f936934328"))


def utf16(text):
    return (text + "\0").encode("utf-16-le")


def image_hash(path):
    """The SHA-256 Authenticode hash, by efitools: the last 32 bytes of the list it makes."""
    out = pathlib.Path(str(path) + ".esl")
    subprocess.run(["hash-to-efi-sig-list", path, out], check=True, stdout=subprocess.DEVNULL)
    return out.read_bytes()[-32:]


def signature_list(kind, entries, owner=bytes(16)):
    size = 16 + len(entries[0])
    return (kind + struct.pack("<III", 28 + size * len(entries), 0, size)
            + b"".join(owner + entry for entry in entries))


def variable(guid, name, value):
    encoded = name.encode("utf-16-le")
    return guid + struct.pack("<QQ", len(name), len(value)) + encoded + value


def file_node(path):
    body = utf16(path)
    return struct.pack("<BBH", 4, 4, 4 + len(body)) + body


END = b"\x7f\xff\x04\x00"


class Log:
    """A crypto-agile log of one SHA-256 bank: image hashes are known in that one alone."""

    def __init__(self):
        spec = (b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, 1)
                + struct.pack("<HH", BANKS["sha256"], 32) + b"\0")
        self.bytes = struct.pack("<II20sI", 0, NO_ACTION, bytes(20), len(spec)) + spec

    def digest(self, pcr, kind, digest, data):
        self.bytes += struct.pack("<IIIH", pcr, kind, 1, BANKS["sha256"]) + digest + struct.pack("<I", len(data)) + data

    def hashed(self, pcr, kind, what, data=None):
        self.digest(pcr, kind, hashlib.sha256(what).digest(), what if data is None else data)

    def image(self, digest, path):
        self.digest(4, APPLICATION, digest, struct.pack("<QQQQ", 0x1000, 2, 0, len(path)) + path)

    def authority(self, entry):
        self.hashed(7, AUTHORITY, variable(SECURITY, "db", entry))

    def firmware(self, secure, db, dbx):
        self.hashed(0, 8, utf16("1.0"))
        self.hashed(7, VARIABLE, variable(GLOBAL, "SecureBoot", bytes([secure])))
        for name, guid, value in (("PK", GLOBAL, b""), ("KEK", GLOBAL, b""), ("db", SECURITY, db), ("dbx", SECURITY, dbx)):
            self.hashed(7, VARIABLE, variable(guid, name, value))
        self.hashed(7, SEPARATOR, bytes(4))
        self.hashed(4, ACTION, b"Calling EFI Application from Boot Option")
        for pcr in range(7):
            self.hashed(pcr, SEPARATOR, bytes(4))

    def stub(self, sections):
        for name in (".linux", ".osrel", ".cmdline", ".initrd", ".pcrpkey", ".profile"):
            if name in sections:
                self.hashed(11, IPL, name.encode() + b"\0", utf16(name))
                self.hashed(11, IPL, sections[name], utf16(name))

    def kernel(self, command_line, initrd):
        for tag, name, what in ((0x8f3b22ed, b"LOADED_IMAGE::LoadOptions\0", utf16(command_line)),
                                (0x8f3b22ec, b"Linux initrd\0", initrd)):
            self.hashed(9, EVENT_TAG, what, struct.pack("<II", tag, len(name)) + name)


def mangled(cmdline):
    text = cmdline.split(b"\0")[0].decode()
    return "".join(" " if c < " " else c for c in text).rstrip(" ")


def archive(directory, directory_mode, file_mode, files):
    """A cpio as systemd-stub makes it: by GNU cpio's format description, all but names and contents fixed."""
    out, inode = b"", 1

    def entry(name, mode, content=b""):
        nonlocal out, inode
        fields = [inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        header = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        out += header + bytes(-len(header) % 4) + content + bytes(-len(content) % 4)
        inode += 1

    parts = directory.split("/")
    for i in range(1, len(parts)):
        entry("/".join(parts[:i]), 0o40555)
    entry(directory, 0o40000 | directory_mode)
    for name in sorted(files):
        entry(f"{directory}/{name}", 0o100000 | file_mode, files[name])
    trailer = b"070701" + b"00000000" * 4 + b"00000001" + b"00000000" * 6 + b"0000000B" + b"00000000" + b"TRAILER!!!\0"
    return out + trailer + bytes(-len(trailer) % 4)
