# SPDX-License-Identifier: LGPL-2.1-or-later
"""A node's disk: GPT, an ESP with one unified kernel image, a root partition.

Made and changed on plain files: no loop device, no device-mapper, no mount, no root.
"""

import os
import pathlib
import tempfile

from . import host

MIB = 1 << 20
ESP_START, ESP_MIB = 1, 160
ROOT_START = ESP_START + ESP_MIB
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
SYSTEMD_BOOT = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"
FALLBACK = "EFI/BOOT/BOOTX64.EFI"

# The header grows into this much; LUKS2's reduction shifts the data by half of it.
LUKS_RESERVE_MIB = 32
# Opens in milliseconds: the key is random, a costly KDF would buy nothing.
FAST_KDF = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")


class Disk:
    """One raw disk image, written by the rig while no machine uses it."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    @property
    def esp(self):
        """How mtools names the ESP inside the disk."""
        return f"{self.path}@@{ESP_START * MIB}"

    def clone(self, path):
        host.sparse_copy(self.path, path)
        return Disk(path)

    def put_all(self, files):
        for name, data in files.items():
            self.put(name, data)

    def put(self, name, data):
        """Write a file on the ESP, with its folders."""
        folders = pathlib.PurePosixPath(name).parents
        for folder in reversed([f for f in folders if str(f) != "."]):
            self._make_folder(folder)
        with tempfile.NamedTemporaryFile() as part:
            part.write(data)
            part.flush()
            host.run("mcopy", "-o", "-i", self.esp, part.name, f"::{name}", env=_MTOOLS)

    def _make_folder(self, folder):
        # mmd has no "if it is not there": whether it is, mdir says.
        try:
            host.run("mdir", "-i", self.esp, f"::{folder}", env=_MTOOLS)
        except host.RigError:
            host.run("mmd", "-i", self.esp, f"::{folder}", env=_MTOOLS)

    def get(self, name):
        """Read a file of the ESP."""
        return host.run("mtype", "-i", self.esp, f"::{name}", env=_MTOOLS)

    def files(self):
        """The names of all files on the ESP."""
        listing = host.run("mdir", "-/", "-b", "-i", self.esp, "::", env=_MTOOLS).decode()
        return [line[len("::/"):] for line in listing.splitlines() if not line.endswith("/")]

    def remove(self, name):
        host.run("mdel", "-i", self.esp, f"::{name}", env=_MTOOLS)

    def take_root(self, path):
        """Copy the root partition out into a file of its own."""
        host.run("dd", f"if={self.path}", f"of={path}", f"bs={MIB}", f"skip={ROOT_START}",
                 "conv=sparse", "status=none")
        # The backup GPT takes the last MiB of the disk.
        os.truncate(path, self.path.stat().st_size - (ROOT_START + 1) * MIB)
        return pathlib.Path(path)

    def put_root(self, path):
        """Write a file over the root partition."""
        host.run("dd", f"if={path}", f"of={self.path}", f"bs={MIB}", f"seek={ROOT_START}",
                 "conv=notrunc", "status=none")


# mtools refuses images whose geometry it finds odd, and ours come from no BIOS.
_MTOOLS = dict(os.environ, MTOOLS_SKIP_CHECK="1")


def make(path, root, boot):
    """A new disk at `path` from a root partition's file and {name on the ESP: bytes}."""
    path = pathlib.Path(path)
    root_mib = -(-pathlib.Path(root).stat().st_size // MIB)
    with open(path, "wb") as image:
        image.truncate((ROOT_START + root_mib + 1) * MIB)
    table = (f"label: gpt\n"
             f"start={ESP_START}MiB, size={ESP_MIB}MiB, type=U, name=esp\n"
             f"start={ROOT_START}MiB, size={root_mib}MiB, type=L, name=root\n")
    host.run("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", path, stdin=table.encode())
    disk = Disk(path)
    host.run("mformat", "-i", disk.esp, "-F", "-T", ESP_MIB * MIB // 512, "-v", "ESP", "::", env=_MTOOLS)
    disk.put_root(root)
    disk.put_all(boot)
    return disk


def encrypt(plain, target, key, uuid):
    """A LUKS2 volume at `target` holding the file system of `plain`, opened by the bytes of file `key`."""
    host.sparse_copy(plain, target)
    os.truncate(target, pathlib.Path(plain).stat().st_size + LUKS_RESERVE_MIB * MIB)
    host.run("cryptsetup", "reencrypt", "--encrypt", "--type", "luks2", "--batch-mode",
             "--reduce-device-size", f"{LUKS_RESERVE_MIB}M", "--resilience", "none", "--sector-size", "4096",
             *FAST_KDF, "--key-file", key, target)
    # Not before: while it encrypts, cryptsetup locks the UUID for the whole machine.
    host.run("cryptsetup", "luksUUID", "--batch-mode", "--uuid", uuid, target)
    return pathlib.Path(target)


def read(path):
    """A boot program as Debian's package installs it."""
    return pathlib.Path(path).read_bytes()


def initrd_name(image):
    """Where Debian's dracut puts the initrd, below /boot."""
    return f"initrd.img-{image.kernel_version}"


def boot_loader(image, cmdline):
    """systemd-boot with one entry, for a machine whose /boot is the ESP: what an installer leaves."""
    entry = f"title Debian\nlinux /vmlinuz\ninitrd /{initrd_name(image)}\noptions {cmdline}\n"
    return {FALLBACK: read(SYSTEMD_BOOT),
            "loader/loader.conf": b"timeout 0\n",
            "loader/entries/debian.conf": entry.encode(),
            "vmlinuz": image.kernel.read_bytes(),
            initrd_name(image): image.initrd.read_bytes()}


def unified_kernel(image, cmdline, appended=b""):
    """A unified kernel image as the firmware's default boot file; `appended` is a cpio added to the initrd."""
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        initrd = image.initrd.read_bytes()
        if appended:
            # A cpio that starts off a 4-byte boundary is silently ignored by the kernel.
            initrd += b"\0" * (-len(initrd) % 4) + appended
        (work / "initrd").write_bytes(initrd)
        (work / "cmdline").write_text(cmdline + "\0", encoding="ascii")
        sections = []
        for name, file, address in ((".osrel", image.os_release, 0x20000),
                                    (".cmdline", work / "cmdline", 0x30000),
                                    (".linux", image.kernel, 0x2000000),
                                    (".initrd", work / "initrd", 0x4000000)):
            sections += ["--add-section", f"{name}={file}",
                         "--change-section-vma", f"{name}={address:#x}"]
        host.run("objcopy", *sections, STUB, work / "uki.efi")
        return {FALLBACK: (work / "uki.efi").read_bytes()}
