#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a machine is told from outside its measured boot chain: credentials in an EFI variable, clocks that are wrong, no
source of randomness. None of it changes what runs before the cap, and none stops the boot.

systemd reads more of a kernel command line from the EFI variable SystemdOptions where Secure Boot is off, and hands
credentials named there to whoever asks for them; nothing measures it.
"""

import base64

import lab
from rig import scenario, story

MARK = "/run/attacker-was-here"
# systemd-tmpfiles takes lines from this credential: any file, any content, as root. The host's own does too, but only
# in the initrd is there anything to copy.
TMPFILES = base64.b64encode(f"C {MARK} - - - - /etc/initrd-release\n".encode()).decode()
VARIABLE = "/sys/firmware/efi/efivars/SystemdOptions-8cf2644b-4b0b-428f-9387-6d876050dc67"
OPTIONS = f"systemd.set_credential_binary=tmpfiles.extra:{TMPFILES}"


def inputs(scene):
    victim, _ = story.enrolled(scene).clone(scene)
    victim.extra = ["-rtc", "base=1970-01-01T00:00:00"]
    victim.randomness = False
    opened = story.boot_attested(scene, victim)
    lab.attacked("clock", "a clock at 1970; neither virtio-rng nor RDRAND", f"opens by attestation in {opened.group(6)} s")
    set_options(victim)
    victim.shut_down()

    victim.extra = ["-rtc", "base=2099-01-01T00:00:00"]
    opened = story.boot_attested(scene, victim)
    lab.attacked("clock", "a clock at 2099", f"opens by attestation in {opened.group(6)} s")
    scene.check(victim.guest.run(f"tr -d '\\0' < {VARIABLE} | grep -ao tmpfiles.extra"), "the firmware has the attacker's variable")
    scene.equal(written(victim), "", "a credential from it wrote no file in the initrd")
    lab.attacked("credentials", "tmpfiles.extra by the EFI variable SystemdOptions", "no unit of the initrd takes it")
    victim.kill()
    peer(scene)


def set_options(node):
    data = b"\x07\0\0\0" + OPTIONS.encode("utf-16-le") + b"\0\0"
    node.guest.run("mountpoint -q /sys/firmware/efi/efivars || mount -t efivarfs efivarfs /sys/firmware/efi/efivars; "
                   f"base64 -d <<< {base64.b64encode(data).decode()} > /run/variable && dd if=/run/variable of={VARIABLE} bs=64k")


def written(node):
    return node.guest.try_run(f"cat {MARK} 2>/dev/null").strip()


def peer(scene):
    node = lab.enrolled_peer(scene)
    with node:
        node.wait_booted()
        set_options(node)
        node.shut_down()
    with node:
        node.wait_booted()
        scene.check(written(node), "the peer's initrd does as it is told")
        lab.control("credentials", lab.PEER, "falls: systemd-tmpfiles wrote the attacker's file in the initrd")
        node.kill()


scenario.run(inputs, limit=1500)
