# SPDX-License-Identifier: LGPL-2.1-or-later
"""LUKS2 headers as whoever holds a disk can write them: any JSON, valid checksums, any keyslot.

LUKS2 On-Disk Format Specification 1.1.1: section 2 (binary header), 3 (JSON area), 5.1 (anti-forensic splitter).
"""

import hashlib
import json
import os
import struct

BINARY_SIZE = 4096
CHECKSUM, CHECKSUM_SIZE = 448, 64
SEQUENCE = 16


class Header:
    """The JSON of a volume's first header copy; `write` puts both copies back, with a higher sequence number."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as volume:
            self._binary = bytearray(volume.read(BINARY_SIZE))
            self.size = struct.unpack_from(">Q", self._binary, 8)[0]
            self.json = json.loads(volume.read(self.size - BINARY_SIZE).rstrip(b"\0"))

    def token(self, kind):
        """The token of that type."""
        return next(token for token in self.json["tokens"].values() if token["type"] == kind)

    def write(self):
        text = json.dumps(self.json, separators=(",", ":")).encode()
        area = text.ljust(self.size - BINARY_SIZE, b"\0")
        assert len(area) == self.size - BINARY_SIZE, "the JSON outgrows its area"
        struct.pack_into(">Q", self._binary, SEQUENCE, struct.unpack_from(">Q", self._binary, SEQUENCE)[0] + 2)
        with open(self.path, "r+b") as volume:
            for offset, magic in ((0, b"LUKS\xba\xbe"), (self.size, b"SKUL\xba\xbe")):
                copy = self._binary[:]
                copy[:6] = magic
                # Each copy says where it lies, and has a salt of its own in its checksum.
                struct.pack_into(">Q", copy, 256, offset)
                copy[104:168] = os.urandom(64)
                copy[CHECKSUM:CHECKSUM + CHECKSUM_SIZE] = bytes(CHECKSUM_SIZE)
                digest = hashlib.sha256(copy + area).digest()
                copy[CHECKSUM:CHECKSUM + len(digest)] = digest
                volume.seek(offset)
                volume.write(copy + area)

    def write_null_keyslot(self, number, like, volume_key):
        """Keyslot `number` as a copy of keyslot `like`, in that one's area, "encrypted" with the null cipher: it
        gives `volume_key` whatever passphrase is tried."""
        slot = json.loads(json.dumps(self.json["keyslots"][like]))
        slot["area"]["encryption"] = "cipher_null-ecb"
        material = split(volume_key, slot["af"]["stripes"], slot["af"]["hash"])
        if number != like:
            del self.json["keyslots"][like]
        self.json["keyslots"][number] = slot
        for digest in self.json["digests"].values():
            digest["keyslots"] = sorted({number, *digest["keyslots"]} - ({like} - {number}))
        with open(self.path, "r+b") as volume:
            volume.seek(int(slot["area"]["offset"]))
            volume.write(material.ljust(-(-len(material) // 4096) * 4096, b"\0"))


def split(key, stripes, hash_name):
    """The anti-forensic splitter: `stripes` blocks that give the key back together."""
    block = bytes(len(key))
    out = []
    for _ in range(stripes - 1):
        stripe = os.urandom(len(key))
        out.append(stripe)
        block = _diffuse(_xor(block, stripe), hash_name)
    return b"".join(out) + _xor(block, key)


def _xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def _diffuse(block, hash_name):
    size = hashlib.new(hash_name).digest_size
    return b"".join(hashlib.new(hash_name, struct.pack(">I", i) + block[at:at + size]).digest()[:len(block) - at]
                    for i, at in enumerate(range(0, len(block), size)))
