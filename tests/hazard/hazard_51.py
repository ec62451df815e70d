#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 51: names that a process chooses are escape sequences for the terminal of who looks at it.

Its file, its thread and its folder are called so; every command that names them prints to a terminal, and what arrives there
is searched.
"""
import contextlib
import os
import pty
import select
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import waits
from harness import HOLTER, PROGRAMS, Skip, check, program, run_cases, without_holter, work_folder

NOBODY = 65534
# red, a bell, a window title, C1's introducer of sequences, right to left
EVIL = "t\x1b[31m\x07\x1b]0;owned\x07\u009b31m\u202er"
EVIL_THREAD = EVIL[:15]  # as the kernel names what is started of that file
HARMFUL = (b"\x1b[31m", b"\x07", b"\x1b]0;", "\u009b".encode(), "\u202e".encode())


@contextlib.contextmanager
def evil():
    """A process with such names; gives its pid and the test's folder."""
    if os.geteuid() != 0:
        raise Skip("attaching needs root")
    with work_folder() as folder:
        (folder / EVIL).mkdir()
        binary = folder / EVIL / EVIL
        shutil.copy(PROGRAMS / "ticker", binary)
        process = subprocess.Popen([binary], stdin=subprocess.DEVNULL, env=without_holter())
        try:
            waits(process.pid, EVIL_THREAD)
            yield process.pid, folder
        finally:
            process.kill()
            process.wait()


def on_terminal(*command):
    """Runs a command with its outputs on a terminal. Returns its status and what has arrived there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                               env={**without_holter(), "TERM": "xterm", "NO_COLOR": "1"})
    os.close(theirs)
    arrived = b""
    with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
        while select.select([ours], [], [], 60)[0] and (part := os.read(ours, 65536)):
            arrived += part
    os.close(ours)
    return process.wait(60), arrived


def check_harmless(arrived, quoted=True):
    found = [sequence for sequence in HARMFUL if sequence in arrived]
    check(not found, f"{found} has arrived in {arrived[-600:]}")
    check(not quoted or b"\\x1b" in arrived, f"the name is not to be seen in {arrived[-600:]}")


def raw():
    """the names do harm where they are printed as they are: the control"""
    with evil() as (pid, _):
        _, arrived = on_terminal("readlink", f"/proc/{pid}/exe")
        check(all(sequence in arrived for sequence in HARMFUL), f"only {arrived} has arrived")


def live():
    """diagnose -p: the verdict and the progress line"""
    with evil() as (pid, _):
        status, arrived = on_terminal(HOLTER, "diagnose", "--all", "-p", pid, "-d", "2s")
    check(status == 0 and b"grind_beans" in arrived, f"{status}: {arrived[-400:]}")
    check_harmless(arrived)


def attach():
    """attach, and a file of that name for the recording"""
    with evil() as (pid, folder):
        status, arrived = on_terminal(HOLTER, "attach", "-p", pid, "-d", "1s", "-o", folder / EVIL / "x.holter")
        check(status == 0, f"{status}: {arrived}")
        check_harmless(arrived, quoted=False)
        status, arrived = on_terminal(HOLTER, "attach", "-p", pid, "-d", "1s", "-o", folder / EVIL / EVIL)
        check(status != 0, "the program was taken for a recording")
        check_harmless(arrived)


def denied():
    """a complaint that names a process which may not be looked at"""
    with evil() as (pid, _):
        status, arrived = on_terminal(program("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                                      "--inh-caps=-all", HOLTER, "attach", "-p", pid, "-o", "/tmp/never.holter")
    check(status == 3, f"{status}: {arrived}")
    check_harmless(arrived)


def several():
    """a complaint that lists the processes of a name"""
    with evil() as (_, folder):
        twin = subprocess.Popen([folder / EVIL / EVIL], stdin=subprocess.DEVNULL, env=without_holter())
        try:
            waits(twin.pid, EVIL_THREAD)
            _, arrived = on_terminal(HOLTER, "attach", "--name", EVIL_THREAD, "-o", "/tmp/never.holter")
            check_harmless(arrived)
            _, arrived = on_terminal(HOLTER, "ps", "--all")
            check_harmless(arrived)
        finally:
            twin.kill()
            twin.wait()


run_cases(raw, live, attach, denied, several)
