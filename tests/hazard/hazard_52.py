#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 52: root writes its recording into a folder where others may put links and files under its name.

The folder is everybody's, and not sticky, so that the kernel's own protection of such folders (fs.protected_symlinks) does not
come to help.
"""
import contextlib
import multiprocessing
import os
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import waits
from harness import LIBRARY, PROGRAMS, Skip, check, holter, run_cases, run_program, without_holter, work_folder

NOBODY = 65534
PRECIOUS = "a file that is root's\n"


def as_nobody(function, *arguments):
    """Begins to run a function as another user. Returns the process."""
    process = multiprocessing.get_context("fork").Process(target=drop_and_run, args=(function, *arguments), daemon=True)
    process.start()
    return process


def drop_and_run(function, *arguments):
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    function(*arguments)


@contextlib.contextmanager
def scene():
    """A process to attach to; gives its pid, a shared folder, and a file that is nobody's business."""
    if os.geteuid() != 0:
        raise Skip("attaching needs root")
    with work_folder() as folder:
        shared, precious = folder / "shared", folder / "precious"
        shared.mkdir()
        os.chmod(shared, 0o777)
        precious.write_text(PRECIOUS)
        process = subprocess.Popen([PROGRAMS / "ticker"], stdin=subprocess.DEVNULL, env=without_holter())
        try:
            yield waits(process.pid, "ticker"), shared, precious
            check(precious.read_text() == PRECIOUS and precious.stat().st_uid == 0, "the file is not what it was")
        finally:
            process.kill()
            process.wait()


def attach(pid, path):
    return holter("attach", "-p", pid, "-d", "300ms", "-o", path)


def plant(target, name):
    """Another user makes a link."""
    process = as_nobody(os.symlink, target, name)
    process.join()
    check(process.exitcode == 0, "the link could not be made")


def free():
    """a name that is free: the recording is root's alone"""
    with scene() as (pid, shared, _):
        done = attach(pid, shared / "x.holter")
        check(done.returncode == 0, done.stderr)
        status = (shared / "x.holter").lstat()
        check(stat.S_IMODE(status.st_mode) == 0o600 and status.st_uid == 0, f"mode {status.st_mode:o} of {status.st_uid}")


def link():
    """a link to a file of root's"""
    with scene() as (pid, shared, precious):
        plant(precious, shared / "x.holter")
        done = attach(pid, shared / "x.holter")
        check(done.returncode and "x.holter" in done.stderr, f"{done.returncode}: {done.stderr}")
        check((shared / "x.holter").is_symlink(), "the link is gone")


def dangling_link():
    """a link to a place where there is no file yet"""
    with scene() as (pid, shared, precious):
        plant(precious.parent / "new", shared / "x.holter")
        done = attach(pid, shared / "x.holter")
        check(done.returncode and not (precious.parent / "new").exists(), f"{done.returncode}: {done.stderr}")


def rotated_half():
    """a link where the recording's older half would be"""
    with scene() as (pid, shared, precious):
        plant(precious, shared / "x.holter.1")
        done = attach(pid, shared / "x.holter")
        check(done.returncode == 0, done.stderr)


def other_file():
    """a file of somebody else's, and a FIFO"""
    with scene() as (pid, shared, _):
        (shared / "x.holter").write_text("notes\n")
        os.chown(shared / "x.holter", NOBODY, NOBODY)
        check(attach(pid, shared / "x.holter").returncode, "it was replaced")
        check((shared / "x.holter").read_text() == "notes\n", "it was written to")
        os.mkfifo(shared / "y.holter")
        check(attach(pid, shared / "y.holter").returncode, "a FIFO was taken for a recording")


def own_folder():
    """from inside: the folder of recordings in the system's temporary one is there already, and somebody else's, or a link"""
    if os.geteuid() != 0:
        raise Skip("making another user's folder needs root")
    with work_folder() as folder:
        environment = {"LD_PRELOAD": LIBRARY, "TMPDIR": str(folder), "HOLTER_THRESHOLD_MS": "10", "XDG_STATE_HOME": ""}
        mine = folder / "holter-0"
        mine.mkdir()
        for make in (lambda: os.chown(mine, NOBODY, NOBODY), lambda: (mine.rename(folder / "other"), mine.symlink_to("other"))):
            make()
            done = run_program("25_aside", environment=environment)
            check(done.stdout.strip() == "aside" and "no recording" in done.stderr, f"{done.stdout}{done.stderr}")
            check(not list(mine.iterdir()), "a recording was made there")
        mine.unlink()
        done = run_program("25_aside", environment=environment)
        check(done.stdout.strip() == "at work" and len(list(mine.glob("*.holter"))) == 1, f"{done.stdout}{done.stderr}")


def swap_for_ever(precious, path):
    while True:
        for make in (lambda: os.symlink(precious, path), lambda: open(path, "w").close(), lambda: None):
            with contextlib.suppress(OSError):
                os.unlink(path)
            with contextlib.suppress(OSError):
                make()


@contextlib.contextmanager
def swapping(precious, path):
    process = as_nobody(swap_for_ever, precious, path)
    try:
        yield
    finally:
        process.kill()
        process.join()


def race():
    """a name that turns into a link and back all the while"""
    with scene() as (pid, shared, precious):
        with swapping(precious, shared / "x.holter"):
            ends = [attach(pid, shared / "x.holter").returncode for _ in range(8)]
    return f"ended with {ends}"


def wrong_design():
    """opening the name as it is writes to the file: the control"""
    with scene() as (_, shared, precious):
        with swapping(precious, shared / "x.holter"):
            deadline = time.monotonic() + 20
            while precious.read_text() == PRECIOUS and time.monotonic() < deadline:
                with contextlib.suppress(OSError), open(shared / "x.holter", "w") as file:
                    file.write("a recording\n")
        check(precious.read_text() != PRECIOUS, "the race was never lost: the test shows nothing")
        precious.write_text(PRECIOUS)


run_cases(free, link, dangling_link, rotated_half, other_file, race, wrong_design, own_folder)
