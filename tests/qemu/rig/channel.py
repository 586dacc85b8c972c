# SPDX-License-Identifier: LGPL-2.1-or-later
"""Line-wise talk over QEMU's unix sockets: QMP, and the test service in the guest."""

import base64
import itertools
import json
import socket
import time

from . import host


class Lines:
    """A unix socket read line by line, with a time limit for each line."""

    def __init__(self, path, limit=10):
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + limit
        while True:
            try:
                self._socket.connect(str(path))
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > end:
                    raise host.RigError(f"nobody listens on {path}") from None
                time.sleep(0.05)

    def send(self, data):
        self._socket.settimeout(30)
        self._socket.sendall(data + b"\n")

    def read(self, end):
        """The next line before the monotonic time `end`; None when it has passed."""
        while b"\n" not in self._buffer:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(1 << 16)
            except socket.timeout:
                return None
            if not data:
                raise host.RigError("the machine has gone away")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line

    def close(self):
        self._socket.close()


class Monitor:
    """QEMU's monitor (QMP)."""

    def __init__(self, path):
        self._lines = Lines(path)
        self._lines.read(time.monotonic() + 10)
        self.execute("qmp_capabilities")

    def execute(self, command, limit=30, **arguments):
        self._lines.send(json.dumps({"execute": command, "arguments": arguments}).encode())
        end = time.monotonic() + limit
        while (line := self._lines.read(end)) is not None:
            answer = json.loads(line)
            if "error" in answer:
                raise host.RigError(f"QMP {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise host.RigError(f"QMP {command}: no answer in {limit} s")

    def close(self):
        self._lines.close()


class Answer(str):
    """What a command in the guest printed, with its exit code."""

    code = 0


class Guest:
    """Runs shell scripts in the booted node (image/files/usr/lib/halfkey-test/guest)."""

    _ids = itertools.count(1)

    def __init__(self, path):
        self._lines = Lines(path)

    def try_run(self, script, limit=120):
        """Run a script, whatever its exit code; it is repeated until the guest has a listener."""
        number = str(next(self._ids))
        request = f"RUN {number} {base64.b64encode(script.encode()).decode()}".encode()
        self._lines.send(request)
        end = time.monotonic() + limit
        while (line := self._lines.read(end)) is not None:
            words = line.decode(errors="replace").split()
            if words[:2] == ["DONE", number]:
                answer = Answer(base64.b64decode(words[3]).decode(errors="replace") if words[3:] else "")
                answer.code = int(words[2])
                return answer
        raise host.RigError(f"the guest did not answer in {limit} s: {script}")

    def run(self, script, limit=120):
        """Run a script that must succeed."""
        answer = self.try_run(script, limit)
        if answer.code != 0:
            raise host.RigError(f"in the guest: `{script}` exited {answer.code}:\n{answer}")
        return answer

    def read(self, path, limit=120):
        """The bytes of a file in the guest; works for sysfs files, which have no size."""
        return base64.b64decode(self.run(f"base64 -w0 < '{path}'", limit))

    def close(self):
        self._lines.close()
