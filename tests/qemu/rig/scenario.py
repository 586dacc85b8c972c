# SPDX-License-Identifier: LGPL-2.1-or-later
"""The frame of a boot test: a folder, a time limit, machines that end with it, logs when it fails."""

import os
import shutil
import signal
import sys
import time
import traceback

from . import disk, host, image, machine, tpm

CMDLINE = "console=ttyS0,115200 root=/dev/mapper/root rd.shell=0 rd.emergency=poweroff loglevel=4"


class Failed(Exception):
    """A check of the test did not hold."""


class Scenario:
    """What one test works with; everything it starts ends when it ends."""

    def __init__(self, name):
        self.name = name
        self.folder = host.BUILD / "qemu" / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.machines = []
        self.clusters = []
        self.logs = []
        self.checks = 0

    def check(self, holds, text):
        """One thing the test is there to show."""
        if not holds:
            raise Failed(text)
        self.checks += 1
        print(f"ok   {text}", flush=True)

    def equal(self, got, wanted, text):
        self.check(got == wanted, text if got == wanted else f"{text}\n     wanted {wanted!r}\n     got    {got!r}")

    def node(self, picture, cmdline=CMDLINE, boot=None, folder=None, banks="sha256", **options):
        """A node that was never switched on: its disk from an image, a TPM of its own. It boots a unified kernel
        image with this command line, or what `boot` puts on its ESP."""
        folder = folder or self.folder / "node"
        folder.mkdir(exist_ok=True)
        boot = boot or disk.unified_kernel(picture, cmdline)
        return self.machine(folder, disk.make(folder / "disk.raw", picture.luks, boot),
                            tpm.Tpm.create(folder / "tpm", banks), **options)

    def clone(self, source, name="node", **options):
        """A node as a fixture's folder left it, switched off: a copy to start and to change."""
        folder = self.folder / name
        folder.mkdir()
        copy = disk.Disk(source / "disk.raw").clone(folder / "disk.raw")
        if (source / "efivars.fd").exists():
            shutil.copy(source / "efivars.fd", folder)
        return self.machine(folder, copy, tpm.Tpm(source / "tpm").clone(folder / "tpm"), **options)

    def machine(self, folder, drive, chip, **options):
        made = machine.Machine(folder, drive, chip, **options)
        self.machines.append(made)
        return made

    def cluster(self, site):
        """A cluster that ends with the scene; its log is shown when the test fails."""
        self.clusters.append(site)
        self.show_log(site.log)
        return site

    def show_log(self, path):
        """A file to print when the test fails, such as the verifier's log."""
        self.logs.append(path)

    def close(self):
        for one in self.machines:
            one.kill()
        for site in self.clusters:
            site.stop()

    def explain(self):
        """Everything a person needs to see why it failed."""
        for one in self.machines:
            for path, lines in ((one.folder / "console.log", None), (one.folder / "qemu.log", 20)):
                text = one.console.tail(80) if one.console and lines is None else _tail(path, lines or 80)
                if text:
                    print(f"---- {path}, last lines\n{text}", flush=True)
        for path in self.logs:
            print(f"---- {path}, last lines\n{_tail(path, 80)}", flush=True)


def run(test, limit=500):
    """Run test(Scenario) as this program's work: exit 0 or 1 after at most `limit` seconds."""
    name = os.path.basename(sys.argv[0]).removesuffix(".py")
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.signal(signal.SIGTERM, _out_of_time)
    signal.alarm(int(machine.scaled(limit)))
    start = time.monotonic()
    scene = Scenario(name)
    try:
        test(scene)
    except BaseException as error: # pylint: disable=broad-except # reported, then exit 1
        print(f"FAIL {error}" if isinstance(error, (Failed, host.RigError)) else traceback.format_exc(), flush=True)
        scene.explain()
        scene.close()
        print(f"{name}: failed after {time.monotonic() - start:.0f} s; kept in {scene.folder}")
        sys.exit(1)
    scene.close()
    shutil.rmtree(scene.folder)
    print(f"{name}: {scene.checks} checks in {time.monotonic() - start:.0f} s")
    sys.exit(0)


def stock_image():
    """A Debian node without halfkey in its boot: what a machine is before it is enrolled."""
    return image.build("stock", with_halfkey=False)


def _out_of_time(number, _frame):
    raise Failed("the test's time limit has passed" if number == signal.SIGALRM else "the test was told to stop")


def _tail(path, lines):
    if not path.exists():
        return ""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
