# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the attacks have in common: a victim, a peer to compare with, and lines for the table.

An attack says `attack NAME | what was tried | outcome`, its control `control NAME | ... | outcome`; NAME is a row of
attacks.json. The lines are kept in build/attack, where the program `table` finds them.
"""

import contextlib
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "qemu"))

# pylint: disable=wrong-import-position
from rig import host, image  # noqa: E402

STOCK_PROMPT = "enter passphrase for"
VICTIMS_ROOT = "/victims-root"
PEER = "systemd-cryptsetup with a TPM2 token (PCR 7)"


def attacked(name, tried, outcome):
    _say("attack", name, tried, outcome)


def control(name, tried, outcome):
    _say("control", name, tried, outcome)


_said = []


def _say(kind, name, tried, outcome):
    line = f"{kind} {name} | {tried} | {outcome}"
    print(line, flush=True)
    _said.append(line)
    # Written anew as a whole: a table is never made of two runs' lines.
    folder = host.BUILD / "attack"
    folder.mkdir(exist_ok=True)
    (folder / f"{pathlib.Path(sys.argv[0]).stem}.said").write_text("\n".join(_said) + "\n", encoding="utf-8")


def loot(victim, folder):
    """The victim's root partition as a file: what was stolen, or borrowed for an hour."""
    return victim.disk.take_root(folder / "victim-root")


def volume_key(volume, key, folder):
    """The volume key of a volume of the attacker's own."""
    path = folder / "attackers-volume-key"
    path.unlink(missing_ok=True)
    host.run("cryptsetup", "luksDump", "--batch-mode", "--dump-volume-key", "--volume-key-file", path,
             "--key-file", key, volume)
    return path.read_bytes()


@contextlib.contextmanager
def server(chip, *options):
    """A TPM, just reset, for programs of this machine: its TCTI."""
    socket = chip.folder / "server.sock"
    child = host.spawn(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={chip.folder}",
                        "--server", f"type=unixio,path={socket}",
                        "--ctrl", f"type=unixio,path={socket}.ctrl", "--flags", "not-need-init,startup-clear", *options],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 10
        while not socket.exists() and time.monotonic() < end:
            time.sleep(0.05)
        yield f"swtpm:path={socket}"
    finally:
        child.kill()
        child.wait()


def output(*argv):
    """What a program prints, whatever its exit code."""
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60)
    return done.stdout.decode(errors="replace")


def peer_image():
    """A Debian node as `systemd-cryptenroll --tpm2-device=auto` leaves it."""
    extra = host.CACHE / "extra-peer"
    with host.locked(host.CACHE / "extra-peer.lock"):
        crypttab = extra / "etc/crypttab"
        crypttab.parent.mkdir(parents=True, exist_ok=True)
        crypttab.write_text(f"root UUID={image.ROOT_UUID} none luks,tpm2-device=auto\n", encoding="ascii")
        # After the image's own: the module that stock systemd needs to reach a TPM.
        conf = extra / "etc/dracut.conf.d/zz-tpm2.conf"
        conf.parent.mkdir(parents=True, exist_ok=True)
        conf.write_text('omit_dracutmodules="${omit_dracutmodules/ tpm2-tss / }"\n'
                        'add_dracutmodules+=" tpm2-tss "\n', encoding="ascii")
    return image.build("peer", extra=extra, with_halfkey=False)


def enrolled_peer(scene, name="peer"):
    """A machine of the peer that opens its root unattended, switched off: a clone of one kept in the cache."""
    picture = peer_image()
    kept = host.CACHE / f"peer-{picture.folder.name}"
    with host.locked(host.CACHE / "peer-node.lock"):
        if not kept.exists():
            with host.step("enrolling a peer's node, once for all controls"):
                _keep(_enrol_peer(scene, picture), kept)
    return scene.clone(kept, name)


def _enrol_peer(scene, picture):
    folder = scene.folder / "first-peer"
    node = scene.node(picture, folder=folder)
    with node:
        node.wait_for(STOCK_PROMPT, 120)
        node.console.type(picture.key.read_text(encoding="ascii") + "\n")
        node.wait_booted()
        node.guest.run("install -m 0600 /etc/halfkey/installer.key /run/key && "
                       "PASSWORD=$(cat /run/key) systemd-cryptenroll --tpm2-device=auto --tpm2-pcrs=7 /dev/vda2", 120)
        node.shut_down()
    with node:
        node.wait_booted()
        scene.check("passphrase for" not in node.console.text(), "the peer opens its root unattended")
        node.guest.run(f"touch {VICTIMS_ROOT}")
        node.shut_down()
    return node


def _keep(node, folder):
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    host.sparse_copy(node.disk.path, part / "disk.raw")
    shutil.copy(node.folder / "efivars.fd", part)
    shutil.copytree(node.tpm.folder, part / "tpm", ignore=shutil.ignore_patterns("*.sock"))
    for other in host.CACHE.glob("peer-image-*"):
        if other not in (folder, part):
            shutil.rmtree(other)
    part.rename(folder)
