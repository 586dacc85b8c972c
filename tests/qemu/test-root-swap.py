#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Root swaps by whoever holds the disk: the genuine boot chain runs, the attacker's root comes up, and neither
half can be had in it: the TPM refuses to unseal, the verifier refuses to release.

Each time it is the victim's TPM and the victim's boot chain with the attacker's disk; the attacker has kept the
victim's LUKS2 header and node configuration and tries them as root of the booted system.
"""

import os

from rig import cluster, disk, host, image, scenario, story

HEADER = "EFI/victim/header"
CONFIG = "EFI/victim/node.json"
LUKS_HEADER_MIB = 16
# A root that is found by the UUID of its file system, so that a plain one will do.
BY_UUID = scenario.CMDLINE.replace("root=/dev/mapper/root", "root=UUID={}")


def swaps(scene):
    victim, site = story.enrolled(scene).clone(scene)
    loot = take_loot(scene, victim)
    picture = story.halfkey_image()
    own_secret(scene, attackers_machine(scene, victim, picture, loot, "own-secret"), site)
    no_configuration(scene, attackers_machine(scene, victim, picture, loot, "no-configuration"), picture)
    plain_root(scene, attackers_machine(scene, victim, picture, loot, "plain-root"), picture)


def take_loot(scene, victim):
    """What the attacker keeps of the victim's disk."""
    root = victim.disk.take_root(scene.folder / "victim-root")
    with open(root, "rb") as volume:
        header = volume.read(LUKS_HEADER_MIB * disk.MIB)
    root.unlink()
    return {HEADER: header, CONFIG: victim.disk.get(story.NODE_CONFIG)}


def attackers_machine(scene, victim, picture, loot, name):
    """The victim's TPM and boot chain, the attacker's root: the image's, whose key everybody has."""
    folder = scene.folder / name
    folder.mkdir()
    drive = disk.make(folder / "disk.raw", picture.luks, {disk.FALLBACK: victim.disk.get(disk.FALLBACK), **loot})
    return scene.machine(folder, drive, victim.tpm.clone(folder / "tpm"))


def steal(scene, node, how):
    """Try both halves in the booted system."""
    answer = node.guest.try_run("mount -o ro /dev/vda1 /mnt && "
                                f"/usr/lib/halfkey-test/steal /mnt/{HEADER} /mnt/{CONFIG}; umount /mnt", 180)
    lines = dict(line.split(": ", 1) for line in answer.splitlines() if ": " in line)
    scene.check(lines.get("unseal", "").startswith("refused"), f"{how}: the TPM does not unseal: {lines.get('unseal', answer)}")
    # A cap that only the attacker's volume key can have made is, to the victim's verifier, an extend of unknown origin.
    wanted = "log-does-not-replay" if how == "own enrolment" else "cap-not-zero"
    scene.equal(lines.get("unlock"), f"refused: {wanted}", f"{how}: the verifier does not release")


def own_secret(scene, node, site):
    """A disk whose configuration still holds a secret: the attacker's own cluster enrols the machine."""
    theirs = scene.cluster(cluster.Cluster.create(scene.folder / "attackers-cluster", "attackers")).start()
    node.disk.put(story.ENROLMENT, theirs.enrolment())
    with node:
        scene.equal(node.wait_for(story.OPEN, 300).group(1), "enrolled", "the attacker's volume is enrolled elsewhere")
        node.wait_booted()
        steal(scene, node, "own enrolment")
        node.shut_down()
    theirs.stop()


def no_configuration(scene, node, picture):
    """No configuration at all: the prompt takes the key of the attacker's own volume."""
    with node:
        node.wait_for(story.PROMPT, 120)
        node.console.type(picture.key.read_text(encoding="ascii") + "\n")
        scene.equal(node.wait_for(story.OPEN, 90).group(1), "recovery", "the attacker's key opens the attacker's volume")
        node.wait_booted()
        steal(scene, node, "absent configuration")
        node.shut_down()


def plain_root(scene, node, picture):
    """A root that is not encrypted, under the UUID that the boot chain looks for."""
    uuid = image.ROOT_UUID
    plain = node.folder / "plain.ext4"
    host.sparse_copy(picture.root, plain)
    os.truncate(plain, picture.luks.stat().st_size)
    host.run("tune2fs", "-f", "-U", uuid, plain)
    loot = {path: node.disk.get(path) for path in (HEADER, CONFIG)}
    node.disk = disk.make(node.disk.path, plain, {**disk.unified_kernel(picture, BY_UUID.format(uuid)), **loot})
    with node:
        node.wait_for("capped: this boot was not opened by attestation", 240)
        node.wait_booted()
        steal(scene, node, "plain root")
        node.shut_down()


scenario.run(swaps, limit=1500)
