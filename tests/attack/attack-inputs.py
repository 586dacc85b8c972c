#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a machine is told from outside its measured boot chain: credentials in SMBIOS strings, clocks that are wrong, no
source of randomness. None of it changes what runs before the cap, and none stops the boot.

systemd hands credentials from SMBIOS OEM strings to whoever asks for them; firmware measures no OEM strings.
"""

import base64

import lab
from rig import scenario, story

MARK = "/run/attacker-was-here"
# systemd-tmpfiles takes lines from this credential: any file, any content, as root. The host's own does too, but only
# in the initrd is there anything to copy.
TMPFILES = base64.b64encode(f"C {MARK} - - - - /usr/lib/initrd-release\n".encode()).decode()
CREDENTIALS = ["-smbios", f"type=11,value=io.systemd.credential.binary:tmpfiles.extra={TMPFILES}"]


def inputs(scene):
    victim, _ = story.enrolled(scene).clone(scene)
    victim.extra = ["-rtc", "base=1970-01-01T00:00:00"]
    victim.randomness = False
    opened = story.boot_attested(scene, victim)
    lab.attacked("clock", "a clock at 1970; neither virtio-rng nor RDRAND", f"opens by attestation in {opened.group(6)} s")
    victim.shut_down()

    victim.extra = ["-rtc", "base=2099-01-01T00:00:00", *CREDENTIALS]
    opened = story.boot_attested(scene, victim)
    lab.attacked("clock", "a clock at 2099", f"opens by attestation in {opened.group(6)} s")
    scene.check("initrd-release" in victim.guest.run("cat /run/credentials/@system/tmpfiles.extra"), "systemd has the attacker's credential")
    scene.equal(written(victim), "", "it wrote no file in the initrd")
    lab.attacked("credentials", "tmpfiles.extra in SMBIOS OEM strings", "no unit of the initrd takes it")
    victim.kill()
    peer(scene)


def written(node):
    return node.guest.try_run(f"cat {MARK} 2>/dev/null").strip()


def peer(scene):
    node = lab.enrolled_peer(scene)
    node.extra = CREDENTIALS
    with node:
        node.wait_booted()
        scene.check(written(node), "the peer's initrd does as it is told")
        lab.control("credentials", lab.PEER, "falls: systemd-tmpfiles wrote the attacker's file in the initrd")
        node.kill()


scenario.run(inputs, limit=1500)
