#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An installed machine becomes a node by `halfkey enroll`; another one becomes a verifier by its unit."""

import base64

from rig import cluster, disk, scenario, story

CONFIG = "/root/enrolment.json"
UNTOUCHED = "cat /boot/initrd.img-* /etc/crypttab | sha256sum; ls -R /boot /etc/halfkey; cryptsetup luksDump /dev/vda2"


def enrols_by_command(scene):
    picture = story.installed_image()
    site = scene.cluster(cluster.Cluster.create(scene.folder / "cluster")).start()
    node = scene.node(picture, boot=disk.boot_loader(picture, scenario.CMDLINE))
    with node:
        node.wait_booted()
        check_nothing_happened_yet(scene, node)
        runs_a_verifier(scene, node)
        refuses_before_it_writes(scene, node, site)
        enroll(scene, node, site)
        node.shut_down()
    with node:
        scene.equal(node.wait_for(story.OPEN, 240).group(1), "enrolled", "the next boot enrols it")
        node.wait_booted()
        node.shut_down()
    (name,) = [n["name"] for n in site.nodes()]
    site.output("node", "approve", name)
    story.boot_attested(scene, node)
    check_enrolled(scene, node)
    node.shut_down()


def put(node, path, data):
    node.guest.run(f"base64 -d > {path} <<< {base64.b64encode(data).decode()}")


def check_nothing_happened_yet(scene, node):
    guest = node.guest
    scene.equal(guest.run("lsinitrd /boot/initrd.img-* | grep -c 'halfkey-\|lib/halfkey' || true").strip(), "0",
                "an installed halfkey puts nothing into the initrd")
    scene.equal(guest.run("systemctl --failed --no-legend --plain"), "", "and no unit fails")
    said = guest.try_run("halfkey status")
    scene.check(said.code == 2 and "halfkey" in said, f"status says so: {said.strip()}")


def runs_a_verifier(scene, node):
    """Not for itself: the units and the two commands of the README, under systemd and its sandbox."""
    guest = node.guest
    guest.run("cd /root && halfkey cluster init --name here")
    scene.equal(guest.try_run("systemctl start halfkey-verifier.service; systemctl is-active halfkey-verifier").strip(),
                "active", "halfkey-verifier.service starts on what `halfkey cluster init` made")
    said = guest.try_run("halfkey cluster enrolment new --out /root/other.json && halfkey cluster node list && "
                         "halfkey cluster status")
    scene.equal(said.code, 0, f"and is spoken to: {said.strip().splitlines()[-1:]}")
    user = guest.run("stat -c %u /proc/$(systemctl show -P MainPID halfkey-verifier)")
    scene.check(int(user) >= 61184, f"under a user of its own ({user.strip()}), which systemd made for it")
    guest.run("systemctl stop halfkey-verifier.service")
    guest.run("systemctl start halfkey-verifier.service && halfkey cluster enrolment list && "
              "systemctl stop halfkey-verifier.service")
    scene.equal(guest.run("systemctl --failed --no-legend --plain"), "", "and stops and starts again")


def refuses_before_it_writes(scene, node, site):
    guest = node.guest
    before = guest.run(UNTOUCHED, 120)
    good = site.enrolment()
    unreachable = good.replace(site.address.encode(), b"127.0.0.1:1")
    for text, config, word in (("a broken file", good[:-20], "enrolment.json"),
                               ("a verifier that is not there", unreachable, "127.0.0.1:1")):
        put(node, CONFIG, config)
        said = guest.try_run(f"halfkey enroll {CONFIG} 2>&1", 120)
        scene.check(said.code == 2 and word in said and "nothing was changed" in said,
                    f"{text}: exit {said.code}, {said.strip().splitlines()[-1]}")
    put(node, CONFIG, good)
    said = guest.try_run(f"halfkey enroll --dry-run {CONFIG} 2>&1", 120)
    scene.check(said.code == 0 and "nothing was changed" in said, "a dry run of the good one passes all checks")
    print(said.rstrip())
    scene.equal(guest.run(UNTOUCHED, 120), before, "initrd, ESP and header are what they were")


def enroll(scene, node, site):
    put(node, CONFIG, story.with_unique_key(site.enrolment()))
    said = node.guest.try_run(f"halfkey enroll {CONFIG} 2>&1", 900)
    scene.equal(said.code, 0, f"halfkey enroll: {said.strip()}")
    scene.check("halfkey-unlock" in node.guest.run("lsinitrd /boot/initrd.img-* | grep halfkey", 120),
                "the initrd holds halfkey now")
    node.guest.run(f"rm {CONFIG}")


def check_enrolled(scene, node):
    guest = node.guest
    scene.equal(guest.run("findmnt -no SOURCE /").strip(), "/dev/mapper/root", "/ is the encrypted volume")
    scene.equal(guest.run("systemctl is-active halfkey-reattest.timer").strip(), "active", "re-attestation runs by itself")
    code, said = story.reattest(node)
    scene.equal(code, 0, "re-attested from systemd-boot, kernel and initrd")
    scene.check("the installer's keyslot is gone" in said, "and cleaned up")
    scene.equal(guest.run("systemctl --failed --no-legend --plain"), "", "no unit failed")
    said = guest.try_run("halfkey status")
    scene.check(said.code == 0 and "attestation" in said, "status tells how it was opened")


scenario.run(enrols_by_command, limit=1500)
