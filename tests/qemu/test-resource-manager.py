#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Another program holds /dev/tpm0: halfkey-unlock goes through the kernel's resource manager, and opens all the same.
What that costs is counted on the bus."""

from rig import cpio, disk, measured, scenario, story

UNITS = "usr/lib/systemd/system"
# Before halfkey-unlock, and for longer than it runs.
HOLD = """[Unit]
DefaultDependencies=no
After=systemd-udevd.service systemd-modules-load.service
Before=halfkey-unlock.service
[Service]
Type=forking
ExecStart=/bin/sh /hold.sh
"""
SCRIPT = """until [ -c /dev/tpm0 ]; do sleep 0.2; done
(exec 3<>/dev/tpm0; exec sleep 900) &
sleep 1
"""


def through_the_resource_manager(scene):
    node, site = story.enrolled(scene).clone(scene)
    site.output("node", "approve", site.nodes()[0]["name"])
    node.disk.put_all(disk.unified_kernel(story.halfkey_image(), scenario.CMDLINE, cpio.archive({
        "hold.sh": SCRIPT.encode(),
        f"{UNITS}/hold.service": HOLD.encode(),
        f"{UNITS}/halfkey-unlock.service.wants/hold.service": "../hold.service"})))
    node.tpm.trace = True
    opened = story.boot_attested(scene, node)
    wire = measured.unlocking_on_the_wire(node.tpm.commands())
    contexts = sum(name in ("ContextLoad", "ContextSave") for name in wire)
    scene.check(contexts > 0, f"through /dev/tpmrm0 {opened.group(5)} commands became {len(wire)} on the bus, "
                              f"{contexts} of them to save and load contexts")
    scene.equal(node.guest.run("systemctl --failed --no-legend --plain"), "", "no unit failed")
    node.shut_down()


scenario.run(through_the_resource_manager, limit=900)
