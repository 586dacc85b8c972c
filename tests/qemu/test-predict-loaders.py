#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Predictions where a boot loader reads kernel, initrd and command line from files: shim and GRUB, then systemd-boot,
with Secure Boot on."""

from rig import cpio, disk, prediction, scenario, signing

CONFIG = "EFI/debian/grub.cfg"
GRUB = "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"
SHIM = "/usr/lib/shim/shimx64.efi"


def grub_config(version):
    return f"linux /vmlinuz-{version} {scenario.CMDLINE}\ninitrd /initrd-{version}\nboot\n".encode()


class Story(prediction.Prediction):
    """The changes, one a boot."""

    def __init__(self, scene):
        self.picture = scenario.stock_image()
        self.kernel = signing.sign(signing.unsigned(self.picture.kernel.read_bytes()))
        self.initrd = self.picture.initrd.read_bytes()
        super().__init__(scene, scene.node(self.picture, secure_boot="snakeoil", boot={
            disk.FALLBACK: signing.sign(disk.read(SHIM)),
            "EFI/BOOT/grubx64.efi": disk.read(GRUB),
            CONFIG: grub_config("1"),
            "vmlinuz-1": self.kernel,
            "initrd-1": self.initrd,
        }), predicted={0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14})

    def new_kernel_of_grub(self):
        """What update-grub leaves after an upgrade: new files under new names, and a configuration that names them."""
        kernel = signing.sign(signing.other_kernel(self.picture.kernel.read_bytes()))
        initrd = self.initrd + cpio.archive({"etc/motd": b"the next version\n"})
        config = grub_config("2")
        self.predict("--kernel", self.file("vmlinuz-2", kernel), "--was", self.file("vmlinuz-1", self.kernel),
                     "--initrd", self.file("initrd-2", initrd), "--was", self.file("initrd-1", self.initrd),
                     "--file", "grub.cfg=" + self.file("grub.cfg", config),
                     "--text", "vmlinuz-1=vmlinuz-2", "--text", "initrd-1=initrd-2")
        self.node.disk.put_all({CONFIG: config, "vmlinuz-2": kernel, "initrd-2": initrd})

    def systemd_boot(self):
        """The same machine, another boot loader."""
        files = disk.boot_loader(self.picture, scenario.CMDLINE)
        files[disk.FALLBACK] = signing.sign(files[disk.FALLBACK])
        files["vmlinuz"] = self.kernel
        self.node.disk.put_all(files)
        self.foretold = None
        self.predicted = {0, 1, 2, 3, 4, 5, 6, 7, 9, 12}

    def new_command_line(self):
        cmdline = scenario.CMDLINE + " quiet"
        # systemd-boot hands the initrd's name over in front of an entry's options.
        initrd = f"initrd=\\{disk.initrd_name(self.picture)} "
        self.predict("--cmdline", initrd + cmdline, "--old-cmdline", initrd + scenario.CMDLINE)
        self.node.disk.put_all({name: data for name, data in disk.boot_loader(self.picture, cmdline).items()
                                if name.endswith(".conf")})


def predicts(scene):
    story = Story(scene)
    story.boot("shim and GRUB")
    story.new_kernel_of_grub()
    story.boot("a new kernel for GRUB")
    story.systemd_boot()
    story.boot("systemd-boot, kernel and initrd")
    story.new_command_line()
    story.boot("another command line")


scenario.run(predicts, limit=900)
