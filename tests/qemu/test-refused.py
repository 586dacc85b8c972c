#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boots that must not open: each refused by its own reason, on the console and in the verifier's log."""

import json
import re
import struct

from rig import cpio, disk, host, scenario, story

LOG = "/sys/kernel/security/tpm0/binary_bios_measurements"
UNITS = "usr/lib/systemd/system"
# Before halfkey-unlock: the firmware's log with one event more, which no TPM has seen.
FORGE = f"""[Unit]
DefaultDependencies=no
Before=halfkey-unlock.service
[Service]
Type=oneshot
ExecStart=/bin/sh /forge.sh
"""
EVENT = struct.pack("<IIIH32sI4s", 4, 0xd, 1, 0x000b, bytes(32), 4, b"fake")
SCRIPT = f"""cat {LOG} > /run/forged
printf '{"".join(f"%s{byte:03o}" % chr(92) for byte in EVENT)}' >> /run/forged
mount --bind /run/forged {LOG}
"""


def refusals(scene):
    node, site = story.enrolled(scene).clone(scene)
    name = site.nodes()[0]["name"]
    uki = {disk.FALLBACK: node.disk.get(disk.FALLBACK)}
    picture = story.halfkey_image()

    def boot(text, reason, cmdline=scenario.CMDLINE, appended=b""):
        node.disk.put_all(disk.unified_kernel(picture, cmdline, appended))
        said = story.refused(scene, node, reason, text)
        scene.check(reason in site.log.read_text(encoding="utf-8"), f"and the verifier's log says {reason} too")
        return said

    said = boot("another kernel command line is refused", "policy-changed-boot", scenario.CMDLINE + " quiet")
    scene.check(re.search(r"event \d+ \(PCR \d+", said), "and the event is named")
    boot("a shell on the kernel command line is refused", "policy-command-line", scenario.CMDLINE + " rd.break=pre-mount")
    boot("another initrd is refused", "policy-changed-boot", appended=cpio.archive({"etc/motd": b"changed\n"}))
    boot("a log that does not replay is refused", "log-does-not-replay", appended=cpio.archive({
        "forge.sh": SCRIPT.encode(),
        f"{UNITS}/forge.service": FORGE.encode(),
        f"{UNITS}/halfkey-unlock.service.wants/forge.service": "../forge.service"}))

    node.disk.put_all(uki)
    site.output("node", "quarantine", name, "--reason", "test")
    story.refused(scene, node, "node-quarantined", "a quarantined node is refused")
    site.output("node", "activate", name)
    wrong_pin(scene, node)
    another_nodes_id(scene, node, site)


def wrong_pin(scene, node):
    kept = node.disk.get(story.NODE_CONFIG)
    config = json.loads(node.disk.get(story.NODE_CONFIG))
    config["pins"] = ["00" * 32]
    node.disk.put(story.NODE_CONFIG, json.dumps(config).encode())
    with node:
        node.wait_for(r"wrong key", 120, unless=story.OPEN)
        scene.check(True, "a verifier whose key is not pinned is not talked to")
    node.disk.put(story.NODE_CONFIG, kept)


def another_nodes_id(scene, node, site):
    """The token says that this machine is another one, which the cluster knows well; its record of the header is
    made to fit, so that the node itself does not refuse it before."""
    folder = scene.folder / "other"
    other = scene.node(story.halfkey_image(), folder=folder)
    name = story.enrol(scene, other, site, story.with_unique_key)
    site.output("node", "approve", name)
    wanted = [n["node_id"] for n in site.nodes() if n["name"] == name][0]

    root = node.disk.take_root(scene.folder / "root")
    host.run(host.BUILD / "tests/qemu/forge", root, wanted)
    node.disk.put_root(root)
    story.move(node.disk, site)
    story.refused(scene, node, "evidence-quote-signature", "another node's id is refused: its AK did not sign this")


scenario.run(refusals, limit=1500)
