#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The control of bus sniffing: what clevis unlocks by is read from the TPM's bus while it unlocks. (That nothing of ours
is, a node's whole life long, is a unit test: node-bus.)"""

import json
import os
import re
import subprocess

import lab
from rig import host, scenario, tpm

SECRET = b"a disk's passphrase"


def bus(scene):
    chip = tpm.Tpm.create(scene.folder / "tpm")
    capture = scene.folder / "bus.log"
    with lab.server(chip, "--log", f"file={capture},level=20") as tcti:
        environment = dict(os.environ, TPM2TOOLS_TCTI=tcti, TSS2_LOG="all+none")
        sealed = clevis(environment, SECRET, "encrypt", "tpm2", '{"pcr_bank":"sha256","pcr_ids":"7"}')
        enrolled = capture.stat().st_size
        scene.equal(clevis(environment, sealed, "decrypt"), SECRET, "clevis opens what it has sealed")
    with open(capture, "rb") as log:
        log.seek(enrolled)
        answers = b"".join(bytes.fromhex(dump.decode()) for dump in
                           re.findall(rb"SWTPM_IO_Write: length \d+\s+((?:[0-9A-F]{2}\s+)*)", log.read()))
    found = re.search(rb'\{[^{}]*"k":"[^"]+"[^{}]*\}', answers)
    scene.check(found, "the key is on the bus in the clear")
    scene.equal(json.loads(found.group(0))["kty"], "oct", "as the symmetric key that opens clevis's message")
    lab.control("bus", "clevis with its tpm2 pin", "falls: the key crosses the bus readable")


def clevis(environment, stdin, *words):
    return subprocess.run(["clevis", *words], input=stdin, env=environment, stdout=subprocess.PIPE, check=True,
                          timeout=60).stdout


scenario.run(bus, limit=120)
