# SPDX-License-Identifier: Apache-2.0
"""What the tests of `holter attach` share: a tool beside a server, from its beginning to its end."""
import contextlib
import os
import pathlib
import subprocess
import time

from harness import HOLTER, Fail, Server, Skip, check, diagnose, free_port, severe, without_holter, work_folder


def wants_root():
    if os.geteuid() != 0:
        raise Skip("only root may attach here")


def begin(pid, path, duration, *options, before=(), environment=None):
    """Starts a tool; `before`: words before its own, of a program that runs it."""
    return subprocess.Popen([*before, HOLTER, "attach", "-p", str(pid), "-d", duration, "-o", path, *options],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            env={**without_holter(), **(environment or {})})


def waits(pid, name):
    """Waits until a process is that program, with all that it loads, and has what it waits on; returns its pid."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name and any(
                    "eventpoll" in os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()):
                return pid
        time.sleep(0.01)
    raise Fail(f"process {pid} has not become {name}")


def is_recording(path, seconds=60):
    """Waits until the tool is at work: when its file begins, it is."""
    deadline = time.monotonic() + seconds
    while not path.exists() or not path.stat().st_size:
        check(time.monotonic() < deadline, "the recording does not begin")
        time.sleep(0.02)


def finish(tool, status=0):
    """What the tool said until its end."""
    _, said = tool.communicate(timeout=120)
    check(tool.returncode == status, f"attach ended with {tool.returncode}: {said}")
    return said


def attach(pid, path, duration, *options, **others):
    return finish(begin(pid, path, duration, *options, **others))


def kill(tool):
    tool.kill()
    said = tool.stderr.read()
    tool.stderr.close()
    tool.wait()
    return said


@contextlib.contextmanager
def serving(*command, environment=None):
    """A server under test, its folder, and its port."""
    wants_root()
    port = free_port()
    with work_folder() as folder, Server(command, folder, {"PORT": str(port), **(environment or {})}, port) as server:
        yield server, folder, port


def blames(path, function, cause="blocked"):
    """Checks that one function is to blame for all that matters; returns the whole diagnosis."""
    found = diagnose(path)
    culprits = [(finding["culprit"] or {}).get("function") for finding in severe(found)]
    check(culprits == [function], f"blames {culprits}, not {function}: {[finding['summary'] for finding in found['findings']]}")
    check(severe(found)[0]["cause"] == cause, f"the cause is {severe(found)[0]['cause']}")
    return found
