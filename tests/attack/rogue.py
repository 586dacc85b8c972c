# SPDX-License-Identifier: LGPL-2.1-or-later
"""A DHCP server that lies, on a network of one machine: QEMU's `-netdev stream` over a unix socket.

It answers every DISCOVER and REQUEST with the options it was given, and nothing else that passes by."""

import socket
import struct
import threading

MAC = bytes.fromhex("525400660001")
ADDRESS, CLIENT = bytes([10, 66, 0, 1]), bytes([10, 66, 0, 2])
MAGIC = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5


class Server:
    """Listens until the rig's process ends; `answers` counts what it sent."""

    def __init__(self, path, options):
        self.options = options
        self.answers = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        wire, _ = self._listener.accept()
        with wire:
            while (frame := _frame(wire)) is not None:
                if (answer := self._answer(frame)) is not None:
                    wire.sendall(struct.pack(">I", len(answer)) + answer)
                    self.answers += 1

    def _answer(self, frame):
        # Ethernet, IPv4 without options, UDP to port 67
        if len(frame) < 282 or frame[12:14] != b"\x08\x00" or frame[23] != 17 or frame[36:38] != b"\0\x43":
            return None
        request = frame[42:]
        kind = _option(request[240:], 53)
        if request[236:240] != MAGIC or kind not in (bytes([DISCOVER]), bytes([REQUEST])):
            return None
        options = {53: bytes([OFFER if kind == bytes([DISCOVER]) else ACK]), 54: ADDRESS, 51: struct.pack(">I", 3600),
                   1: bytes([255, 255, 255, 0]), **self.options}
        reply = (struct.pack(">BBBB", 2, 1, 6, 0) + request[4:8] + bytes(8) + CLIENT + ADDRESS + bytes(4) +
                 request[28:44] + bytes(192) + MAGIC +
                 b"".join(bytes([code, len(data)]) + data for code, data in options.items()) + b"\xff")
        udp = struct.pack(">HHHH", 67, 68, 8 + len(reply), 0) + reply
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + ADDRESS + b"\xff" * 4
        head = head[:10] + struct.pack(">H", _checksum(head)) + head[12:]
        return b"\xff" * 6 + MAC + b"\x08\x00" + head + udp


def _frame(wire):
    size = _exactly(wire, 4)
    return None if size is None else _exactly(wire, struct.unpack(">I", size)[0])


def _exactly(wire, size):
    data = b""
    while len(data) < size:
        more = wire.recv(size - len(data))
        if not more:
            return None
        data += more
    return data


def _option(options, code):
    at = 0
    while at + 1 < len(options) and options[at] != 255:
        if options[at] == 0:
            at += 1
            continue
        if options[at] == code:
            return options[at + 2:at + 2 + options[at + 1]]
        at += 2 + options[at + 1]
    return None


def _checksum(head):
    total = sum(struct.unpack(">10H", head))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
