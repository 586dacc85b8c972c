#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A rogue DHCP server on a second network card: every option that is a text says a shell command. The node boots by
attestation over its other card, takes no address of a verifier from anybody, and runs nothing that a lease says."""

import lab
import rogue
from rig import scenario, story

MARK = "/run/rogue-was-here"
SHELL = f"x;touch {MARK};$(touch {MARK})`touch {MARK}`'\";touch {MARK} #".encode()
# Host name, domain, root path, extensions path, TFTP server, boot file, POSIX and zone time zones, captive portal, DNS
# search, proxy configuration: RFC 2132, 4833, 8910, 3397; and a resolver of its own.
OPTIONS = {**{code: SHELL for code in (12, 15, 17, 18, 66, 67, 100, 101, 114, 252)}, 6: rogue.ADDRESS,
           42: rogue.ADDRESS, 119: b"\x0b$(touch /x)`\0"}


def dhcp(scene):
    victim, _ = story.enrolled(scene).clone(scene)
    server = rogue.Server(scene.folder / "rogue.sock", OPTIONS)
    victim.extra = ["-netdev", f"stream,id=rogue,addr.type=unix,addr.path={scene.folder}/rogue.sock",
                    "-device", "virtio-net-pci,netdev=rogue,romfile="]
    story.boot_attested(scene, victim)
    scene.check(server.answers >= 2, f"the rogue server gave a lease: {server.answers} answers")
    taken = victim.guest.run("journalctl -b -q -o cat | grep -o 'DHCPv4 address 10.66.0.2' | head -1")
    scene.check(taken, "and the machine took it")
    scene.equal(victim.guest.try_run(f"ls {MARK} /x 2>/dev/null").strip(), "", "nothing that it says was run")
    scene.equal(victim.guest.run("cat /proc/sys/kernel/hostname").strip(), "halfkey-node", "the host's name is its own")
    lab.attacked("dhcp", "shell commands in ten options of a lease, a resolver of the attacker's",
                 "opens by attestation; nothing sourced")
    victim.kill()


scenario.run(dhcp, limit=900)
