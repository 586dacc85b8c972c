# SPDX-License-Identifier: LGPL-2.1-or-later
"""Secure Boot with keys whose private halves are public: Debian's "snakeoil" set of the ovmf package."""

import pathlib
import tempfile

from . import host

_KEYS = pathlib.Path("/usr/share/ovmf")
_CERTIFICATE = _KEYS / "PkKek-1-snakeoil.pem"


def _key():
    key = host.CACHE / "snakeoil.key"
    with host.locked(host.CACHE / "snakeoil.lock"):
        if not key.exists():
            host.run("openssl", "rsa", "-in", _KEYS / "PkKek-1-snakeoil.key", "-passin", "pass:snakeoil", "-out", key)
    return key


def sign(image):
    """A PE image with its signature."""
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "in").write_bytes(image)
        host.run("sbsign", "--key", _key(), "--cert", _CERTIFICATE, "--output", work / "out", work / "in")
        return (work / "out").read_bytes()


def unsigned(image):
    """A PE image without whatever signatures it came with."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "image"
        path.write_bytes(image)
        host.run("sbattach", "--remove", path)
        return path.read_bytes()


def other_kernel(kernel):
    """The kernel under another version text, which boots like the first: a PE image with another hash, unsigned."""
    at = unsigned(kernel)
    # The boot protocol's header: kernel_version points at a text 0x200 before it.
    version = int.from_bytes(at[0x20e:0x210], "little") + 0x200
    return at[:version] + b"7" + at[version + 1:]


def forbid(image):
    """An update that adds the hash of this PE image to dbx."""
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "image").write_bytes(image)
        host.run("hash-to-efi-sig-list", work / "image", work / "list")
        host.run("sign-efi-sig-list", "-a", "-k", _key(), "-c", _CERTIFICATE, "dbx", work / "list", work / "update")
        return (work / "update").read_bytes()


def enlarged(image, text):
    """The same program under another hash: a PE image with a section more that says `text`."""
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "in").write_bytes(image)
        (work / "note").write_bytes(text.encode())
        host.run("objcopy", "--add-section", f".note={work}/note", "--change-section-vma", ".note=0x8000000",
                 work / "in", work / "out")
        return (work / "out").read_bytes()
