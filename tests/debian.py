# SPDX-License-Identifier: Apache-2.0
"""Other versions of Debian, for programs that are to run on their C library."""
import os
import pathlib
import subprocess

from harness import Skip, program

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "holter"


def root(suite):
    """A minimal root of a suite, made once and kept: unpacked, but not set up."""
    folder = CACHE / suite
    if not (folder / "made").exists():
        if os.geteuid() != 0:
            raise Skip(f"making a root of Debian {suite} needs root")
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder.with_suffix(".log"), "wb") as log:
            done = subprocess.run([program("debootstrap"), "--foreign", "--variant=minbase", suite, folder], stdout=log, stderr=log)
        if done.returncode:
            raise Skip(f"debootstrap {suite} ended with {done.returncode}, see {folder.with_suffix('.log')}")
        (folder / "made").touch()
    return folder


def libraries(suite):
    return root(suite) / "usr/lib/x86_64-linux-gnu"


def command(suite, *preloaded):
    """How to run a program on the loader and libraries of a suite; the program and its arguments follow."""
    loaders = [*libraries(suite).glob("ld-2.*.so"), libraries(suite) / "ld-linux-x86-64.so.2"]
    return [next(path for path in loaders if path.exists()), "--library-path", libraries(suite),
            "--preload", ":".join(map(str, preloaded))]
