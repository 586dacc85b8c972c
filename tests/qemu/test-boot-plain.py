#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Debian node without halfkey boots, and its event log explains its PCRs."""

from rig import host, measured, scenario


def boots_and_explains_its_pcrs(scene):
    node = scene.node(scenario.stock_image(), banks="sha1,sha256")
    with node:
        seconds = node.wait_booted()
        scene.check(True, f"booted in {seconds:.0f} s")
        scene.equal(node.guest.run("findmnt -no SOURCE /").strip(), "/dev/mapper/root", "root is the encrypted volume")
        scene.equal(node.guest.run("systemctl --failed --no-legend --plain"), "", "no unit failed")
        log = node.guest.read(measured.LOG)
        pcrs = measured.read_pcrs(node.guest)
        node.shut_down()
        scene.check(True, "powered off")

    (scene.folder / "eventlog").write_bytes(log)
    banks = measured.replay(log)
    scene.equal(sorted(banks), ["sha1", "sha256"], "the log has the TPM's two banks")
    if (host.BUILD / "cli" / "halfkey").exists():
        scene.equal(measured.halfkey_replay(scene.folder / "eventlog"), banks, "halfkey replays the log to the same values")

    others = measured.unlogged(banks["sha256"], pcrs)
    scene.check({0, 1, 2, 3, 4, 5, 6, 7} <= set(banks["sha256"]) - set(others),
                f"PCRs {sorted(set(banks['sha256']) - set(others))} are the log's")
    for pcr, author in others.items():
        scene.check(author is not None, f"PCR {pcr} was extended further by {author}")


scenario.run(boots_and_explains_its_pcrs)
