# SPDX-License-Identifier: LGPL-2.1-or-later
"""A cluster of one verifier on this machine, and the commands an administrator types."""

import json
import pathlib
import shutil
import socket
import subprocess
import time

from . import host

HALFKEY = host.BUILD / "cli" / "halfkey"
VERIFIER = host.BUILD / "verifier" / "halfkey-verifier"
# How a guest on QEMU's user network sees this machine's loopback.
HOST_SEEN_BY_GUEST = "10.0.2.2"


class Cluster:
    """The verifier's folder, its process while it runs, and its address."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "verifier"
        self.recovery_key = self.folder / "recovery.pem"
        self.log = self.folder / "verifier.log"
        # A unix socket's path is short, a build folder's may not be.
        self.socket = self.folder / "admin.sock"
        self.port = free_port()
        self.process = None

    @classmethod
    def create(cls, folder, name="demo"):
        """What `halfkey cluster init` does: all keys and an empty database."""
        made = cls(folder)
        made.folder.mkdir(parents=True)
        host.run(VERIFIER, "init", "--name", name, "--dir", made.state, "--address", made.address,
                 "--recovery-out", made.recovery_key)
        return made

    def clone(self, folder):
        """A copy of a stopped cluster, at a port of its own."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.sock", "*.log"))
        return Cluster(folder)

    @property
    def address(self):
        return f"{HOST_SEEN_BY_GUEST}:{self.port}"

    def start(self):
        self.socket.unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = host.spawn([VERIFIER, "--dir", self.state, "--listen", f"127.0.0.1:{self.port}",
                                       "--admin-socket", self.socket], stdout=log, stderr=log)
        end = time.monotonic() + 10
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise host.RigError(f"the verifier did not start:\n{self.log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.02)
        return self

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def output(self, *words, socket=True):
        """What `halfkey cluster WORDS` prints."""
        command = [HALFKEY, "cluster", *words]
        if socket:
            command += ["--socket", self.socket]
        return host.run(*command).decode()

    def enrolment(self):
        """A fresh enrolment configuration: the bytes of the file for the ESP."""
        path = self.folder / "enrolment.json"
        path.unlink(missing_ok=True)
        self.output("enrolment", "new", "--address", self.address, "--out", path)
        return path.read_bytes()

    def nodes(self):
        """[{name, state, ...}] as `node list --json` tells."""
        return json.loads(self.output("node", "list", "--json"))

    def recovery_key_of(self, node):
        """The recovery key as the site's offline key opens it."""
        cms = self.folder / "recovery.cms"
        self.output("recovery", "get", node, "--out", cms)
        return self.output("recovery", "open", "--key", self.recovery_key, "--cms", cms, socket=False).strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
