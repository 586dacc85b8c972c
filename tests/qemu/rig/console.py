# SPDX-License-Identifier: LGPL-2.1-or-later
"""The serial console: QEMU writes it to a file, and types what the rig sends."""

import pathlib
import re
import socket
import time

# Colours and cursor movements of systemd and the firmware.
_ESCAPES = re.compile(rb"\x1b\[[0-9;?=]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]|\r")


class Console:
    """What the machine has printed so far, and its keyboard."""

    def __init__(self, log, port):
        self.log = pathlib.Path(log)
        self.port = pathlib.Path(port)
        self._seen = 0

    def text(self):
        """Everything printed since power on, without escape sequences."""
        data = self.log.read_bytes() if self.log.exists() else b""
        return _ESCAPES.sub(b"", data).decode(errors="replace")

    def tail(self, lines=40):
        return "\n".join(line for line in self.text().splitlines()[-lines:])

    def find(self, pattern):
        """The first match after the last one that was waited for, or None."""
        text = self.text()
        match = re.search(pattern, text[self._seen:])
        if match:
            self._seen += match.end()
        return match

    def type(self, text):
        """Type on the serial console as a person would.

        The connection ends with the last key: QEMU also writes the console's output to it, a byte a packet, and
        stalls the guest as soon as a few hundred lie there unread."""
        with socket.socket(socket.AF_UNIX) as keyboard:
            keyboard.connect(str(self.port))
            for char in text.encode():
                keyboard.sendall(bytes([char]))
                time.sleep(0.01)
