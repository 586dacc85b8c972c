#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Root on the booted host, or whoever took it over: with TPM, token and network, both halves stay shut. The peer's key
opens for anyone who is root, as often as he likes."""

import re

import lab
from rig import scenario, story


def from_the_host(scene):
    victim, _ = story.enrolled(scene).clone(scene)
    story.boot_attested(scene, victim)
    tried = victim.guest.try_run("/usr/lib/halfkey-test/steal /dev/vda2 /run/halfkey/node.json", 180)
    scene.check(re.search("unseal: refused", tried), f"the TPM does not unseal: {tried}")
    refused = re.search("unlock: (refused: cap-[a-z-]+)", tried)
    scene.check(refused, f"the verifier does not release: {tried}")
    lab.attacked("host-oracle", "root after switch-root", f"unseal: refused; unlock: {refused.group(1)}")
    victim.kill()

    node = lab.enrolled_peer(scene)
    with node:
        node.wait_booted()
        answer = node.guest.try_run("/lib/systemd/systemd-cryptsetup attach stolen /dev/vda2 - tpm2-device=auto,headless=1,readonly;"
                                    "cryptsetup open --test-passphrase --token-only /dev/vda2 && echo opened", 120)
        scene.check("opened" in answer, f"the peer's volume opens from the booted host: {answer}")
        lab.control("host-oracle", lab.PEER, "falls: the TPM unseals for root of the booted host")
        node.kill()


scenario.run(from_the_host, limit=1500)
