# SPDX-License-Identifier: LGPL-2.1-or-later
"""A cpio archive (newc), as the kernel appends it to its initrd."""


def archive(files):
    """{path: bytes} as regular files, {path: "target"} as symlinks, with their folders; root's."""
    folders = sorted({"/".join(path.split("/")[:n]) for path in files for n in range(1, path.count("/") + 1)})
    entries = [(name, 0o040755, b"") for name in folders]
    entries += [(name, 0o120777, data.encode()) if isinstance(data, str) else (name, 0o100644, data)
                for name, data in files.items()]
    entries.append(("TRAILER!!!", 0, b""))
    return b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1))


def _entry(number, name, mode, data):
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return _padded(head) + _padded(data)


def _padded(data):
    return data + b"\0" * (-len(data) % 4)
