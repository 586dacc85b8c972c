#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Power lost while a node talks to its TPM: no cut counts against it, and the next whole boot opens.

A TPM takes an unclean stop for a guess at a password where one guards the object that was in use; the seal has none.
"""

import struct
import time

from rig import machine, measured, scenario, story

# Cut as soon as the TPM has seen this command of the unlock path: while it works on it or on the next one.
CUTS = ("StartAuthSession", "Load", "Unseal")


def no_lockout(scene):
    node, _ = story.enrolled(scene).clone(scene)
    before = lockout(scene, node)
    for command in CUTS:
        cut_at(scene, node, command)
    after = lockout(scene, node)
    scene.equal(after, before, f"{len(CUTS)} cuts count nothing: {after}")


def cut_at(scene, node, command):
    node.tpm.trace = True
    node.start()
    end = time.monotonic() + machine.scaled(240)
    while not seen(node, command):
        if time.monotonic() > end:
            raise scenario.Failed(f"the TPM saw no {command}")
        time.sleep(0.02)
    node.tpm.cut()
    node.kill()
    scene.check(True, f"power cut at {command}")


def seen(node, command):
    """Whether the unlock path has come that far: nobody before it uses any of these commands."""
    codes = [struct.unpack_from(">I", data, 6)[0] for data in node.tpm.commands()]
    return command in [measured.COMMANDS.get(code) for code in codes]


def lockout(scene, node):
    """A whole boot, by attestation; what the TPM then says of failed tries."""
    node.tpm.trace = False
    story.boot_attested(scene, node)
    said = node.guest.run("tpm2_getcap properties-variable")
    node.shut_down()
    return [line.strip() for line in said.splitlines() if "LOCKOUT_COUNTER" in line or "inLockout" in line]


scenario.run(no_lockout, limit=900)
