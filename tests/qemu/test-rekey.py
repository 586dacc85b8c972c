#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The order to rekey a node, from an administrator's word to the floor; then the header from before it is put back."""

import json
import re

from rig import disk, scenario, story

HEADER_MIB = 16
REKEYED = r"halfkey-unlock.*volume 'root' is rekeyed as ordered: the next boot opens it by epoch 2"


def rekey(scene):
    fixture = story.enrolled(scene)
    node, site = fixture.clone(scene)
    name = fixture.name()
    before = header_of(scene, node, "header-before")

    said = site.output("order", "rekey", name)
    scene.check("told to rekey at its next boot" in said, f"an administrator orders it: {said.strip()}")
    scene.equal(volume(site, name)["rekey"], "ordered", "node show says so")
    carry_out(scene, node, site, name)
    use(scene, node, site, name)
    put_back(scene, node, before)
    kinds = [e["kind"] for e in json.loads(site.output("events", "--node", name, "--json"))]
    scene.check([k for k in kinds if k.startswith("rekey-")] == ["rekey-ordered", "rekey-carried-out", "rekey-confirmed"],
                "the audit has the order's life")
    site.stop()


def volume(site, name):
    return json.loads(site.output("node", "show", "--json", name))["volumes"][0]


def header_of(scene, node, name):
    """The header of root, keyslots included, as who has the disk for a minute takes it away."""
    root = node.disk.take_root(scene.folder / "root")
    header = scene.folder / name
    with open(root, "rb") as whole:
        header.write_bytes(whole.read(HEADER_MIB * disk.MIB))
    root.unlink()
    return header


def carry_out(scene, node, site, name):
    story.boot_attested(scene, node)
    scene.check(re.search(REKEYED, node.console.text()), "the initrd carries it out, and the boot goes on")
    scene.equal(story.reattest(node)[0], 0, "the host is re-attested")
    told = volume(site, name)
    scene.equal((told["rekey"], told["epoch_floor"]), ("carried out", 1), "this boot used the old keyslot: the floor stays")
    scene.equal(keyslots(node), 3, "and both keyslots are there beside the recovery key's")
    node.shut_down()


def use(scene, node, site, name):
    story.boot_attested(scene, node)
    scene.equal(story.state(node)["volumes"][0]["epoch"], 2, "the next boot opens it by the new keyslot")
    code, said = story.reattest(node)
    scene.equal(code, 0, "the host is re-attested")
    scene.check("the keyslot from before epoch 2 is gone" in said, "and the old keyslot goes, without a key")
    scene.equal(keyslots(node), 2, "two keyslots are left")
    told = volume(site, name)
    scene.equal((told["rekey"], told["epoch"], told["epoch_floor"]), ("confirmed", 2, 2), "the floor has risen")
    scene.check(told["opened"], "node show says that the volume is open")
    node.shut_down()


def keyslots(node):
    return len(json.loads(node.guest.run("cryptsetup luksDump /dev/vda2 --dump-json-metadata"))["keyslots"])


def put_back(scene, node, header):
    after = header_of(scene, node, "header-after")
    node.disk.put_root(header)
    story.refused(scene, node, "token-epoch", "the header from before is refused for its epoch")
    node.disk.put_root(after)
    story.boot_attested(scene, node)
    node.shut_down()


scenario.run(rekey, limit=1500)
