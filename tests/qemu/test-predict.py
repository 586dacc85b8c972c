#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `halfkey eventlog predict` says of the next boot is what that boot measures. Secure Boot is on: systemd-boot
and a unified kernel image, changed one after the other."""

import base64
import pathlib

from rig import disk, prediction, scenario, signing

UKI = "EFI/Linux/debian.efi"
CREDENTIAL = "loader/credentials/halfkey-test.cred"
DBX = "/sys/firmware/efi/efivars/dbx-d719b2cb-3d3a-4596-a3bc-dad00e67656f"
# NON_VOLATILE | BOOTSERVICE | RUNTIME | TIME_BASED_AUTHENTICATED | APPEND (UEFI 8.2.1), little-endian.
APPEND = b"\x67\0\0\0"


class Story(prediction.Prediction):
    """The changes, one a boot."""

    def __init__(self, scene):
        self.picture = scenario.stock_image()
        self.boot_loader = disk.read(disk.SYSTEMD_BOOT)
        self.uki = self.unified(scenario.CMDLINE)
        super().__init__(scene, scene.node(self.picture, secure_boot="snakeoil", boot={
            disk.FALLBACK: signing.sign(self.boot_loader),
            "loader/loader.conf": b"timeout 0\n",
            UKI: self.uki,
        }), predicted={0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 12})

    def unified(self, cmdline):
        (uki,) = disk.unified_kernel(self.picture, cmdline).values()
        return signing.sign(uki)

    def new_kernel_image(self):
        old = self.file("old.efi", self.uki)
        self.uki = self.unified(scenario.CMDLINE + " quiet")
        self.predict("--uki", self.file("new.efi", self.uki), "--was", old)
        self.node.disk.put(UKI, self.uki)

    def new_credential(self):
        data = b"a credential that all machines of a site share\n"
        uki = self.file("uki.efi", self.uki) # the kernel's initrd is joined from what the stub finds in both
        self.predict("--global-credential", self.file(pathlib.PurePath(CREDENTIAL).name, data),
                     "--uki", uki, "--was", uki)
        self.node.disk.put(CREDENTIAL, data)

    def new_boot_loader(self):
        old = self.file("old-boot.efi", self.node.disk.get(disk.FALLBACK))
        new = signing.sign(signing.enlarged(self.boot_loader, "the next version"))
        self.predict("--systemd-boot", self.file("new-boot.efi", new), "--was", old)
        self.node.disk.put(disk.FALLBACK, new)

    def update_dbx(self, guest):
        """As fwupd does: the update is written by the running system and counts from the next boot on."""
        update = signing.forbid(signing.enlarged(self.boot_loader, "a version with a hole"))
        self.file("dbx.auth", update)
        text = base64.b64encode(APPEND + update).decode()
        guest.run(f"chattr -i {DBX} 2> /dev/null; base64 -d <<< {text} > /run/dbx && cat /run/dbx > {DBX}")


def predicts(scene):
    story = Story(scene)
    story.boot("today")
    story.new_kernel_image()
    story.boot("a new unified kernel image with another command line")
    story.new_credential()
    story.boot("a credential more")
    story.new_boot_loader()
    story.boot("a new systemd-boot", before_off=story.update_dbx)
    story.predict("--update", f"dbx={scene.folder}/dbx.auth")
    story.boot("an update of dbx")


scenario.run(predicts, limit=900)
