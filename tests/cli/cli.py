# SPDX-License-Identifier: LGPL-2.1-or-later
"""The frame of a command's test: run it, check exit code and output, name what failed."""

import os
import pathlib
import subprocess
import sys
import tempfile

HALFKEY = os.environ.get("HALFKEY", "halfkey")
MAKE_LOG = os.environ.get("MAKE_LOG", "make-log")


class Result:
    def __init__(self, run):
        self.code = run.returncode
        self.out = run.stdout.decode()
        self.err = run.stderr.decode()


def halfkey(*arguments, stdin=b""):
    run = subprocess.run([HALFKEY, *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False)
    return Result(run)


def check(holds, text, result=None):
    if not holds:
        print(f"FAILED: {text}")
        if result:
            print(f"exit {result.code}\n--- stdout\n{result.out}\n--- stderr\n{result.err}")
        sys.exit(1)
    print(f"ok {text}")


def make_log(folder, kind, *more):
    path = pathlib.Path(folder) / f"{kind}.log"
    subprocess.run([MAKE_LOG, path, kind, *more], check=True)
    return path


def scratch():
    return tempfile.TemporaryDirectory(prefix="halfkey-cli-")
