# SPDX-License-Identifier: LGPL-2.1-or-later
"""A node with Secure Boot whose boots follow each other, each held against what `halfkey eventlog predict` said."""

import json

from . import host, measured

# What systemd-pcrphase extends into PCR 11 of a machine that booted a unified kernel image, and logs nowhere.
WORDS = ["--word", "sysinit", "--word", "ready"]
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


class Prediction:
    """`predicted`: the PCRs that a boot's log explains and that must be foretold."""

    def __init__(self, scene, node, predicted):
        self.scene = scene
        self.node = node
        self.predicted = predicted
        self.foretold = None

    def file(self, name, data):
        path = self.scene.folder / name
        path.write_bytes(data)
        return str(path)

    def boot(self, title, before_off=lambda guest: None):
        """Boot, hold the boot against what was foretold, keep its log for the next one."""
        with self.node as node:
            node.wait_booted()
            pcrs = measured.read_pcrs(node.guest)
            log = node.guest.read(measured.LOG)
            self.scene.equal(node.guest.read(SECURE_BOOT)[4], 1, f"{title}: booted with Secure Boot")
            before_off(node.guest)
            node.shut_down()
        if self.foretold:
            self.compare(title, pcrs)
        self.file("log", log)

    def compare(self, title, pcrs):
        said = {int(pcr): value for pcr, value in self.foretold.items()}
        self.scene.check(self.predicted <= set(said), f"{title}: PCRs {sorted(said)} were foretold")
        wrong = {pcr: (value, pcrs[pcr]) for pcr, value in said.items() if value != pcrs[pcr]}
        self.scene.equal(wrong, {}, f"{title}: each as it was measured")

    def predict(self, *changes):
        answer = json.loads(host.run(host.BUILD / "cli/halfkey", "eventlog", "predict", "--format", "json",
                                     "--bank", "sha256", *(WORDS if 11 in self.predicted else []), *changes, self.scene.folder / "log"))
        self.foretold = answer["pcrs"]["sha256"]
