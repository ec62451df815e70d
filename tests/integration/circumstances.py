# SPDX-License-Identifier: Apache-2.0
"""What a machine does to a program: a CPU that others want, a quota."""
import contextlib
import os
import pathlib
import subprocess
import sys
import time

from harness import Skip, program, without_holter


def one_cpu():
    return min(os.sched_getaffinity(0))


@contextlib.contextmanager
def hogs(count):
    """Programs that want one CPU as well, each in a session of its own: the scheduler may share by sessions."""
    running = [subprocess.Popen([program("taskset"), "-c", str(one_cpu()), sys.executable, "-c", "while True: pass"],
                                env=without_holter(), start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for hog in running:
            hog.kill()
            hog.wait()


def group_version_1():
    folder = pathlib.Path("/sys/fs/cgroup/cpu")
    return (folder, {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "20000"}) if (folder / "cpu.shares").exists() else None


def group_version_2():
    for folder in (pathlib.Path("/sys/fs/cgroup"), pathlib.Path("/sys/fs/cgroup/unified")):
        controllers = folder / "cgroup.controllers"
        if controllers.exists() and "cpu" in controllers.read_text().split():
            with contextlib.suppress(OSError):
                (folder / "cgroup.subtree_control").write_text("+cpu")
            return folder, {"cpu.max": "20000 100000"}
    return None


@contextlib.contextmanager
def group(find):
    """A control group with a fifth of one CPU."""
    found = find() if os.geteuid() == 0 else None
    if not found:
        raise Skip("the cpu controller of this version is not here, or not ours to use")
    folder = found[0] / f"holter-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as reason:
        raise Skip(f"no control group can be made: {reason}") from None
    try:
        for name, text in found[1].items():
            (folder / name).write_text(text)
        yield folder
    finally:
        deadline = time.monotonic() + 5
        while folder.exists() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                folder.rmdir()
            time.sleep(0.05)


def entering(cgroup):
    """What goes before a command that is to run in a control group."""
    return ["/bin/sh", "-c", f'echo $$ > {cgroup}/cgroup.procs && exec "$@"', "enter"]
