#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Root, data and swap: enrolled in one boot, opened by one attestation; and a disk that is not there holds nobody up.
"""

import re

from rig import cluster, disk, host, image, machine, scenario, story

SPARE = "7d1bd4b9-6a5c-4b35-8f0e-0d2f4a1c9e03"
UUIDS = {"data": "7d1bd4b9-6a5c-4b35-8f0e-0d2f4a1c9e01", "swap": "7d1bd4b9-6a5c-4b35-8f0e-0d2f4a1c9e02"}
CONF = "# Made by the image recipe.\nvolume = swap\nvolume = data:data:srv\nvolume = root:root\n"
UNITS = "systemctl is-active systemd-cryptsetup@root.service systemd-cryptsetup@{data,swap}.service"


def volumes(scene):
    picture = volumes_image()
    site = scene.cluster(cluster.Cluster.create(scene.folder / "cluster")).start()
    node = scene.node(picture)
    drives = {name: other_disk(scene, picture, name) for name in UUIDS}
    node.extra = attach(drives)
    enrol(scene, node, site)
    drives["spare"] = other_disk(scene, picture, "spare")
    node.extra = attach(drives)
    all_in_one(scene, node, picture)
    without_data(scene, node, drives)
    site.stop()


def volumes_image():
    """The node image with two more volumes; the host can do without either."""
    extra = host.CACHE / "extra-volumes"
    key = "/etc/halfkey/installer.key"
    with host.locked(host.CACHE / "extra-volumes.lock"):
        put(extra / "etc/halfkey/initrd.conf", CONF)
        put(extra / "etc/crypttab", f"root UUID={image.ROOT_UUID} {key} luks\n" + "".join(
            f"{name} UUID={uuid} {key} luks,nofail,x-systemd.device-timeout=5s\n" for name, uuid in UUIDS.items()))
        put(extra / "etc/fstab", "/dev/mapper/root / ext4 defaults 0 1\n"
            "/dev/mapper/data /srv ext4 nofail,x-systemd.device-timeout=5s 0 2\n"
            "/dev/mapper/swap none swap nofail,x-systemd.device-timeout=5s 0 0\n")
    return image.build("volumes", extra=extra)


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")


def other_disk(scene, picture, name):
    """A whole disk that the installer encrypted, with what is to be on it."""
    plain, drive = scene.folder / f"{name}.plain", scene.folder / f"{name}.raw"
    host.run("truncate", "-s", "48M", plain)
    host.run(*(["mkswap", plain] if name == "swap" else ["mkfs.ext4", "-q", "-F", "-b", "4096", plain]))
    disk.encrypt(plain, drive, picture.key, UUIDS.get(name, SPARE))
    plain.unlink()
    return drive


def attach(drives):
    options = []
    for name, path in drives.items():
        options += ["-drive", f"if=none,id={name},format=raw,cache=unsafe,file={path}",
                    "-device", f"virtio-blk-pci,drive={name}"]
    return options


def enrol(scene, node, site):
    name = story.enrol(scene, node, site, story.with_unique_key)
    site.output("node", "approve", name)
    shown = site.output("node", "show", name)
    for role in ("root", "data:srv", "swap"):
        scene.check(re.search(rf"\b{role}\b", shown), f"the verifier knows the volume of role {role}")


def all_in_one(scene, node, picture):
    opened = story.boot_attested(scene, node)
    scene.check(int(opened.group(5)) <= 12, f"three volumes cost {opened.group(5)} TPM commands, as one does")
    scene.equal(len(re.findall("attesting ", node.console.text())), 1, "one attestation")
    scene.check("Please enter" not in node.console.text(), "nobody was asked for anything")
    guest = node.guest
    scene.equal(guest.try_run(UNITS).split(), ["active"] * 3, "systemd takes all three for set up")
    scene.equal(guest.run("findmnt -no SOURCE /srv").strip(), "/dev/mapper/data", "the data volume is mounted")
    scene.check("/dev/dm-" in guest.run("cat /proc/swaps"), "the swap volume is in use")
    scene.equal(guest.run("systemctl --failed --no-legend --plain"), "", "no unit failed")
    nothing_left(scene, guest)
    code, said = story.reattest(node)
    scene.equal(code, 0, f"the host is re-attested with all three in the cap: {said.strip().splitlines()[-1]}")
    scene.equal(said.count("the installer's keyslot is gone"), 3, "the installer's keyslot goes from all three")
    add_spare(scene, guest, picture.key.read_text(encoding="ascii"))
    node.shut_down()


def add_spare(scene, guest, key):
    """A disk that came later: a key file on the encrypted root."""
    command = f"halfkey enroll --data /dev/disk/by-uuid/{SPARE} --name spare"
    said = guest.run(f"{command} --dry-run")
    scene.check("root on /dev/vda2, opened by halfkey" in said, "root is halfkey's, so a key file may lie there")
    scene.equal(guest.try_run("ls /etc/cryptsetup-keys.d").count("spare.key"), 0, "--dry-run changes nothing")
    guest.run(f"printf %s {key} | {command}")
    scene.equal(guest.run("stat -c '%a %U' /etc/cryptsetup-keys.d/spare.key").strip(), "600 root", "a key file for the spare disk")
    scene.check("is there" in guest.try_run(f"{command} 2>&1") or "there is" in guest.try_run(f"{command} 2>&1"),
                "a second time it is refused")


def nothing_left(scene, guest):
    """After switch-root: no process of the initrd, no file of halfkey's but the two that hold no secret."""
    files = guest.run("find /run/halfkey /run/credentials -type f | sort").split()
    scene.equal(files, ["/run/halfkey/node.json", "/run/halfkey/state.json"], "two files are left in /run")
    left = guest.try_run("for p in /proc/[0-9]*; do readlink $p/exe; done | grep -c 'halfkey/\\|(deleted)'").strip()
    scene.equal(left, "0", "no process of the initrd is left")
    said = guest.run("journalctl -b -q -o cat -t halfkey-unlock -t halfkey-cap -t systemd-ask-password")
    scene.check("Operation not permitted" not in said, "the sandbox denied nothing that was needed")
    first = guest.run("journalctl -b -q -o cat | grep -m1 'systemd [0-9].* running in'")
    scene.check("+SECCOMP" in first, "it was in force: the initrd's systemd can filter system calls")
    ours = guest.run("journalctl -b -q -o cat _PID=1 | grep -ciE 'halfkey.*(unknown|ignoring)' || :").strip()
    scene.equal(ours, "0", "and has no complaint about the units")


def without_data(scene, node, drives):
    """The data disk is pulled out: ten seconds, then the boot goes on."""
    node.extra = attach({name: drives[name] for name in ("swap", "spare")})
    node.start()
    node.wait_for(r"volume 'data': no device UUID=\S+: the boot goes on without it", 120, unless=story.PROMPT)
    opened = node.wait_for(story.OPEN, 60, unless=story.PROMPT)
    scene.equal(opened.group(1), "attested", "root opens by attestation without the data disk")
    node.wait_booted()
    state = story.state(node)
    steps = {step["step"]: step["at_ms"] for step in state["steps"]}
    waited = (steps["volumes found"] - steps["root found"]) / 1000
    scene.check(10 <= waited < machine.scaled(13), f"after {waited:.1f} s")
    problems = {v["name"]: v.get("problem", "") for v in state["volumes"]}
    scene.check("no device" in problems["data"] and not problems["root"] and not problems["swap"],
                f"the state file says what is not open: {problems['data']}")
    guest = node.guest
    scene.check("NOT OPEN" in guest.run("halfkey status"), "and so does 'halfkey status'")
    scene.equal(guest.try_run(UNITS).split(), ["active", "inactive", "active"], "the host's own unit owns it now")
    scene.check("/dev/dm-" in guest.run("cat /proc/swaps"), "swap was opened all the same")
    scene.check("crypt" in guest.run("lsblk -no TYPE /dev/mapper/spare"), "and the spare disk by its key file")
    plugin(scene, guest, f"/dev/disk/by-uuid/{UUIDS['swap']}")
    said = guest.try_run(f"halfkey unlock /dev/disk/by-uuid/{UUIDS['swap']} again 2>&1; echo exit=$?")
    scene.check("exit=1" in said and "--recovery" in said, f"after the cap 'halfkey unlock' says what is left: {said.strip()}")
    code, said = story.reattest(node)
    scene.equal(code, 0, f"the cap of two volumes is re-attested: {said.strip().splitlines()[-1]}")
    node.shut_down()


def plugin(scene, guest, device):
    """The token plugin where `meson install` put it, in the hands of cryptsetup and systemd."""
    scene.check("Role:            swap" in guest.run(f"cryptsetup luksDump {device}"), "luksDump shows the token")
    said = guest.try_run(f"/lib/systemd/systemd-cryptsetup attach again {device} - headless=1 2>&1")
    scene.check(f"'halfkey unlock {device}'" in said, f"systemd-cryptsetup is told what opens it: {said.strip()}")
    scene.check("assword" in said or "headless" in said, "and would have asked for a passphrase next")


scenario.run(volumes, limit=1500)
