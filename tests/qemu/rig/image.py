# SPDX-License-Identifier: LGPL-2.1-or-later
"""The node image: a Debian 12 root with halfkey in it, its kernel and its initrd.

Two layers are cached: the base root (mmdebstrap; the only step that needs a network) and the
finished image. Each is keyed by a hash of all that goes into it.
"""

import dataclasses
import os
import pathlib
import secrets
import shutil

from . import disk, host

RECIPE = pathlib.Path(__file__).resolve().parent.parent / "image"
SUITE = "bookworm"
ROOT_MIB = 256
# As in files/etc/crypttab.
ROOT_UUID = "c8c03ebf-8ac8-5e04-8abc-3336529cdcb3"


@dataclasses.dataclass(frozen=True)
class Image:
    """What a disk is made of; files in the cache, never written to."""

    folder: pathlib.Path

    @property
    def kernel(self):
        return self.folder / "vmlinuz"

    @property
    def initrd(self):
        return self.folder / "initrd"

    @property
    def kernel_version(self):
        return (self.folder / "kernel-version").read_text(encoding="ascii").strip()

    @property
    def os_release(self):
        return self.folder / "os-release"

    @property
    def root(self):
        """The root file system, not encrypted."""
        return self.folder / "root.ext4"

    @property
    def key(self):
        """The installer's key, which everyone who can read the image has."""
        return self.folder / "installer.key"

    @property
    def luks(self):
        """The root file system in a LUKS2 volume that the installer's key opens."""
        return self.folder / "root.luks"


def build(name, extra=None, with_halfkey=True):
    """The image called `name`: halfkey as built, and the files of the folder `extra` on top."""
    base = _base()
    with host.locked(host.CACHE / f"{name}.lock"):
        overlay = _overlay(name, extra, with_halfkey)
        key = host.tree_digest(RECIPE, overlay) + "-" + base.stem[-8:]
        folder = host.CACHE / f"image-{name}-{key}"
        if not (folder / "complete").exists():
            with host.step(f"node image `{name}`: files, initrd, file system"):
                _assemble(base, overlay, folder)
            _forget_older(folder, f"image-{name}-")
        return Image(folder)


def _base():
    """The tarball of the base root, from the cache or from Debian's mirror."""
    names = _list("packages")
    key = host.tree_digest(RECIPE / "packages", RECIPE / "dpkg.cfg")
    tar = host.CACHE / f"base-{SUITE}-{key}.tar"
    with host.locked(host.CACHE / "base.lock"):
        if not tar.exists():
            with host.step("download: a Debian 12 root from Debian's mirror (about 130 MB, once)"):
                _mmdebstrap(names, tar)
            _forget_older(tar, f"base-{SUITE}-")
    return tar


def _mmdebstrap(names, tar):
    options = [f"--dpkgopt={line}" for line in _list("dpkg.cfg")]
    part = tar.with_suffix(".part")
    host.run("mmdebstrap", "--variant=minbase", "--format=tar", f"--include={','.join(names)}",
             *options, SUITE, part, *_mirrors(),
             env=dict(os.environ, TMPDIR=str(host.CACHE)))
    part.rename(tar)


def _mirrors():
    """Where packages come from, if not from where mmdebstrap looks by itself."""
    lines = []
    if mirror := os.environ.get("HALFKEY_MIRROR"):
        lines.append(f"deb {mirror} {SUITE} main")
    if security := os.environ.get("HALFKEY_MIRROR_SECURITY"):
        lines.append(f"deb {security} {SUITE}-security main")
    return lines


def _overlay(name, extra, with_halfkey):
    """Everything that is not Debian's, in one folder laid out like the root."""
    overlay = host.CACHE / f"overlay-{name}"
    shutil.rmtree(overlay, ignore_errors=True)
    overlay.mkdir(parents=True)
    if with_halfkey:
        host.run("meson", "install", "-C", host.BUILD, "--no-rebuild", "--quiet", "--strip",
                 env=dict(os.environ, DESTDIR=str(overlay)))
    key = overlay / "etc/halfkey/installer.key"
    key.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(_installer_key(), key)
    if extra:
        shutil.copytree(extra, overlay, symlinks=True, dirs_exist_ok=True)
    return overlay


def _assemble(base, overlay, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    host.run(*host.as_root(RECIPE / "assemble", base, RECIPE, overlay, folder, ROOT_MIB))
    shutil.copy(_installer_key(), folder / "installer.key")
    disk.encrypt(folder / "root.ext4", folder / "root.luks", folder / "installer.key", ROOT_UUID)
    (folder / "complete").touch()


def _installer_key():
    """Random, but the same for all images of this cache, so that a build changes nothing."""
    key = host.CACHE / "installer.key"
    with host.locked(host.CACHE / "installer.lock"):
        if not key.exists():
            key.write_text(secrets.token_hex(32), encoding="ascii")
    return key


def _forget_older(keep, prefix):
    """The cache holds one of each kind: a disk full of yesterday's images helps nobody."""
    for other in host.CACHE.glob(prefix + "*"):
        if other == keep or other.name.endswith(".lock"):
            continue
        if other.is_dir():
            shutil.rmtree(other, ignore_errors=True)
        else:
            other.unlink()


def _list(name):
    lines = (RECIPE / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
