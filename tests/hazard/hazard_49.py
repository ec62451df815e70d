#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hazard 49: paths of a container lead Holter out of it, to a FIFO that blocks, or to a file without end.

The process lives in a root of its own; each trap lies where its C library was. The way by map_files, which knows no paths, is
closed to Holter by taking CAP_SYS_ADMIN from it, so that the traps are met. inotify tells what has been opened: files that are
only looked at (O_PATH) do not count.
"""
import contextlib
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from attaching import waits
from harness import HOLTER, PROGRAMS, Skip, check, program, run_cases, without_holter, work_folder

IN_OPEN = 0x20
LIBC = ctypes.CDLL(None, use_errno=True)
FEWER = "-sys_admin,-checkpoint_restore"  # without these map_files is closed


class Opens:
    """Whether a file is opened meanwhile."""

    def __init__(self, path):
        self.descriptor = LIBC.inotify_init1(os.O_NONBLOCK)
        check(LIBC.inotify_add_watch(self.descriptor, os.fsencode(path), IN_OPEN) >= 0, f"inotify: {path}")

    def seen(self):
        try:
            return bool(os.read(self.descriptor, 4096))
        except BlockingIOError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)


@contextlib.contextmanager
def trapped(plant):
    """A process in a root of its own, and a trap instead of its C library; gives its pid and the trap's path."""
    if os.geteuid() != 0:
        raise Skip("attaching needs root")
    said = subprocess.run([program("ldd"), PROGRAMS / "ticker"], capture_output=True, text=True).stdout
    with work_folder() as folder:
        root, libc = folder / "root", None
        for source in re.findall(r"(/\S+) \(0x", said):
            target = root / source.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
            libc = target if "/libc.so" in source else libc
        shutil.copy(PROGRAMS / "ticker", root / "ticker")
        process = subprocess.Popen([program("chroot"), root, "/ticker"], stdin=subprocess.DEVNULL, env=without_holter())
        try:
            waits(process.pid, "ticker")
            libc.unlink()
            plant(libc, folder)
            yield process.pid, libc
        finally:
            process.kill()
            process.wait()


def judge(pid):
    """Holter, without map_files, names what it can; it is not held up."""
    # tracefs, which it could mount no more
    done = subprocess.run([program("unshare"), "--mount", "sh", "-c",
                           'test -d /sys/kernel/tracing/events || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"', "sh",
                           program("setpriv"), f"--bounding-set={FEWER}", f"--inh-caps={FEWER}", HOLTER, "diagnose", "--json",
                           "--method=ebpf", "-p", str(pid), "-d", "2s"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, env=without_holter())
    check(done.returncode == 0, f"ended with {done.returncode}: {done.stderr}")
    culprits = [finding["culprit"] for finding in json.loads(done.stdout)["findings"] if finding["culprit"]]
    check(culprits and culprits[0]["function"] == "grind_beans", f"blames {culprits}")


def link_out():
    """an absolute link that leads out of the root from there"""
    def plant(libc, folder):
        (folder / "canary").write_text("a file of the host")
        libc.symlink_to(folder / "canary")

    with trapped(plant) as (pid, libc), Opens(libc.resolve()) as canary:
        judge(pid)
        check(not canary.seen(), "a file outside of the root was opened")
        with open(f"/proc/{pid}/root{path_in_root(pid, libc)}", "rb"):  # the control: a plain path does lead there
            check(canary.seen(), "the test does not see what is opened")


def path_in_root(pid, path):
    return str(path)[len(os.readlink(f"/proc/{pid}/root")):]


def relative_link_out():
    """a link with many .. that leads out of the root, seen from outside"""
    def plant(libc, folder):
        (folder / "canary").write_text("a file of the host")
        libc.symlink_to("../" * 40 + str(folder / "canary"))

    with trapped(plant) as (pid, libc), Opens(libc.resolve()) as canary:
        judge(pid)
        check(not canary.seen(), "a file outside of the root was opened")


def fifo():
    """a FIFO"""
    with trapped(lambda libc, _: os.mkfifo(libc)) as (pid, libc), Opens(libc) as opens:
        judge(pid)
        check(not opens.seen(), "the FIFO was opened")
        os.close(os.open(libc, os.O_RDONLY | os.O_NONBLOCK))
        check(opens.seen(), "the test does not see what is opened")


def device():
    """a device"""
    with trapped(lambda libc, _: os.mknod(libc, 0o20666, os.makedev(1, 5))) as (pid, libc), Opens(libc) as opens:
        judge(pid)
        check(not opens.seen(), "the device was opened")


def endless():
    """a sparse file of a terabyte"""
    def plant(libc, _):
        with open(libc, "wb") as file:
            file.write(b"\x7fELF\x02\x01\x01")
            file.truncate(1 << 40)

    with trapped(plant) as (pid, _):
        begin = time.monotonic()
        judge(pid)
        check(time.monotonic() - begin < 40, "it took its time over it")


def swapped():
    """a link and a file that change places all the while"""
    def plant(libc, folder):
        (folder / "canary").write_text("a file of the host")
        libc.symlink_to(folder / "canary")

    with trapped(plant) as (pid, libc), Opens(libc.resolve()) as canary:
        swap = subprocess.Popen([sys.executable, "-c", """import os, sys
path, target = sys.argv[1], os.readlink(sys.argv[1])
while True:
    for make in (lambda name: open(name, "w").close(), lambda name: os.symlink(target, name)):
        make(path + ".new")
        os.rename(path + ".new", path)
""", str(libc)])
        try:
            judge(pid)
        finally:
            swap.kill()
            swap.wait()
        check(not canary.seen(), "a file outside of the root was opened")


run_cases(link_out, relative_link_out, fifo, device, endless, swapped)
