#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""All of a booted machine's memory, searched for each secret of its boot: enrolment, attested, recovery.

None may be left where halfkey had it: in its processes' pages, free again or not. What the kernel keeps on purpose (the
volume key of a mapping) and what others leave (a typed key in the terminal's buffer) is told with its owner.

With --found, for a build that does not wipe (meson -Dwipe=false): the same search must find what halfkey leaves.
"""

import base64
import collections
import json
import mmap
import struct
import sys
import time

import lab
import luks2
from rig import cluster, disk, host, measured, scenario, story

PAGE = 4096
BLOCK = 16
RAM = 1024 * disk.MIB
# Linux: include/uapi/linux/kernel-page-flags.h
SLAB, BUDDY, MMAP, ANON, LRU = 1 << 7, 1 << 10, 1 << 11, 1 << 12, 1 << 5
FREE, PROCESS, KERNEL, CACHE = "free pages", "processes", "the kernel", "the page cache"


def memory(scene):
    picture = story.halfkey_image()
    site = scene.cluster(cluster.Cluster.create(scene.folder / "cluster")).start()
    node = scene.node(picture)
    secrets = {"installer's key": picture.key.read_bytes()}

    enrolment = story.with_unique_key(site.enrolment())
    secrets["enrolment secret"] = bytes.fromhex(json.loads(enrolment)["secret"])
    node.disk.put(story.ENROLMENT, enrolment)
    with node:
        node.wait_for(story.OPEN, 300)
        node.wait_booted()
        dumps = {"enrolment": take_dump(scene, node, "enrolment")}
        log = node.guest.read(measured.LOG)
        node.shut_down()
    name = site.nodes()[0]["name"]
    site.output("node", "approve", name)
    recovery = site.recovery_key_of(name)
    secrets["recovery key, as typed"] = recovery.encode()
    site.stop()
    secrets.update(reveal(scene, node, site, log))
    site.start()
    judge(scene, "enrolment", dumps.pop("enrolment"), secrets)

    story.boot_attested(scene, node)
    judge(scene, "attested", take_dump(scene, node, "attested"), secrets)
    node.shut_down()

    site.stop()
    with node:
        node.wait_for(story.PROMPT, 150)
        node.console.type(recovery + "\n")
        node.wait_for(story.OPEN, 60)
        node.wait_booted()
        judge(scene, "recovery", take_dump(scene, node, "recovery"), secrets)
        node.shut_down()


def take_dump(scene, node, name):
    """(file of all RAM, flags of its pages) of one moment."""
    path = scene.folder / f"{name}.ram"
    # systemd lets go of the initrd's processes and buffers within moments.
    time.sleep(5)
    node.monitor.execute("stop")
    node.monitor.execute("pmemsave", val=0, size=RAM, filename=str(path))
    node.monitor.execute("cont")
    return path, node.guest.read("/proc/kpageflags")


def reveal(scene, node, site, log):
    """What the machine, its TPM and the cluster's key together give."""
    (scene.folder / "eventlog").write_bytes(log)
    root = node.disk.take_root(scene.folder / "root")
    token = luks2.Header(root).token("halfkey")
    half = host.run(host.BUILD / "tests/attack/reveal-half", site.state, token["node_id"]).decode().strip()
    with lab.server(node.tpm.clone(scene.folder / "tpm-copy")) as tcti:
        text = host.run(host.BUILD / "tests/attack/reveal", scene.folder / "eventlog", root, tcti, half)
    root.unlink()
    return {name: bytes.fromhex(value) for name, value in json.loads(text).items()}


def encodings(secret):
    """Every block of 16 bytes, since keys are cut (dm-crypt keeps the two halves of an XTS key apart)."""
    for at in range(0, len(secret) - BLOCK + 1, BLOCK):
        block = secret[at:at + BLOCK]
        yield "raw", block
        yield "hex", block.hex().encode()
        yield "HEX", block.hex().upper().encode()
    yield "base64", base64.b64encode(secret).rstrip(b"=")[:-1]


def owner(flags, page):
    word, = struct.unpack_from("<Q", flags, 8 * page)
    if word & BUDDY:
        return FREE
    if word & SLAB:
        return KERNEL
    if word & (ANON | MMAP):
        return PROCESS
    return CACHE if word & LRU else KERNEL


def search(dump, secrets):
    """{secret: Counter of (encoding, owner)}"""
    path, flags = dump
    found = collections.defaultdict(collections.Counter)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as ram:
        for name, secret in secrets.items():
            for encoding, pattern in encodings(secret):
                at = ram.find(pattern)
                while at >= 0:
                    found[name][encoding, owner(flags, at // PAGE)] += 1
                    at = ram.find(pattern, at + 1)
    path.unlink()
    return found


def judge(scene, boot, dump, secrets):
    found = search(dump, secrets)
    for name, places in found.items():
        print(f"     {boot}: {name}: " + ", ".join(f"{n} {encoding} in {where}" for (encoding, where), n in places.items()),
              flush=True)
    if "--found" in sys.argv:
        left = sorted(name for name, places in found.items() if any(where in (FREE, PROCESS) for _, where in places))
        scene.check(left, f"{boot}: without wiping the search finds {', '.join(left)}")
        lab.control("memory", f"halfkey built without wiping, {boot} boot", f"left: {', '.join(left)}")
        return
    scene.check(found["volume key"], f"{boot}: the search finds what must be there: the kernel's copy of the volume key")
    for name, places in found.items():
        mine = [place for place in places if place[1] in (FREE, PROCESS)]
        scene.check(not mine or is_others(boot, name), f"{boot}: {name} is not left in free pages or processes: {mine}")
    lab.attacked("memory", f"all of guest memory after the {boot} boot",
                 "left: " + ("; ".join(f"{name} in {' and '.join(sorted({where for _, where in places}))}"
                                       for name, places in found.items()) or "nothing"))


def is_others(boot, name):
    """What went through a terminal lies in buffers that halfkey never had."""
    return boot == "recovery" and name == "recovery key, as typed"


scenario.run(memory, limit=1800)
