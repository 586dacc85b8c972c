# SPDX-License-Identifier: LGPL-2.1-or-later
"""A node's life, step by step, as the demo shows it and the boot tests check it.

The enrolled node is made once and kept in the cache: the tests that need one start from a clone.
"""

import json
import pathlib
import shutil

from . import cluster, host, image, machine

ENROLMENT = "EFI/halfkey/enrolment.json"
NODE_CONFIG = "EFI/halfkey/node.json"
REFUSED = r"halfkey-unlock.*\[([a-z-]+), id ([0-9a-f]+)\]"
OPEN = r"halfkey-unlock.*open: outcome (\w+), node (\S+), verifier (\S+), (\d+) events replayed, (\d+) TPM commands, ([\d.]+) s"
PROMPT = r"Recovery key or passphrase for volume root"


def halfkey_image():
    """A Debian node with halfkey in its initrd, as an image recipe makes it."""
    extra = host.CACHE / "extra-node"
    with host.locked(host.CACHE / "extra-node.lock"):
        conf = extra / "etc/halfkey/initrd.conf"
        conf.parent.mkdir(parents=True, exist_ok=True)
        conf.write_text("# Made by the image recipe.\nvolume = root:root\n", encoding="ascii")
        steal = extra / "usr/lib/halfkey-test/steal"
        steal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(host.BUILD / "tests/qemu/steal", steal)
        timer = extra / "etc/systemd/system/timers.target.wants/halfkey-reattest.timer"
        timer.parent.mkdir(parents=True, exist_ok=True)
        if not timer.is_symlink():
            timer.symlink_to("/usr/lib/systemd/system/halfkey-reattest.timer")
    return image.build("node", extra=extra)


def installed_image():
    """A Debian machine that was installed long ago, with the ESP as its /boot; `meson install` is all of halfkey
    that it has."""
    extra = host.CACHE / "extra-installed"
    with host.locked(host.CACHE / "extra-installed.lock"):
        fstab = extra / "etc/fstab"
        fstab.parent.mkdir(parents=True, exist_ok=True)
        fstab.write_text("/dev/mapper/root / ext4 defaults 0 1\n"
                         "PARTLABEL=esp /boot vfat umask=077 0 2\n"
                         "tmpfs /var/tmp tmpfs mode=1777 0 0\n", encoding="ascii")
    return image.build("installed", extra=extra)


def with_unique_key(enrolment):
    """An enrolment configuration for a volume that no image shares: nothing is re-encrypted."""
    return json.dumps({**json.loads(enrolment), "unique_volume_key": True}).encode()


def reattest(node):
    """Run the host's re-attestation now, or wait for the one that its timer started: (exit code, what the unit has
    said in this boot)."""
    text = node.guest.try_run("systemctl stop halfkey-reattest.timer; systemctl start halfkey-reattest.service; "
                              "code=$?; journalctl --sync; journalctl -b -q -o cat -t halfkey-agent; "
                              "echo exit=$code", machine.scaled(120))
    body, _, code = text.rpartition("exit=")
    return int(code), body


def state(node):
    """The hand-over file of this boot."""
    return json.loads(node.guest.run("cat /run/halfkey/state.json"))


def enrol(scene, node, site, configure=lambda enrolment: enrolment):
    """First boot: the node enrols itself. Its name."""
    node.disk.put(ENROLMENT, configure(site.enrolment()))
    with node:
        opened = node.wait_for(OPEN, 300)
        scene.equal(opened.group(1), "enrolled", "the first boot enrols")
        seconds = node.wait_booted()
        scene.check(True, f"and boots on: {seconds:.0f} s, re-encryption included")
        node.shut_down()
    pending = [n["name"] for n in site.nodes() if n["state"] == "pending"]
    scene.equal(len(pending), 1, "the verifier knows it and waits for an administrator")
    return pending[0]


def opens(volume, *option):
    """Whether a key opens a volume on the host; option as cryptsetup names the key."""
    try:
        host.run("cryptsetup", "open", "--test-passphrase", "--batch-mode", *option, volume)
        return True
    except host.RigError:
        return False


def boot_attested(scene, node):
    """A boot that nobody has to attend: the match of the line that says so. Leaves the node running."""
    node.start()
    opened = node.wait_for(OPEN, 120, unless=PROMPT)
    scene.equal(opened.group(1), "attested", "root opens by attestation, unattended")
    node.wait_booted()
    return opened


def refused(scene, node, reason, text):
    """A boot that must not open: waits for the reason on the console and pulls the plug. The console's text."""
    with node:
        match = node.wait_for(REFUSED, 120, unless=OPEN)
        scene.equal(match.group(1), reason, text)
        return node.console.text()


def move(drive, site):
    """Tell a cloned node's disk where its cluster listens now."""
    config = json.loads(drive.get(NODE_CONFIG))
    config["addresses"] = [site.address]
    drive.put(NODE_CONFIG, json.dumps(config).encode())


class Fixture:
    """An enrolled and adopted node that has booted by attestation once, and its cluster; all switched off."""

    def __init__(self, folder):
        self.folder = folder

    def name(self):
        return (self.folder / "name").read_text(encoding="ascii")

    def clone(self, scene):
        """(node, cluster) of its own for a scene; the cluster is started."""
        site = cluster.Cluster(self.folder / "cluster").clone(scene.folder / "cluster")
        scene.cluster(site).start()
        node = scene.clone(self.folder)
        move(node.disk, site)
        return node, site


def fixture_folder(picture):
    rig = pathlib.Path(__file__).resolve().parent
    return host.CACHE / f"fixture-{picture.folder.name}-{host.tree_digest(cluster.VERIFIER, rig)[:8]}"


def keep(picture, node, site, name):
    """Make this node the fixture."""
    folder = fixture_folder(picture)
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    host.sparse_copy(node.disk.path, part / "disk.raw")
    shutil.copy(node.folder / "efivars.fd", part)
    shutil.copytree(node.tpm.folder, part / "tpm", ignore=shutil.ignore_patterns("*.sock"))
    site.clone(part / "cluster")
    (part / "name").write_text(name, encoding="ascii")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    for other in host.CACHE.glob("fixture-*"):
        if other not in (folder, part) and other.is_dir():
            shutil.rmtree(other)


def enrolled(scene):
    """The fixture, made now if the cache has none for this build."""
    picture = halfkey_image()
    with host.locked(host.CACHE / "fixture.lock"):
        folder = fixture_folder(picture)
        if not folder.exists():
            with host.step("enrolling a node, once for all tests of this build"):
                _make(scene, picture)
        return Fixture(folder)


def _make(scene, picture):
    site = scene.cluster(cluster.Cluster.create(scene.folder / "first-cluster")).start()
    node = scene.node(picture, folder=scene.folder / "first-node")
    name = enrol(scene, node, site)
    site.output("node", "approve", name)
    boot_attested(scene, node)
    scene.equal(reattest(node)[0], 0, "and the host is re-attested")
    node.shut_down()
    site.stop()
    keep(picture, node, site, name)
