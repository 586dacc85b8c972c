# SPDX-License-Identifier: LGPL-2.1-or-later
"""A virtual machine: OVMF, a TPM, one disk, a serial console, a test channel."""

import os
import pathlib
import shutil
import subprocess
import time

from . import channel, console, host

FIRMWARE = pathlib.Path("/usr/share/OVMF")
POLL = 0.1


def scaled(seconds):
    """Time limits are for two cores without KVM; HALFKEY_TIME_SCALE stretches them."""
    return seconds * float(os.environ.get("HALFKEY_TIME_SCALE", "1"))


class Machine:
    """One power-on of a node. Disk, TPM and firmware variables live on after it."""

    def __init__(self, folder, disk, tpm, memory_mib=1024, cpus=1, network=True, secure_boot=None, extra=()):
        """secure_boot: None, or whose keys the firmware has: "snakeoil" (rig/signing.py signs for them), "ms"."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.disk = disk
        self.tpm = tpm
        self.memory_mib = memory_mib
        # One virtual CPU: two boots side by side then take 40 s each, where one boot with two takes 58.
        self.cpus = cpus
        self.network = network
        self.secure_boot = secure_boot
        self.extra = list(extra)
        self.randomness = True # False: neither virtio-rng nor the CPU's instructions
        self.process = None
        self.console = None
        self._guest = self._monitor = None
        self.started = 0.0

    # -- power ---------------------------------------------------------------------------------

    def start(self):
        """Power on; returns at once."""
        for name in ("console.log", "qmp.sock", "guest.sock", "console.sock"):
            (self.folder / name).unlink(missing_ok=True)
        self.tpm.start()
        _wait_for_path(self.tpm.socket)
        with open(self.folder / "qemu.log", "wb") as log:
            self.process = host.spawn(self._command(), stdout=log, stderr=log)
        self.started = time.monotonic()
        self.console = console.Console(self.folder / "console.log", self.folder / "console.sock")
        return self

    def shut_down(self, limit=240):
        """Power off the way a person does; the kernel shuts the TPM down in order."""
        self.guest.try_run("systemctl --no-block poweroff", scaled(limit))
        self.wait_off(limit)

    def wait_off(self, limit=240):
        """Wait until the machine has powered itself off."""
        end = time.monotonic() + scaled(limit)
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise host.RigError(f"the machine did not power off in {limit} s")
            time.sleep(POLL)
        self.kill()

    def kill(self):
        """Pull the plug, if it is still in; always called last."""
        for link in (self._guest, self._monitor):
            if link is not None:
                link.close()
        self._guest = self._monitor = None
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.process = None
        self.tpm.stop()

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, *_):
        self.kill()

    # -- talk ----------------------------------------------------------------------------------

    @property
    def guest(self):
        if self._guest is None:
            self._guest = channel.Guest(self.folder / "guest.sock")
        return self._guest

    @property
    def monitor(self):
        if self._monitor is None:
            self._monitor = channel.Monitor(self.folder / "qmp.sock")
        return self._monitor

    def wait_for(self, pattern, limit=180, unless=None):
        """Wait until the console shows `pattern`, from where the last wait ended; the match.

        `unless` is a pattern that ends the wait at once: what must not happen."""
        end = time.monotonic() + scaled(limit)
        while True:
            match = self.console.find(pattern)
            if match:
                return match
            if unless and (bad := self.console.find(unless)):
                raise host.RigError(f"the console shows {bad.group(0)!r} before {pattern!r}")
            if self.process.poll() is not None:
                raise host.RigError(f"the machine powered off before the console showed {pattern!r}")
            if time.monotonic() > end:
                raise host.RigError(f"the console did not show {pattern!r} in {limit} s")
            time.sleep(POLL)

    def wait_booted(self, limit=300):
        """Wait for the end of the boot; the seconds since power on."""
        state = self.guest.try_run("systemctl is-system-running --wait", scaled(limit))
        if state.strip() not in ("running", "degraded"):
            raise host.RigError(f"the boot ended in state {state.strip()!r}")
        return time.monotonic() - self.started

    # -- QEMU ----------------------------------------------------------------------------------

    def _command(self):
        folder = self.folder
        variables = folder / "efivars.fd"
        if not variables.exists():
            keys = f".{self.secure_boot}" if self.secure_boot else ""
            shutil.copy(FIRMWARE / f"OVMF_VARS_4M{keys}.fd", variables)
        machine, code, lock = f"q35,accel={accelerator()}", "OVMF_CODE_4M.fd", []
        if self.secure_boot:
            # Only SMM keeps the system from writing the firmware's variables behind its back.
            machine, code = f"{machine},smm=on", "OVMF_CODE_4M.secboot.fd"
            lock = ["-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"]
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", machine, *lock, "-cpu", "max" if self.randomness else "max,-rdrand,-rdseed", "-smp", str(self.cpus),
            "-m", str(self.memory_mib),
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={FIRMWARE}/{code}",
            "-drive", f"if=pflash,format=raw,unit=1,file={variables}",
            "-drive", f"if=none,id=disk,format=raw,discard=unmap,cache=unsafe,file={self.disk.path}",
            "-device", "virtio-blk-pci,drive=disk,bootindex=0",
            "-chardev", f"socket,id=tpm,path={self.tpm.socket}",
            "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0",
            "-chardev", f"socket,id=console,path={folder}/console.sock,server=on,wait=off,"
                        f"logfile={folder}/console.log",
            "-serial", "chardev:console",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=guest,path={folder}/guest.sock,server=on,wait=off",
            "-device", "virtserialport,chardev=guest,name=halfkey.test",
            "-qmp", f"unix:{folder}/qmp.sock,server=on,wait=off",
        ]
        if self.randomness:
            command += ["-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"]
        if self.network:
            command += ["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="]
        return command + self.extra


_accelerator = None


def accelerator():
    """kvm where it works, else tcg. A /dev/kvm can be there and hang every guest: try it."""
    global _accelerator
    if _accelerator is None:
        flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
        real = (" vmx" in flags or " svm" in flags) and os.access("/dev/kvm", os.W_OK)
        _accelerator = "kvm" if real and _kvm_boots() else "tcg"
    return _accelerator


def _kvm_boots():
    """Whether a machine without any disk gets as far as its firmware's first words."""
    probe = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35,accel=kvm",
             "-chardev", "stdio,id=out", "-device", "isa-debugcon,iobase=0x402,chardev=out"]
    child = host.spawn(probe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    os.set_blocking(child.stdout.fileno(), False)
    end = time.monotonic() + 5
    seen = None
    while time.monotonic() < end and child.poll() is None and not seen:
        seen = child.stdout.read(1)
        time.sleep(0.05)
    child.kill()
    child.wait()
    return bool(seen)


def _wait_for_path(path, limit=10):
    end = time.monotonic() + limit
    while not path.exists():
        if time.monotonic() > end:
            raise host.RigError(f"{path} did not appear")
        time.sleep(0.02)
