#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job: a node enrols, is adopted, boots unattended by attestation, and is re-attested and cleaned up."""

import json
import re

from rig import cluster, disk, host, measured, scenario, story


def enrol_and_boot(scene):
    picture = story.halfkey_image()
    site = scene.cluster(cluster.Cluster.create(scene.folder / "cluster")).start()
    node = scene.node(picture)
    image_volume_key = volume_key(scene, node, picture.key)
    name = story.enrol(scene, node, site)
    site.output("node", "approve", name)

    node.tpm.trace = True
    opened = story.boot_attested(scene, node)
    check_wire(scene, node)
    check_booted(scene, node, opened)
    check_host_is_shut_out(scene, node)
    pcrs = check_log(scene, node)
    header = check_cleaned_up(scene, node)
    node.shut_down()
    check_ticket(scene, node)

    check_disk(scene, node, picture, image_volume_key)
    check_cap(scene, node, site.recovery_key_of(name), header, pcrs)
    check_secret_is_used(scene, picture, site)
    site.stop()
    with host.locked(host.CACHE / "fixture.lock"):
        story.keep(picture, node, site, name)


def volume_key(scene, node, key):
    """The volume key as whoever has the image can extract it: a file."""
    root = node.disk.take_root(scene.folder / "image-root")
    path = scene.folder / "image-volume-key"
    host.run("cryptsetup", "luksDump", "--batch-mode", "--dump-volume-key", "--volume-key-file", path,
             "--key-file", key, root)
    root.unlink()
    return path


def check_booted(scene, node, opened):
    guest = node.guest
    scene.equal(guest.run("findmnt -no SOURCE /").strip(), "/dev/mapper/root", "/ is the dm-crypt device")
    scene.equal(guest.run("systemctl --failed --no-legend --plain"), "", "no unit failed")
    scene.equal(guest.run("systemctl is-active systemd-cryptsetup@root.service").strip(), "active",
                "systemd takes the volume for set up")
    commands = story.state(node)["tpm_command_list"].split()
    scene.check(len(commands) == int(opened.group(5)) and len(commands) <= 12,
                f"the unlock path used {len(commands)} TPM commands: {' '.join(commands)}")


def check_wire(scene, node):
    """What the program counted is what came over the bus; what others sent meanwhile is named apart."""
    ours = story.state(node)["tpm_command_list"].split()
    wire = measured.unlocking_on_the_wire(node.tpm.commands())
    others = measured.without(wire, ours)
    scene.check(others is not None, f"the bus carried the {len(ours)} commands that were counted: {' '.join(wire)}")
    scene.check(set(others) <= {"GetRandom"}, f"and of others in that time only the kernel's hw_random: {others}")


def check_ticket(scene, node):
    """The boot before left the TPM's ticket in the token: the policy's signature is not verified again."""
    story.boot_attested(scene, node)
    commands = story.state(node)["tpm_command_list"].split()
    scene.check(len(commands) == 9, f"the next boot uses {len(commands)} TPM commands: {' '.join(commands)}")
    node.shut_down()


def check_host_is_shut_out(scene, node):
    code, said = story.reattest(node)
    scene.equal(code, 0, "the host is re-attested; its own half no longer opens after the cap")
    scene.check("attested to" in said, "it says: " + re.search("attested to .*", said).group(0))
    scene.check("the installer's keyslot is gone" in said, "and the installer's keyslot goes")
    tried = node.guest.try_run("/usr/lib/halfkey-test/steal /dev/vda2 /run/halfkey/node.json", 180)
    scene.check("unseal: refused" in tried, "root on the booted host cannot unseal the node's half")
    scene.check(re.search("unlock: refused: cap-(not-zero|seen)", tried), f"nor get the cluster's: {tried.strip()}")


def check_log(scene, node):
    log = node.guest.read(measured.LOG)
    path = scene.folder / "eventlog"
    path.write_bytes(log)
    pcrs = measured.read_pcrs(node.guest)
    replayed = measured.halfkey_replay(path)["sha256"]
    others = measured.unlogged(replayed, pcrs)
    equal = [pcr for pcr in replayed if pcrs[pcr] == replayed[pcr]]
    scene.check({0, 1, 2, 3, 4, 5, 6, 7, 9} <= set(equal), f"halfkey replays the log to the TPM's PCRs {equal}")
    scene.check(set(others) <= {10, 11, 15}, f"the others: {others}")
    return pcrs


def check_cleaned_up(scene, node):
    guest = node.guest
    dump = guest.run("cryptsetup luksDump /dev/vda2 --dump-json-metadata")
    header = json.loads(dump)
    tokens = [t for t in header["tokens"].values()]
    scene.equal([t["type"] for t in tokens], ["halfkey"], "the header has one token, ours")
    ours = {tokens[0]["keyslots"][0], str(tokens[0]["recovery_keyslot"])}
    scene.equal(set(header["keyslots"]), ours, "and two keyslots: halfkey's and the recovery key's")
    scene.equal(guest.try_run("test -e /etc/halfkey/installer.key && echo there").strip(), "",
                "the host's copy of the installer's key is gone")
    return header


def check_disk(scene, node, picture, image_volume_key):
    files = node.disk.files()
    scene.check(story.ENROLMENT not in files and story.NODE_CONFIG in files, "the ESP holds the node's configuration alone")
    scene.check(b"secret" not in node.disk.get(story.NODE_CONFIG), "and no secret in it")
    root = node.disk.take_root(scene.folder / "root")
    for option, text in ((["--key-file", picture.key], "the installer's key no longer opens the volume"),
                         (["--volume-key-file", image_volume_key], "nor does the volume key that came with the image")):
        scene.check(not story.opens(root, *option), text)
    root.unlink()


def check_cap(scene, node, recovery_key, header, pcrs):
    """The recovery key opens the volume, and its volume key gives exactly the cap that PCR 15 held."""
    root = node.disk.take_root(scene.folder / "root")
    typed, key = scene.folder / "typed", scene.folder / "volume-key"
    typed.write_text(recovery_key, encoding="ascii")
    host.run("cryptsetup", "luksDump", "--batch-mode", "--dump-volume-key", "--volume-key-file", key, "--key-file", typed, root)
    scene.check(True, "the recovery key that the site's offline key decrypts opens the volume")
    token = next(iter(header["tokens"].values()))
    wanted = measured.cap("attested", key.read_bytes(), bytes.fromhex(token["volume_id"]), token["role"])
    scene.equal(pcrs[15], wanted, "PCR 15 was the cap of this boot, computed apart")
    root.unlink()


def check_secret_is_used(scene, picture, site):
    """A second machine with the same configuration gets nothing."""
    folder = scene.folder / "second"
    second = scene.node(picture, folder=folder)
    second.disk.put(story.ENROLMENT, (site.folder / "enrolment.json").read_bytes())
    story.refused(scene, second, "enrolment-secret-used", "the used secret is refused to another machine")


scenario.run(enrol_and_boot, limit=1500)
