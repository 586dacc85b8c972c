# SPDX-License-Identifier: LGPL-2.1-or-later
"""A TPM 2.0 of software for each machine: swtpm on a unix socket, its state in a folder."""

import pathlib
import re
import shutil
import struct
import subprocess

from . import host


class Tpm:
    """Made once with `create`, then started for each boot; cloned by copying its folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.process = None
        self.trace = False # for the next start: write every command into the log

    @property
    def socket(self):
        return self.folder / "ctrl.sock"

    @property
    def log(self):
        return self.folder / "swtpm.log"

    @classmethod
    def create(cls, folder, banks="sha256"):
        """Manufacture a TPM: primary seeds, EK with certificate, PCR banks."""
        tpm = cls(folder)
        shutil.rmtree(tpm.folder, ignore_errors=True)
        tpm.folder.mkdir(parents=True)
        host.run("swtpm_setup", "--tpm2", "--tpm-state", tpm.folder, "--config", _authority(),
                 "--create-ek-cert", "--create-platform-cert", "--lock-nvram",
                 "--pcr-banks", banks, "--overwrite")
        return tpm

    def clone(self, folder):
        """The same TPM once more, as it was left: for tests that start from one fixture."""
        assert self.process is None, "a running TPM's state is not on disk yet"
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.sock", "*.log", ".lock"))
        return Tpm(folder)

    def start(self):
        """Serve QEMU; ends by itself when QEMU closes the connection."""
        self.socket.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        self.process = host.spawn(["swtpm", "socket", "--tpm2", "--terminate",
                                   "--tpmstate", f"dir={self.folder}",
                                   "--ctrl", f"type=unixio,path={self.socket}",
                                   "--log", f"file={self.log},level={20 if self.trace else 1}"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def commands(self):
        """Every command since the start, as bytes; for a TPM that was started with `trace`."""
        text = self.log.read_text(encoding="ascii", errors="replace")
        found = []
        for size, dump in re.findall(r"SWTPM_IO_Read: length (\d+)\s+((?:[0-9A-F]{2}\s+)*)", text):
            data = bytes.fromhex(dump)[:int(size)]
            if len(data) >= 10 and struct.unpack_from(">I", data, 2)[0] == len(data):
                found.append(data)
        return found

    def cut(self):
        """Power off without a word to the TPM; the machine is killed next."""
        if self.process is not None:
            self.process.kill()

    def stop(self):
        """Called after the machine has ended; QEMU's exit is what ends swtpm."""
        if self.process is None:
            return
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


def _authority():
    """The software TPM maker that signs EK certificates; kept in the cache, no file of the host's."""
    folder = host.CACHE / "tpm-maker"
    with host.locked(host.CACHE / "tpm-maker.lock"):
        if not (folder / "setup.conf").exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "localca.conf").write_text(
                f"statedir = {folder}\nsigningkey = {folder}/signkey.pem\n"
                f"issuercert = {folder}/issuercert.pem\ncertserial = {folder}/certserial\n",
                encoding="utf-8")
            (folder / "localca.options").write_text(
                "--tpm-manufacturer id:00001014\n--tpm-model swtpm\n--tpm-version 2\n"
                "--platform-manufacturer halfkey\n--platform-version 1\n--platform-model test\n",
                encoding="utf-8")
            (folder / "setup.conf").write_text(
                f"create_certs_tool = {shutil.which('swtpm_localca')}\n"
                f"create_certs_tool_config = {folder}/localca.conf\n"
                f"create_certs_tool_options = {folder}/localca.options\n", encoding="utf-8")
    return folder / "setup.conf"
