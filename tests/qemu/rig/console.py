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
        self._socket = None
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
        """Type on the serial console as a person would."""
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(str(self.port))
        for char in text.encode():
            self._socket.sendall(bytes([char]))
            time.sleep(0.01)

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None
