# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the rig needs of the machine it runs on: folders, child processes, locks, progress."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("HALFKEY_BUILD_DIR") or SOURCE / "build").resolve()
CACHE = pathlib.Path(os.environ.get("HALFKEY_CACHE_DIR") or SOURCE / "build" / "cache").resolve()

# Debian keeps mkfs, sfdisk and cryptsetup where an ordinary user's PATH does not look.
os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


class RigError(Exception):
    """The rig itself could not do its work; a test reports it as its failure."""


def say(text):
    """Progress, for a person who waits."""
    print(f"    {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text):
    """Announce a long step and say how long it took."""
    say(f"{text} ...")
    start = time.monotonic()
    yield
    say(f"{text}: {time.monotonic() - start:.1f} s")


def run(*argv, stdin=None, **options):
    """Run a host tool; its output is shown only when it fails."""
    done = subprocess.run([str(a) for a in argv], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        text = done.stdout.decode(errors="replace")[-4000:]
        raise RigError(f"{argv[0]} failed ({done.returncode}): {' '.join(map(str, argv))}\n{text}")
    return done.stdout


def spawn(argv, **options):
    """Start a long-lived child that dies with the rig, however the rig ends."""
    argv = ["setpriv", "--pdeathsig", "KILL", "--"] + [str(a) for a in argv]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, **options)


def as_root(*argv):
    """argv prefixed so that it runs as root, or as the root of a user namespace, with its own mounts."""
    prefix = ["unshare", "--mount"]
    if os.geteuid() != 0:
        prefix += ["--map-root-user", "--map-auto"]
    # In a chroot "/" is no mount point and its propagation cannot be changed.
    if not os.path.ismount("/") or _root_is_chroot():
        prefix += ["--propagation", "unchanged"]
    return prefix + [str(a) for a in argv]


def _root_is_chroot():
    """"/" always passes ismount(): ask the kernel's table, which lists no mount at a chroot's root."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        return not any(line.split()[4] == "/" for line in table)


@contextlib.contextmanager
def locked(path):
    """Hold an exclusive lock: tests that run side by side share one cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def tree_digest(*tops):
    """A hash over names, modes and contents of files and folders."""
    digest = hashlib.sha256()
    for top in map(pathlib.Path, tops):
        for path in sorted(p for p in [top, *top.rglob("*")] if "__pycache__" not in p.parts):
            info = path.lstat()
            digest.update(f"{path.relative_to(top)}\0{info.st_mode:o}\0".encode())
            if path.is_symlink():
                digest.update(os.readlink(path).encode())
            elif path.is_file():
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def sparse_copy(source, target):
    """Copy a disk image without its holes; shares blocks where the file system can."""
    run("cp", "--reflink=auto", "--sparse=always", source, target)
