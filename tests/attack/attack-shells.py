#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shells and other ways out of the initrd, asked for on the kernel command line: in each of them neither half can be
had. Arguments name the ways; without any all of them are tried.

With rdinit= nothing of ours runs before the shell: the node's half opens, which is the limit that THREAT-MODEL names;
the cluster's half does not come.
"""

import re
import sys

import lab
from rig import cpio, disk, host, scenario, story

OPEN_CMDLINE = scenario.CMDLINE.replace(" rd.shell=0 rd.emergency=poweroff", "")
# name: (what is added to the command line, whether root must be open before the shell comes)
WAYS = {
    "break-cmdline": ("rd.break=cmdline", False),
    "break-pre-udev": ("rd.break=pre-udev", False),
    "break-pre-trigger": ("rd.break=pre-trigger", False),
    "break-initqueue": ("rd.break=initqueue", False),
    "break-pre-mount": ("rd.break=pre-mount", True),
    "break-mount": ("rd.break=mount", True),
    "break-pre-pivot": ("rd.break=pre-pivot", True),
    "break-cleanup": ("rd.break=cleanup", True),
    "debug-shell": ("rd.systemd.debug_shell", True),
    "hibernation": ("resume=/dev/vdb", True),
    "init": ("init=/bin/sh", True),
    "emergency": ("rd.systemd.unit=emergency.target", False),
    "rdinit": ("rdinit=/bin/sh", False),
}
# Looks for the TPM, the disk and the network where nobody has set them up, then tries both halves.
TRY = r"""PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ -e /proc/self ] || mount -t proc proc /proc
[ -d /sys/class ] || mount -t sysfs sysfs /sys
[ -c /dev/tpm0 ] || mount -t devtmpfs devtmpfs /dev
[ -e /sys/kernel/security/tpm0 ] || mount -t securityfs securityfs /sys/kernel/security
modprobe -a virtio_pci virtio_blk virtio_net tpm_crb ext4
for net in /sys/class/net/e*; do
    ip link set "${net##*/}" up
    ip addr add 10.0.2.15/24 dev "${net##*/}"
done
n=0
until [ -b /dev/vda2 ] || [ $n = 50 ]; do sleep 0.2; n=$((n + 1)); done
sleep 2
$steal /dev/vda2 ${0%/*}/node.json
echo end-of-try
"""
AFTER_THE_CAP = {"debug-shell": ("debug-shell.service", "the debug shell"),
                 "hibernation": ("systemd-hibernate-resume@dev-vdb.service", "resuming")}
SHELL = r"Press Enter for maintenance|(?:[a-z-]+:[^\n]*|sh-\d[.\d]*|root@[^\n]*|\n)[#$] $"


def shells(scene):
    victim, site = story.enrolled(scene).clone(scene)
    key = site.recovery_key_of(site.nodes()[0]["name"])
    for way in sys.argv[1:] or WAYS:
        tried, needs_root = WAYS[way]
        leave_by(scene, victim, way, tried, key if needs_root else None)
    if "break-pre-mount" in (sys.argv[1:] or WAYS):
        peer(scene)


def leave_by(scene, victim, way, tried, key):
    config = victim.disk.get(story.NODE_CONFIG)
    steal = (host.BUILD / "tests/qemu/steal").read_bytes()
    files = {"loot/steal": steal, "loot/node.json": config,
             "loot/try": ("steal='/lib64/ld-linux-x86-64.so.2 /loot/steal'\n" + TRY).encode()}
    victim.disk.put_all(disk.unified_kernel(story.halfkey_image(), f"{OPEN_CMDLINE} {tried}", cpio.archive(files)))
    victim.disk.put("EFI/victim/node.json", config)
    victim.disk.put("EFI/victim/try", ("steal=/usr/lib/halfkey-test/steal\n" + TRY).encode())
    victim.extra = suspended_disk(scene) if way == "hibernation" else []
    with victim:
        if key:
            victim.wait_for(story.PROMPT, 120)
            victim.console.type(key + "\n")
            victim.wait_for(story.OPEN, 60)
        if way in AFTER_THE_CAP:
            comes_after_the_cap(scene, victim, *AFTER_THE_CAP[way])
            answer = victim.guest.try_run("mount -o ro /dev/vda1 /mnt && sh /mnt/EFI/victim/try", 120)
        else:
            answer = in_shell(scene, victim, way)
    judge(scene, way, tried, answer)


def peer(scene):
    node = lab.enrolled_peer(scene)
    node.disk.put_all(disk.unified_kernel(lab.peer_image(), f"{OPEN_CMDLINE} rd.break=pre-mount"))
    with node:
        to_shell(node)
        node.console.type(f"mount -o ro /dev/mapper/root /sysroot && ls /sysroot{lab.VICTIMS_ROOT} && echo read-$((1 + 1))\n")
        node.wait_for("read-2", 60)
        scene.check(True, "the peer's shell reads the root that the TPM opened")
        lab.control("shells", f"{lab.PEER}, rd.break=pre-mount", "falls: the shell reads the opened root")


def to_shell(machine):
    """Wait for the console to stop in a shell."""
    if machine.wait_for(SHELL, 120).group(0).startswith("Press"):
        machine.console.type("\n")
        machine.wait_for(SHELL, 30)


def in_shell(scene, victim, way):
    """Type on the console of a machine that has stopped in a shell; what the try has printed."""
    to_shell(victim)
    script = "/loot/try"
    if way == "init":
        victim.console.type("mount -t vfat -o ro /dev/vda1 /mnt\n")
        script = "/mnt/EFI/victim/try"
    before = len(victim.console.text())
    victim.console.type(f"sh {script}\n")
    victim.wait_for("end-of-try", 120)
    return victim.console.text()[before:]


def comes_after_the_cap(scene, victim, unit, text):
    """What has no console of its own, or starts nothing here: its time is what counts."""
    victim.wait_booted()
    times = {}
    for name in ("halfkey-cap.service", unit):
        line = victim.guest.run(f"journalctl -b -q -o short-monotonic _PID=1 UNIT={name} | grep -E 'Finished|Start(ed|ing)' | tail -1")
        times[name] = float(re.search(r"\[ *([\d.]+)\]", line).group(1))
    scene.check(times["halfkey-cap.service"] < times[unit],
                f"{text} ({times[unit]} s) comes after the cap ({times['halfkey-cap.service']} s)")


def suspended_disk(scene):
    """A disk with the mark of a hibernated system: what the kernel would load and jump into."""
    path = scene.folder / "suspended"
    path.write_bytes(bytes(16 * disk.MIB))
    host.run("mkswap", path)
    with open(path, "r+b") as swap:
        swap.seek(4096 - 10)
        swap.write(b"S1SUSPEND\0")
    return ["-drive", f"if=none,id=suspended,format=raw,file={path}", "-device", "virtio-blk-pci,drive=suspended"]


def judge(scene, way, tried, answer):
    lines = dict(line.strip().split(": ", 1) for line in answer.splitlines() if ": " in line)
    unseal, unlock = lines.get("unseal", answer[-400:]), lines.get("unlock", answer[-400:])
    if way == "rdinit":
        scene.equal(unseal, "opened", "rdinit=: nothing has capped, and the node's half opens: the limit")
    else:
        scene.check(unseal.startswith("refused"), f"{way}: the TPM does not unseal: {unseal}")
    scene.check(unlock.startswith("refused: "), f"{way}: the verifier does not release: {unlock}")
    lab.attacked("shells", tried, f"unseal: {unseal.split(':')[0]}; unlock: {unlock}")


scenario.run(shells, limit=2400)
