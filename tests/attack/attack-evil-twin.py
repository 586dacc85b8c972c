#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The evil twin: the victim's machine, boot chain and token, but a root of the attacker's.

The attacker's volume has a keyslot with the null cipher, which any passphrase opens, so that whatever key the TPM or
the cluster gives "opens" it. Stock systemd maps it unattended; halfkey maps nothing, and refuses the attacker's own key
as well.
"""

import json

import lab
import luks2
from rig import host, scenario, story

REFUSED = r"halfkey-unlock.*volume 'root': .*(header refused: .*)\n"
# What would mean that the attacker's volume was mapped.
MAPPED = r"halfkey-unlock.*open: outcome|Mounted.*[Ss]ysroot"


def evil_twin(scene):
    halfkey(scene)
    peer(scene)


def halfkey(scene):
    victim, _ = story.enrolled(scene).clone(scene)
    picture = story.halfkey_image()
    token = luks2.Header(lab.loot(victim, scene.folder)).token("halfkey")

    victim.disk.put_root(twin(scene, picture, token))
    said = refused_by_header(scene, victim, "a twin with the null cipher is refused")
    lab.attacked("evil-twin", "null-cipher keyslot, the victim's token imported", said)

    # The same without what an allow-list can see: only the record of the header tells.
    victim.disk.put_root(twin(scene, picture, token, null_cipher=False))
    said = refused_by_header(scene, victim, "a twin of allowed values is refused")
    lab.attacked("evil-twin", "a header of allowed values, the victim's token imported", said)

    # The attacker can write a fitting record, but no tag over it.
    root = twin(scene, picture, token, null_cipher=False)
    host.run(host.BUILD / "tests/qemu/forge", root, token["node_id"])
    victim.disk.put_root(root)
    with victim:
        said = victim.wait_for(REFUSED, 120, unless=MAPPED).group(1).strip()
        scene.check("tag" in said, f"a fitting record without its keys is refused by its tag: {said}")
        lab.attacked("evil-twin", "the token's record made to fit the attacker's header", said)
        victim.wait_for(story.PROMPT, 120, unless=MAPPED)
        victim.console.type(picture.key.read_text(encoding="ascii") + "\n")
        said = victim.wait_for(r"halfkey-unlock.*(that key does not open it: .*)\n", 60, unless=MAPPED)
        scene.check(True, "the attacker's own key is refused at the prompt too")
        lab.attacked("evil-twin", "the attacker's own key typed at the prompt", said.group(1).strip())


def refused_by_header(scene, node, text):
    with node:
        said = node.wait_for(REFUSED, 120, unless=MAPPED).group(1).strip()
        scene.check(True, f"{text}: {said}")
        return said


def twin(scene, picture, token, null_cipher=True):
    """A volume that the attacker can read, with the victim's token and the keyslots that it names."""
    root = scene.folder / "twin"
    host.sparse_copy(picture.luks, root)
    header = luks2.Header(root)
    like = next(iter(header.json["keyslots"]))
    if null_cipher:
        header.write_null_keyslot(token["keyslots"][0], like, lab.volume_key(root, picture.key, scene.folder))
    else:
        header.json["keyslots"] = {token["keyslots"][0]: header.json["keyslots"][like]}
        header.json["digests"]["0"]["keyslots"] = token["keyslots"]
    header.json["tokens"] = {"0": json.loads(json.dumps(token))}
    header.write()
    return root


def peer(scene):
    node = lab.enrolled_peer(scene)
    token = luks2.Header(lab.loot(node, scene.folder)).token("systemd-tpm2")
    node.disk.put_root(twin(scene, lab.peer_image(), token))
    with node:
        node.wait_booted()
        scene.check("passphrase for" not in node.console.text(), "nobody was asked for a passphrase")
        scene.equal(node.guest.try_run(f"ls {lab.VICTIMS_ROOT} 2>/dev/null").strip(), "", "what booted is the attacker's root")
        scene.equal(node.guest.run("findmnt -no SOURCE /").strip(), "/dev/mapper/root", "mapped by stock systemd")
        lab.control("evil-twin", lab.PEER, "falls: the attacker's root was mapped and booted unattended")
        node.kill()


scenario.run(evil_twin, limit=1500)
